package demo

import (
	"context"
	"slices"

	"indaba/internal/account"
	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/core"
	"indaba/internal/routing"
	"indaba/internal/user"
)

// Names of the sample channels. Routes are made by them.
const (
	ussdChannel      = "ussd"
	ussdSimulator    = "ussd-simulator"
	smsSimulator     = "sms-simulator"
	adminEmail       = "admin@example.org"
	accountName      = "Demonstration"
	smsChannel       = "sms"
	voiceChannel     = "voice"
	registrationBot  = "registration"
	feedbackBot      = "feedback"
	helpdeskBot      = "helpdesk" // of kind http, with pushes to the help desk
	newsroomBot      = "newsroom" // of kind http, read as a stream
	wordsRouter      = "sms-words"
	clinicsKey       = "clinics" // configuration key of the registration bot
	smsEndpoint      = "sms"     // endpoint of the registration bot
	passwordLength   = 20
	pathSecretLength = 32
)

// sampler makes the sample data.
type sampler struct {
	app   *app.App
	path  string // of the file with the facts
	facts *Facts
}

// begin makes the account with its user and token. The facts are written before the commit: without them nobody could use
// what was committed, and facts without what they are about are dropped at the next start.
func (s *sampler) begin(ctx context.Context) (f *Facts, err error) {
	err = s.app.DB.Tx(ctx, func(ctx context.Context) error {
		f = &Facts{Channels: []Channel{}, Bots: []Bot{}, Routers: []Router{}}
		if err := s.tenant(ctx, f); err != nil {
			return err
		}
		return WriteFile(s.path, f)
	})
	return f, err
}

// tenant makes the account, its admin and its token.
func (s *sampler) tenant(ctx context.Context, f *Facts) error {
	a, err := s.app.Accounts.Create(ctx, accountName, "")
	if err != nil {
		return err
	}
	f.Account.Key = a.Key
	if err := s.app.Accounts.SetFlags(ctx, a.Key, account.Flags{CanManageOptouts: true, IsDeveloper: true}); err != nil {
		return err
	}
	f.Admin = Admin{Email: adminEmail, Password: core.NewSecret()[:passwordLength]}
	if _, err := s.app.Users.Create(ctx, user.Spec{Account: a.Key, Email: f.Admin.Email, Name: "Admin", Role: user.Owner,
		Password: f.Admin.Password}); err != nil {
		return err
	}
	f.Token, _, err = s.app.Accounts.CreateToken(ctx,
		account.TokenSpec{Account: a.Key, Name: "demonstration", Scopes: []string{account.ScopeAdmin}})
	return err
}

// routes returns how a bot is linked with the channels.
func (s *sampler) routes(name, key string) []routing.Entry {
	self := routing.Endpoint{Kind: routing.Bot, Key: key, Name: routing.Default}
	switch name {
	case registrationBot:
		sms := routing.Endpoint{Kind: routing.Bot, Key: key, Name: smsEndpoint}
		return []routing.Entry{
			{Source: s.channel(ussdChannel), Target: self},
			{Source: s.channel(ussdSimulator), Target: self}, {Source: self, Target: s.channel(ussdSimulator)},
			{Source: sms, Target: s.channel(smsSimulator)},
		}
	case helpdeskBot:
		return []routing.Entry{{Source: s.channel(voiceChannel), Target: self}}
	case feedbackBot:
		return []routing.Entry{{Source: self, Target: s.channel(smsSimulator)}}
	}
	return nil
}

// channel returns the endpoint of a sample channel.
func (s *sampler) channel(name string) routing.Endpoint {
	e := routing.Endpoint{Kind: routing.Channel, Name: routing.Default}
	for _, c := range s.facts.Channels {
		if c.Name == name {
			e.Key = c.Key
		}
	}
	return e
}

// add makes a bot with its program, token and routes, and returns the facts with it.
func (s *sampler) add(ctx context.Context, name string, program *bundle.Bundle) (f *Facts, err error) {
	err = s.app.DB.TxOn(ctx, s.facts.Account.Key, func(ctx context.Context) error {
		b, err := s.newBot(ctx, name, bot.Sandbox)
		if err != nil {
			return err
		}
		if _, err := s.app.Bots.Deploy(ctx, b.Account, b.Key, program); err != nil {
			return err
		}
		if err := s.link(ctx, s.routes(name, b.Key)...); err != nil {
			return err
		}
		secret, _, err := s.app.Accounts.CreateToken(ctx, account.TokenSpec{Account: b.Account, Name: name + " bot", Bot: b.Key,
			Scopes: []string{account.ScopeMessages, account.ScopeMetrics}})
		if err != nil {
			return err
		}
		f = s.facts.withBot(Bot{Key: b.Key, Name: name, Kind: b.Kind, Token: secret})
		return WriteFile(s.path, f) // before the commit, as in begin
	})
	return f, err
}

// newBot makes a bot without a program.
func (s *sampler) newBot(ctx context.Context, name, kind string) (b *bot.Bot, err error) {
	err = unlessTaken(name, func(free string) error {
		b, err = s.app.Bots.Create(ctx, s.facts.Account.Key, free, kind)
		return err
	})
	return b, err
}

// unlessTaken creates a thing under a name, or, where somebody has given that name to a thing of their own, under a longer one.
func unlessTaken(name string, create func(name string) error) error {
	err := create(name)
	if core.KindOf(err) == core.Conflict {
		err = create(name + " " + core.NewKey()[:8])
	}
	return err
}

// link links what nobody has linked yet: what leads somewhere already may be somebody's choice.
func (s *sampler) link(ctx context.Context, entries ...routing.Entry) error {
	table, err := s.app.Routes.Table(ctx, s.facts.Account.Key)
	if err != nil {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e routing.Entry) bool {
		return slices.ContainsFunc(table, func(there routing.Entry) bool { return there.Source == e.Source })
	})
	return s.app.Routes.Link(ctx, s.facts.Account.Key, entries...)
}
