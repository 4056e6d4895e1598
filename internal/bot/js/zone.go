package js

import (
	"encoding/json"
	"fmt"
	"time"
)

// The table of a zone covers these years. Before and after, the first and the last offset hold.
const firstZoneYear, lastZoneYear = 1880, 2200

// zoneTable returns the time zone as the virtual machine wants it: a JSON array of [from in milliseconds, offset east of
// UTC in seconds, abbreviation], ascending. UTC is an empty array.
func zoneTable(name string) (string, error) {
	if name == "" || name == "UTC" {
		return "[]", nil
	}
	if name == "Local" {
		return "", fmt.Errorf("time zone %q is not an IANA name: use one such as Africa/Johannesburg", name)
	}
	location, err := time.LoadLocation(name)
	if err != nil {
		return "", fmt.Errorf("time zone %q is not known: use an IANA name such as Africa/Johannesburg", name)
	}
	type period struct {
		offset int
		name   string
	}
	var rows [][3]any
	var last period
	t := time.Date(firstZoneYear, 1, 1, 0, 0, 0, 0, time.UTC).In(location)
	for t.Year() < lastZoneYear {
		var now period
		now.name, now.offset = t.Zone()
		if now != last || rows == nil { // bounds may also lie at the turn of a year, where nothing changes
			rows = append(rows, [3]any{t.UnixMilli(), now.offset, now.name})
			last = now
		}
		_, end := t.ZoneBounds()
		if end.IsZero() {
			break
		}
		if !end.After(t) { // ZoneBounds stands still at the end of some leap years
			end = t.Add(time.Hour)
		}
		t = end.In(location)
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return "", fmt.Errorf("encoding time zone %q: %w", name, err)
	}
	return string(text), nil
}
