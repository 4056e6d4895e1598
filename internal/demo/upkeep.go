package demo

import (
	"context"
	"encoding/json"
	"slices"

	"indaba/internal/bot/httpbot"
	"indaba/internal/core"
)

// prune drops from the facts what is not in the database: an earlier start was cut short, or somebody has removed it.
func (s *sampler) prune(ctx context.Context) error {
	account := s.facts.Account.Key
	var failed error
	gone := func(err error) bool {
		if err != nil && core.KindOf(err) != core.NotFound && failed == nil {
			failed = err
		}
		return err != nil && core.KindOf(err) == core.NotFound
	}
	s.facts.Channels = slices.DeleteFunc(s.facts.Channels, func(c Channel) bool {
		_, err := s.app.Channels.Get(ctx, account, c.Key)
		return gone(err)
	})
	s.facts.Bots = slices.DeleteFunc(s.facts.Bots, func(b Bot) bool {
		_, err := s.app.Bots.Get(ctx, account, b.Key)
		return gone(err)
	})
	routers, err := s.app.Routes.Routers(ctx, account)
	if err != nil {
		return err
	}
	there := map[string]bool{}
	for _, r := range routers {
		there[r.Key] = true
	}
	s.facts.Routers = slices.DeleteFunc(s.facts.Routers, func(r Router) bool { return !there[r.Key] })
	return failed
}

// pointOutside tells bots and channels where the outside is now, if they know another place of it. earlier is its address
// at the start before. A push URL or a provider that somebody has put in its place stays.
func (s *sampler) pointOutside(ctx context.Context, earlier string) error {
	was := &sampler{facts: &Facts{Clinics: earlier}}
	if err := s.pointToClinics(ctx); err != nil {
		return err
	}
	if err := s.pointToProvider(ctx, was); err != nil {
		return err
	}
	return s.pointToHelpdesk(ctx, was)
}

// pointToClinics tells the registration bot where the clinic directory is.
func (s *sampler) pointToClinics(ctx context.Context) error {
	sample := s.facts.bot(registrationBot)
	if sample == nil {
		return nil
	}
	value, err := json.Marshal(map[string]string{"url": s.outsideURL(clinicsPath)})
	if err != nil {
		return err
	}
	b, err := s.app.Bots.Get(ctx, s.facts.Account.Key, sample.Key)
	if err != nil || b.Config[clinicsKey] == string(value) {
		return err
	}
	text := string(value)
	return s.app.Bots.SetConfig(ctx, b.Account, b.Key, map[string]*string{clinicsKey: &text})
}

// pointToProvider tells channels where their provider is.
func (s *sampler) pointToProvider(ctx context.Context, was *sampler) error {
	for _, sample := range s.facts.Channels {
		c, err := s.app.Channels.Get(ctx, s.facts.Account.Key, sample.Key)
		if err != nil {
			return err
		}
		path := map[string]string{smsChannel: providerPath, voiceChannel: twilioPath}[sample.Name]
		if base := c.Settings["base_url"]; path == "" || base == s.outsideURL(path) || base != was.outsideURL(path) {
			continue
		}
		if err := s.app.Channels.SetSettings(ctx, c.Account, c.Key, map[string]string{"base_url": s.outsideURL(path)}); err != nil {
			return err
		}
	}
	return nil
}

// pointToHelpdesk tells the conversation of the help desk where that is.
func (s *sampler) pointToHelpdesk(ctx context.Context, was *sampler) error {
	sample := s.facts.bot(helpdeskBot)
	if sample == nil {
		return nil
	}
	b, err := s.app.Bots.Get(ctx, s.facts.Account.Key, sample.Key)
	if err != nil {
		return err
	}
	settings, err := httpbot.ReadSettings(b.Config)
	if err != nil || settings.PushMessageURL != was.outsideURL(helpdeskPath) || settings.PushMessageURL == s.outsideURL(helpdeskPath) {
		return nil // somebody has changed it, and then it is theirs
	}
	settings.PushMessageURL = s.outsideURL(helpdeskPath)
	values, err := settings.Values()
	if err != nil {
		return err
	}
	return s.app.Bots.SetConfig(ctx, b.Account, b.Key, values)
}
