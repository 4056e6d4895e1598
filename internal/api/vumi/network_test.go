package vumi

import (
	"maps"
	"slices"
	"testing"

	"indaba/internal/bot"
	"indaba/internal/gateway"
	"indaba/internal/routing"
)

func TestTitle(t *testing.T) {
	for text, want := range map[string]string{
		"apposit sms": "Apposit Sms", "vumi4u": "Vumi4U", "SMS": "Sms", "élan vital": "Élan Vital", "": "", "a-b'c": "A-B'C",
	} {
		if got := title(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestTagsOf(t *testing.T) {
	tags := tagsOf([]*gateway.Channel{
		{Key: "1", Type: "sms/twilio", Name: "a", Address: "+27"},
		{Key: "2", Type: "telegram", Name: "Our: bot"},
		{Key: "3", Type: "custom", Name: "twice", Address: "x"},
		{Key: "4", Type: "custom", Name: "also twice", Address: "x"},
		{Key: "5", Type: "custom"},
	})
	want := map[string][2]string{
		"1": {"sms_twilio", "+27"}, "2": {"telegram", "Our: bot"}, "3": {"custom", "x#3"}, "4": {"custom", "x#4"},
		"5": {"custom", "5"},
	}
	if !maps.Equal(tags, want) {
		t.Errorf("got %v, want %v", tags, want)
	}
}

// What the table holds can be named, even when nothing else knows of it; what nothing has cannot.
func TestEndpointsOfTheTable(t *testing.T) {
	n := &network{known: map[string]routing.Endpoint{}, uuids: map[routing.Endpoint]string{}, routed: map[owner][]string{}}
	old := routing.Endpoint{Kind: routing.Bot, Key: "b", Name: "old::one"}
	gone := routing.Endpoint{Kind: routing.Bot, Key: "gone", Name: "default"}
	line := routing.Endpoint{Kind: routing.Channel, Key: "c", Name: "default"}
	table := []routing.Entry{{Source: old, Target: line}, {Source: gone, Target: line}}
	for _, e := range table {
		n.note(e.Source)
		n.note(e.Target)
	}
	n.addChannels([]*gateway.Channel{{Key: "c", Type: "custom", Address: "1"}})
	n.addConversation(&bot.Bot{Key: "b", Kind: bot.Sandbox}, []string{"sms"})
	n.addEntries(table)
	var uuids []string
	for _, e := range n.conversations[0].Endpoints {
		uuids = append(uuids, e.UUID)
	}
	want := []string{"CONVERSATION:jsbox:b::default", "CONVERSATION:jsbox:b::sms", "CONVERSATION:jsbox:b::old::one"}
	if !slices.Equal(uuids, want) {
		t.Errorf("endpoints %v, want %v", uuids, want)
	}
	if len(n.entries) != 1 || n.known[n.entries[0].Source.UUID] != old || n.known[n.entries[0].Target.UUID] != line {
		t.Errorf("entries %v", n.entries)
	}
}
