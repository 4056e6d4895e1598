package demo

import (
	"context"
	"slices"

	"indaba/internal/bot"
	"indaba/internal/bot/httpbot"
	"indaba/internal/routing"
)

// conversation is a bot of kind http to make.
type conversation struct {
	name     string
	word     string // the first word of SMS that are for it
	settings func(s *sampler) httpbot.Settings
}

func conversations() []conversation {
	return []conversation{
		{helpdeskBot, "help", func(s *sampler) httpbot.Settings {
			settings := httpbot.DefaultSettings()
			settings.PushMessageURL, settings.IgnoreEvents = s.outsideURL(helpdeskPath), true
			return settings
		}},
		{newsroomBot, "news", func(*sampler) httpbot.Settings {
			settings := httpbot.DefaultSettings()
			settings.Type = httpbot.Streaming
			return settings
		}},
	}
}

// conversation makes a bot of kind http, unless it is there.
func (s *sampler) conversation(ctx context.Context, c conversation) error {
	if s.facts.bot(c.name) != nil {
		return nil
	}
	token, entry := httpbot.NewToken()
	settings := c.settings(s)
	settings.APITokens = []string{entry}
	values, err := settings.Values()
	if err != nil {
		return err
	}
	var f *Facts
	err = s.app.DB.TxOn(ctx, s.facts.Account.Key, func(ctx context.Context) error {
		b, err := s.newBot(ctx, c.name, bot.HTTP)
		if err != nil {
			return err
		}
		if err := s.app.Bots.SetConfig(ctx, b.Account, b.Key, values); err != nil {
			return err
		}
		if err := s.link(ctx, s.routes(c.name, b.Key)...); err != nil {
			return err
		}
		f = s.facts.withBot(Bot{Key: b.Key, Name: c.name, Kind: b.Kind, Token: token, Type: settings.Type})
		return WriteFile(s.path, f) // before the commit, as in begin
	})
	if err == nil {
		s.facts = f
	}
	return err
}

// router makes the keyword router between the lines for SMS and the bots behind them, unless it is there, and links what
// is there by now: the feedback bot may come later than the rest.
func (s *sampler) router(ctx context.Context) error {
	if len(s.facts.Routers) == 0 {
		if err := s.makeRouter(ctx); err != nil {
			return err
		}
	}
	key := s.facts.Routers[0].Key
	in := routing.Endpoint{Kind: routing.RouterIn, Key: key, Name: routing.Default}
	entries := []routing.Entry{{Source: s.channel(smsSimulator), Target: in}, {Source: s.channel(smsChannel), Target: in},
		{Source: in, Target: s.channel(smsSimulator)}}
	for _, b := range s.facts.Bots {
		out := routing.Endpoint{Kind: routing.RouterOut, Key: key, Name: b.Name}
		self := routing.Endpoint{Kind: routing.Bot, Key: b.Key, Name: routing.Default}
		switch b.Name {
		case feedbackBot:
			out.Name = routing.Default
			entries = append(entries, routing.Entry{Source: out, Target: self})
		case helpdeskBot, newsroomBot:
			entries = append(entries, routing.Entry{Source: out, Target: self}, routing.Entry{Source: self, Target: out})
		}
	}
	return s.link(ctx, entries...)
}

// makeRouter makes the router. Where an earlier demonstration led SMS to the feedback bot alone, they come to the router
// now; where somebody has led them elsewhere they stay.
func (s *sampler) makeRouter(ctx context.Context) error {
	r := &routing.Router{Account: s.facts.Account.Key, Type: routing.Keyword, Name: wordsRouter}
	r.Config.Keywords = map[string]string{}
	for _, c := range conversations() {
		r.Config.Keywords[c.word] = c.name
	}
	var f *Facts
	err := s.app.DB.TxOn(ctx, r.Account, func(ctx context.Context) error {
		if err := unlessTaken(wordsRouter, func(free string) error {
			r.Name = free
			return s.app.Routes.CreateRouter(ctx, r)
		}); err != nil {
			return err
		}
		table, err := s.app.Routes.Table(ctx, r.Account)
		if err != nil {
			return err
		}
		if feedback := s.facts.bot(feedbackBot); feedback != nil {
			direct := routing.Entry{Source: s.channel(smsSimulator),
				Target: routing.Endpoint{Kind: routing.Bot, Key: feedback.Key, Name: routing.Default}}
			if slices.Contains(table, direct) {
				in := routing.Endpoint{Kind: routing.RouterIn, Key: r.Key, Name: routing.Default}
				if err := s.app.Routes.Link(ctx, r.Account, routing.Entry{Source: direct.Source, Target: in}); err != nil {
					return err
				}
			}
		}
		more := *s.facts
		more.Routers = []Router{{Key: r.Key, Name: r.Name, Type: r.Type}}
		f = &more
		return WriteFile(s.path, f) // before the commit, as in begin
	})
	if err == nil {
		s.facts = f
	}
	return err
}
