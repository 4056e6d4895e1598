package core

// Line is what the way of a message needs to know of the channel that it came in by or goes out by.
type Line struct {
	Address       string // ours on the channel
	TransportType string // in Vumi's words: sms, ussd, voice, wechat, …
	DeliveryClass string // which address of a contact the channel uses (docs/spec/vumi-sandbox.md 10)
	// KeepsKeywords says that opt-out keywords mean nothing on the channel: bots get them like any other text.
	KeepsKeywords bool
	// Unroutable is what a person is told whose message no bot gets; nil for nothing.
	Unroutable *string
}
