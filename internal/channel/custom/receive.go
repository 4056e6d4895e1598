package custom

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// inbound is a message from a person as the peer writes it.
type inbound struct {
	ID           string            `json:"id"`
	From         string            `json:"from"`
	To           string            `json:"to"`
	Name         string            `json:"name"`
	Text         *string           `json:"text"`
	Attachments  []map[string]any  `json:"attachments"`
	Location     map[string]any    `json:"location"`
	Payload      any               `json:"payload"`
	SessionEvent core.SessionEvent `json:"session_event"`
	SessionID    string            `json:"session_id"`
	Group        string            `json:"group"`
	Timestamp    timestamp         `json:"timestamp"`
}

// timestamp is a time in RFC 3339, or in seconds since 1970 as a number or text.
type timestamp struct{ time.Time }

// UnmarshalJSON reads a timestamp.
func (t *timestamp) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `"`)
	if text == "" || text == "null" {
		return nil
	}
	if seconds, err := strconv.ParseFloat(text, 64); err == nil && seconds >= 0 && seconds < 1e11 {
		t.Time = time.UnixMicro(int64(seconds * 1e6)).UTC()
		return nil
	}
	parsed, err := time.Parse(time.RFC3339, text)
	t.Time = parsed.UTC()
	return err
}

// Receive takes messages at receive, or the channel's bare URL, and delivery reports at status.
func (a *adapter) Receive(_ context.Context, r *channel.Request) (channel.Received, error) {
	if err := a.verify(r); err != nil {
		return channel.Received{}, err
	}
	switch r.Path {
	case "", "receive":
		return a.receiveMessage(r.Body)
	case "status":
		return a.receiveStatus(r.Body)
	default:
		return channel.Received{}, core.Errorf(core.NotFound, "post messages to receive and delivery reports to status")
	}
}

func (a *adapter) receiveMessage(body []byte) (channel.Received, error) {
	var in inbound
	if err := json.Unmarshal(body, &in); err != nil {
		return channel.Received{}, core.Errorf(core.Invalid, "the body is not the JSON of a message: %v", err)
	}
	m, err := in.message()
	if err != nil {
		return channel.Received{}, err
	}
	return channel.Received{
		Messages:  []channel.Message{m},
		Answer:    &channel.Answer{ContentType: jsonType, Body: []byte(`{"id":"{id}"}`)},
		Duplicate: &channel.Answer{Status: http.StatusConflict, ContentType: jsonType, Body: []byte(`{"error":"duplicate id"}`)},
	}, nil
}

func (in *inbound) message() (channel.Message, error) {
	m := channel.Message{
		ExternalID:   in.ID,
		From:         strings.TrimSpace(in.From),
		To:           in.To,
		Name:         in.Name,
		Content:      in.Text,
		SessionEvent: in.SessionEvent,
		SessionID:    in.SessionID,
		Group:        in.Group,
		At:           in.Timestamp.Time,
	}
	switch in.SessionEvent {
	case core.SessionNone, core.SessionNew, core.SessionResume, core.SessionClose:
	default:
		return m, core.Errorf(core.Invalid, "session_event must be new, resume or close")
	}
	switch {
	case m.From == "":
		return m, core.Errorf(core.Invalid, "from is required")
	case m.ExternalID == "":
		return m, core.Errorf(core.Invalid, "id is required: without one a repeated request cannot be told from a new one")
	}
	m.Metadata = in.metadata()
	if m.Content == nil && m.Metadata == nil && m.SessionEvent == core.SessionNone {
		return m, core.Errorf(core.Invalid, "one of text, attachments, location, payload and session_event is required")
	}
	return m, nil
}

// metadata holds what a message has beside its text; nil when there is nothing.
func (in *inbound) metadata() map[string]any {
	found := map[string]any{}
	if len(in.Attachments) > 0 {
		found["attachments"] = in.Attachments
	}
	if in.Location != nil {
		found["location"] = in.Location
	}
	if in.Payload != nil {
		found["payload"] = in.Payload
	}
	if len(found) == 0 {
		return nil
	}
	return found
}

func (a *adapter) receiveStatus(body []byte) (channel.Received, error) {
	var report struct {
		ID         string `json:"id"`
		ExternalID string `json:"external_id"`
		Status     string `json:"status"`
		Error      string `json:"error"`
	}
	if err := json.Unmarshal(body, &report); err != nil {
		return channel.Received{}, core.Errorf(core.Invalid, "the body is not the JSON of a delivery report: %v", err)
	}
	if report.ID == "" && report.ExternalID == "" {
		return channel.Received{}, core.Errorf(core.Invalid, "id is required")
	}
	status, ok := core.ParseStatus(report.Status)
	if !ok || status < core.Sent {
		return channel.Received{}, core.Errorf(core.Invalid, "status must be sent, delivered, read or failed")
	}
	return channel.Received{Statuses: []channel.StatusUpdate{
		{MessageID: report.ID, ExternalID: report.ExternalID, Status: status, Reason: report.Error},
	}}, nil
}
