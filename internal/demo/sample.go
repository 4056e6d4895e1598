package demo

import (
	"context"
	"encoding/json"
	"slices"

	"indaba/internal/account"
	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/core"
	"indaba/internal/gateway"
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
	registrationBot  = "registration"
	feedbackBot      = "feedback"
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

// sampleChannels returns the channels to make, with random secrets.
func sampleChannels(account string) []*gateway.Channel {
	return []*gateway.Channel{
		{Account: account, Type: "ussd/africastalking", Name: ussdChannel, Address: "*120*6262#",
			Settings: map[string]string{"path_secret": core.NewSecret()[:pathSecretLength]}},
		{Account: account, Type: "simulator", Name: ussdSimulator, Address: "*120*6263#",
			Settings: map[string]string{"kind": "ussd", "secret": core.NewSecret()}},
		{Account: account, Type: "simulator", Name: smsSimulator, Address: "36262",
			Settings: map[string]string{"kind": "sms", "secret": core.NewSecret()}},
	}
}

// begin makes the account with its user, token and channels. The facts are written before the commit: without them
// nobody could use what was committed, and facts without what they are about are made anew at the next start.
func (s *sampler) begin(ctx context.Context) (f *Facts, err error) {
	err = s.app.DB.Tx(ctx, func(ctx context.Context) error {
		f = &Facts{Channels: []Channel{}, Bots: []Bot{}}
		if err := s.tenant(ctx, f); err != nil {
			return err
		}
		for _, c := range sampleChannels(f.Account.Key) {
			if err := s.app.Channels.Create(ctx, c); err != nil {
				return err
			}
			f.Channels = append(f.Channels,
				Channel{Key: c.Key, Name: c.Name, Type: c.Type, Address: c.Address, Secret: c.Settings["secret"]})
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
	default:
		return []routing.Entry{
			{Source: s.channel(smsSimulator), Target: self}, {Source: self, Target: s.channel(smsSimulator)},
		}
	}
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

// pointToClinics tells the registration bot where the clinic directory is, if it does not know.
func (s *sampler) pointToClinics(ctx context.Context) error {
	value, err := json.Marshal(map[string]string{"url": "http://" + s.facts.Clinics + clinicsPath})
	if err != nil {
		return err
	}
	for _, sample := range s.facts.Bots {
		if sample.Name != registrationBot {
			continue
		}
		b, err := s.app.Bots.Get(ctx, s.facts.Account.Key, sample.Key)
		if err != nil {
			return err
		}
		if text := string(value); b.Config[clinicsKey] != text {
			return s.app.Bots.SetConfig(ctx, b.Account, b.Key, map[string]*string{clinicsKey: &text})
		}
	}
	return nil
}

// add makes a bot with its program, token and routes, and returns the facts with it.
func (s *sampler) add(ctx context.Context, name string, program *bundle.Bundle) (f *Facts, err error) {
	err = s.app.DB.TxOn(ctx, s.facts.Account.Key, func(ctx context.Context) error {
		b, err := s.app.Bots.Create(ctx, s.facts.Account.Key, name, bot.Sandbox)
		if err != nil {
			return err
		}
		if _, err := s.app.Bots.Deploy(ctx, b.Account, b.Key, program); err != nil {
			return err
		}
		if err := s.app.Routes.Link(ctx, b.Account, s.routes(name, b.Key)...); err != nil {
			return err
		}
		secret, _, err := s.app.Accounts.CreateToken(ctx, account.TokenSpec{Account: b.Account, Name: name + " bot", Bot: b.Key,
			Scopes: []string{account.ScopeMessages, account.ScopeMetrics}})
		if err != nil {
			return err
		}
		more := *s.facts // the transaction may be run again: what is there stays as it is
		more.Bots = append(slices.Clone(s.facts.Bots), Bot{Key: b.Key, Name: name, Kind: b.Kind, Token: secret})
		f = &more
		return WriteFile(s.path, f) // before the commit, as in begin
	})
	return f, err
}
