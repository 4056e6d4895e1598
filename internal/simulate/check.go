package simulate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"indaba/internal/bot"
	"indaba/internal/contact"
	"indaba/internal/core"
)

// checkAfter compares what the conversation has left behind with what it is to leave.
func (p *player) checkAfter(ctx context.Context, last int) error {
	for _, what := range p.stage.net.complaints(true) {
		p.fail(last, "%s", what)
	}
	p.checkLog()
	a := p.conv.after
	p.checkMetrics(a)
	for _, check := range []func(context.Context, after) error{p.checkContact, p.checkKV, p.checkOptouts, p.checkSent} {
		if p.failure != nil {
			return nil
		}
		if err := check(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// checkLog looks for the lines that must be there, and for errors that must not.
func (p *player) checkLog() {
	a := p.conv.after
	for _, want := range a.log {
		if !slices.ContainsFunc(p.log, func(l bot.LogLine) bool { return strings.Contains(l.Text, want) }) {
			p.fail(a.logAt, "no line of the bot's log contains %q", want)
		}
	}
	if a.errors == nil {
		return
	}
	var errs []string
	for _, l := range p.log {
		if l.Level >= bot.Error {
			errs = append(errs, l.Text)
		}
	}
	for _, want := range a.errors {
		if !slices.ContainsFunc(errs, func(text string) bool { return strings.Contains(text, want) }) {
			p.fail(a.errorsAt, "the bot logged no error that contains %q", want)
		}
	}
	for _, text := range errs {
		if !slices.ContainsFunc(a.errors, func(want string) bool { return strings.Contains(text, want) }) {
			p.fail(a.errorsAt, "the bot logged an error that the script does not expect: %s", text)
		}
	}
}

// checkSent makes sure that what the bot sent arrived on its channel.
func (p *player) checkSent(ctx context.Context, _ after) error {
	const enough = 1000
	all, err := p.stage.app.Messages.Recent(ctx, p.scene.account, "", enough)
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.Direction == core.Outbound && m.Status == core.Failed {
			p.fail(p.conv.line, "a message to %s was not sent: %s", m.To, m.StatusReason)
		}
	}
	return nil
}

// checkMetrics compares the values that the bot fired, in order. A single value means the last one, or their sum when
// the bot fires it as a sum.
func (p *player) checkMetrics(a after) {
	for _, name := range slices.Sorted(maps.Keys(a.metrics)) {
		fired, sum := []any{}, false
		total := 0.0
		for _, c := range p.calls {
			if c.name != "metrics.fire" || !c.success || name != c.text("metric") && name != c.text("store")+"."+c.text("metric") {
				continue
			}
			value := c.number("value")
			sum = c.text("agg") == "sum"
			total += value
			fired = append(fired, value)
		}
		var got any
		want := normal(a.metrics[name])
		switch _, list := want.([]any); {
		case list:
			got = fired
		case len(fired) == 0:
			got = nil
		case sum:
			got = total
		default:
			got = fired[len(fired)-1]
		}
		if len(fired) == 0 && want != nil {
			p.fail(a.metricsAt, "metric %s was not fired, expected %s", name, compact(want))
		} else if !reflect.DeepEqual(got, want) {
			p.fail(a.metricsAt, "metric %s is %s, expected %s", name, compact(got), compact(want))
		}
	}
}

func (p *player) checkKV(ctx context.Context, a after) error {
	for _, key := range slices.Sorted(maps.Keys(a.kv)) {
		value, found, err := p.stage.app.KV.Get(ctx, p.scene.account, key)
		if err != nil {
			return err
		}
		var got any
		if found {
			got = normal(value)
		}
		if want := normal(a.kv[key]); !agrees(got, want) {
			p.fail(a.kvAt, "the key %s holds %s, expected %s", key, compact(got), compact(want))
		}
	}
	return nil
}

func (p *player) checkOptouts(ctx context.Context, a after) error {
	if !a.hasOptouts {
		return nil
	}
	for _, number := range a.optouts {
		_, found, err := p.stage.app.Optouts.Get(ctx, p.scene.account, "msisdn", number)
		if err != nil {
			return err
		}
		if !found {
			p.fail(a.optoutsAt, "%s has not opted out", number)
		}
	}
	n, err := p.stage.app.Optouts.Count(ctx, p.scene.account)
	if err == nil && int(n) != len(a.optouts) {
		p.fail(a.optoutsAt, "%s, expected %d", counted(int(n), "opt-out"), len(a.optouts))
	}
	return err
}

// checkContact compares the fields that the script names with those of the person's contact.
func (p *player) checkContact(ctx context.Context, a after) error {
	if a.contact == nil && !a.noContact {
		return nil
	}
	c, err := p.stage.app.Contacts.GetByAddress(ctx, p.scene.account, p.scene.class, p.scene.from)
	if core.KindOf(err) == core.NotFound && err != nil {
		if !a.noContact {
			p.fail(a.contactAt, "there is no contact of %s", p.scene.from)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if a.noContact {
		p.fail(a.contactAt, "there is a contact of %s, expected none", p.scene.from)
		return nil
	}
	got, err := p.contactRecord(ctx, c)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(a.contact)) {
		p.checkField(a.contactAt, name, got[name], normal(a.contact[name]))
	}
	return nil
}

// contactRecord returns a contact as JSON has it, with its groups named.
func (p *player) contactRecord(ctx context.Context, c contact.Contact) (map[string]any, error) {
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	record, _ := normal(text).(map[string]any)
	groups := []any{}
	for _, key := range c.Groups {
		g, err := p.stage.app.Contacts.GetGroup(ctx, p.scene.account, key)
		switch {
		case err == nil:
			groups = append(groups, g.Name)
		case core.KindOf(err) == core.NotFound:
			groups = append(groups, key)
		default:
			return nil, err
		}
	}
	record["groups"] = groups
	return record, nil
}

// checkField compares one field. Of extra and subscription only the names that the script lists are compared; groups may
// stand in any order.
func (p *player) checkField(at int, name string, got, want any) {
	gotMap, isMap := got.(map[string]any)
	wantMap, asMap := want.(map[string]any)
	if isMap && asMap && !isPattern(want) {
		for _, key := range slices.Sorted(maps.Keys(wantMap)) {
			p.checkField(at, name+"."+key, gotMap[key], wantMap[key])
		}
		return
	}
	if name == "groups" {
		got, want = sorted(got), sorted(want)
	}
	// What contacts keep as texts may stand as a number in the script.
	text, isText := got.(string)
	if agrees(got, want) || isText && want != nil && text == scalarText(want) {
		return
	}
	p.fail(at, "the contact's %s is %s, expected %s", name, compact(got), compact(want))
}

// isPattern reports whether an expected value is {match: PATTERN}.
func isPattern(want any) bool {
	object, _ := want.(map[string]any)
	_, isText := object["match"].(string)
	return isText && len(object) == 1
}

// agrees compares a value with what is expected: an equal value, or {match: PATTERN} for a text.
func agrees(got, want any) bool {
	text, isText := got.(string)
	if !isText || !isPattern(want) {
		return reflect.DeepEqual(got, want)
	}
	pattern, err := regexp.Compile(dotAll + want.(map[string]any)["match"].(string))
	return err == nil && pattern.MatchString(text)
}

func scalarText(value any) string {
	switch value.(type) {
	case float64, bool:
		return compact(value)
	}
	return fmt.Sprint(value)
}

func sorted(list any) any {
	all, ok := list.([]any)
	if !ok {
		return list
	}
	return slices.SortedFunc(slices.Values(all), func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
}

// compact shows a value as JSON.
func compact(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
