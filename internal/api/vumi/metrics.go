package vumi

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"indaba/internal/api"
	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/metric"
)

// fired is one line of the answer to POST /metrics/.
type fired struct {
	Name       string  `json:"name"`
	Value      float64 `json:"value"`
	Aggregator string  `json:"aggregator"`
}

// fireMetrics is POST /metrics/: all that is in the body, or nothing (docs/spec/vumi-http.md 6.2).
func (f *face) fireMetrics(w http.ResponseWriter, r *api.Request) error {
	value, err := body(r)
	if err != nil {
		return err
	}
	values, ok := api.Object(value)
	if !ok {
		return invalid("Invalid query %s, should be dict, not %s", contact.PythonRepr(value), pythonType(value))
	}
	points, answer := []metric.Point{}, []fired{}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		aggregator, err := metric.Aggregator(name)
		if err != nil {
			return err
		}
		number, ok := parseNumber(values[name])
		if !ok {
			return invalid("%s is not a valid metric value,should be a floating point number",
				contact.PythonRepr(values[name]))
		}
		points = append(points, metric.Point{Name: name, Value: number})
		answer = append(answer, fired{name, number, aggregator})
	}
	return writeRecord(w, answer, f.Metrics.Fire(r.Context(), r.Account(), points))
}

// parseNumber reads a JSON number, or a text that is one. There is no NaN and no infinity: nobody could read them back.
func parseNumber(value json.RawMessage) (number float64, ok bool) {
	var text string
	if json.Unmarshal(value, &number) == nil && string(value) != "null" {
		return number, true
	}
	if json.Unmarshal(value, &text) != nil {
		return 0, false
	}
	text = strings.TrimSpace(text)
	if strings.Trim(text, "0123456789.eE+-") != "" { // Go reads more forms than Python
		return 0, false
	}
	number, err := strconv.ParseFloat(text, 64)
	return number, err == nil
}

// pythonType returns how Python 2 names the type of a value that is no object.
func pythonType(value json.RawMessage) string {
	name := "int"
	switch value[0] {
	case '[':
		name = "list"
	case '"':
		name = "unicode"
	case 't', 'f':
		name = "bool"
	case 'n':
		name = "NoneType"
	default:
		if strings.ContainsAny(string(value), ".eE") {
			name = "float"
		} else if _, err := strconv.ParseInt(string(value), 10, 64); err != nil {
			name = "long"
		}
	}
	return "<type '" + name + "'>"
}

// point is one value of an answer: milliseconds since 1970, and a number or null.
type point struct {
	X int64    `json:"x"`
	Y *float64 `json:"y"`
}

// readMetrics is GET /metrics/ (docs/spec/vumi-http.md 6.3). A metric that was never fired has no entry.
func (f *face) readMetrics(w http.ResponseWriter, r *api.Request) error {
	query, err := r.Query()
	if err != nil {
		return err
	}
	request, err := f.metricRequest(query)
	if err != nil {
		return err
	}
	nulls := or(last(query, "nulls"), "zeroize")
	if !slices.Contains([]string{"zeroize", "omit", "keep"}, nulls) {
		return invalid("Unrecognised null parser '%s'", nulls)
	}
	names := query["m"]
	for _, name := range names {
		if _, err := metric.Aggregator(name); err != nil {
			return err
		}
	}
	answer := map[string][]point{}
	for _, name := range names {
		request.Name = name
		buckets, found, err := f.Metrics.Read(r.Context(), r.Account(), request)
		if err != nil {
			return err
		}
		if found {
			answer[name] = pointsOf(buckets, nulls)
		}
	}
	return writeRecord(w, answer, nil)
}

// metricRequest reads times and interval, and refuses what would be too much before anything is read.
func (f *face) metricRequest(query url.Values) (request metric.Request, err error) {
	now := f.Now()
	if request.From, err = parseTime(given(query, "from", "-24h"), now); err != nil {
		return request, err
	}
	if request.Until, err = parseTime(given(query, "until", "-0s"), now); err != nil {
		return request, err
	}
	if request.Interval, err = parseInterval(given(query, "interval", "1hour")); err != nil {
		return request, err
	}
	request.AlignToFrom = last(query, "align_to_from") == "true"
	seconds := request.Until.Unix() - request.From.Unix()
	wanted := max(seconds, -seconds) / int64(request.Interval/time.Second) * int64(max(1, len(query["m"])))
	if wanted > f.MaxPoints {
		return request, core.Errorf(core.Invalid, "%d data points requested, maximum allowed is %d", wanted, f.MaxPoints)
	}
	return request, nil
}

// pointsOf returns the buckets as the wire has them, nulls done away with as asked for.
func pointsOf(buckets []metric.Bucket, nulls string) []point {
	list := make([]point, 0, len(buckets))
	for _, b := range buckets {
		if b.Value == nil && nulls == "omit" {
			continue
		}
		if b.Value == nil && nulls == "zeroize" {
			b.Value = new(float64)
		}
		list = append(list, point{b.Start.UnixMilli(), b.Value})
	}
	return list
}

// given returns a parameter, or what stands for one that is absent. One that is empty is none of the two.
func given(query url.Values, name, absent string) string {
	if !query.Has(name) {
		return absent
	}
	return last(query, name)
}

// or returns the text, or what stands for a text that is absent.
func or(text, absent string) string {
	if text == "" {
		return absent
	}
	return text
}
