package vumiwire

import (
	"strings"

	"indaba/internal/core"
)

// The first lines of exports as CSV (docs/spec/vumi-http.md 11).
const (
	MessageHeader = "timestamp,message_id,to_addr,from_addr,in_reply_to,session_event,content,group\r\n"
	EventHeader   = "timestamp,event_id,status,user_message_id,nack_reason\r\n"
)

// cells returns what stands in a message's line of CSV.
func (m *Message) cells() []*string {
	return []*string{&m.Timestamp, &m.ID, m.To, m.From, m.InReplyTo, m.SessionEvent, m.Content, m.Group}
}

// cells returns what stands in an event's line of CSV. The status is ack, nack, or delivery_report with a full stop and its
// delivery status, as the message store counts them.
func (e *Event) cells() []*string {
	status := string(e.EventType)
	if e.EventType == core.DeliveryReport {
		status += "." + string(e.Delivery)
	}
	return []*string{&e.Timestamp, &e.ID, &status, &e.MessageID, e.Reason}
}

// guarded returns cells as they are written for spreadsheets.
func guarded(cells []*string) []*string {
	texts := make([]*string, len(cells))
	for i, cell := range cells {
		if cell != nil {
			texts[i] = new(core.GuardFormula(*cell))
		}
	}
	return texts
}

// line writes cells as RFC 4180 has it; nil is empty. Package encoding/csv would change line breaks inside of them.
func line(cells []*string) []byte {
	var b []byte
	for i, field := range cells {
		if i > 0 {
			b = append(b, ',')
		}
		switch {
		case field == nil:
		case strings.ContainsAny(*field, "\",\r\n"):
			b = append(b, '"')
			b = append(b, strings.ReplaceAll(*field, `"`, `""`)...)
			b = append(b, '"')
		default:
			b = append(b, *field...)
		}
	}
	return append(b, "\r\n"...)
}
