package vumi

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"indaba/internal/api"
	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/message"
)

// Headers of searches (docs/spec/vumi-http.md 11). Cut is Indaba's own: it names the limit that ended a search early.
const (
	headerTTL     = "X-VMS-Match-TTL"
	headerWait    = "X-VMS-Match-Wait"
	headerToken   = "X-VMS-Result-Token"
	headerCount   = "X-VMS-Result-Count"
	headerRunning = "X-VMS-Match-In-Progress"
	headerCut     = "X-VMS-Match-Cut"
)

// What searches give out.
const (
	usualLife = 24 * time.Hour
	usualPage = 20
	maxPage   = 1000
)

// startSearch is POST …/match: it begins a search and answers with its token, at once or when the search is over.
func (f *face) startSearch(w http.ResponseWriter, r *api.Request) error {
	sel, err := f.searched(r)
	if err != nil {
		return err
	}
	life, err := searchLife(r.Header)
	if err != nil {
		return err
	}
	wait := r.Header.Get(headerWait)
	if wait != "" && wait != "0" && wait != "1" {
		return invalid("Invalid '%s' header: Expected 0 or 1, got %s", headerWait, contact.PythonText(wait))
	}
	text, err := r.Body()
	if err != nil {
		return err
	}
	matches, err := parseMatch(text)
	if err != nil {
		return err
	}
	token, done, err := f.Searches.Start(sel, matches, life)
	if err != nil {
		return err
	}
	if wait == "1" {
		select {
		case <-done:
		case <-r.Context().Done():
			return r.Context().Err()
		}
	}
	w.Header().Set(headerToken, token)
	writeText(w, http.StatusOK, "text/plain; charset=utf-8", "")
	return nil
}

// readSearch is GET …/match: a part of what a search has found.
func (f *face) readSearch(w http.ResponseWriter, r *api.Request) error {
	sel, err := f.searched(r)
	if err != nil {
		return err
	}
	query, err := r.Query()
	if err != nil {
		return err
	}
	part, err := readPart(query)
	if err != nil {
		return err
	}
	found, err := f.Searches.Result(r.Context(), sel, part.token, part.start, part.stop, part.oldestFirst)
	if err != nil {
		return err
	}
	var answer any = append([]string{}, found.IDs...)
	if !part.keys {
		messages, err := f.Exports.Messages.ByID(r.Context(), sel.Account, found.IDs)
		if err != nil {
			return err
		}
		if answer, err = f.Exports.Encode(r.Context(), messages); err != nil {
			return err
		}
	}
	w.Header().Set(headerCount, strconv.Itoa(found.Count))
	w.Header().Set(headerRunning, map[bool]string{true: "1", false: "0"}[found.Running])
	if found.Cut != "" {
		w.Header().Set(headerCut, found.Cut)
	}
	return writeRecord(w, answer, nil)
}

// searched returns what a search is over.
func (f *face) searched(r *api.Request) (message.Selection, error) {
	direction, ok := directions[r.Param("direction")]
	if !ok {
		return message.Selection{}, core.Errorf(core.NotFound, "A batch has inbound and outbound messages to search.")
	}
	sel, err := f.batch(r)
	sel.Direction = direction
	return sel, err
}

func searchLife(header http.Header) (time.Duration, error) {
	text := header.Get(headerTTL)
	if text == "" {
		return usualLife, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if errors.Is(err, strconv.ErrRange) && seconds > 0 {
		return message.MaxSearchLife, nil
	}
	if err != nil || seconds <= 0 {
		return 0, invalid("Invalid '%s' header: Expected a number of seconds, got %s", headerTTL, contact.PythonText(text))
	}
	return min(time.Duration(min(seconds, 1<<30))*time.Second, message.MaxSearchLife), nil
}

// part is which part of a result is asked for, and how.
type part struct {
	token             string
	start, stop       int
	oldestFirst, keys bool
}

func readPart(query url.Values) (p part, err error) {
	if p.token, err = single(query, "token"); err != nil {
		return p, err
	}
	if p.token == "" {
		return p, invalid("Invalid 'token' parameter: Expected a single value, got 0")
	}
	if p.start, err = number(query, "start", 0); err != nil {
		return p, err
	}
	if p.stop, err = number(query, "stop", p.start+usualPage-1); err != nil {
		return p, err
	}
	p.stop = min(p.stop, p.start+maxPage-1)
	asc, err := number(query, "asc", 0)
	if err != nil {
		return p, err
	}
	keys, err := number(query, "keys", 0)
	p.oldestFirst, p.keys = asc != 0, keys != 0
	return p, err
}

// single returns a parameter that is given at most once.
func single(query url.Values, name string) (string, error) {
	if values := query[name]; len(values) > 1 {
		return "", invalid("Invalid '%s' parameter: Expected a single value, got %d", name, len(values))
	}
	return query.Get(name), nil
}

// number reads a parameter that is an integer from 0.
func number(query url.Values, name string, usual int) (int, error) {
	text, err := single(query, name)
	if err != nil || text == "" {
		return usual, err
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		return 0, invalid("Invalid '%s' parameter: Expected an integer from 0, got %s", name, contact.PythonText(text))
	}
	return int(n), nil
}

// pattern is one of a search's conditions, all of which must be met.
type pattern struct {
	Key     string `json:"key"`
	Pattern string `json:"pattern"`
	Flags   string `json:"flags"`
}

// parseMatch reads the body of a search.
func parseMatch(text []byte) (func(*core.Message) bool, error) {
	var value json.RawMessage
	var list []pattern
	if err := api.Parse(text, &value); err != nil {
		return nil, invalid("Invalid JSON: %s", core.SafeMessage(err))
	}
	if json.Unmarshal(value, &list) != nil || list == nil {
		return nil, invalid("Invalid query: Expected a list of objects with the texts key, pattern and flags")
	}
	return compileMatch(list)
}
