package twilio_test

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"indaba/test/fake"
	"indaba/test/fake/twilio"
)

// place asks for a call.
func place(t *testing.T, server, token string, form url.Values) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", server+"/2010-04-01/Accounts/AC1/Calls.json", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("AC1", token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it is read to its end
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

func TestCallsAreChecked(t *testing.T) {
	p := twilio.New("AC1", "token", "")
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	good := url.Values{"To": {"+27821234567"}, "From": {p.Number}, "Twiml": {"<Response><Say>hi</Say></Response>"},
		"StatusCallback": {"https://indaba.example/status?message=m1"}}
	for _, c := range []struct {
		name, field, value, token string
		status                    int
		part                      string
	}{
		{"good", "", "", "token", 201, `"sid":"CA`},
		{"wrong token", "", "", "other", 401, `"code":20003`},
		{"nothing to do", "Twiml", "", "token", 400, `"code":21205`},
		{"no number", "To", "Thandi", "token", 400, `"code":21211`},
		{"number of others", "From", "+1", "token", 400, `"code":21210`},
		{"too long", "Twiml", "<Response><Say>" + strings.Repeat("é", 4000) + "</Say></Response>", "token", 400, `"code":21624`},
		{"no XML", "Twiml", "<Response><Say>hi</Response>", "token", 400, `"code":12100`},
		{"unknown verb", "Twiml", "<Response><Sing/></Response>", "token", 400, `"code":12100`},
		{"no URL", "Twiml", "<Response><Play>a.ogg</Play></Response>", "token", 400, `"code":12100`},
		{"two keys", "Twiml", `<Response><Gather finishOnKey="12"/></Response>`, "token", 400, `"code":12100`},
		{"bad callback", "StatusCallback", "http://[", "token", 400, `"code":21609`},
	} {
		form := maps.Clone(good)
		if c.field != "" {
			form[c.field] = []string{c.value}
		}
		if status, body := place(t, server.URL, c.token, form); status != c.status || !strings.Contains(body, c.part) {
			t.Errorf("%s: %d %s", c.name, status, body)
		}
	}
	if taken := p.Accepted(); len(taken) != 1 || taken[0].ID != "m1" || taken[0].Text != "hi" {
		t.Errorf("taken: %+v", taken)
	}
	p.Next(fake.Refuse, "429", "500")
	for _, part := range []string{`"code":21214`, `"code":20429`, `"code":20500`} {
		if _, body := place(t, server.URL, "token", good); !strings.Contains(body, part) {
			t.Errorf("%s, want %s", body, part)
		}
	}
}

// program answers requests by path and keys, and remembers them.
type program struct {
	answers map[string]string
	seen    []string
}

func (p *program) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	asked := r.URL.Path + " " + r.PostForm.Get("CallStatus")
	if r.PostForm.Has("Digits") {
		asked = r.URL.Path + " " + r.PostForm.Get("Digits") + "|" + r.PostForm.Get("FinishedOnKey")
	}
	p.seen = append(p.seen, asked)
	_, _ = io.WriteString(w, strings.ReplaceAll(p.answers[asked], "HOST", r.Host)) // the fake notices
}

func TestCallFromAPerson(t *testing.T) {
	app := &program{answers: map[string]string{
		"/call ringing": `<Response><Gather action="http://HOST/menu" numDigits="1" finishOnKey=""><Say>Menu</Say></Gather>` +
			`<Redirect>http://HOST/silence</Redirect></Response>`,
		"/silence in-progress": `<Response><Play>http://HOST/a.ogg</Play><Gather action="http://HOST/menu" numDigits="1" ` +
			`finishOnKey="" actionOnEmptyResult="true"/></Response>`,
		"/menu |":      `<Response><Gather action="http://HOST/number"><Say>Number</Say></Gather></Response>`,
		"/number 12|":  `<Response><Gather action="http://HOST/number"><Say>Again</Say></Gather></Response>`,
		"/number 3*|#": `<Response><Say>Bye</Say><Hangup/></Response>`,
	}}
	server := httptest.NewServer(app)
	defer server.Close()
	p := twilio.New("AC1", "token", server.URL+"/call")
	p.StatusWebhook = server.URL + "/status"
	c, err := p.Dial(t.Context(), "+27821234567")
	for _, step := range []func(context.Context) error{
		c.Wait, c.Wait,
		func(ctx context.Context) error { return c.Press(ctx, "12") }, c.Wait,
		func(ctx context.Context) error { return c.Press(ctx, "3*#") },
	} {
		if err == nil {
			err = step(t.Context())
		}
	}
	if want := []string{"Menu", "http://" + server.Listener.Addr().String() + "/a.ogg", "Number", "Again", "Bye"}; err != nil || !slices.Equal(c.Heard, want) {
		t.Errorf("heard %q, %v", c.Heard, err)
	}
	if want := []string{"/call ringing", "/silence in-progress", "/menu |", "/number 12|", "/number 3*|#", "/status completed"}; !slices.Equal(app.seen, want) {
		t.Errorf("asked %q", app.seen)
	}
	if c.Open || c.Press(t.Context(), "1") == nil || c.Wait(t.Context()) == nil || c.Hangup(t.Context()) == nil {
		t.Error("the call goes on")
	}
}

func TestCallToAPerson(t *testing.T) {
	app := &program{answers: map[string]string{}}
	callbacks := httptest.NewServer(app)
	defer callbacks.Close()
	p := twilio.New("AC1", "token", "")
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	form := url.Values{"To": {"+27821234567"}, "From": {p.Number}, "StatusCallback": {callbacks.URL + "/status"},
		"StatusCallbackEvent": {"ringing", "answered", "completed"},
		"Twiml":               {`<Response><Gather action="` + callbacks.URL + `/keys" numDigits="1"><Say>hi</Say></Gather></Response>`}}
	place(t, server.URL, "token", form)
	place(t, server.URL, "token", form)
	first, err := p.WaitCall(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.WaitCall(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []func(context.Context) error{
		first.Ring, first.Answer, first.Hangup,
		func(ctx context.Context) error { return second.Decline(ctx, "busy") },
	} {
		if err := step(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if want := []string{"/status ringing", "/status in-progress", "/status completed", "/status busy"}; !slices.Equal(app.seen, want) {
		t.Errorf("told %q", app.seen)
	}
	if !slices.Equal(first.Heard, []string{"hi"}) || len(second.Heard) != 0 {
		t.Errorf("heard %q and %q", first.Heard, second.Heard)
	}
}

// A call whose webhook makes no sense, or goes round in circles, is over.
func TestCallsThatFail(t *testing.T) {
	app := &program{answers: map[string]string{"/garbage ringing": "<html>", "/round ringing": `<Response><Redirect>http://HOST/round</Redirect></Response>`,
		"/round in-progress": `<Response><Redirect>http://HOST/round</Redirect></Response>`}}
	server := httptest.NewServer(app)
	defer server.Close()
	for _, path := range []string{"/garbage", "/round", "/empty"} {
		p := twilio.New("AC1", "token", server.URL+path)
		if c, err := p.Dial(t.Context(), "+27821234567"); err == nil || c.Open {
			t.Errorf("%s: heard %q, %v", path, c.Heard, err)
		}
	}
}
