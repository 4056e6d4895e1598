package sandbox

import (
	"context"
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"indaba/internal/contact"
	"indaba/internal/metric"
)

// metricsFire is metrics.fire: one value for a metric in a store of the account (docs/spec/vumi-sandbox.md 9.6).
func (h *host) metricsFire(ctx context.Context, a args) (fields, error) {
	store := "default"
	var err error
	if a.has("store") {
		if store, err = metricName(a, "store"); err != nil {
			return nil, err
		}
	}
	name, err := metricName(a, "metric")
	if err != nil {
		return nil, err
	}
	value, ok := metricValue(a)
	if !ok {
		return nil, fail("Invalid metric value %s.", a.repr("value"))
	}
	aggregator, _ := a.text("agg")
	if !metric.IsAggregator(aggregator) {
		return nil, fail("Invalid metric aggregator %s.", a.repr("agg"))
	}
	return nil, h.deps.Metrics.Fire(ctx, h.turn.Bot.Account, []metric.Point{
		{Name: metric.StoreName(store, name, aggregator), Value: value, At: h.deps.Now()},
	})
}

// metricName returns the name of a metric or a store.
func metricName(a args, kind string) (string, error) {
	if a.null(kind) {
		return "", fail("Missing %s name.", kind)
	}
	name, isText := a.text(kind)
	if !isText {
		return "", fail("Invalid type for %s name: %s", kind, a.repr(kind))
	}
	if !metric.IsPlainName(name) {
		return "", fail("Invalid %s name: %s.", kind, a.repr(kind))
	}
	return name, nil
}

// metricValue returns the value of a metric: a number, or a text that is one.
func metricValue(a args) (float64, bool) {
	text, isText := a.text("value")
	if !isText {
		text = string(a["value"])
		if text == "" || !strings.ContainsRune("-0123456789", rune(text[0])) {
			return 0, false
		}
	}
	value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	return value, err == nil && math.Abs(value) <= metric.MaxValue
}

// repr returns a member as the error texts of Vumi show it.
func (a args) repr(name string) string {
	if !a.has(name) {
		return contact.PythonRepr(json.RawMessage("null"))
	}
	return contact.PythonRepr(a[name])
}
