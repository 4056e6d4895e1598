// Package twilio is the voice channel of Twilio (docs/spec/channels.md 13): telephone calls, in which people hear texts
// and recordings and press keys. What Twilio is to do in a call is the answer to its requests; docs/decisions/0014
// tells how messages and those requests meet.
package twilio

import (
	"context"
	"net/url"
	"time"
	"unicode/utf8"

	"indaba/internal/channel"
	"indaba/internal/channel/twilio"
	"indaba/internal/core"
)

// Twilio's limits.
const (
	maxSpeech  = 4096 // characters of one <Say>
	maxOpening = 4000 // characters of the TwiML with which a call is placed
)

// Type describes the channel.
func Type() channel.Type {
	t := channel.Type{
		Name:          "voice/twilio",
		Title:         "Twilio voice",
		Help:          "A phone number at Twilio that people call, and that calls people, with the account's SID and auth token.",
		Transport:     "voice",
		DeliveryClass: "voice",
		Phones:        true,
		Settings: append(twilio.Settings(),
			channel.Setting{Name: "language", Title: "Language", Kind: channel.Text,
				Help: "In which texts are spoken, such as en-ZA or zu-ZA; empty for Twilio's default."},
			channel.Setting{Name: "voice", Title: "Voice", Kind: channel.Text,
				Help: "Which voice speaks, such as alice or Polly.Ayanda-Neural; empty for Twilio's default."},
			channel.Setting{Name: "key_timeout", Title: "Time for a key", Kind: channel.Duration, Default: "10s",
				Help: "How long to wait for a key after a text, and for each further one; whole seconds, one at least."},
			channel.Setting{Name: "repeat", Title: "Repetitions", Kind: channel.Number, Default: "2",
				Help: "How often a person who presses nothing hears the text again before the call is ended."},
			channel.Setting{Name: "budget", Title: "Reply time", Kind: channel.Duration, Default: "3s",
				Help: "How long Twilio is kept waiting for a bot before keys are listened for again; 10s at most."},
			channel.Setting{Name: "patience", Title: "Silence", Kind: channel.Duration, Default: "30s",
				Help: "How long a person waits for a bot in all before the call is ended with the apology."},
			channel.Setting{Name: "apology", Title: "Apology", Kind: channel.Text,
				Default: "We cannot answer right now. Please call again later.",
				Help:    "What people hear when the bot says nothing; the call ends with it."},
		),
		New: newAdapter,
	}
	for _, s := range channel.DeliverySettings() {
		if s.Name != "rate" { // it would hold up what is said in calls; Twilio itself paces calls that are placed
			t.Settings = append(t.Settings, s)
		}
	}
	return t
}

const maxBudget = 10 * time.Second // Twilio gives up after 15

type adapter struct {
	config  channel.Config
	account *twilio.Account
	calls   *calls
}

func newAdapter(c channel.Config) (channel.Adapter, error) {
	account, err := twilio.New(c)
	if err != nil {
		return nil, err
	}
	if c.Duration("key_timeout") < time.Second {
		return nil, core.Errorf(core.Invalid, "key_timeout must be a second at least")
	}
	if c.Duration("budget") > maxBudget {
		return nil, core.Errorf(core.Invalid, "budget must be %v at most: Twilio gives up soon after", maxBudget)
	}
	return &adapter{config: c, account: account, calls: newCalls(c.Now)}, nil
}

// Send says a message in the call that it belongs to, and waits for the call's next request to do so. A message that
// belongs to no call goes into the call that its recipient is in, unless it begins a new one; without any call, it places
// one.
func (a *adapter) Send(ctx context.Context, m *channel.Outbound) (channel.Receipt, error) {
	s, failure := readSpeech(m)
	if failure != nil {
		return channel.Receipt{}, failure
	}
	if m.SessionID != "" {
		return a.calls.say(ctx, a.calls.open(m.SessionID, "", a.config.Duration("patience")), s)
	}
	if m.SessionEvent != core.SessionNew {
		if call := a.calls.with(m.To); call != nil {
			return a.calls.say(ctx, call, s)
		}
	}
	if m.SessionEvent == core.SessionResume || m.SessionEvent == core.SessionClose {
		return channel.Receipt{}, &channel.SendError{Class: channel.Permanent, Code: "no_call",
			Message: "there is no call with this person: a message with session_event new, or without one, places a call"}
	}
	return a.place(ctx, m, s)
}

// place calls a person. Our id rides in the status callback's URL, so that a call of unknown fate is settled by its first
// report; and what is to be said first rides in the request, so that it does not depend on us when the person answers.
func (a *adapter) place(ctx context.Context, m *channel.Outbound, s speech) (channel.Receipt, error) {
	if ctx.Err() != nil {
		return channel.Receipt{}, &channel.SendError{Class: channel.Retry, Message: "the server stopped before the call was placed"}
	}
	first := a.say(step{number: 1, waitFor: s.waitFor}, s)
	if utf8.RuneCountInString(first) > maxOpening {
		return channel.Receipt{}, &channel.SendError{Class: channel.Permanent, Code: "too_long",
			Message: "too long for the opening of a call: it has room for about 3,500 characters"}
	}
	form := url.Values{
		"To":                  {m.To},
		"From":                {m.From},
		"Twiml":               {first},
		"StatusCallback":      {a.config.WebhookURL + "/status?message=" + url.QueryEscape(m.ID)},
		"StatusCallbackEvent": {"initiated", "ringing", "answered", "completed"},
	}
	sid, err := a.account.Create(context.WithoutCancel(ctx), "Calls.json", form, m.Attempt)
	if err != nil {
		return channel.Receipt{}, err
	}
	a.calls.placed(sid, m.To, s)
	return channel.Receipt{ExternalID: sid}, nil
}
