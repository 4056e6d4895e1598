package cli

import (
	"context"
	"strings"
	"time"

	"indaba/internal/account"
	"indaba/internal/app"
)

type tokenCommands struct {
	Create tokenCreate `cmd:"" help:"Make a token. Its secret is shown this once."`
	List   tokenList   `cmd:"" help:"List the tokens of an account."`
	Revoke tokenRevoke `cmd:"" help:"End a token."`
	Scopes tokenScopes `cmd:"" help:"List what tokens can be for."`
}

// tokenView is a token as JSON.
type tokenView struct {
	Key        string     `json:"key"`
	Name       string     `json:"name"`
	Scopes     []string   `json:"scopes"`
	App        string     `json:"app"`
	Bot        string     `json:"bot,omitempty"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at,omitempty"`
	Secret     string     `json:"secret,omitempty"` // only of a new token
}

func viewToken(t *account.Token) tokenView {
	view := tokenView{Key: t.Key, Name: t.Name, Scopes: t.Scopes, App: t.App, Bot: t.Bot, CreatedAt: t.CreatedAt}
	if !t.LastUsedAt.IsZero() {
		view.LastUsedAt = &t.LastUsedAt
	}
	return view
}

type tokenCreate struct {
	Name  string   `arg:"" help:"Its name, for people."`
	Scope []string `required:"" help:"What it is for, one or several: see indaba token scopes."`
	App   given    `placeholder:"KEY" help:"The app that it is for, if not the default one. So far everything belongs to the whole account: it narrows nothing yet."`
}

func (c *tokenCreate) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, key string) error {
		secret, t, err := a.Accounts.CreateToken(ctx, account.TokenSpec{Account: key, App: string(c.App), Name: c.Name, Scopes: c.Scope})
		if err != nil {
			return err
		}
		view := viewToken(t)
		view.Secret = secret
		return i.say(view, "Token %s has the key %s. This is its secret, which is not shown again:\n%s", t.Name, t.Key, secret)
	})
}

type tokenList struct{}

func (*tokenList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, key string) error {
		tokens, err := a.Accounts.Tokens(ctx, key, "", account.MaxPage)
		if err != nil {
			return err
		}
		views, rows := make([]tokenView, len(tokens)), make([][]string, len(tokens))
		for n, t := range tokens {
			views[n] = viewToken(t)
			rows[n] = []string{t.Key, t.Name, strings.Join(t.Scopes, ","), t.Bot, at(t.CreatedAt), at(t.LastUsedAt)}
		}
		return i.table(views, []string{"KEY", "NAME", "SCOPES", "BOT", "CREATED", "LAST USED"}, rows)
	})
}

type tokenRevoke struct {
	Key string `arg:"" help:"Its key, as indaba token list shows it."`
}

func (c *tokenRevoke) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, key string) error {
		if err := a.Accounts.Revoke(ctx, key, c.Key); err != nil {
			return err
		}
		return i.say(map[string]string{"revoked": c.Key}, "Token %s is revoked.", c.Key)
	})
}

type tokenScopes struct{}

func (*tokenScopes) Run(i *invocation) error {
	type view struct {
		Name string `json:"name"`
		Help string `json:"help"`
	}
	var views []view
	var rows [][]string
	for _, scope := range account.Scopes() {
		views = append(views, view{scope.Name, scope.Help})
		rows = append(rows, []string{scope.Name, scope.Help})
	}
	return i.table(views, []string{"SCOPE", "TO"}, rows)
}
