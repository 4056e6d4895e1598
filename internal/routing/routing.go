// Package routing decides where a message goes: the routing table joins channels, routers and bots, and routers choose
// between bots. It moves no message itself.
package routing

import (
	"fmt"
	"strings"

	"indaba/internal/core"
)

// Kind is what an endpoint belongs to.
type Kind string

// The kinds of endpoints. A router has two sides: traffic from people comes in on the one and leaves, towards bots, on
// the other.
const (
	Channel   Kind = "channel"
	Bot       Kind = "bot"
	RouterIn  Kind = "router-in"
	RouterOut Kind = "router-out"
)

// Default is the endpoint name that everything has.
const Default = "default"

// Endpoint is a place that messages can be routed to or from. Its text form is "KIND:KEY:NAME".
type Endpoint struct {
	Kind Kind
	Key  string // of the channel, router or bot
	Name string
}

// String returns the text form, which [ParseEndpoint] reads.
func (e Endpoint) String() string { return string(e.Kind) + ":" + e.Key + ":" + e.Name }

// ParseEndpoint reads "KIND:KEY" or "KIND:KEY:NAME"; the name is Default when it is left out, and may contain colons.
func ParseEndpoint(text string) (Endpoint, error) {
	parts := strings.SplitN(text, ":", 3)
	e := Endpoint{Name: Default}
	switch {
	case len(parts) < 2 || parts[1] == "":
		return e, core.Errorf(core.Invalid, "%q is no endpoint: write KIND:KEY or KIND:KEY:NAME", text)
	case len(parts) == 3 && parts[2] != "":
		e.Name = parts[2]
	}
	e.Kind, e.Key = Kind(parts[0]), parts[1]
	switch e.Kind {
	case Channel, Bot, RouterIn, RouterOut:
		return e, nil
	}
	return e, core.Errorf(core.Invalid, "%q is no endpoint: its kind must be channel, bot, router-in or router-out", text)
}

// facesPeople reports whether what comes from people leaves this endpoint, and what goes to people arrives at it.
func (e Endpoint) facesPeople() bool { return e.Kind == Channel || e.Kind == RouterOut }

// Entry joins a source to a target. A source has one target; a two-way link is two entries.
type Entry struct{ Source, Target Endpoint }

// check reports what is wrong with the directions of an entry (docs/spec/vumi-http.md 7.2).
func (e Entry) check() error {
	if e.Source.facesPeople() == e.Target.facesPeople() {
		return core.Errorf(core.Invalid, "%s cannot be linked to %s: traffic from people goes from a channel or a router's "+
			"router-out side to a bot or a router's router-in side, and traffic to people the other way", e.Source, e.Target)
	}
	return nil
}

// NoRoute says that the table leads nowhere.
type NoRoute struct {
	From    Endpoint // which has no target; when Endless, where the way began
	Endless bool     // there are routes, which lead from router to router and never out
}

// Error tells which endpoint has no target.
func (n *NoRoute) Error() string {
	if n.Endless {
		return fmt.Sprintf("no route from %s comes to an end: they lead in a circle, or through more than %d routers", n.From, maxHops-1)
	}
	return fmt.Sprintf("no route from %s", n.From)
}
