// Package twilio is the SMS channel of Twilio (docs/spec/channels.md 10).
package twilio

import (
	"context"
	"net/url"
	"slices"

	"indaba/internal/channel"
	"indaba/internal/channel/twilio"
)

// Type describes the channel.
func Type() channel.Type {
	return channel.Type{
		Name:          "sms/twilio",
		Title:         "Twilio SMS",
		Help:          "A phone number or messaging service at Twilio, with the account's SID and auth token.",
		Transport:     "sms",
		DeliveryClass: "sms",
		Phones:        true,
		PerSecond:     1, // of a long code; short codes and messaging services can do more
		Settings: slices.Concat(twilio.Settings(), []channel.Setting{
			{Name: "messaging_service", Title: "Messaging service SID", Kind: channel.Text,
				Help: "Begins with MG. When given, the service chooses the number that a message comes from."},
		}, channel.DeliverySettings()),
		New: newAdapter,
	}
}

type adapter struct {
	config  channel.Config
	account *twilio.Account
}

func newAdapter(c channel.Config) (channel.Adapter, error) {
	account, err := twilio.New(c)
	if err != nil {
		return nil, err
	}
	return &adapter{config: c, account: account}, nil
}

// Send creates a message. Our id rides in the status callback's URL, so that a message of unknown fate is settled by
// its first report.
func (a *adapter) Send(ctx context.Context, m *channel.Outbound) (channel.Receipt, error) {
	form := url.Values{
		"To":             {m.To},
		"Body":           {m.Content},
		"StatusCallback": {a.config.WebhookURL + "/status?message=" + url.QueryEscape(m.ID)},
	}
	if service := a.config.Settings["messaging_service"]; service != "" {
		form.Set("MessagingServiceSid", service)
	} else {
		form.Set("From", m.From)
	}
	sid, err := a.account.Create(ctx, "Messages.json", form, m.Attempt)
	if err != nil {
		return channel.Receipt{}, err
	}
	return channel.Receipt{ExternalID: sid}, nil
}
