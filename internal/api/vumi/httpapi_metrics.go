package vumi

import (
	"encoding/json"
	"net/http"
	"strings"

	"indaba/internal/api"
	"indaba/internal/contact"
	"indaba/internal/metric"
)

// fireConversationMetrics is PUT metrics.json: a list of name, value and aggregator, all stored or none
// (docs/spec/vumi-http.md 9.6).
func (f *face) fireConversationMetrics(w http.ResponseWriter, t *talk) error {
	text, err := t.Body()
	if err != nil {
		return err
	}
	var list []json.RawMessage
	if api.Parse(text, &list) != nil || list == nil {
		return invalid("Invalid Message")
	}
	points := make([]metric.Point, len(list))
	for i, item := range list {
		if points[i], err = conversationMetric(item, t.settings.MetricStore); err != nil {
			return err
		}
	}
	err = f.Metrics.Fire(t.Context(), t.bot.Account, points)
	return writeRecord(w, verdict{true, "Metrics published"}, err)
}

// conversationMetric reads one metric.
func conversationMetric(item json.RawMessage, store string) (p metric.Point, err error) {
	var parts []json.RawMessage
	if json.Unmarshal(item, &parts) != nil || len(parts) != 3 {
		return p, invalid("%s is not a list of a metric's name, value and aggregate.", contact.PythonRepr(item))
	}
	var name, aggregator string
	if parts[0][0] != '"' || json.Unmarshal(parts[0], &name) != nil || name == "" {
		return p, invalid("%s is not a valid metric name.", contact.PythonRepr(parts[0]))
	}
	if parts[2][0] != '"' || json.Unmarshal(parts[2], &aggregator) != nil {
		return p, invalid("%s is not a valid aggregate.", contact.PythonRepr(parts[2]))
	}
	if aggregator = strings.ToLower(aggregator); !metric.IsAggregator(aggregator) {
		// A plain text here, not one of Python's unicode strings.
		return p, invalid("%s is not a valid aggregate.", strings.TrimPrefix(contact.PythonRepr(parts[2]), "u"))
	}
	value, ok := parseNumber(parts[1])
	if !ok {
		return p, invalid("%s is not a valid metric value.", contact.PythonRepr(parts[1]))
	}
	return metric.Point{Name: metric.StoreName(store, name, aggregator), Value: value}, nil
}
