package cli

import (
	"context"
	"strconv"
	"time"

	"indaba/internal/app"
	"indaba/internal/bot/httpbot"
)

type pushCommands struct {
	List  pushList  `cmd:"" help:"List pushes that were given up, or with --waiting those that failed and will be tried again."`
	Show  pushShow  `cmd:"" help:"Show a failing push and what it says."`
	Retry pushRetry `cmd:"" help:"Push again what was given up, as if for the first time."`
	Drop  pushDrop  `cmd:"" help:"Delete pushes that were given up."`
}

// pushView is a push as JSON.
type pushView struct {
	Number  int64      `json:"number"`
	Bot     string     `json:"bot"`
	Kind    string     `json:"kind"`    // message or event
	Subject string     `json:"subject"` // id of the message or event
	Address string     `json:"address"`
	State   string     `json:"state"` // dead or waiting
	Tries   int        `json:"tries"`
	Next    *time.Time `json:"next_try,omitempty"`
	Reason  string     `json:"reason"`
	Since   time.Time  `json:"since"`
	Body    string     `json:"body"`
}

func viewPush(p httpbot.Push) pushView {
	view := pushView{Number: p.ID, Bot: p.Bot, Kind: string(p.Kind), Subject: p.Subject, Address: p.Address, State: "dead",
		Tries: p.Attempts, Reason: p.Reason, Since: p.CreatedAt, Body: p.Body}
	if p.State == httpbot.Waiting {
		view.State, view.Next = "waiting", &p.NotBefore
	}
	return view
}

type pushList struct {
	Waiting bool   `help:"Those that failed and will be tried again."`
	Limit   amount `short:"n" default:"100" help:"How many."`
}

func (c *pushList) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		pushes, err := a.Pushes.Failing(ctx, account, !c.Waiting, int(c.Limit))
		if err != nil {
			return err
		}
		names, err := botNames(ctx, a, account)
		if err != nil {
			return err
		}
		views, rows := make([]pushView, len(pushes)), make([][]string, len(pushes))
		for n, p := range pushes {
			views[n] = viewPush(p)
			next := ""
			if views[n].Next != nil {
				next = at(*views[n].Next)
			}
			rows[n] = []string{strconv.FormatInt(p.ID, 10), at(p.CreatedAt), names[p.Bot], string(p.Kind), p.Address,
				strconv.Itoa(p.Attempts), next, shortened(p.Reason, 80)}
		}
		return i.table(views, []string{"NUMBER", "SINCE", "BOT", "KIND", "PERSON", "TRIES", "NEXT TRY", "REASON"}, rows)
	})
}

// botNames returns the names of the account's bots by their keys.
func botNames(ctx context.Context, a *app.App, account string) (map[string]string, error) {
	bots, err := a.Bots.List(ctx, account)
	names := map[string]string{}
	for _, b := range bots {
		names[b.Key] = b.Name
	}
	return names, err
}

type pushShow struct {
	Number int64 `arg:"" help:"Its number, as indaba push list shows it."`
}

func (c *pushShow) Run(i *invocation) error {
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		p, err := a.Pushes.Get(ctx, account, c.Number)
		if err != nil {
			return err
		}
		view, next := viewPush(p), ""
		if view.Next != nil {
			next = at(*view.Next)
		}
		return i.fields(view, field{"number", strconv.FormatInt(p.ID, 10)}, field{"bot", p.Bot},
			field{view.Kind, p.Subject}, field{"person", p.Address}, field{"state", view.State},
			field{"tries", strconv.Itoa(p.Attempts)}, field{"first try", at(p.BegunAt)}, field{"next try", next},
			field{"reason", p.Reason}, field{"body", p.Body})
	})
}

// pushNumbers is the argument of commands on dead pushes.
type pushNumbers struct {
	numbered
	Bot given `placeholder:"KEY|NAME" help:"With --all: only those of this bot."`
}

func (c *pushNumbers) each(i *invocation, action, outcome string, do func(*httpbot.Queue, context.Context, string, int64) error) error {
	if c.Bot != "" && !c.All {
		return misused("--bot goes with --all")
	}
	return c.numbered.each(i, labour{action: action, outcome: outcome, all: c.dead,
		do: func(ctx context.Context, a *app.App, account string, number int64) error {
			return do(a.Pushes, ctx, account, number)
		}})
}

// dead returns the numbers of the pushes that --all means.
func (c *pushNumbers) dead(ctx context.Context, a *app.App, account string) (numbers []int64, err error) {
	bot := ""
	if c.Bot != "" {
		found, err := a.Bots.Find(ctx, account, string(c.Bot))
		if err != nil {
			return nil, err
		}
		bot = found.Key
	}
	const most = 1_000_000 // they are kept for 30 days only
	pushes, err := a.Pushes.Failing(ctx, account, true, most)
	for _, p := range pushes {
		if bot == "" || p.Bot == bot {
			numbers = append(numbers, p.ID)
		}
	}
	return numbers, err
}

type pushRetry struct{ pushNumbers }

func (c *pushRetry) Run(i *invocation) error {
	return c.each(i, "push.retry", "retried", (*httpbot.Queue).Retry)
}

type pushDrop struct{ pushNumbers }

func (c *pushDrop) Run(i *invocation) error {
	return c.each(i, "push.drop", "dropped", (*httpbot.Queue).Drop)
}
