// Package generic is the channel for providers whose HTTP protocol can be described by settings: a template for the
// request that sends a message, a rule for its answer, and maps from their field names to ours (docs/spec/channels.md
// 10, Generic HTTP). Providers that need more than that get an adapter of their own.
package generic

import (
	"encoding/json"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// Content types that a request body may have; each has its way of escaping.
const (
	formType  = "application/x-www-form-urlencoded"
	jsonType  = "application/json"
	xmlType   = "text/xml"
	plainType = "text/plain"
)

// Type describes the generic channel.
func Type() channel.Type {
	return channel.Type{
		Name:          "generic",
		Title:         "Generic HTTP gateway",
		Help:          "An SMS or chat gateway with a simple HTTP API: describe its requests and answers.",
		Transport:     "sms",
		DeliveryClass: "sms",
		Phones:        true,
		Settings:      slices.Concat(outboundSettings(), inboundSettings(), channel.GuardSettings(), channel.DeliverySettings()),
		New:           newAdapter,
	}
}

func outboundSettings() []channel.Setting {
	return []channel.Setting{
		{Name: "base_url", Title: "URL", Kind: channel.URL, Required: true,
			Help: "Where a message is sent. {{.To}}, {{.From}}, {{.Text}} and {{.ID}} may stand in path and query."},
		{Name: "method", Title: "Method", Kind: channel.Choice, Choices: []string{"POST", "GET", "PUT"}, Default: "POST",
			Help: "The method of that request."},
		{Name: "headers", Title: "Headers", Kind: channel.JSON, Secret: true,
			Help: `Headers of the request, such as {"Authorization": "Basic …"}.`},
		{Name: "content_type", Title: "Content type", Kind: channel.Choice, Default: formType,
			Choices: []string{formType, jsonType, xmlType, plainType}, Help: "Of the body. Values are escaped for it."},
		{Name: "body", Title: "Body", Kind: channel.Text, Secret: true,
			Help: `The body, as a template: to={{.To}}&text={{.Text}}, or {"to":"{{.To}}","text":"{{.Text}}"}.`},
		{Name: "success_status", Title: "Success statuses", Kind: channel.Text,
			Help: "Statuses that mean that the message was taken, separated by commas; empty for all from 200 to 299."},
		{Name: "success_body", Title: "Success pattern", Kind: channel.Text,
			Help: "A regular expression that the answer must match, too."},
		{Name: "success_json", Title: "Success value", Kind: channel.Text,
			Help: "What the JSON answer must hold, too, as path=value: messages.0.status=ok."},
		{Name: "id_path", Title: "Path of the id", Kind: channel.Text,
			Help: "Where the JSON answer holds the provider's id: messages.0.id."},
		{Name: "retry_status", Title: "Retry statuses", Kind: channel.Text,
			Help: "Further statuses that mean to try again, separated by commas."},
	}
}

func inboundSettings() []channel.Setting {
	return []channel.Setting{
		{Name: "inbound_map", Title: "Fields of messages", Kind: channel.JSON,
			Default: `{"id":"id","from":"from","to":"to","content":"text"}`,
			Help: "Our names to theirs: id, from, to, name, content, session_event, session_id, group, provider. " +
				"Theirs are query or form fields, or paths in JSON."},
		{Name: "session_events", Title: "Session events", Kind: channel.JSON,
			Help: `Their words for session events to ours: {"Initiation":"new","Response":"resume","Release":"close"}.`},
		{Name: "inbound_answer", Title: "Answer", Kind: channel.Text,
			Help: "The body with which their requests are answered."},
		{Name: "inbound_answer_type", Title: "Answer's type", Kind: channel.Text, Default: plainType,
			Help: "The content type of that body."},
		{Name: "status_map", Title: "Fields of reports", Kind: channel.JSON,
			Default: `{"id":"id","status":"status","reason":"reason"}`,
			Help:    "Our names to theirs for delivery reports: id, message_id (ours), address, status, reason."},
		{Name: "status_values", Title: "Statuses", Kind: channel.JSON,
			Default: `{"sent":"sent","delivered":"delivered","read":"read","failed":"failed"}`,
			Help:    "Their statuses to ours: sent, delivered, read or failed; an empty one is ignored."},
	}
}

type adapter struct {
	config        channel.Config
	guard         *channel.Guard
	url, body     *template
	headers       map[string]string
	success       *regexp.Regexp
	successStatus []int
	retryStatus   []int
	inbound       map[string]string
	events        map[string]string
	report        map[string]string
	statuses      map[string]core.Status
}

func newAdapter(c channel.Config) (channel.Adapter, error) {
	a := &adapter{config: c}
	var err error
	if a.guard, err = channel.NewGuard(c); err != nil {
		return nil, err
	}
	if a.url, err = parseTemplate("base_url", c.Settings["base_url"], escapeURL); err != nil {
		return nil, err
	}
	if a.body, err = parseTemplate("body", c.Settings["body"], escapes(c.Settings["content_type"])); err != nil {
		return nil, err
	}
	if a.success, err = regexp.Compile(c.Settings["success_body"]); err != nil {
		return nil, core.Errorf(core.Invalid, "success_body is not a regular expression: %v", err)
	}
	if text := c.Settings["success_json"]; text != "" && !strings.Contains(text, "=") {
		return nil, core.Errorf(core.Invalid, "success_json must be path=value")
	}
	for name, list := range map[string]*[]int{"success_status": &a.successStatus, "retry_status": &a.retryStatus} {
		if *list, err = statuses(name, c.Settings[name]); err != nil {
			return nil, err
		}
	}
	return a, a.readMaps()
}

// readMaps reads the settings that map names or words, and checks our side of them.
func (a *adapter) readMaps() error {
	var words map[string]string
	for _, m := range []struct {
		name  string
		into  *map[string]string
		known string // our names, which are the keys, or our words, which are the values
		keys  bool
	}{
		{"headers", &a.headers, "", false},
		{"inbound_map", &a.inbound, "id from to name content session_event session_id group provider", true},
		{"session_events", &a.events, "new resume close", false},
		{"status_map", &a.report, "id message_id address status reason", true},
		{"status_values", &words, "sent delivered read failed", false},
	} {
		text := a.config.Settings[m.name]
		if text == "" {
			continue
		}
		if json.Unmarshal([]byte(text), m.into) != nil {
			return core.Errorf(core.Invalid, "%s must be a JSON object whose values are strings", m.name)
		}
		ours := maps.Values(*m.into)
		if m.keys {
			ours = maps.Keys(*m.into)
		}
		for word := range ours {
			if m.known != "" && word != "" && !slices.Contains(strings.Fields(m.known), word) {
				return core.Errorf(core.Invalid, "%s: %q is none of %s", m.name, word, m.known)
			}
		}
	}
	for name, value := range a.headers {
		if name == "" || strings.ContainsAny(name, " \t\r\n:\x00") || strings.ContainsAny(value, "\r\n\x00") {
			return core.Errorf(core.Invalid, "headers: %q cannot be sent as a header", name)
		}
	}
	if a.inbound["from"] == "" {
		return core.Errorf(core.Invalid, "inbound_map must say where from is")
	}
	a.statuses = map[string]core.Status{}
	for theirs, ours := range words {
		a.statuses[theirs], _ = core.ParseStatus(ours) // the empty one is 0: ignored
	}
	return nil
}

func statuses(name, text string) ([]int, error) {
	var list []int
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' }) {
		status, err := strconv.Atoi(word)
		if err != nil || http.StatusText(status) == "" {
			return nil, core.Errorf(core.Invalid, "%s: %q is not an HTTP status", name, word)
		}
		list = append(list, status)
	}
	return list, nil
}
