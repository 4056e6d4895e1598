package twilio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"indaba/test/fake"
)

// answerLimit is how long Twilio waits for TwiML.
const answerLimit = 15 * time.Second

// maxSteps ends calls that go round in circles.
const maxSteps = 100

// Call is one telephone call, with the person at its other end. It is not safe for concurrent use: people do one thing at
// a time.
type Call struct {
	SID, Phone string
	Heard      []string // what was said; a recording is its URL
	Open       bool     // the call goes on

	provider  *Provider
	direction string
	status    string // URL for changes of status; empty for nobody
	wanted    []string
	opening   document
	from, to  string
	begun     time.Time
	listening *element // the <Gather> that waits for keys
	rest      []element
	typed     string
	steps     int
	newest    request
}

// request is what was asked of the application last.
type request struct {
	target string
	form   url.Values
	answer string
}

// placeCall takes a request to call somebody. The phone rings then: see WaitCall.
func (p *Provider) placeCall(r *http.Request, body []byte) fake.Reply {
	user, password, _ := r.BasicAuth()
	if user != p.AccountSID || password != p.AuthToken || r.PathValue("sid") != p.AccountSID {
		return fail(http.StatusUnauthorized)
	}
	form, err := url.ParseQuery(string(body))
	twiml := form.Get("Twiml")
	switch {
	case err != nil || twiml == "":
		return failure(400, 21205, "Url or Twiml is required")
	case !strings.HasPrefix(form.Get("To"), "+"):
		return failure(400, 21211, "Invalid 'To' Phone Number")
	case form.Get("From") != p.Number:
		return failure(400, 21210, "'From' phone number not verified")
	case len([]rune(twiml)) > 4000:
		return failure(400, 21624, "Twiml is longer than 4000 characters")
	}
	opening, err := parse(twiml)
	if err != nil {
		return failure(400, 12100, "Document parse failure: "+err.Error())
	}
	callback, err := url.Parse(form.Get("StatusCallback"))
	if err != nil {
		return failure(400, 21609, "Invalid 'StatusCallback' URL")
	}
	call := &Call{SID: sid("CA"), Phone: form.Get("To"), provider: p, direction: "outbound-api", opening: opening,
		status: form.Get("StatusCallback"), wanted: form["StatusCallbackEvent"], from: p.Number, to: form.Get("To"), begun: time.Now()}
	p.mu.Lock() // before the call can be seen
	p.calls = append(p.calls, call)
	p.mu.Unlock()
	p.Take(fake.Message{ID: callback.Query().Get("message"), ProviderID: call.SID, To: call.to, From: call.from,
		Text: strings.Join(opening.spoken(), " ")})
	return fake.Reply{Status: http.StatusCreated, ContentType: jsonType,
		Body: fmt.Sprintf(`{"sid":%q,"status":"queued","direction":"outbound-api","to":%q}`, call.SID, call.to)}
}

// WaitCall returns the nth call that was placed, from 1: its phone rings.
func (p *Provider) WaitCall(ctx context.Context, n int) (*Call, error) {
	if _, err := p.WaitAccepted(ctx, n); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.calls) < n {
		return nil, fmt.Errorf("%d calls were placed, the rest were messages", len(p.calls))
	}
	return p.calls[n-1], nil
}

// Dial calls our number, and hears what is said until keys are listened for.
func (p *Provider) Dial(ctx context.Context, phone string) (*Call, error) {
	c := &Call{SID: sid("CA"), Phone: phone, Open: true, provider: p, direction: "inbound", from: phone, to: p.Number,
		status: p.StatusWebhook, wanted: []string{"completed"}, begun: time.Now()}
	return c, c.ask(ctx, p.Webhook, c.form("ringing"))
}

// Report sends a status of the call, which may be a lie, as the status callback does. Twilio's words are initiated,
// ringing, in-progress, completed, busy, no-answer, failed and canceled.
func (c *Call) Report(ctx context.Context, status string) error {
	if c.status == "" {
		return nil
	}
	form := c.form(status)
	if status == "completed" {
		form.Set("CallDuration", fmt.Sprint(int(time.Since(c.begun).Seconds())))
	}
	reply, err := c.provider.post(ctx, c.status, form)
	if err == nil && reply.Status >= 300 {
		err = fmt.Errorf("the status callback answered %d: %.200s", reply.Status, reply.Body)
	}
	return err
}

// report reports what the application wanted to hear of.
func (c *Call) report(ctx context.Context, event, status string) error {
	if !slices.Contains(c.wanted, event) {
		return nil
	}
	return c.Report(ctx, status)
}

// Ring tells that the phone of a placed call rings.
func (c *Call) Ring(ctx context.Context) error {
	return errors.Join(c.report(ctx, "initiated", "initiated"), c.report(ctx, "ringing", "ringing"))
}

// Answer takes a placed call, and hears what is said until keys are listened for.
func (c *Call) Answer(ctx context.Context) error {
	c.Open = true
	if err := c.report(ctx, "answered", "in-progress"); err != nil {
		return err
	}
	return c.perform(ctx, c.opening)
}

// Decline ends a placed call that nobody takes: busy, no-answer, failed or canceled.
func (c *Call) Decline(ctx context.Context, status string) error {
	return c.report(ctx, "completed", status)
}

// Press presses keys one after the other, each when it is listened for, and hears what is said. When they do not end the
// input, nothing happens until Wait.
func (c *Call) Press(ctx context.Context, keys string) error {
	for _, key := range keys {
		if !c.Open || c.listening == nil {
			return errors.New("nobody listens for keys")
		}
		finish, digits := c.listening.attr("finishOnKey", "#"), c.listening.number("numDigits", 0)
		if finish == string(key) {
			if err := c.submit(ctx, finish); err != nil {
				return err
			}
			continue
		}
		c.typed += string(key)
		if len(c.typed) == digits {
			if err := c.submit(ctx, ""); err != nil {
				return err
			}
		}
	}
	return nil
}

// Wait presses nothing until the time for a key is over, and hears what is said then.
func (c *Call) Wait(ctx context.Context) error {
	if !c.Open || c.listening == nil {
		return errors.New("the call is over")
	}
	if c.typed == "" && c.listening.attr("actionOnEmptyResult", "false") != "true" {
		return c.perform(ctx, document{c.rest})
	}
	return c.submit(ctx, "")
}

// Hangup ends the call from the person's side.
func (c *Call) Hangup(ctx context.Context) error {
	if !c.Open {
		return errors.New("the call is over")
	}
	return c.end(ctx)
}

// Repeat makes the newest request once more, as Twilio does that missed the answer, and reports whether the answer was the
// same.
func (c *Call) Repeat(ctx context.Context) (same bool, err error) {
	reply, err := c.provider.post(ctx, c.newest.target, c.newest.form)
	return reply.Body == c.newest.answer, err
}

// submit posts what was typed.
func (c *Call) submit(ctx context.Context, finish string) error {
	c.steps = 0
	form := c.form("in-progress")
	form.Set("msg", "Gather End")
	form.Set("Digits", c.typed)
	form.Set("FinishedOnKey", finish)
	return c.ask(ctx, c.listening.attr("action", c.newest.target), form)
}

// ask asks the application what to do, and does it. Without an answer that makes sense the call is over.
func (c *Call) ask(ctx context.Context, target string, form url.Values) error {
	c.typed, c.listening = "", nil
	limited, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	reply, err := c.provider.post(limited, target, form)
	c.newest = request{target, form, reply.Body}
	if err == nil && reply.Status != http.StatusOK {
		err = fmt.Errorf("the webhook answered %d: %.200s", reply.Status, reply.Body)
	}
	var answer document
	if err == nil {
		answer, err = parse(reply.Body)
	}
	if err != nil {
		c.Heard = append(c.Heard, "We are sorry, an application error has occurred. Goodbye.")
		return errors.Join(err, c.end(ctx))
	}
	return c.perform(ctx, answer)
}

// perform does what a document says, up to where keys are listened for.
func (c *Call) perform(ctx context.Context, d document) error {
	if c.steps++; c.steps > maxSteps {
		return errors.Join(errors.New("the call goes round in circles"), c.end(ctx))
	}
	for i, e := range d.Verbs {
		c.Heard = append(c.Heard, document{[]element{e}}.spoken()...)
		switch e.XMLName.Local {
		case "Gather":
			c.listening, c.rest, c.typed = &e, d.Verbs[i+1:], ""
			return nil
		case "Redirect":
			return c.ask(ctx, strings.TrimSpace(e.Text), c.form("in-progress"))
		case "Hangup":
			return c.end(ctx)
		}
	}
	return c.end(ctx)
}

func (c *Call) end(ctx context.Context) error {
	c.Open, c.listening = false, nil
	return c.report(ctx, "completed", "completed")
}

func (c *Call) form(status string) url.Values {
	return url.Values{"CallSid": {c.SID}, "AccountSid": {c.provider.AccountSID}, "From": {c.from}, "To": {c.to},
		"Direction": {c.direction}, "CallStatus": {status}, "ApiVersion": {"2010-04-01"}, "FromCountry": {"ZA"}}
}
