package vumi

import (
	"strings"
	"testing"
	"time"
)

// The grammar of times, with what the historical server's tests pin (docs/spec/vumi-http.md 6.3).
func TestParseTime(t *testing.T) {
	now := time.Date(2015, 2, 10, 12, 34, 56, 789000000, time.UTC)
	for text, want := range map[string]string{
		"now": "2015-02-10T12:34:56", "today": "2015-02-10T12:34:56",
		"yesterday": "2015-02-09T12:34:56", "tomorrow": "2015-02-11T12:34:56",
		"-0s": "2015-02-10T12:34:56", "-1s": "2015-02-10T12:34:55", "-007min": "2015-02-10T12:27:56",
		"-24h": "2015-02-09T12:34:56", "-1d": "2015-02-09T12:34:56", "-2weeks": "2015-01-27T12:34:56",
		"-1mon": "2015-01-11T12:34:56", "-1y": "2014-02-10T12:34:56",
		"12:35_20150201": "2015-02-01T12:35:00",
		"20150201":       "2015-02-01T00:00:00", "19010101": "1901-01-01T00:00:00",
		"19000101": "1970-08-08T21:48:21", "20150132": "1970-08-22T05:15:32", "20151301": "1970-08-22T05:35:01",
		"0": "1970-01-01T00:00:00", "1423571696": "2015-02-10T12:34:56",
	} {
		at, err := parseTime(text, now)
		if got := at.UTC().Format("2006-01-02T15:04:05"); err != nil || got != want {
			t.Errorf("%s: %s %v, want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "blahblah", "2015_02_01", "12:35 20150201", "6pm today", "noon tomorrow", "monday",
		"january 1", "12/31/99", "-0", "-12", "-20150101", "20150231", "20150000", "25:00_20150101", "-1m", "-1sec", "-1H",
		"- 1h", "+1h", "1h", "-h", "--1h", "NOW", " now", "1.5", "٣", "99999999999999999999", "253402300800",
		"-99999999999999999999s", "-1000000y", "-9223372036854775807s", "12:35_20150231"} {
		if at, err := parseTime(text, now); err == nil || !strings.HasPrefix(err.Error(), "Invalid time string: u'") {
			t.Errorf("%q: %v %v, want an error", text, at, err)
		}
	}
}

func TestParseInterval(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1s": time.Second, "2second": 2 * time.Second, "03seconds": 3 * time.Second, "1min": time.Minute, "1mins": time.Minute,
		"1minute": time.Minute, "10minutes": 10 * time.Minute, "1h": time.Hour, "1hour": time.Hour, "1hours": time.Hour,
		"1d": 24 * time.Hour, "1day": 24 * time.Hour, "1days": 24 * time.Hour, "1w": 168 * time.Hour, "1week": 168 * time.Hour,
		"1weeks": 168 * time.Hour, "1mon": 720 * time.Hour, "1month": 720 * time.Hour, "1months": 720 * time.Hour,
		"1y": 8760 * time.Hour, "1year": 8760 * time.Hour, "1years": 8760 * time.Hour,
	} {
		if got, err := parseInterval(text); err != nil || got != want {
			t.Errorf("%s: %v %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "h", "1", "-1h", "three days", "2fortnights", "1m", "1sec", "1Hour", "1 hour", "0s", "00d",
		"99999999999999999999s", "9999999999y"} {
		if got, err := parseInterval(text); err == nil || !strings.HasPrefix(err.Error(), "Invalid interval string: u'") {
			t.Errorf("%q: %v %v, want an error", text, got, err)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, text := range []string{"-24h", "12:35_20150201", "20150201", "1423571696", "now"} {
		f.Add(text)
	}
	now := time.Date(2015, 2, 10, 12, 34, 56, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string) {
		at, err := parseTime(text, now)
		if err == nil && (at.Year() < 1700 || at.Year() > 9999) {
			t.Errorf("%q is %v", text, at)
		}
	})
}
