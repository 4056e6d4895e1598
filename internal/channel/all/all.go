// Package all is the one list of the channel types that Indaba has. A new adapter is added here and nowhere else.
package all

import (
	"indaba/internal/channel"
	"indaba/internal/channel/custom"
	"indaba/internal/channel/generic"
	"indaba/internal/channel/simulator"
	smsafricastalking "indaba/internal/channel/sms/africastalking"
	smstwilio "indaba/internal/channel/sms/twilio"
	ussdafricastalking "indaba/internal/channel/ussd/africastalking"
	voicetwilio "indaba/internal/channel/voice/twilio"
)

// Types returns every channel type, sorted by name, with the settings that all have.
func Types() []channel.Type {
	types := []channel.Type{
		custom.Type(),
		generic.Type(),
		simulator.Type(),
		smsafricastalking.Type(),
		smstwilio.Type(),
		ussdafricastalking.Type(),
		voicetwilio.Type(),
	}
	for i := range types {
		types[i].Settings = append(types[i].Settings, channel.InboundSettings()...)
	}
	return types
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
