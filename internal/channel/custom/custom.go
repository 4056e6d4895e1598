// Package custom is the channel for systems that speak Indaba's own protocol: signed JSON over HTTP, both ways
// (docs/spec/channels.md 9). The peer drops repeated messages by their Idempotency-Key. For systems that have an HTTP
// protocol of their own, see package generic.
package custom

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"indaba/internal/channel"
	"indaba/internal/core"
)

const jsonType = "application/json"

// Type describes the custom channel.
func Type() channel.Type {
	return channel.Type{
		Name:          "custom",
		Title:         "Custom HTTP",
		Help:          "Your own system: it gets messages as signed JSON at its URL, and posts signed JSON to Indaba's.",
		Transport:     "http_api",
		DeliveryClass: "sms",
		Idempotent:    true,
		Settings: slices.Concat([]channel.Setting{
			{Name: "base_url", Title: "URL", Kind: channel.URL, Required: true,
				Help: "Where messages to people are posted."},
			{Name: "secret", Title: "Secret", Kind: channel.Text, Required: true, Secret: true,
				Help: "Both sides sign with it: a long random word."},
			{Name: "headers", Title: "Headers", Kind: channel.JSON, Secret: true,
				Help: `Further headers of each request, such as {"Authorization": "Bearer …"}.`},
			{Name: "transport_type", Title: "Transport type", Kind: channel.Text, Default: "http_api",
				Help: "What bots see as transport_type: sms, ussd, http_api, …"},
			{Name: "delivery_class", Title: "Delivery class", Kind: channel.Text, Default: "sms",
				Help: "Which address of a contact the channel uses: sms, ussd, wechat, …"},
		}, channel.DeliverySettings()),
		New: newAdapter,
	}
}

type adapter struct {
	config  channel.Config
	headers map[string]string
}

func newAdapter(c channel.Config) (channel.Adapter, error) {
	a := &adapter{config: c}
	if text := c.Settings["headers"]; text != "" {
		if json.Unmarshal([]byte(text), &a.headers) != nil {
			return nil, core.Errorf(core.Invalid, "headers must be a JSON object whose values are strings")
		}
	}
	for name, value := range a.headers {
		if !validHeader(name, value) {
			return nil, core.Errorf(core.Invalid, "headers: %q cannot be sent as a header", name)
		}
	}
	return a, nil
}

func validHeader(name, value string) bool {
	return name != "" && !strings.ContainsAny(name, " \t\r\n:\x00") && !strings.ContainsAny(value, "\r\n\x00")
}

// Transport follows the settings.
func (a *adapter) Transport() (transportType, deliveryClass string) {
	return a.config.Settings["transport_type"], a.config.Settings["delivery_class"]
}

// sign returns the value of X-Signature.
func (a *adapter) sign(timestamp string, body []byte) []byte {
	return channel.HMACSHA256(a.config.Settings["secret"], []byte(timestamp+"."), body)
}

// verify checks timestamp and signature of a request over its raw body.
func (a *adapter) verify(r *channel.Request) error {
	timestamp := r.Header.Get("X-Timestamp")
	signature, versioned := strings.CutPrefix(r.Header.Get("X-Signature"), "v1=")
	if !versioned || !channel.SameHex(a.sign(timestamp, r.Body), signature) {
		return core.Errorf(core.Unauthenticated, "X-Signature must be v1= and the HMAC-SHA256 of timestamp, dot and body")
	}
	if err := channel.CheckFresh(timestamp, a.config.Now()); err != nil {
		return err
	}
	if r.Method != http.MethodPost {
		return core.Errorf(core.Invalid, "use POST")
	}
	return nil
}
