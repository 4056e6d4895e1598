// Package twilio is what Twilio's channels share: the account's settings, the signature on its webhooks, its requests and
// what its error codes mean (docs/spec/channels.md 10, 13). It is no channel itself: those are sms/twilio and
// voice/twilio.
package twilio

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// Settings returns the settings that New reads: account_sid, auth_token, api_key, api_secret and base_url.
func Settings() []channel.Setting {
	return []channel.Setting{
		{Name: "account_sid", Title: "Account SID", Kind: channel.Text, Required: true, Help: "Begins with AC."},
		{Name: "auth_token", Title: "Auth token", Kind: channel.Text, Required: true, Secret: true,
			Help: "Of the account. Twilio signs its webhooks with it."},
		{Name: "api_key", Title: "API key SID", Kind: channel.Text,
			Help: "Begins with SK. When given, requests are made with this key instead of the auth token."},
		{Name: "api_secret", Title: "API key secret", Kind: channel.Text, Secret: true, Help: "Of the API key."},
		{Name: "base_url", Title: "API address", Kind: channel.URL, Default: "https://api.twilio.com",
			Help: "Another address for a region, an edge or a test."},
	}
}

// Account is one account at Twilio. It is safe for concurrent use.
type Account struct{ config channel.Config }

// New returns the account of a channel, or a core.Invalid error that names the settings which do not fit.
func New(c channel.Config) (*Account, error) {
	if (c.Settings["api_key"] == "") != (c.Settings["api_secret"] == "") {
		return nil, core.Errorf(core.Invalid, "api_key and api_secret belong together: give both or none")
	}
	return &Account{config: c}, nil
}

// Create posts a form to a list of the account, such as Messages.json, and returns the SID of what came of it. attempt
// counts from 1. The error is a *channel.SendError.
func (a *Account) Create(ctx context.Context, list string, form url.Values, attempt int) (sid string, err error) {
	settings := a.config.Settings
	target := a.config.Base("base_url") + "/2010-04-01/Accounts/" + url.PathEscape(settings["account_sid"]) + "/" + list
	r, err := http.NewRequest(http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		return "", &channel.SendError{Class: channel.AccountFault, Message: "base_url cannot be called"}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key := settings["api_key"]; key != "" {
		r.SetBasicAuth(key, settings["api_secret"])
	} else {
		r.SetBasicAuth(settings["account_sid"], settings["auth_token"])
	}
	answer, err := a.config.HTTP.Do(ctx, r)
	if err != nil {
		return "", a.explain(err, answer, attempt)
	}
	var created struct{ SID string }
	if json.Unmarshal(answer.Body, &created) != nil || created.SID == "" {
		return "", &channel.SendError{Class: channel.UnknownResult, Message: "the answer makes no sense"}
	}
	return created.SID, nil
}
