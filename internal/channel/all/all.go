// Package all is the one list of the channel types that Indaba has. A new adapter is added here and nowhere else.
package all

import (
	"indaba/internal/channel"
	"indaba/internal/channel/custom"
	"indaba/internal/channel/generic"
	"indaba/internal/channel/simulator"
	smsafricastalking "indaba/internal/channel/sms/africastalking"
	"indaba/internal/channel/sms/twilio"
	ussdafricastalking "indaba/internal/channel/ussd/africastalking"
)

// Types returns every channel type, sorted by name.
func Types() []channel.Type {
	return []channel.Type{
		custom.Type(),
		generic.Type(),
		simulator.Type(),
		smsafricastalking.Type(),
		twilio.Type(),
		ussdafricastalking.Type(),
	}
}

// Type returns the type of a name; ok is false when there is none.
func Type(name string) (t channel.Type, ok bool) {
	for _, t := range Types() {
		if t.Name == name {
			return t, true
		}
	}
	return channel.Type{}, false
}
