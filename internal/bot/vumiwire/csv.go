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

// CSV returns a message as a line of CSV. What is null is empty.
func (m *Message) CSV() []byte {
	return line(&m.Timestamp, &m.ID, m.To, m.From, m.InReplyTo, m.SessionEvent, m.Content, m.Group)
}

// CSV returns an event as a line of CSV. The status is ack, nack, or delivery_report with a full stop and its delivery
// status, as the message store counts them.
func (e *Event) CSV() []byte {
	status := string(e.EventType)
	if e.EventType == core.DeliveryReport {
		status += "." + string(e.Delivery)
	}
	return line(&e.Timestamp, &e.ID, &status, &e.MessageID, e.Reason)
}

// line writes fields as RFC 4180 has it. Package encoding/csv would change line breaks inside of them.
func line(fields ...*string) []byte {
	var b []byte
	for i, field := range fields {
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
