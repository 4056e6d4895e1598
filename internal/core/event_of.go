package core

import (
	"crypto/sha256"
	"encoding/hex"
	"time"
)

// EventsOf returns the events that a change of an outbound message's status means (docs/spec/vumi-sandbox.md 5): the
// provider's word that it took the message is an ack, its refusal a nack, and what comes later a delivery report. An ack
// carries externalID, the provider's id of the message, or ours when there is none. The same change gives the same
// events with the same ids whenever it is asked for.
func EventsOf(message string, before, now Status, reason, externalID string, at time.Time) []Event {
	if externalID == "" {
		externalID = message
	}
	var events []Event
	taken := before.taken()
	if !taken && now.taken() {
		events = append(events, Event{Type: Ack, SentMessageID: externalID})
	}
	switch {
	case now == Failed && !taken:
		events = append(events, Event{Type: Nack, Reason: reason})
	case now == Failed:
		events = append(events, Event{Type: DeliveryReport, Delivery: DeliveryFailed})
	case now == Delivered, now == Read && before != Delivered:
		events = append(events, Event{Type: DeliveryReport, Delivery: DeliveryDelivered})
	}
	for i := range events {
		e := &events[i]
		e.ID, e.MessageID, e.At = eventID(message, e), message, at
	}
	return events
}

// taken reports whether a provider has the message.
func (s Status) taken() bool { return s == Sent || s == Delivered || s == Read }

// eventID names an event after what it says: no message has two events that say the same.
func eventID(message string, e *Event) string {
	sum := sha256.Sum256([]byte("event " + message + " " + string(e.Type) + " " + string(e.Delivery)))
	return hex.EncodeToString(sum[:16])
}
