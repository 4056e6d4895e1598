package query

import (
	"math"
	"strings"
	"time"
)

// period is a stretch of time in microseconds since 1970 UTC, start included, end excluded.
type period struct{ start, end int64 }

// contains reports whether the value is a time whose beginning lies in the period.
func (p period) contains(value string) bool {
	t, ok := parseTime(value)
	return ok && p.start <= t.start && t.start < p.end
}

// timeLayouts are the forms of a time, by what their text leaves open.
var timeLayouts = []struct {
	layout string
	end    func(time.Time) time.Time
}{
	{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
	{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
	{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
	{"2006-01-02 15", func(t time.Time) time.Time { return t.Add(time.Hour) }},
	{"2006-01-02 15:04", func(t time.Time) time.Time { return t.Add(time.Minute) }},
	{"2006-01-02 15:04:05", func(t time.Time) time.Time { return t.Add(time.Second) }},
	{"2006-01-02 15:04:05.0", func(t time.Time) time.Time { return t.Add(100 * time.Millisecond) }},
	{"2006-01-02 15:04:05.00", func(t time.Time) time.Time { return t.Add(10 * time.Millisecond) }},
	{"2006-01-02 15:04:05.000", func(t time.Time) time.Time { return t.Add(time.Millisecond) }},
	{"2006-01-02 15:04:05.0000", func(t time.Time) time.Time { return t.Add(100 * time.Microsecond) }},
	{"2006-01-02 15:04:05.00000", func(t time.Time) time.Time { return t.Add(10 * time.Microsecond) }},
	{"2006-01-02 15:04:05.000000", func(t time.Time) time.Time { return t.Add(time.Microsecond) }},
}

// parseTime returns the period that the text of a [Time] names.
func parseTime(text string) (period, bool) {
	text = dropZone(text)
	if len(text) > len("2006-01-02") && text[len("2006-01-02")] == 'T' {
		text = text[:len("2006-01-02")] + " " + text[len("2006-01-02")+1:]
	}
	for _, form := range timeLayouts {
		if len(form.layout) != len(text) {
			continue
		}
		start, err := time.Parse(form.layout, text)
		if err != nil {
			return period{}, false
		}
		return period{start.UnixMicro(), form.end(start).UnixMicro()}, true
	}
	return period{}, false
}

// dropZone cuts Z, ±HH, ±HHMM or ±HH:MM off a time of day.
func dropZone(text string) string {
	day := len("2006-01-02")
	if len(text) <= day {
		return text
	}
	if rest, found := strings.CutSuffix(text, "Z"); found {
		return rest
	}
	if sign := strings.LastIndexAny(text[day:], "+-"); sign >= 0 {
		switch zone := text[day+sign+1:]; len(zone) {
		case len("01"), len("0100"), len("01:00"):
			if strings.Trim(zone, "0123456789:") == "" {
				return text[:day+sign]
			}
		}
	}
	return text
}

// periodOf returns the period that a test of a [Time] field stands for, if it names times.
func periodOf(l leaf) (period, bool) {
	if text, _, ok := phraseOf(l); ok {
		return parseTime(text)
	}
	r, ok := l.(Range)
	if !ok {
		return period{}, false
	}
	result := period{math.MinInt64, math.MaxInt64}
	if !r.Low.Open {
		low, ok := parseTime(r.Low.Value)
		if !ok {
			return period{}, false
		}
		result.start = low.start
		if !r.Low.Inclusive {
			result.start = low.end
		}
	}
	if !r.High.Open {
		high, ok := parseTime(r.High.Value)
		if !ok {
			return period{}, false
		}
		result.end = high.start
		if r.High.Inclusive {
			result.end = high.end
		}
	}
	return result, true
}
