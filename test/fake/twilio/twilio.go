// Package twilio fakes Twilio's Messages and Calls (docs/spec/channels.md 10, 13): it takes messages and calls people,
// sends signed webhooks for what people say, dial and press, does in calls what it is told, and reports what became of
// messages and calls to the status callback that came with each.
package twilio

import (
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"indaba/test/fake"
)

const jsonType = "application/json"

// Provider is one Twilio account. Set its fields before use; it is safe for concurrent use then.
type Provider struct {
	fake.Desk
	AccountSID, AuthToken string
	Number                string // our number
	Webhook               string // where messages and calls from people are posted
	StatusWebhook         string // where the ends of calls from people are posted; empty for nowhere
	// CalledAs, when set, is the public address that stands in signatures in place of the one that is called, up to and
	// without the path, as with a proxy in between.
	CalledAs string
	Hook     fake.Hook

	mu        sync.Mutex
	callbacks map[string]string // status callback by message SID
	calls     []*Call           // that were placed
}

// New returns an account whose webhook is the channel's URL on Indaba.
func New(accountSID, authToken, webhook string) *Provider {
	return &Provider{AccountSID: accountSID, AuthToken: authToken, Webhook: webhook, Number: "+15005550006",
		callbacks: map[string]string{}}
}

// Handler returns what takes messages and calls, at /2010-04-01/Accounts/{sid}/Messages.json and Calls.json.
func (p *Provider) Handler() http.Handler {
	mux := http.NewServeMux()
	for list, accept := range map[string]func(*http.Request, []byte) fake.Reply{"Messages": p.accept, "Calls": p.placeCall} {
		mux.HandleFunc("POST /2010-04-01/Accounts/{sid}/"+list+".json", func(w http.ResponseWriter, r *http.Request) {
			p.Serve(w, r, func(body []byte) fake.Exchange {
				return fake.Exchange{
					Accept: func() fake.Reply { return accept(r, body) },
					Refuse: func() fake.Reply { return refusal(list) },
					Fail:   fail,
				}
			})
		})
	}
	return mux
}

// refusal refuses a recipient.
func refusal(list string) fake.Reply {
	if list == "Calls" {
		return failure(400, 21214, "'To' phone number cannot be reached")
	}
	return failure(400, 21610, "Attempt to send to unsubscribed recipient")
}

// fail answers with a status and the code that Twilio has for it.
func fail(status int) fake.Reply {
	codes := map[int]int{400: 21211, 401: 20003, 403: 20003, 404: 20404, 429: 20429, 500: 20500, 503: 20503}
	return failure(status, codes[status], http.StatusText(status))
}

func failure(status, code int, message string) fake.Reply {
	return fake.Reply{Status: status, ContentType: jsonType,
		Body: fmt.Sprintf(`{"code":%d,"message":%q,"more_info":"https://www.twilio.com/docs/errors/%d","status":%d}`,
			code, message, code, status)}
}

func (p *Provider) accept(r *http.Request, body []byte) fake.Reply {
	user, password, _ := r.BasicAuth()
	if user != p.AccountSID || password != p.AuthToken || r.PathValue("sid") != p.AccountSID {
		return fail(http.StatusUnauthorized)
	}
	form, err := url.ParseQuery(string(body))
	switch {
	case err != nil || form.Get("Body") == "":
		return failure(400, 21602, "Message body is required")
	case !strings.HasPrefix(form.Get("To"), "+"):
		return failure(400, 21211, "Invalid 'To' Phone Number")
	case form.Get("From") == "" && form.Get("MessagingServiceSid") == "":
		return failure(400, 21603, "A 'From' phone number is required")
	case len([]rune(form.Get("Body"))) > 1600:
		return failure(400, 21617, "The concatenated message body exceeds the 1600 character limit")
	}
	callback, err := url.Parse(form.Get("StatusCallback"))
	if err != nil {
		return failure(400, 21609, "Invalid 'StatusCallback' URL")
	}
	id := sid("SM")
	p.mu.Lock() // before the message can be seen: whoever sees it may report on it
	p.callbacks[id] = form.Get("StatusCallback")
	p.mu.Unlock()
	m, _ := p.Take(fake.Message{ID: callback.Query().Get("message"), ProviderID: id, To: form.Get("To"),
		From: form.Get("From"), Text: form.Get("Body")})
	return fake.Reply{Status: http.StatusCreated, ContentType: jsonType,
		Body: fmt.Sprintf(`{"sid":%q,"status":"queued","num_segments":"1","error_code":null}`, m.ProviderID)}
}

// Say sends what a person says. Saying the same sid twice is a redelivery; an empty one is new.
func (p *Provider) Say(ctx context.Context, messageSID, from, text string) (fake.Reply, error) {
	if messageSID == "" {
		messageSID = sid("SM")
	}
	return p.post(ctx, p.Webhook, url.Values{"MessageSid": {messageSID}, "AccountSid": {p.AccountSID}, "From": {from},
		"To": {p.Number}, "Body": {text}, "NumMedia": {"0"}})
}

// Report sends a delivery report in Twilio's words to the message's status callback: queued, sent, delivered, read,
// undelivered or failed; code is the error code, 0 for none. A message without a callback gets no reports.
func (p *Provider) Report(ctx context.Context, m fake.Message, status string, code int) (fake.Reply, error) {
	p.mu.Lock()
	callback := p.callbacks[m.ProviderID]
	p.mu.Unlock()
	if callback == "" {
		return fake.Reply{}, nil
	}
	form := url.Values{"MessageSid": {m.ProviderID}, "MessageStatus": {status}, "To": {m.To}, "From": {m.From},
		"AccountSid": {p.AccountSID}}
	if code != 0 {
		form.Set("ErrorCode", fmt.Sprint(code))
	}
	return p.post(ctx, callback, form)
}

// ReportAll reports on every message taken so far.
func (p *Provider) ReportAll(ctx context.Context, how fake.Reports) error {
	for _, report := range how.Plan(p.Accepted()) {
		if _, err := p.Report(ctx, report.Message, report.Status, 0); err != nil {
			return err
		}
	}
	return nil
}

func (p *Provider) post(ctx context.Context, target string, form url.Values) (fake.Reply, error) {
	return p.Hook.Call(ctx, func(ctx context.Context) (*http.Request, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(form.Encode()))
		if err != nil {
			return nil, err
		}
		signed := target
		if p.CalledAs != "" {
			signed = strings.TrimRight(p.CalledAs, "/") + r.URL.RequestURI()
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Twilio-Signature", p.sign(signed, form))
		return r, nil
	})
}

func (p *Provider) sign(target string, form url.Values) string {
	text := target
	for _, name := range slices.Sorted(maps.Keys(form)) {
		text += name + form.Get(name)
	}
	mac := hmac.New(sha1.New, []byte(p.AuthToken))
	_, _ = mac.Write([]byte(text)) // a hash never fails
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func sid(kind string) string { return fmt.Sprintf("%s%016x%016x", kind, rand.Uint64(), rand.Uint64()) }
