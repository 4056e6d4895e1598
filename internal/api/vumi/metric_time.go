package vumi

import (
	"strconv"
	"strings"
	"time"

	"indaba/internal/contact"
)

// units are the words for stretches of time and their seconds (docs/spec/vumi-http.md 6.3). A month has 30 days, a year
// 365.
var units = map[string]int64{
	"s": 1, "second": 1, "seconds": 1,
	"min": 60, "mins": 60, "minute": 60, "minutes": 60,
	"h": 3600, "hour": 3600, "hours": 3600,
	"d": 86400, "day": 86400, "days": 86400,
	"w": 7 * 86400, "week": 7 * 86400, "weeks": 7 * 86400,
	"mon": 30 * 86400, "month": 30 * 86400, "months": 30 * 86400,
	"y": 365 * 86400, "year": 365 * 86400, "years": 365 * 86400,
}

// maxSpan bounds a stretch of time, in seconds: what is longer than the calendar would not fit a time.Duration.
const maxSpan = 250 * 365 * 86400

// lastSecond is the end of the year 9999.
const lastSecond = 253402300799

// parseSpan reads a count and a unit, such as 90min, as seconds.
func parseSpan(text string) (seconds int64, ok bool) {
	unit := strings.TrimLeft(text, "0123456789")
	count, err := strconv.ParseInt(strings.TrimSuffix(text, unit), 10, 64)
	size, known := units[unit]
	if err != nil || !known || count > maxSpan/size {
		return 0, false
	}
	return count * size, true
}

// parseInterval reads the width of buckets.
func parseInterval(text string) (time.Duration, error) {
	seconds, ok := parseSpan(text)
	if !ok || seconds == 0 {
		return 0, invalid("Invalid interval string: %s", contact.PythonText(text))
	}
	return time.Duration(seconds) * time.Second, nil
}

// parseTime reads a time: now and its kind, -COUNTUNIT before now, HH:MM_YYYYMMDD, YYYYMMDD, or seconds since 1970.
func parseTime(text string, now time.Time) (time.Time, error) {
	switch text {
	case "now", "today": // not midnight
		return now, nil
	case "yesterday":
		return now.Add(-24 * time.Hour), nil
	case "tomorrow":
		return now.Add(24 * time.Hour), nil
	}
	wrong := invalid("Invalid time string: %s", contact.PythonText(text))
	if span, ago := strings.CutPrefix(text, "-"); ago {
		seconds, ok := parseSpan(span)
		if !ok {
			return time.Time{}, wrong
		}
		return now.Add(-time.Duration(seconds) * time.Second), nil
	}
	if strings.Contains(text, ":") {
		at, err := time.Parse("15:04_20060102", text)
		if err != nil {
			return time.Time{}, wrong
		}
		return at, nil
	}
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return time.Time{}, wrong
	}
	if looksLikeDate(text) {
		day, err := time.Parse("20060102", text)
		if err != nil {
			return time.Time{}, wrong
		}
		return day, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds > lastSecond {
		return time.Time{}, wrong
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// looksLikeDate reports whether digits are taken for year, month and day and not for seconds, be the day real or not.
func looksLikeDate(digits string) bool {
	return len(digits) == 8 && digits[:4] > "1900" && digits[4:6] < "13" && digits[6:] < "32"
}
