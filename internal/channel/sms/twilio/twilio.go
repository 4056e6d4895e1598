// Package twilio is the SMS channel of Twilio (docs/spec/channels.md 10).
package twilio

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// Type describes the channel.
func Type() channel.Type {
	return channel.Type{
		Name:          "sms/twilio",
		Title:         "Twilio SMS",
		Help:          "A phone number or messaging service at Twilio, with the account's SID and auth token.",
		Transport:     "sms",
		DeliveryClass: "sms",
		PerSecond:     1, // of a long code; short codes and messaging services can do more
		Settings: slices.Concat([]channel.Setting{
			{Name: "account_sid", Title: "Account SID", Kind: channel.Text, Required: true, Help: "Begins with AC."},
			{Name: "auth_token", Title: "Auth token", Kind: channel.Text, Required: true, Secret: true,
				Help: "Of the account. Twilio signs its webhooks with it."},
			{Name: "api_key", Title: "API key SID", Kind: channel.Text,
				Help: "Begins with SK. When given, messages are sent with this key instead of the auth token."},
			{Name: "api_secret", Title: "API key secret", Kind: channel.Text, Secret: true, Help: "Of the API key."},
			{Name: "messaging_service", Title: "Messaging service SID", Kind: channel.Text,
				Help: "Begins with MG. When given, the service chooses the number that a message comes from."},
			{Name: "base_url", Title: "API address", Kind: channel.URL, Default: "https://api.twilio.com",
				Help: "Another address for a region, an edge or a test."},
		}, channel.DeliverySettings()),
		New: newAdapter,
	}
}

type adapter struct{ config channel.Config }

func newAdapter(c channel.Config) (channel.Adapter, error) {
	if (c.Settings["api_key"] == "") != (c.Settings["api_secret"] == "") {
		return nil, core.Errorf(core.Invalid, "api_key and api_secret belong together: give both or none")
	}
	return &adapter{config: c}, nil
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
	account := a.config.Settings["account_sid"]
	target := a.config.Base("base_url") + "/2010-04-01/Accounts/" + url.PathEscape(account) + "/Messages.json"
	r, err := http.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return channel.Receipt{}, &channel.SendError{Class: channel.AccountFault, Message: "base_url cannot be called"}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key := a.config.Settings["api_key"]; key != "" {
		r.SetBasicAuth(key, a.config.Settings["api_secret"])
	} else {
		r.SetBasicAuth(account, a.config.Settings["auth_token"])
	}
	answer, err := a.config.HTTP.Do(ctx, r)
	if err != nil {
		return channel.Receipt{}, a.explain(err, answer, m.Attempt)
	}
	var created struct{ SID string }
	if json.Unmarshal(answer.Body, &created) != nil || created.SID == "" {
		return channel.Receipt{}, &channel.SendError{Class: channel.UnknownResult, Message: "the answer makes no sense"}
	}
	return channel.Receipt{ExternalID: created.SID}, nil
}

// explain takes Twilio's own code for more precise than the HTTP status.
func (a *adapter) explain(err error, answer *channel.Response, attempt int) error {
	failure, ok := errors.AsType[*channel.SendError](err)
	if !ok || answer == nil {
		return err
	}
	var problem struct {
		Code    int
		Message string
	}
	if json.Unmarshal(answer.Body, &problem) != nil || problem.Code == 0 {
		return failure
	}
	failure.Code = strconv.Itoa(problem.Code)
	if problem.Message != "" {
		failure.Message = a.config.HTTP.Hide(problem.Message)
	}
	if class, known := class(problem.Code, attempt); known {
		failure.Class = class
	}
	return failure
}

// class says what an error code of Twilio means.
func class(code, attempt int) (c channel.Class, known bool) {
	switch code {
	case 20003: // authentication
		return channel.AccountFault, true
	case 20429: // too many requests
		return channel.Retry, true
	case 21610, 30004: // the recipient said STOP, or is blocked
		return channel.Recipient, true
	case 30001, 30008: // queue overflow, unknown error: worth one more attempt
		if attempt <= 1 {
			return channel.Retry, true
		}
		return channel.Permanent, true
	case 14107, // too many replies between two numbers: two robots are talking, so do not go on
		21211, 21408, 21614, // not a number, no permission for the region, not a mobile number
		30005, 30006, 30007: // unknown number, landline, filtered
		return channel.Permanent, true
	default:
		return "", false
	}
}
