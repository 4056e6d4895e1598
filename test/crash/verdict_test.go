package crash

import (
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"indaba/internal/app"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/message"
)

// verdict is what a look at all sides found.
type verdict struct {
	w       *world
	faults  map[string][]string // by kind
	counts  map[core.Status]int // of outbound messages
	said    int
	taken   int
	twice   int // messages that a provider took twice, after they had been unknown
	doubted int // messages that were unknown at some time
}

// sent is an outbound message as the server tells of it.
type sent struct {
	*core.Message
	history []message.Change
}

func (s sent) was(status core.Status) bool {
	return slices.ContainsFunc(s.history, func(c message.Change) bool { return c.Status == status })
}

// part is what the bot wrote: which message it answers, in which run of the turn, and which part of the answer it is.
type part struct {
	text string // what it answers
	run  int
	name string
}

func parse(text string) (p part, ok bool) {
	fields := strings.Split(text, "|")
	if len(fields) != 3 {
		return p, false
	}
	run, err := strconv.Atoi(fields[1])
	return part{fields[0], run, fields[2]}, err == nil
}

// examine compares what people, providers and server say.
func (w *world) examine() *verdict {
	v := &verdict{w: w, counts: map[core.Status]int{}, faults: map[string][]string{}}
	all := w.read()
	byChannel := map[string][]sent{}
	for _, s := range all {
		byChannel[s.Channel] = append(byChannel[s.Channel], s)
		v.counts[s.Status]++
		if s.was(core.Unknown) {
			v.doubted++
		}
		switch s.Status {
		case core.Sent, core.Delivered, core.Failed, core.Unknown:
		default:
			v.fault("not final", "%s (%s) is left in state %s", s.ID, text(s), s.Status)
		}
	}
	for _, l := range w.lines {
		v.line(l, byChannel[l.channel])
	}
	v.sessions(byChannel[w.ussd])
	return v
}

// read reads every outbound message with its history.
func (w *world) read() []sent {
	w.t.Helper()
	ctx := w.t.Context()
	a, err := app.Open(ctx, w.config)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() {
		if err := a.Close(); err != nil {
			w.t.Error(err)
		}
	}()
	histories := map[string][]message.Change{}
	if _, err := db.Collect(ctx, a.DB, func(r *sql.Rows) (none struct{}, err error) {
		var id string
		var c message.Change
		err = r.Scan(&id, &c.Status, &c.Reason, &c.At)
		histories[id] = append(histories[id], c)
		return none, err
	}, "SELECT message, status, reason, at FROM status_change ORDER BY id"); err != nil {
		w.t.Fatal(err)
	}
	messages, err := a.Messages.Recent(ctx, w.account, "", 10_000_000)
	if err != nil {
		w.t.Fatal(err)
	}
	slices.Reverse(messages)
	var all []sent
	for _, m := range messages {
		if m.Direction == core.Outbound {
			all = append(all, sent{m, histories[m.ID]})
		}
	}
	return all
}

func text(s sent) string {
	if s.Content == nil {
		return ""
	}
	return *s.Content
}

func (v *verdict) fault(kind, format string, args ...any) {
	v.faults[kind] = append(v.faults[kind], fmt.Sprintf(format, args...))
}

// line judges one channel.
func (v *verdict) line(l *line, all []sent) {
	v.turns(l, all)
	v.order(l)
	times := map[string]int{}
	for _, m := range l.desk.Accepted() {
		times[m.Text]++
		v.taken++
	}
	known := map[string]bool{}
	for _, s := range all {
		known[text(s)] = true
		v.status(l, s, times[text(s)])
	}
	for t := range times {
		if !known[t] {
			v.fault("not known", "%s: the provider took %q, of which the server knows nothing", l.name, t)
		}
	}
}

// turns checks that each acknowledged message has one answer, of two parts that one run of the turn made, and that
// nothing else was answered. The runs of one member's turns follow each other.
func (v *verdict) turns(l *line, all []sent) {
	answers := map[string][]part{}
	for _, s := range all {
		p, ok := parse(text(s))
		if !ok {
			v.fault("strange", "%s: strange message %q", l.name, text(s))
		}
		answers[p.text] = append(answers[p.text], p)
	}
	for from, texts := range l.said {
		last := 0
		for _, t := range texts {
			v.said++
			parts := answers[t]
			delete(answers, t)
			slices.SortFunc(parts, func(a, b part) int { return strings.Compare(a.name, b.name) })
			if len(parts) != 2 || parts[0].name != "a" || parts[1].name != "b" || parts[0].run != parts[1].run {
				v.fault("not one whole answer", "%s: %s was acknowledged and answered with %v", l.name, t, parts)
				continue
			}
			if parts[0].run <= last {
				v.fault("turns out of order", "%s: %s: run %d of %s came after run %d", l.name, from, parts[0].run, t, last)
			}
			last = parts[0].run
		}
	}
	for t := range answers {
		v.fault("answer to nothing", "%s: %s was answered and never said, or answered twice", l.name, t)
	}
}

// order checks that the provider got each member's messages in their order.
func (v *verdict) order(l *line) {
	last := map[string]string{}
	for _, m := range l.desk.Accepted() {
		p, _ := parse(m.Text)
		now := p.text + p.name
		if now < last[m.To] {
			v.fault("messages out of order", "%s: %s got %s after %s", l.name, m.To, now, last[m.To])
		}
		last[m.To] = now
	}
}

// status checks that what the server says of a message is true.
func (v *verdict) status(l *line, s sent, taken int) {
	reported := l.reported[text(s)]
	tell := func(what string) {
		v.fault(what, "%s: %s: taken %d times, is %s (%s), reported %v, answered %s\n    history %s\n    attempts %s", l.name, text(s), taken,
			s.Status, s.StatusReason, reported, l.answers[text(s)], history(s), v.attempts(l, s))
	}
	if taken > 1 {
		v.twice++
		if !l.resends || !s.was(core.Unknown) || taken > 2 {
			tell("taken more than once")
		}
	}
	switch s.Status {
	case core.Sent:
		if taken == 0 {
			tell("says sent")
		}
		if reported["delivered"] || reported["failed"] {
			tell("forgets a report")
		}
	case core.Delivered:
		if !reported["delivered"] {
			tell("says delivered")
		}
	case core.Failed:
		if taken > 0 && !reported["failed"] {
			tell("says failed")
		}
	case core.Unknown:
		if len(reported) > 0 && !l.nameless {
			tell("was reported on")
		}
		if !v.doubtful(l, s) {
			tell("says unknown without a reason")
		}
	}
}

// doubtful reports whether an attempt at a message was cut, by the provider or by the death of the server.
func (v *verdict) doubtful(l *line, s sent) bool {
	for _, a := range l.witness.attempts(text(s)) {
		if a.cut {
			return true
		}
	}
	at := s.history[len(s.history)-1].At
	return slices.ContainsFunc(v.w.kills, func(kill time.Time) bool {
		return kill.After(s.CreatedAt) && kill.UnixMicro() < at
	})
}

// sessions judges the USSD channel: what was seen is not said to have failed, and what is said to be sent was seen.
func (v *verdict) sessions(all []sent) {
	w := v.w
	for _, s := range all {
		seen := w.screens.seen[text(s)]
		if s.Status == core.Failed && seen || (s.Status == core.Sent || s.Status == core.Delivered) && !seen {
			v.fault("ussd screen", "ussd: %s is %s (%s); seen by the caller: %v; history %s, kills %s", text(s), s.Status, s.StatusReason, seen,
				history(s), v.killsSince(s.CreatedAt))
		}
		if s.Status == core.Unknown && v.killsSince(s.CreatedAt) == "" {
			v.fault("ussd unknown", "ussd: %s is unknown without a reason: %s", text(s), s.StatusReason)
		}
		delete(w.screens.seen, text(s))
	}
	for t := range w.screens.seen {
		v.fault("ussd screen from nowhere", "ussd: %s was seen, and the server knows nothing of it", t)
	}
}

func history(s sent) (line string) {
	line = s.CreatedAt.Format("05.000") + " queued"
	for _, c := range s.history {
		line += fmt.Sprintf("; %s %s (%s)", time.UnixMicro(c.At).UTC().Format("05.000"), c.Status, c.Reason)
	}
	return line
}

func (v *verdict) attempts(l *line, s sent) (line string) {
	for _, a := range l.witness.attempts(text(s)) {
		line += fmt.Sprintf("%s cut %v; ", a.at.UTC().Format("05.000"), a.cut)
	}
	return line + "kills " + v.killsSince(s.CreatedAt)
}

func (v *verdict) killsSince(at time.Time) (line string) {
	for _, k := range v.w.kills {
		if k.After(at) && k.Before(at.Add(10*time.Second)) {
			line += k.UTC().Format("05.000") + " "
		}
	}
	return line
}

func (v *verdict) summary() string {
	s := &v.w.screens
	return fmt.Sprintf("%d messages acknowledged, %d replies taken; statuses: %d sent, %d delivered, %d failed, %d unknown; "+
		"%d were unknown at some time, %d taken twice after that; USSD sessions: %d whole, %d broken, %d with an apology",
		v.said, v.taken, v.counts[core.Sent], v.counts[core.Delivered], v.counts[core.Failed], v.counts[core.Unknown],
		v.doubted, v.twice, s.whole, s.broken, s.apologies)
}

// shown is how many faults of one kind are shown.
const shown = 5

// report fails the test for each kind of fault, and for a run in which nothing happened.
func (v *verdict) report(t *testing.T) {
	for kind, all := range v.faults {
		t.Errorf("%s: %d\n  %s", kind, len(all), strings.Join(all[:min(shown, len(all))], "\n  "))
	}
	if v.said < 500 || v.counts[core.Delivered] == 0 || v.doubted == 0 || len(v.w.kills) < 3 || v.w.screens.whole == 0 {
		t.Error("too little happened to prove anything")
	}
}
