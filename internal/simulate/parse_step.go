package simulate

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// steps reads the steps of a conversation. The key sends of a bot step is a step of its own right behind it.
func (r *reader) steps(n *yaml.Node) []step {
	var all []step
	r.list(n, "steps", func(item *yaml.Node) {
		s := r.step(item)
		all = append(all, s)
		if s.kind == stepBot && s.hasSends {
			all = append(all, step{kind: stepSends, line: s.line, sends: s.sends, hasSends: true})
		}
	})
	if len(all) > 0 && !all[0].kind.input() {
		r.fail(n, "somebody has to begin: the first step is dial, user or push")
	}
	return all
}

// bareSteps are the steps that are a word.
func bareSteps() map[string]stepKind {
	return map[string]stepKind{"dial": stepDial, "hangup": stepHangUp, "push": stepPush}
}

func (r *reader) step(n *yaml.Node) step {
	s := step{line: n.Line, kind: -1}
	if n.Kind == yaml.ScalarNode {
		kind, ok := bareSteps()[n.Value]
		if !ok {
			r.fail(n, "%q is no step: write dial, hangup, push, or a key with a value such as user: hello", n.Value)
		}
		s.kind = kind
		return s
	}
	what := func(kind stepKind) {
		if s.kind >= 0 {
			r.fail(n, "one step does one thing: begin another item of the list")
		}
		s.kind = kind
	}
	var besides []string
	beside := func(name string) { besides = append(besides, name) }
	r.fields(n, "a step", map[string]field{
		"dial":  func(v *yaml.Node) { what(stepDial); s.text = r.text(v, "dial") },
		"user":  func(v *yaml.Node) { what(stepUser); s.text = r.text(v, "user") },
		"wait":  func(v *yaml.Node) { what(stepWait); s.text, s.wait = v.Value, r.duration(v, "wait") },
		"event": func(v *yaml.Node) { what(stepEvent); s.event = r.event(v); s.text = s.event.shown() },
		"bot":   func(v *yaml.Node) { what(stepBot); s.expect = r.expectation(n, v) },
		"sends": func(v *yaml.Node) { s.hasSends = true; s.sends = r.sends(v) },
		"on":    func(v *yaml.Node) { beside("on"); s.endpoint = r.text(v, "on") },
		"ends":  func(v *yaml.Node) { beside("ends"); s.ends = new(r.boolean(v, "ends")) },
		"segments": func(v *yaml.Node) {
			beside("segments")
			s.segments = r.whole(v, "segments", 1)
		},
	})
	if s.kind < 0 && s.hasSends {
		s.kind = stepSends
	}
	r.belongs(n, s, besides)
	return s
}

// belongs checks that what stands beside a step's own key makes sense there.
func (r *reader) belongs(n *yaml.Node, s step, besides []string) {
	fits := map[stepKind][]string{stepUser: {"on"}, stepBot: {"ends", "segments"}}
	for _, name := range besides {
		if !slices.Contains(fits[s.kind], name) {
			r.fail(n, "%q does not belong here: on stands beside user, ends and segments stand beside bot", name)
		}
	}
	switch {
	case s.kind < 0 && len(besides) == 0:
		r.fail(n, "the step says nothing to do")
	case s.hasSends && s.kind != stepSends && s.kind != stepBot:
		r.fail(n, `"sends" stands alone or beside bot`)
	case s.kind == stepBot && s.expect.none && (s.ends != nil || s.segments > 0):
		r.fail(n, "where the bot says nothing there are no ends and no segments")
	}
}

// shown is how an event stands in a transcript.
func (e eventStep) shown() string {
	return strings.Join(slices.DeleteFunc([]string{e.kind, e.status, e.reason}, func(s string) bool { return s == "" }), " ")
}

func (r *reader) event(n *yaml.Node) (e eventStep) {
	if n.Kind == yaml.ScalarNode {
		e.kind = r.choice(n, "event", "ack", "nack", "delivery")
	} else {
		r.fields(n, "event", map[string]field{
			"type":   func(n *yaml.Node) { e.kind = r.choice(n, "type", "ack", "nack", "delivery") },
			"to":     func(n *yaml.Node) { e.to = r.text(n, "to") },
			"status": func(n *yaml.Node) { e.status = r.choice(n, "status", "delivered", "failed", "pending") },
			"reason": func(n *yaml.Node) { e.reason = r.text(n, "reason") },
		})
	}
	switch {
	case e.kind == "":
		r.fail(n, "event has no type: ack, nack or delivery")
	case e.status != "" && e.kind != "delivery":
		r.fail(n, "only a delivery has a status")
	case e.reason != "" && e.kind != "nack":
		r.fail(n, "only a nack has a reason")
	}
	return e
}

// expectation reads a text, {match: PATTERN}, or null for nothing. parent is the mapping that the value stands in.
func (r *reader) expectation(parent, n *yaml.Node) (e expectation) {
	switch {
	case isNull(n):
		e.none = true
	case n.Kind == yaml.MappingNode:
		r.fields(n, "an expected text", map[string]field{
			"match": func(n *yaml.Node) { e.match = r.pattern(n, "match") },
		})
		if e.match == nil {
			r.fail(n, "an expected text is a text or {match: PATTERN}")
		}
	default:
		e.text = r.text(n, "an expected text")
		e.place = textPlace{line: n.Line, column: n.Column, parent: parent.Column, inline: parent.Style&yaml.FlowStyle != 0}
	}
	return e
}

func (r *reader) sends(n *yaml.Node) []sendExpectation {
	all := []sendExpectation{}
	r.list(n, "sends", func(item *yaml.Node) {
		s := sendExpectation{any: true}
		r.fields(item, "a send", map[string]field{
			"endpoint": func(n *yaml.Node) { s.endpoint = r.text(n, "endpoint") },
			"to":       func(n *yaml.Node) { s.to = r.text(n, "to") },
			"text":     func(n *yaml.Node) { s.expect, s.any = r.expectation(item, n), false },
		})
		all = append(all, s)
	})
	return all
}

func (r *reader) after(n *yaml.Node) (a after) {
	r.fields(n, "after", map[string]field{
		"contact": func(n *yaml.Node) {
			a.contactAt = n.Line
			if a.noContact = isNull(n); !a.noContact {
				a.contact = r.object(n, "contact")
			}
		},
		"kv":      func(n *yaml.Node) { a.kv, a.kvAt = r.object(n, "kv"), n.Line },
		"metrics": func(n *yaml.Node) { a.metrics, a.metricsAt = r.object(n, "metrics"), n.Line },
		"optouts": func(n *yaml.Node) { a.optouts, a.hasOptouts, a.optoutsAt = r.texts(n, "optouts"), true, n.Line },
		"log":     func(n *yaml.Node) { a.log, a.logAt = r.texts(n, "log"), n.Line },
		"errors":  func(n *yaml.Node) { a.errors, a.errorsAt = r.texts(n, "errors"), n.Line },
	})
	return a
}
