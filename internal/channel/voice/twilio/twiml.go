package twilio

import (
	"encoding/xml"
	"net/url"
	"strconv"
	"time"

	"indaba/internal/channel"
)

// What Twilio is told to do in a call is TwiML, its XML: <Say> and <Play> inside a <Gather>, which listens for keys, or
// before a <Hangup>.
type (
	response struct {
		XMLName xml.Name `xml:"Response"`
		Verbs   []any
	}
	say struct {
		XMLName  xml.Name `xml:"Say"`
		Language string   `xml:"language,attr,omitempty"`
		Voice    string   `xml:"voice,attr,omitempty"`
		Text     string   `xml:",chardata"`
	}
	play struct {
		XMLName xml.Name `xml:"Play"`
		URL     string   `xml:",chardata"`
	}
	gather struct {
		XMLName     xml.Name `xml:"Gather"`
		Input       string   `xml:"input,attr"`
		Action      string   `xml:"action,attr"`
		Method      string   `xml:"method,attr"`
		Timeout     int      `xml:"timeout,attr"` // seconds
		NumDigits   int      `xml:"numDigits,attr,omitempty"`
		FinishOnKey string   `xml:"finishOnKey,attr"` // empty: none does
		Always      bool     `xml:"actionOnEmptyResult,attr"`
		Verbs       []any
	}
	redirect struct {
		XMLName xml.Name `xml:"Redirect"`
		Method  string   `xml:"method,attr"`
		URL     string   `xml:",chardata"`
	}
	hangup struct {
		XMLName xml.Name `xml:"Hangup"`
	}
)

func render(verbs ...any) string {
	text, err := xml.Marshal(response{Verbs: verbs})
	if err != nil {
		panic(err) // these types always encode
	}
	return xml.Header + string(text)
}

func answer(twiml string, carries ...string) channel.Answer {
	return channel.Answer{ContentType: "text/xml; charset=utf-8", Body: []byte(twiml), Carries: carries}
}

// step is the place of a request in its call. It travels in the URL of the request, which Twilio signs, so that a call
// goes on where it was after a restart.
type step struct {
	number  int       // counts the requests of a call
	waitFor string    // the key that ends what the person types
	silent  int       // how often the person has pressed nothing, one time after the other
	since   time.Time // since when the person waits for the bot; zero while the bot waits for the person
}

func readStep(query url.Values) (s step) {
	s.number, _ = strconv.Atoi(query.Get("n")) // we wrote it, and Twilio signed it
	s.silent, _ = strconv.Atoi(query.Get("silent"))
	s.waitFor = query.Get("key")
	if seconds, err := strconv.ParseInt(query.Get("since"), 10, 64); err == nil {
		s.since = time.Unix(seconds, 0)
	}
	return s
}

func (s step) url(webhook string) string {
	query := url.Values{"n": {strconv.Itoa(s.number)}}
	if s.waitFor != "" {
		query.Set("key", s.waitFor)
	}
	if s.silent > 0 {
		query.Set("silent", strconv.Itoa(s.silent))
	}
	if !s.since.IsZero() {
		query.Set("since", strconv.FormatInt(s.since.Unix(), 10))
	}
	return webhook + "/keys?" + query.Encode()
}

// say says things and then listens for keys, or hangs up when the last of them closes the call. next is the step that the
// keys are sent to.
func (a *adapter) say(next step, all ...speech) string {
	verbs := make([]any, 0, len(all))
	for _, s := range all {
		switch {
		case s.recording != "":
			verbs = append(verbs, play{URL: s.recording})
		case s.text != "":
			verbs = append(verbs, say{Language: a.config.Settings["language"], Voice: a.config.Settings["voice"], Text: s.text})
		}
	}
	if len(all) > 0 && all[len(all)-1].closes {
		return render(append(verbs, hangup{})...)
	}
	return a.listen(next, a.config.Duration("key_timeout"), verbs...)
}

// listen listens for keys while something is said, and for some time after it. When none is pressed the next request comes
// all the same.
func (a *adapter) listen(next step, timeout time.Duration, verbs ...any) string {
	target := next.url(a.config.WebhookURL)
	g := gather{Input: "dtmf", Action: target, Method: "POST", Timeout: int(timeout / time.Second), Always: true, Verbs: verbs}
	if g.FinishOnKey = next.waitFor; next.waitFor == "" {
		g.NumDigits = 1
	}
	return render(g, redirect{Method: "POST", URL: target})
}
