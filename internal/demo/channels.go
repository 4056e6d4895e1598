package demo

import (
	"context"
	"slices"

	"indaba/internal/core"
	"indaba/internal/gateway"
)

// sampleChannels returns the channels to make, with random secrets.
func (s *sampler) sampleChannels() []*gateway.Channel {
	all := []*gateway.Channel{
		{Type: "ussd/africastalking", Name: ussdChannel, Address: "*120*6262#",
			Settings: map[string]string{"path_secret": core.NewSecret()[:pathSecretLength]}},
		{Type: "simulator", Name: ussdSimulator, Address: "*120*6263#",
			Settings: map[string]string{"kind": "ussd", "secret": core.NewSecret()}},
		{Type: "simulator", Name: smsSimulator, Address: "36262",
			Settings: map[string]string{"kind": "sms", "secret": core.NewSecret()}},
		{Type: "sms/africastalking", Name: smsChannel, Address: "36263",
			Settings: map[string]string{"path_secret": core.NewSecret()[:pathSecretLength], "username": "sandbox",
				"api_key": core.NewSecret(), "base_url": s.outsideURL(providerPath)}},
		{Type: "voice/twilio", Name: voiceChannel, Address: "+27100001234",
			Settings: map[string]string{"account_sid": "AC" + core.NewKey(), "auth_token": core.NewKey(),
				"base_url": s.outsideURL(twilioPath)}},
	}
	for _, c := range all {
		c.Account = s.facts.Account.Key
	}
	return all
}

// outsideURL returns a URL of the outside.
func (s *sampler) outsideURL(path string) string { return "http://" + s.facts.Clinics + path }

// channels makes the channels that are not there yet.
func (s *sampler) channels(ctx context.Context) error {
	lacking := slices.DeleteFunc(s.sampleChannels(), func(c *gateway.Channel) bool { return s.facts.find(c.Name).Key != "" })
	if len(lacking) == 0 {
		return nil
	}
	var f *Facts
	err := s.app.DB.TxOn(ctx, s.facts.Account.Key, func(ctx context.Context) error {
		more := *s.facts // the transaction may be run again: what is there stays as it is
		more.Channels = slices.Clone(s.facts.Channels)
		for _, c := range lacking {
			name := c.Name
			if err := unlessTaken(name, func(free string) error {
				c.Name = free
				return s.app.Channels.Create(ctx, c)
			}); err != nil {
				return err
			}
			secret := c.Settings["secret"]
			if c.Type == "voice/twilio" {
				secret = c.Settings["auth_token"]
			}
			more.Channels = append(more.Channels, Channel{Key: c.Key, Name: name, Type: c.Type, Address: c.Address, Secret: secret})
		}
		f = &more
		return WriteFile(s.path, f) // before the commit, as in begin
	})
	if err == nil {
		s.facts = f
	}
	return err
}
