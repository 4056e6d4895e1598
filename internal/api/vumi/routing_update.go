package vumi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"indaba/internal/api"
	"indaba/internal/contact"
	"indaba/internal/routing"
)

// updateRoutingTable replaces the whole table by the entries of the one given; the first entry that is wrong rejects all
// (docs/spec/vumi-http.md 7.2).
func (f *face) updateRoutingTable(ctx context.Context, account string, params []json.RawMessage) (any, error) {
	given, err := linksOf(params[1])
	if err != nil {
		return nil, err
	}
	n, err := f.network(ctx, account)
	if err != nil {
		return nil, err
	}
	entries := make([]routing.Entry, 0, len(given))
	for _, link := range given {
		e, wrong := n.entry(link)
		if wrong != "" {
			return nil, &fault{"InvalidRoutingTable", http.StatusBadRequest, wrong}
		}
		entries = append(entries, e)
	}
	return nil, f.Routes.Replace(ctx, account, entries)
}

// link is an entry as it was given.
type link struct {
	source, target       string          // uuids
	sourceRaw, targetRaw json.RawMessage // the objects, for error texts
}

// entry returns what an entry means, or what is wrong with it.
func (n *network) entry(l link) (e routing.Entry, wrong string) {
	source, ok := n.known[l.source]
	if !ok {
		return e, "Unknown source endpoint " + contact.PythonRepr(l.sourceRaw)
	}
	target, ok := n.known[l.target]
	if !ok || left(source) == left(target) {
		from, to := "inbound-receiving", "outbound-receiving"
		if left(source) {
			from, to = to, from
		}
		return e, fmt.Sprintf("Source %s endpoint %s should link to an %s endpoint but links to %s", from,
			contact.PythonRepr(l.sourceRaw), to, contact.PythonRepr(l.targetRaw))
	}
	return routing.Entry{Source: source, Target: target}, ""
}

// left reports whether an endpoint receives what goes out to people: channels, and routers on their side towards bots.
func left(e routing.Endpoint) bool { return e.Kind == routing.Channel || e.Kind == routing.RouterOut }

// linksOf returns the entries of a value that has the shape of a routing table.
func linksOf(table json.RawMessage) ([]link, error) {
	lists, _ := api.Object(table)
	var entries []map[string]json.RawMessage
	if err := json.Unmarshal(lists["routing_entries"], &entries); err != nil {
		return nil, failed("error: the routing entries cannot be read")
	}
	links := make([]link, 0, len(entries))
	for _, e := range entries {
		source, target := e["source"], e["target"]
		links = append(links, link{uuidOf(source), uuidOf(target), source, target})
	}
	return links, nil
}

// uuidOf reads the uuid of an object that has one.
func uuidOf(object json.RawMessage) (uuid string) {
	fields, _ := api.Object(object)
	_ = json.Unmarshal(fields["uuid"], &uuid) // the shape says that it is a text
	return uuid
}
