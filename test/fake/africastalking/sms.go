// Package africastalking fakes Africa's Talking: its SMS service, which takes messages and reports deliveries
// (docs/spec/channels.md 10), and its USSD gateway, which holds sessions with an application (docs/spec/channels.md 12).
package africastalking

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"indaba/test/fake"
)

const jsonType = "application/json"

// SMS is the SMS service. Set its fields before use; it is safe for concurrent use then.
type SMS struct {
	fake.Desk
	Username, Key string
	Callback      string // where messages from people are posted
	Reports       string // where delivery reports are posted
	ShortCode     string // our address
	Hook          fake.Hook
}

// NewSMS returns a service with one account.
func NewSMS(username, key, callback, reports string) *SMS {
	return &SMS{Username: username, Key: key, Callback: callback, Reports: reports, ShortCode: "22395"}
}

// Handler returns what takes messages, at /version1/messaging.
func (p *SMS) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /version1/messaging", func(w http.ResponseWriter, r *http.Request) {
		p.Serve(w, r, func(body []byte) fake.Exchange {
			form, err := url.ParseQuery(string(body))
			return fake.Exchange{
				Accept: func() fake.Reply {
					if err != nil {
						return fail(http.StatusBadRequest)
					}
					return p.accept(r.Header.Get("apiKey"), form)
				},
				Refuse: func() fake.Reply { return recipients(recipient{406, "UserInBlacklist", form.Get("to"), "None"}) },
				Fail:   fail,
			}
		})
	})
	return mux
}

type recipient struct {
	code           int
	status, to, id string
}

func recipients(all ...recipient) fake.Reply {
	list := []map[string]any{}
	for _, one := range all {
		list = append(list, map[string]any{"statusCode": one.code, "number": one.to, "status": one.status,
			"cost": "KES 0.8000", "messageId": one.id})
	}
	body, err := json.Marshal(map[string]any{"SMSMessageData": map[string]any{
		"Message": fmt.Sprintf("Sent to %d/%d", len(all), len(all)), "Recipients": list}})
	if err != nil {
		return fail(http.StatusInternalServerError)
	}
	return fake.Reply{Status: http.StatusCreated, ContentType: jsonType, Body: string(body)}
}

func fail(status int) fake.Reply {
	return fake.Reply{Status: status, ContentType: "text/plain", Body: http.StatusText(status)}
}

func (p *SMS) accept(key string, form url.Values) fake.Reply {
	if key != p.Key || form.Get("username") != p.Username {
		return fail(http.StatusUnauthorized)
	}
	to, text := form.Get("to"), form.Get("message")
	if text == "" {
		return fail(http.StatusBadRequest)
	}
	if !strings.HasPrefix(to, "+") || len(to) < 8 {
		return recipients(recipient{403, "InvalidPhoneNumber", to, "None"})
	}
	m, _ := p.Take(fake.Message{ProviderID: "ATXid_" + randomHex(), To: to, From: form.Get("from"), Text: text})
	return recipients(recipient{101, "Success", to, m.ProviderID})
}

// Say sends what a person says. Saying the same id twice is a redelivery; an empty id is a new one.
func (p *SMS) Say(ctx context.Context, id, from, text string) (fake.Reply, error) {
	if id == "" {
		id = randomHex()
	}
	return postForm(ctx, p.Hook, p.Callback, url.Values{"id": {id}, "from": {from}, "to": {p.ShortCode}, "text": {text},
		"date": {"2026-03-01 12:00:00"}, "linkId": {"link-" + id}, "networkCode": {"99999"}})
}

// Report sends a delivery report in the service's words: Sent, Submitted, Buffered, Success, Rejected, Failed,
// AbsentSubscriber or Expired.
func (p *SMS) Report(ctx context.Context, m fake.Message, status, reason string) (fake.Reply, error) {
	return postForm(ctx, p.Hook, p.Reports, url.Values{"id": {m.ProviderID}, "status": {status}, "phoneNumber": {m.To},
		"networkCode": {"99999"}, "failureReason": {reason}, "retryCount": {"0"}})
}

// ReportAll reports on every message taken so far.
func (p *SMS) ReportAll(ctx context.Context, how fake.Reports) error {
	for _, report := range how.Plan(p.Accepted()) {
		if _, err := p.Report(ctx, report.Message, report.Status, ""); err != nil {
			return err
		}
	}
	return nil
}

func postForm(ctx context.Context, hook fake.Hook, target string, form url.Values) (fake.Reply, error) {
	return hook.Call(ctx, func(ctx context.Context) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
		if err == nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		return r, err
	})
}

func randomHex() string {
	return strconv.FormatUint(rand.Uint64(), 16) + strconv.FormatUint(rand.Uint64(), 16)
}
