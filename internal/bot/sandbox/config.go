package sandbox

import (
	"context"
	"encoding/json"
	"slices"
)

// configGet is config.get: the text of a key of the configuration, or null (docs/spec/vumi-sandbox.md 9.1).
func (h *host) configGet(_ context.Context, a args) (fields, error) {
	if a.null("key") {
		return nil, errUnexplained
	}
	key, _ := a.text("key")
	if value, ok := h.turn.Config[key]; ok {
		return fields{"value": value}, nil
	}
	return fields{"value": nil}, nil
}

// settings are what the platform itself reads of the app's config (docs/spec/vumi-sandbox.md 8).
type settings struct {
	ProcessEvents bool
	DeliveryClass string
	endpoints     []string // besides default, sorted
}

// readSettings reads the key "config". What has another shape than expected is as good as absent: the app may have its
// own use for the name.
func readSettings(config map[string]string) settings {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(config["config"]), &members) != nil {
		return settings{DeliveryClass: defaultClass}
	}
	a := args(members)
	s := settings{DeliveryClass: defaultClass}
	s.ProcessEvents = string(a["process_events"]) == "true"
	if class, ok := a.text("delivery_class"); ok && class != "" {
		s.DeliveryClass = class
	}
	if endpoints, ok := a.object("endpoints"); ok {
		for name := range endpoints {
			s.endpoints = append(s.endpoints, name)
		}
	}
	var tag []string
	if json.Unmarshal(a["sms_tag"], &tag) == nil && len(tag) == 2 {
		s.endpoints = append(s.endpoints, tag[0]+":"+tag[1])
	}
	slices.Sort(s.endpoints)
	s.endpoints = slices.Compact(s.endpoints)
	return s
}

// defaultClass is the delivery class of an app that names none.
const defaultClass = "ussd"
