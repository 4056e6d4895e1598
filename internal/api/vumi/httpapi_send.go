package vumi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"indaba/internal/api"
	"indaba/internal/bot/httpbot"
	"indaba/internal/core"
	"indaba/internal/optout"
)

// sendMessage is PUT messages.json: a message of the application's own, or a reply to one that the conversation got. It
// waits in line once it is there whole, so that a slow client holds up nobody. The order of the checks is that of
// docs/spec/vumi-http.md 9.2.
func (f *face) sendMessage(w http.ResponseWriter, t *talk) error {
	text, err := t.Body()
	if err != nil {
		return err
	}
	leave, err := f.sending.Enter(t.Context(), t.bot.Account)
	if err != nil {
		return err
	}
	defer leave()
	var value json.RawMessage
	if api.Parse(text, &value) != nil {
		return invalid("Invalid Message")
	}
	fields, ok := api.Object(value)
	if !ok {
		return invalid("Invalid Message")
	}
	p := &payload{fields: fields}
	out := httpbot.Outgoing{}
	if truthy(fields["in_reply_to"]) {
		if err := f.readReply(t, p, &out); err != nil {
			return err
		}
	} else if err := f.readOwn(t, p, &out); err != nil {
		return err
	}
	if err := p.complaint(out.Content, t.settings.ContentLimit); err != nil {
		return err
	}
	sent, err := f.Conversations.Send(t.Context(), t.bot, t.settings, out)
	return writeRecord(w, sent, err)
}

// readReply reads a reply. It reaches people who have opted out, and goes where the original came from.
func (f *face) readReply(t *talk, p *payload, out *httpbot.Outgoing) error {
	id, ok := p.text("in_reply_to")
	if !ok {
		return invalid("Invalid in_reply_to value")
	}
	original, err := f.Conversations.Original(t.Context(), t.bot, id)
	if err != nil && core.KindOf(err) == core.NotFound {
		return invalid("Invalid in_reply_to value")
	}
	out.ReplyTo = original
	p.shared(out)
	return err
}

// readOwn reads a message to anybody who has not opted out. By which channel it will leave, and so how its people are
// addressed, is not known yet but from to_addr_type.
func (f *face) readOwn(t *talk, p *payload, out *httpbot.Outgoing) error {
	kind, kindKnown := "msisdn", true
	if p.given("to_addr_type") {
		if kind, kindKnown = p.text("to_addr_type"); !kindKnown {
			p.refuse("to_addr_type")
		}
	}
	to, known := p.text("to_addr")
	if !known || to == "" {
		p.refuse("to_addr")
	} else if kindKnown {
		reason, err := f.gate.Refusal(t.Context(), t.bot.Account, kind, to)
		if err != nil {
			return err
		}
		if reason != "" {
			return invalid("%s", reason)
		}
		if kind == optout.Phone && !core.OneRecipient(strings.TrimSpace(to)) {
			p.refuse("to_addr")
		}
	}
	out.To = to
	p.shared(out)
	return nil
}

// payload is what an application wants sent, with what is wrong in it.
type payload struct {
	fields map[string]json.RawMessage
	wrong  []string // names of fields
}

func (p *payload) refuse(name string) { p.wrong = append(p.wrong, name) }

// given reports whether a field is there and not null.
func (p *payload) given(name string) bool {
	value, ok := p.fields[name]
	return ok && string(value) != "null"
}

// text returns a field that is a text which can be stored.
func (p *payload) text(name string) (text string, ok bool) {
	if !p.given(name) || json.Unmarshal(p.fields[name], &text) != nil {
		return "", false
	}
	return text, core.Storable(text) == text
}

// shared reads the fields that replies and other messages have in common.
func (p *payload) shared(out *httpbot.Outgoing) {
	if p.given("content") {
		if text, ok := p.text("content"); ok {
			out.Content = &text
		} else {
			p.refuse("content")
		}
	}
	if p.given("session_event") {
		text, ok := p.text("session_event")
		out.SessionEvent = core.SessionEvent(text)
		if !ok || !slices.Contains([]core.SessionEvent{core.SessionNew, core.SessionResume, core.SessionClose}, out.SessionEvent) {
			p.refuse("session_event")
		}
	}
	if p.given("helper_metadata") {
		p.metadata(out)
	}
}

// metadata lets through what channels understand, and nothing that the platform says itself.
func (p *payload) metadata(out *httpbot.Outgoing) {
	members, ok := api.Object(p.fields["helper_metadata"])
	if !ok || !keepable(p.fields["helper_metadata"]) {
		p.refuse("helper_metadata")
		return
	}
	out.Metadata = map[string]json.RawMessage{}
	for _, name := range []string{"voice", "load_balancer"} {
		if value, ok := members[name]; ok && string(value) != "null" {
			out.Metadata[name] = value
		}
	}
}

// maxNesting bounds how deep objects and lists in metadata stand in one another: what a request may just hold could not be
// read again inside of something else.
const maxNesting = 100

// keepable reports whether JSON can be stored, and read again by whoever it is shown to: 1e999 is no number for many.
func keepable(value json.RawMessage) bool {
	decoder := json.NewDecoder(bytes.NewReader(value))
	for depth := 0; depth <= maxNesting; {
		token, err := decoder.Token()
		if err != nil {
			return errors.Is(err, io.EOF) // and not that a number is too large
		}
		switch token := token.(type) {
		case string:
			if core.Storable(token) != token {
				return false
			}
		case json.Delim:
			if token == '{' || token == '[' {
				depth++
			} else {
				depth--
			}
		}
	}
	return false
}

// complaint puts all that is wrong into one error: the fields in order of their names, the length last.
func (p *payload) complaint(content *string, limit *int) error {
	slices.Sort(p.wrong)
	var reasons []string
	for _, name := range slices.Compact(p.wrong) {
		reasons = append(reasons, "Invalid or missing value for payload key '"+name+"'")
	}
	if content != nil && limit != nil {
		if n := utf8.RuneCountInString(*content); n > *limit {
			reasons = append(reasons, fmt.Sprintf("Payload content too long: %d > %d", n, *limit))
		}
	}
	switch len(reasons) {
	case 0:
		return nil
	case 1:
		return invalid("%s", reasons[0])
	}
	return invalid("Errors:\n* %s", strings.Join(reasons, "\n* "))
}

// truthy reports whether Python takes a value for true; one that is absent is not.
func truthy(value json.RawMessage) bool {
	var decoded any
	if len(value) == 0 || json.Unmarshal(value, &decoded) != nil {
		return false
	}
	switch v := decoded.(type) {
	case bool:
		return v
	case float64:
		return v != 0
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	return false
}
