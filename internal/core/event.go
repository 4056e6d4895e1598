package core

import "time"

// EventType is what an event says about an outbound message (docs/spec/vumi-sandbox.md 5).
type EventType string

// The event types.
const (
	Ack            EventType = "ack"             // the provider took the message
	Nack           EventType = "nack"            // it will not be sent; Reason says why
	DeliveryReport EventType = "delivery_report" // Delivery says how far it came
)

// Delivery is what a delivery report says.
type Delivery string

// The delivery states.
const (
	DeliveryPending   Delivery = "pending"
	DeliveryFailed    Delivery = "failed"
	DeliveryDelivered Delivery = "delivered"
)

// Event tells a bot or an integration what became of an outbound message.
type Event struct {
	ID            string    `json:"event_id"`
	Type          EventType `json:"event_type"`
	MessageID     string    `json:"user_message_id"`
	SentMessageID string    `json:"sent_message_id,omitempty"` // the provider's id, on ack
	Reason        string    `json:"nack_reason,omitempty"`
	Delivery      Delivery  `json:"delivery_status,omitempty"`
	At            time.Time `json:"timestamp"`
}
