package generic

import (
	"bytes"
	"context"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// fields looks up what the provider calls by a name.
type fields func(name string) (value string, found bool)

// Receive takes messages at the channel's URL, and delivery reports at status, as query (GET), form or JSON.
func (a *adapter) Receive(_ context.Context, r *channel.Request) (channel.Received, error) {
	path, err := a.guard.Check(r)
	if err != nil {
		return channel.Received{}, err
	}
	look, err := read(r)
	if err != nil {
		return channel.Received{}, err
	}
	switch path {
	case "", "receive":
		return a.receiveMessage(look)
	case "status":
		return a.receiveStatus(look)
	default:
		return channel.Received{}, core.Errorf(core.NotFound, "the callback URL ends in a word too many")
	}
}

func read(r *channel.Request) (fields, error) {
	switch r.Method {
	case http.MethodGet:
		return formFields(r.Query), nil
	case http.MethodPost, http.MethodPut:
	default:
		return nil, core.Errorf(core.Invalid, "use GET, POST or PUT")
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")) // what is malformed is read as a form
	if kind == jsonType {
		decoder := json.NewDecoder(bytes.NewReader(r.Body))
		decoder.UseNumber() // ids may be longer than a float is exact
		var document map[string]any
		if err := decoder.Decode(&document); err != nil {
			return nil, core.Errorf(core.Invalid, "the body is not a JSON object")
		}
		return func(name string) (string, bool) { return find(document, name) }, nil
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return nil, core.Errorf(core.Invalid, "the body is not a form")
	}
	return formFields(form), nil
}

func formFields(form url.Values) fields {
	return func(name string) (string, bool) { return form.Get(name), form.Has(name) }
}

// mapped returns the look-up by our names.
func (look fields) mapped(names map[string]string) fields {
	return func(ours string) (string, bool) {
		if names[ours] == "" {
			return "", false
		}
		return look(names[ours])
	}
}

func (look fields) text(name string) string {
	value, _ := look(name)
	return value
}

func (a *adapter) receiveMessage(look fields) (channel.Received, error) {
	in := look.mapped(a.inbound)
	m := channel.Message{
		ExternalID: in.text("id"),
		From:       channel.Phone(in.text("from")),
		To:         in.text("to"),
		Name:       in.text("name"),
		SessionID:  in.text("session_id"),
		Group:      in.text("group"),
		Provider:   in.text("provider"),
	}
	if m.From == "" {
		return channel.Received{}, core.Errorf(core.Invalid, "%s is required", a.inbound["from"])
	}
	if content, found := in("content"); found {
		m.Content = &content
	}
	if word := in.text("session_event"); word != "" {
		event, known := a.events[word]
		if !known {
			return channel.Received{}, core.Errorf(core.Invalid, "the session event %q is none of session_events", word)
		}
		m.SessionEvent = core.SessionEvent(event)
	}
	if m.Content == nil && m.SessionEvent == core.SessionNone {
		return channel.Received{}, core.Errorf(core.Invalid, "%s is required", a.inbound["content"])
	}
	return channel.Received{Messages: []channel.Message{m}, Answer: a.answer(), Duplicate: a.answer()}, nil
}

func (a *adapter) receiveStatus(look fields) (channel.Received, error) {
	in := look.mapped(a.report)
	update := channel.StatusUpdate{
		ExternalID: in.text("id"),
		MessageID:  in.text("message_id"),
		Address:    channel.Phone(in.text("address")),
		Reason:     in.text("reason"),
	}
	if update.ExternalID == "" && update.MessageID == "" {
		return channel.Received{}, core.Errorf(core.Invalid, "%s is required", a.report["id"])
	}
	word := in.text("status")
	status, known := a.statuses[word]
	if !known {
		return channel.Received{}, core.Errorf(core.Invalid, "the status %q is none of status_values", word)
	}
	if status == 0 {
		return channel.Received{Answer: a.answer()}, nil
	}
	if update.Status = status; status != core.Failed {
		update.Reason = ""
	}
	return channel.Received{Statuses: []channel.StatusUpdate{update}, Answer: a.answer()}, nil
}

func (a *adapter) answer() *channel.Answer {
	return &channel.Answer{ContentType: a.config.Settings["inbound_answer_type"],
		Body: []byte(a.config.Settings["inbound_answer"])}
}
