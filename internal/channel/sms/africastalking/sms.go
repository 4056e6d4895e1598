// Package africastalking is the SMS channel of Africa's Talking (docs/spec/channels.md 10).
package africastalking

import (
	"context"
	"encoding/json"
	"fmt"
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
		Name:          "sms/africastalking",
		Title:         "Africa's Talking SMS",
		Help:          "A short code or sender id at Africa's Talking, with the user name and API key of the application.",
		Transport:     "sms",
		DeliveryClass: "sms",
		Phones:        true,
		Settings: slices.Concat([]channel.Setting{
			{Name: "username", Title: "User name", Kind: channel.Text, Required: true,
				Help: "The application's user name; sandbox in the sandbox."},
			{Name: "api_key", Title: "API key", Kind: channel.Text, Required: true, Secret: true,
				Help: "The application's API key."},
			{Name: "base_url", Title: "API address", Kind: channel.URL, Default: "https://api.africastalking.com",
				Help: "https://api.sandbox.africastalking.com for the sandbox."},
		}, channel.GuardSettings(), channel.DeliverySettings()),
		New: newAdapter,
	}
}

type adapter struct {
	config channel.Config
	guard  *channel.Guard
}

func newAdapter(c channel.Config) (channel.Adapter, error) {
	guard, err := channel.NewGuard(c)
	if err != nil {
		return nil, err
	}
	return &adapter{config: c, guard: guard}, nil
}

// Send posts a message to one recipient and judges the word on that recipient: the request as a whole is answered 201
// also when nothing was sent.
func (a *adapter) Send(ctx context.Context, m *channel.Outbound) (channel.Receipt, error) {
	form := url.Values{
		"username":    {a.config.Settings["username"]},
		"to":          {m.To},
		"message":     {m.Content},
		"bulkSMSMode": {"1"},
	}
	if m.From != "" {
		form.Set("from", m.From)
	}
	r, err := http.NewRequest(http.MethodPost, a.config.Base("base_url")+"/version1/messaging", strings.NewReader(form.Encode()))
	if err != nil {
		return channel.Receipt{}, &channel.SendError{Class: channel.AccountFault, Message: "base_url cannot be called"}
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	r.Header.Set("apiKey", a.config.Settings["api_key"])
	answer, err := a.config.HTTP.Do(ctx, r)
	if err != nil {
		return channel.Receipt{}, err
	}
	return a.judge(answer.Body)
}

type verdict struct {
	SMSMessageData struct {
		Message    string
		Recipients []struct {
			StatusCode int    `json:"statusCode"`
			Status     string `json:"status"`
			MessageID  string `json:"messageId"`
		}
	}
}

func (a *adapter) judge(body []byte) (channel.Receipt, error) {
	var v verdict
	err := json.Unmarshal(body, &v)
	recipients := v.SMSMessageData.Recipients
	switch {
	case err == nil && len(recipients) == 0 && refuses(v.SMSMessageData.Message):
		return channel.Receipt{}, &channel.SendError{Class: channel.Permanent, Message: a.config.HTTP.Hide(v.SMSMessageData.Message)}
	case err != nil || len(recipients) == 0 || recipients[0].StatusCode == 0:
		return channel.Receipt{}, &channel.SendError{Class: channel.UnknownResult, Message: "the answer makes no sense"}
	}
	first := recipients[0]
	if first.StatusCode >= 100 && first.StatusCode <= 102 {
		return channel.Receipt{ExternalID: first.MessageID}, nil
	}
	return channel.Receipt{}, &channel.SendError{Class: class(first.StatusCode), Code: strconv.Itoa(first.StatusCode),
		Message: a.config.HTTP.Hide(fmt.Sprintf("Africa's Talking says %s", first.Status))}
}

// refuses reports whether the text of an answer without recipients tells why nothing was sent: InvalidSenderId, for one.
// "Sent to 1/1" says that something was.
func refuses(text string) bool {
	return text != "" && (!strings.HasPrefix(text, "Sent") || strings.HasPrefix(text, "Sent to 0/"))
}

// class says what a recipient's statusCode means.
func class(code int) channel.Class {
	switch code {
	case 500, 501: // internal error, gateway error
		return channel.Retry
	case 402, 405: // sender id, balance
		return channel.AccountFault
	case 403, 404, 406, 409: // number, unsupported number, blacklisted, do not disturb
		return channel.Recipient
	default: // 401 held as a risk, 407 no route, 502 rejected by the gateway, and what is yet to come
		return channel.Permanent
	}
}

// Receive takes messages at the channel's URL, and delivery reports at status.
func (a *adapter) Receive(_ context.Context, r *channel.Request) (channel.Received, error) {
	path, err := a.guard.Check(r)
	if err != nil {
		return channel.Received{}, err
	}
	if r.Method != http.MethodPost {
		return channel.Received{}, core.Errorf(core.Invalid, "use POST")
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return channel.Received{}, core.Errorf(core.Invalid, "the body is not a form")
	}
	switch path {
	case "", "receive":
		return receiveMessage(form)
	case "status":
		return receiveStatus(form)
	default:
		return channel.Received{}, core.Errorf(core.NotFound, "the callback URL ends in a word too many")
	}
}

func receiveMessage(form url.Values) (channel.Received, error) {
	text := form.Get("text")
	m := channel.Message{
		ExternalID: form.Get("id"),
		From:       channel.Phone(form.Get("from")),
		To:         form.Get("to"),
		Content:    &text,
		Provider:   form.Get("networkCode"),
	}
	if m.From == "" || m.ExternalID == "" || !form.Has("text") {
		return channel.Received{}, core.Errorf(core.Invalid, "id, from and text are required")
	}
	if link := form.Get("linkId"); link != "" {
		m.Metadata = map[string]any{"linkId": link}
	}
	return channel.Received{Messages: []channel.Message{m}}, nil
}

func receiveStatus(form url.Values) (channel.Received, error) {
	update := channel.StatusUpdate{ExternalID: form.Get("id"), Address: channel.Phone(form.Get("phoneNumber"))}
	if update.ExternalID == "" {
		return channel.Received{}, core.Errorf(core.Invalid, "id is required")
	}
	switch word := form.Get("status"); word {
	case "Sent", "Submitted", "Buffered":
		update.Status = core.Sent
	case "Success":
		update.Status = core.Delivered
	case "Rejected", "Failed", "AbsentSubscriber", "Expired":
		update.Status, update.Reason = core.Failed, word
		if reason := form.Get("failureReason"); reason != "" {
			update.Reason += ": " + reason
		}
	default:
		return channel.Received{}, core.Errorf(core.Invalid, "status %q is not known", word)
	}
	return channel.Received{Statuses: []channel.StatusUpdate{update}}, nil
}
