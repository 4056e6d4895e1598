package vumi

import (
	"encoding/json"
	"testing"
)

// Whatever comes as a call is a call or a fault.
func FuzzCall(f *testing.F) {
	for _, text := range []string{
		`{"id": 1, "method": "campaigns", "params": []}`, `{"method": "channels", "params": [5]}`, `[]`, `{`, `{"method": "."}`,
		`{"method": "conversation.dialogue.get_poll", "params": ["a", "b", null]}`, `{"method": "router..x"}`,
		`{"method": "update_routing_table", "params": ["a", {"channels": [{"uuid": "p:t", "name": "t", "description": "d",
			"tag": ["p", "t"], "endpoints": []}], "routers": [], "conversations": [], "routing_entries":
			[{"source": {"uuid": "a::b"}, "target": {"uuid": "c::d"}}]}]}`,
	} {
		f.Add([]byte(text))
	}
	face := &face{}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, wrong := parseCall(text)
		if wrong != nil {
			return
		}
		m, wrong := face.method(c.method)
		if (m == nil) == (wrong == nil) {
			t.Fatalf("%s: method %v, fault %v", text, m, wrong)
		}
		if m == nil || m.check(c.params) != nil {
			return
		}
		if m.name == "update_routing_table" {
			if _, err := linksOf(c.params[1]); err != nil {
				t.Errorf("%s has the right shape and cannot be read: %v", text, err)
			}
		}
		if _, err := json.Marshal(reply{ID: c.id}); c.id != nil && err != nil {
			t.Errorf("%s: the id cannot be echoed: %v", text, err)
		}
	})
}
