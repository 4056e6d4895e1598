package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"indaba/internal/bot"
	"indaba/internal/contact"
	"indaba/internal/core"
)

// The commands of outbound (docs/spec/vumi-sandbox.md 9.5). They send nothing: what they ask for goes out when the turn
// is done.

func (h *host) outboundReplyTo(_ context.Context, a args) (fields, error) {
	return nil, h.reply(a, false)
}

func (h *host) outboundReplyToGroup(_ context.Context, a args) (fields, error) {
	return nil, h.reply(a, h.turn.Message != nil && h.turn.Message.Group != "")
}

// reply answers the message of this turn, and no other.
func (h *host) reply(a args, toGroup bool) error {
	content, err := contentOf(a, "replies")
	if err != nil {
		return err
	}
	original, ok := a.text("in_reply_to")
	if !ok {
		return fail("'in_reply_to' must be given in replies.")
	}
	goOn, ok := a.boolean("continue_session", true)
	if !ok {
		return fail("'continue_session' must be either true or false if given")
	}
	extra, err := h.extraMetadata(a)
	if err != nil {
		return err
	}
	if h.command.message == "" || original != h.command.message {
		return fail("Could not find original message with id: %s", contact.PythonText(original))
	}
	metadata, err := merge(h.command.helper, extra)
	if err != nil {
		return err
	}
	send := bot.Send{Reply: true, ToGroup: toGroup, Content: content, HelperMetadata: metadata}
	if !goOn {
		send.SessionEvent = core.SessionClose
	}
	if h.command.trigger {
		send = bot.Send{Endpoint: defaultEndpoint, To: h.command.from, Content: content, SessionEvent: core.SessionNew,
			HelperMetadata: metadata}
	}
	h.add(send)
	return nil
}

const defaultEndpoint = "default"

func (h *host) outboundSendTo(_ context.Context, a args) (fields, error) {
	content, err := contentOf(a, "sends")
	if err != nil {
		return nil, err
	}
	endpoint := defaultEndpoint
	if a.has("endpoint") {
		var ok bool
		if endpoint, ok = a.text("endpoint"); !ok {
			return nil, fail("'endpoint' must be given in sends.")
		}
	}
	return nil, h.send(a, content, endpoint, endpoint == defaultEndpoint)
}

func (h *host) outboundSendToEndpoint(_ context.Context, a args) (fields, error) {
	content, err := contentOf(a, "sends")
	if err != nil {
		return nil, err
	}
	endpoint, ok := a.text("endpoint")
	if !ok {
		return nil, fail("'endpoint' must be given in sends.")
	}
	return nil, h.send(a, content, endpoint, false)
}

func (h *host) send(a args, content *string, endpoint string, always bool) error {
	to, ok := a.text("to_addr")
	if !ok || to == "" {
		return fail("'to_addr' must be given in sends.")
	}
	if !storable(to) {
		return fail("'to_addr' must not hold a NUL character.")
	}
	extra, err := h.extraMetadata(a)
	if err != nil {
		return err
	}
	if !always && !slices.Contains(h.settings.endpoints, endpoint) {
		return fail("Endpoint %s not configured", contact.PythonText(endpoint))
	}
	return h.addPlain(to, content, endpoint, extra)
}

// outboundSendToTag is how apps of the first toolkit send: the endpoint is named pool:tag.
func (h *host) outboundSendToTag(_ context.Context, a args) (fields, error) {
	pool, okPool := a.text("tagpool")
	tag, okTag := a.text("tag")
	content, okContent := a.text("content")
	to, okTo := a.text("to_addr")
	if !okPool || !okTag || !okContent || !okTo || to == "" {
		return nil, fail("Tag, content or to_addr not specified")
	}
	if !storable(content) || !storable(to) {
		return nil, fail("'content' and 'to_addr' must not hold a NUL character.")
	}
	if !slices.Contains(h.settings.endpoints, pool+":"+tag) {
		return nil, fail("Tag (%s, %s) not held by account", contact.PythonText(pool), contact.PythonText(tag))
	}
	return nil, h.addPlain(to, &content, pool+":"+tag, nil)
}

func (h *host) addPlain(to string, content *string, endpoint string, extra map[string]json.RawMessage) error {
	metadata, err := merge(nil, map[string]json.RawMessage{"go": goMetadata(h.turn.Bot)})
	if err == nil {
		metadata, err = merge(metadata, extra)
	}
	if err != nil {
		return err
	}
	h.add(bot.Send{Endpoint: endpoint, To: to, Content: content, HelperMetadata: metadata})
	return nil
}

func (h *host) add(s bot.Send) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sends = append(h.sends, s)
}

// contentOf returns the content of a reply or a send: a text or null, and never absent.
func contentOf(a args, what string) (*string, error) {
	if !a.has("content") {
		return nil, fail("'content' must be given in %s.", what)
	}
	content, ok := a.textOrNull("content")
	if !ok {
		return nil, fail("'content' must be unicode or null.")
	}
	if content != nil && !storable(*content) {
		return nil, fail("'content' must not hold a NUL character.")
	}
	return content, nil
}

// extraMetadata returns the helper_metadata of a command, if the operator allows all that is in it.
func (h *host) extraMetadata(a args) (map[string]json.RawMessage, error) {
	members, isObject := a.object("helper_metadata")
	if a.null("helper_metadata") || isObject && len(members) == 0 {
		return nil, nil
	}
	allowed := h.deps.HelperMetadata
	if len(allowed) == 0 {
		return nil, fail("'helper_metadata' is not allowed")
	}
	if !isObject {
		return nil, fail("'helper_metadata' must be object or null.")
	}
	for name := range members {
		if !slices.Contains(allowed, name) {
			return nil, fail("'helper_metadata' may only contain the following keys: %s",
				strings.Join(slices.Sorted(slices.Values(allowed)), ", "))
		}
	}
	return members, nil
}

// merge returns an object, which may be nil, with the members of another set into it.
func merge(object json.RawMessage, more map[string]json.RawMessage) (json.RawMessage, error) {
	if len(more) == 0 {
		return object, nil
	}
	members := map[string]json.RawMessage{}
	if len(object) > 0 {
		if err := json.Unmarshal(object, &members); err != nil {
			return nil, fmt.Errorf("reading helper_metadata: %w", err)
		}
	}
	maps.Copy(members, more)
	return json.Marshal(members)
}
