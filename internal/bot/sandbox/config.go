package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"indaba/internal/bot/vumiwire"
	"indaba/internal/core"
)

// configGet is config.get: the text of a key of the configuration, or null (docs/spec/vumi-sandbox.md 9.1).
func (h *host) configGet(_ context.Context, a args) (fields, error) {
	if a.null("key") {
		return nil, errUnexplained
	}
	key, _ := a.text("key")
	if value, ok := h.turn.Config[key]; ok {
		return fields{"value": value}, nil
	}
	return fields{"value": nil}, nil
}

// settings are what the platform itself reads of the app's config (docs/spec/vumi-sandbox.md 8).
type settings struct {
	ProcessEvents bool
	DeliveryClass string
	endpoints     []string // besides default, sorted
}

// readSettings reads the key "config". What has another shape than expected is as good as absent: the app may have its
// own use for the name.
func readSettings(config map[string]string) settings {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(config["config"]), &members) != nil {
		return settings{DeliveryClass: defaultClass}
	}
	a := args(members)
	s := settings{DeliveryClass: defaultClass}
	s.ProcessEvents = string(a["process_events"]) == "true"
	if class, ok := a.text("delivery_class"); ok && class != "" {
		s.DeliveryClass = class
	}
	s.endpoints = vumiwire.Endpoints(config["config"])
	return s
}

// defaultClass is the delivery class of an app that names none.
const defaultClass = "ussd"

// CheckConfig reports, as core.Invalid, a configuration value that the bot could not use: the toolkit reads every value as
// JSON, and the bot dies of what is none (docs/spec/vumi-sandbox.md 8). The key config must be an object. Other keys may
// hold plain text, for bots that read them so: only what looks like JSON must be JSON.
func CheckConfig(key, text string) error {
	trimmed := strings.TrimSpace(text)
	looksLikeJSON := trimmed != "" && strings.ContainsRune(`{["`, rune(trimmed[0]))
	if key != "config" && !strings.HasPrefix(key, "translation.") && !looksLikeJSON {
		return nil
	}
	var value any
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		place := ""
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok && !strings.Contains(err.Error(), "unexpected end") {
			before := text[:max(syntax.Offset-1, 0)]
			place = fmt.Sprintf(" in line %d, character %d", 1+strings.Count(before, "\n"),
				1+utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]))
		}
		return core.Errorf(core.Invalid, "the value of %s must be JSON: %v%s", key, err, place)
	}
	if _, ok := value.(map[string]any); key == "config" && !ok {
		return core.Errorf(core.Invalid, `the value of config must be a JSON object, such as {"name": "clinic"}`)
	}
	return nil
}
