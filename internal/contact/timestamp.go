package contact

import (
	"strings"
	"time"

	"indaba/internal/core"
)

// TimeLayout is how times stand in records: UTC, without zone, always six digits.
const TimeLayout = "2006-01-02 15:04:05.000000"

// FormatTime returns a time as it stands in records.
func FormatTime(t time.Time) string { return t.UTC().Format(TimeLayout) }

// dateLayouts and clockLayouts are the forms of ISO 8601 that are read; a fraction may follow seconds.
var (
	dateLayouts  = []string{"2006-01-02", "20060102", "2006-01", "2006"}
	clockLayouts = []string{"15:04:05", "15:04", "150405", "1504", "15"}
)

// ParseTime reads a date or date-time in the forms of docs/spec/vumi-http.md 3.1. A zone is dropped, not converted; what
// goes beyond microseconds is cut off.
func ParseTime(text string) (time.Time, error) {
	wrong := core.Errorf(core.Invalid, "Timestamp field expects a datetime or an iso8601 formatted string.")
	date, clock := text, ""
	if i := strings.IndexAny(text, "T "); i >= 0 {
		date, clock = text[:i], text[i+1:]
		if clock = dropZone(clock); clock == "" {
			return time.Time{}, wrong
		}
	}
	day, ok := parseAny(date, dateLayouts)
	if !ok || day.Year() == 0 { // which Python has no time for
		return time.Time{}, wrong
	}
	if clock == "" {
		return day, nil
	}
	at, ok := parseAny(clock, clockLayouts)
	if !ok {
		return time.Time{}, wrong
	}
	return time.Date(day.Year(), day.Month(), day.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond(),
		time.UTC).Truncate(time.Microsecond), nil
}

func parseAny(text string, layouts []string) (time.Time, bool) {
	for _, layout := range layouts {
		if t, err := time.Parse(layout, text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// dropZone cuts Z, ±HH, ±HHMM or ±HH:MM off a time of day.
func dropZone(clock string) string {
	if rest, found := strings.CutSuffix(clock, "Z"); found {
		return rest
	}
	i := strings.LastIndexAny(clock, "+-")
	if i < 0 {
		return clock
	}
	for _, layout := range []string{"15", "1504", "15:04"} {
		if _, err := time.Parse(layout, clock[i+1:]); err == nil {
			return clock[:i]
		}
	}
	return clock
}
