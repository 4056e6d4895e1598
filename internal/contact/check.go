package contact

import (
	"strings"
	"time"
	"unicode/utf8"

	"indaba/internal/core"
)

// checkText refuses text that is too long, or that one of the engines would not store. A maximum of 0 is none.
func checkText(text string, max int) error {
	switch {
	case !utf8.ValidString(text):
		return core.Errorf(core.Invalid, "a text is not valid UTF-8")
	case strings.ContainsRune(text, 0):
		return core.Errorf(core.Invalid, "a text holds a NUL character, which cannot be stored")
	case max > 0 && utf8.RuneCountInString(text) > max:
		return core.Errorf(core.Invalid, "Value %s too long (maximum length is %d).", PythonText(text), max)
	}
	return nil
}

// prepare checks a contact that is about to be stored and brings it into the form that is stored: times in UTC and
// microseconds, each group once, no lists or maps that are nil.
func (c *Contact) prepare() error {
	c.complete()
	size := 0
	check := func(text string, max int) error {
		size += len(text)
		return checkText(text, max)
	}
	for _, f := range textFields {
		if text := *f.at(c); text != nil {
			if err := check(*text, f.max); err != nil {
				return err
			}
		}
	}
	if err := check(c.Msisdn, maxMsisdn); err != nil {
		return err
	}
	for _, texts := range []map[string]string{c.Extra, c.Subscription} {
		for name, value := range texts {
			if err := check(name, 0); err != nil {
				return err
			}
			if err := check(value, 0); err != nil {
				return err
			}
		}
	}
	c.Groups = unique(c.Groups)
	for _, key := range c.Groups {
		if err := check(key, MaxGroupKey); err != nil {
			return err
		}
	}
	if size > MaxRecordBytes {
		return core.Errorf(core.TooLarge, "the contact has %d bytes of text, at most %d are allowed", size, MaxRecordBytes)
	}
	return c.prepareTimes()
}

func (c *Contact) prepareTimes() error {
	c.CreatedAt = c.CreatedAt.UTC().Truncate(time.Microsecond)
	times := []time.Time{c.CreatedAt}
	if c.DateOfBirth != nil {
		c.DateOfBirth = new(c.DateOfBirth.UTC().Truncate(time.Microsecond))
		times = append(times, *c.DateOfBirth)
	}
	for _, t := range times {
		if t.Year() < 0 || t.Year() > 9999 {
			return core.Errorf(core.Invalid, "the year %d cannot be stored", t.Year())
		}
	}
	return nil
}

// unique drops what has come before, in order.
func unique(list []string) []string {
	seen := make(map[string]bool, len(list))
	kept := []string{}
	for _, item := range list {
		if !seen[item] {
			seen[item] = true
			kept = append(kept, item)
		}
	}
	return kept
}
