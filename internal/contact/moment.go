package contact

import "time"

// ParseMoment reads an ISO 8601 date or date-time as a point in time: unlike [ParseTime], which keeps what a record says, it
// heeds a zone. What has none is in UTC, and a date is its beginning. Times before 1970 count as its beginning.
func ParseMoment(text string) (time.Time, error) {
	at, err := ParseTime(text)
	if err != nil {
		return at, err
	}
	if zoned, ok := parseZoned(text); ok {
		at = zoned
	}
	if epoch := time.Unix(0, 0).UTC(); at.Before(epoch) {
		at = epoch
	}
	return at, nil
}

// parseZoned reads a date-time that has a zone.
func parseZoned(text string) (time.Time, bool) {
	for _, date := range dateLayouts {
		for _, clock := range clockLayouts {
			for _, zone := range []string{"Z07:00", "Z0700", "Z07"} {
				for _, between := range []string{"T", " "} {
					if at, err := time.Parse(date+between+clock+zone, text); err == nil {
						return at.UTC(), true
					}
				}
			}
		}
	}
	return time.Time{}, false
}
