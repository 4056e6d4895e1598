package platform

import (
	"encoding/json"
	"strconv"
	"strings"
)

// A world is what one dummy API of a test stands for: an account of its own.
type world struct {
	account  string
	real     map[string]string // key that the test gave → key of the platform
	alias    map[string]string // the other way round
	accounts map[string]string // key of the platform → user_account that the test gave
	queries  map[string]string // query of the platform → query of the test
}

// translate puts the platform's keys in the place of those that the test gave.
func (w *world) translate(record map[string]json.RawMessage) {
	var key string
	if json.Unmarshal(record["key"], &key) == nil && w.real[key] != "" {
		record["key"] = json.RawMessage(strconv.Quote(w.real[key]))
	}
	var groups []string
	if json.Unmarshal(record["groups"], &groups) == nil && record["groups"] != nil {
		for i, g := range groups {
			if w.real[g] != "" {
				groups[i] = w.real[g]
			}
		}
		record["groups"], _ = json.Marshal(groups)
	}
	for _, inner := range []string{"contact", "fields"} {
		var members map[string]json.RawMessage
		if json.Unmarshal(record[inner], &members) == nil && members != nil {
			w.translate(members)
			record[inner], _ = json.Marshal(members)
		}
	}
}

// back puts the test's keys and accounts in the place of the platform's, in a copy.
func (w *world) back(value any) any {
	switch v := value.(type) {
	case string:
		if alias, ok := w.alias[v]; ok {
			return alias
		}
		if query, ok := w.queries[v]; ok {
			return query
		}
		return v
	case []any:
		for i := range v {
			v[i] = w.back(v[i])
		}
	case map[string]any:
		key, _ := v["key"].(string)
		for name := range v {
			v[name] = w.back(v[name])
		}
		if given, ok := w.accounts[key]; ok {
			v["user_account"] = given
		}
	}
	return value
}

// replaceQuery puts a query for given keys in the place of one whose result the test has fixed.
func (w *world) replaceQuery(record map[string]json.RawMessage, found map[string][]string) {
	text := textOf(record["query"])
	keys, fixed := found[text]
	if !fixed {
		return
	}
	var terms []string
	for _, key := range keys {
		terms = append(terms, "key:"+w.real[key])
	}
	query := strings.Join(terms, " OR ")
	w.queries[query] = text
	record["query"] = json.RawMessage(strconv.Quote(query))
}

func (w *world) know(given, key, account string) {
	w.real[given], w.alias[key], w.accounts[key] = key, given, account
}
