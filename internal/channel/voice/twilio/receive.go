package twilio

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// Receive takes calls at the channel's URL, pressed keys at keys, and what becomes of calls at status.
func (a *adapter) Receive(_ context.Context, r *channel.Request) (channel.Received, error) {
	form, err := a.account.Form(r)
	if err != nil {
		return channel.Received{}, err
	}
	if r.Path != "" && r.Path != "receive" && r.Path != "keys" && r.Path != "status" {
		return channel.Received{}, core.Errorf(core.NotFound, "the webhook URL ends in a word too many")
	}
	m, err := fromCall(form)
	if err != nil {
		return channel.Received{}, err
	}
	switch r.Path {
	case "keys":
		return pressed(form, readStep(r.Query), m), nil
	case "status":
		return a.changed(form, r.Query.Get("message"), m)
	}
	m.ExternalID, m.SessionEvent = m.SessionID, core.SessionNew
	m.Metadata = origin(form)
	return channel.Received{Messages: []channel.Message{m}}, nil
}

// fromCall makes a message from the person in a call. In a call that we placed, that is the one who is called.
func fromCall(form url.Values) (channel.Message, error) {
	person, us := form.Get("From"), form.Get("To")
	if strings.HasPrefix(form.Get("Direction"), "outbound") {
		person, us = us, person
	}
	m := channel.Message{From: channel.Phone(person), To: channel.Phone(us), SessionID: form.Get("CallSid")}
	if m.SessionID == "" || m.From == "" {
		return m, core.Errorf(core.Invalid, "CallSid, From and To are required")
	}
	return m, nil
}

// origin is what Twilio knows of where a caller is; nil when it knows nothing.
func origin(form url.Values) map[string]any {
	var found map[string]any
	for name, field := range map[string]string{"country": "FromCountry", "region": "FromState", "city": "FromCity"} {
		if value := form.Get(field); value != "" {
			if found == nil {
				found = map[string]any{}
			}
			found[name] = value
		}
	}
	return found
}

// pressed makes a message of the keys that a person pressed. There is none when the time for a key is over, and an empty
// one when the key that ends the input came first.
func pressed(form url.Values, at step, m channel.Message) channel.Received {
	typed := form.Get("Digits")
	if strings.Trim(typed, keys) != "" || typed == "" && (at.waitFor == "" || form.Get("FinishedOnKey") != at.waitFor) {
		return channel.Received{}
	}
	m.ExternalID = m.SessionID + ":" + strconv.Itoa(at.number)
	m.SessionEvent, m.Content = core.SessionResume, &typed
	return channel.Received{Messages: []channel.Message{m}}
}

// changed makes of a call's status what it means for the message that placed the call, and the end of the session when
// there was one.
func (a *adapter) changed(form url.Values, messageID string, m channel.Message) (channel.Received, error) {
	got := channel.Received{Answer: &channel.Answer{}}
	word := form.Get("CallStatus")
	placed := strings.HasPrefix(form.Get("Direction"), "outbound") || messageID != ""
	update := channel.StatusUpdate{ExternalID: m.SessionID, MessageID: messageID, Address: m.From}
	switch word {
	case "queued", "initiated", "ringing":
		update.Status = core.Sent // Twilio has it: that settles a call of unknown fate
	case "in-progress", "answered", "completed":
		update.Status = core.Delivered
	case "busy", "no-answer", "failed", "canceled":
		update.Status, update.Reason = core.Failed, word
		if code := form.Get("SipResponseCode"); code != "" {
			update.Reason += ": SIP " + code
		}
	default:
		return channel.Received{}, core.Errorf(core.Invalid, "CallStatus %q is not known", word)
	}
	if placed {
		got.Statuses = []channel.StatusUpdate{update}
	}
	if word == "completed" || update.Status == core.Failed {
		a.calls.end(m.SessionID)
		if word == "completed" || !placed { // a call that nobody answered was no session
			got.Messages = []channel.Message{ended(form, word, m)}
		}
	}
	return got, nil
}

// ended is the close of a session, with how it ended.
func ended(form url.Values, word string, m channel.Message) channel.Message {
	m.ExternalID, m.SessionEvent = m.SessionID+":end", core.SessionClose
	m.Metadata = map[string]any{"outcome": word}
	if seconds, err := strconv.Atoi(form.Get("CallDuration")); err == nil {
		m.Metadata["duration_seconds"] = seconds
	}
	return m
}
