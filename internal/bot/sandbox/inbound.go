package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"indaba/internal/bot"
	"indaba/internal/bot/vumiwire"
	"indaba/internal/contact"
	"indaba/internal/core"
)

// A command is what a turn starts with.
type command struct {
	text    string          // JSON
	message string          // id of the message that the script may reply to; empty for an event
	from    string          // who it is from
	helper  json.RawMessage // its helper_metadata
	trigger bool
}

// command returns the command that tells the script what happened.
func (r *runner) command(t *bot.Turn) (command, error) {
	switch {
	case t.Trigger:
		return triggerCommand(t, r.deps.Now())
	case t.Event != nil:
		return eventCommand(t)
	case t.Message != nil:
		return messageCommand(t)
	}
	return command{}, fmt.Errorf("a turn of bot %s is for nothing: it has no message, no event and no trigger", t.Bot.Key)
}

func messageCommand(t *bot.Turn) (command, error) {
	m := t.Message
	helper, err := helperMetadata(t, m.HelperMetadata, contact.ClassOf(m.TransportType))
	if err != nil {
		return command{}, err
	}
	if helper["optout"] == nil {
		helper["optout"] = vumiwire.NoOptout() // a message that opts its sender out reaches no bot
	}
	seen := vumiwire.NewMessage(m, helper)
	seen.To, seen.From = &m.To, &m.From // scripts expect texts, whatever the channel told
	return startCommand(seen)
}

// triggerCommand makes the message by which an operator lets a bot begin a conversation. Its id comes from the seed, so
// that a turn that is run again is the same turn.
func triggerCommand(t *bot.Turn, now time.Time) (command, error) {
	helper, err := helperMetadata(t, nil, "")
	if err != nil {
		return command{}, err
	}
	id := sha256.Sum256(append([]byte("push trigger "), t.Seed[:]...))
	asked := vumiwire.NewMessage(&core.Message{ID: hex.EncodeToString(id[:16]), CreatedAt: now}, helper)
	asked.From, asked.Trigger = &t.Address, true
	return startCommand(asked)
}

func startCommand(m vumiwire.Message) (command, error) {
	text, err := json.Marshal(struct {
		Cmd     string           `json:"cmd"`
		Message vumiwire.Message `json:"msg"`
	}{"inbound-message", m})
	if err != nil {
		return command{}, fmt.Errorf("encoding message %s for its bot: %w", m.ID, err)
	}
	helper, err := json.Marshal(m.HelperMetadata)
	if err != nil {
		return command{}, fmt.Errorf("encoding the metadata of message %s: %w", m.ID, err)
	}
	return command{text: string(text), message: m.ID, from: *m.From, helper: helper, trigger: m.Trigger}, nil
}

func eventCommand(t *bot.Turn) (command, error) {
	e := t.Event
	helper, err := helperMetadata(t, nil, "")
	if err != nil {
		return command{}, err
	}
	endpoint := ""
	if t.Message != nil {
		endpoint = t.Message.Endpoint
	}
	event := vumiwire.NewEvent(e, endpoint, helper)
	event.Transport = &vumiwire.Transport{Name: vumiwire.OrNull(t.Channel), Metadata: vumiwire.OrObject(nil)}
	text, err := json.Marshal(struct {
		Cmd   string         `json:"cmd"`
		Event vumiwire.Event `json:"msg"`
	}{"inbound-event", event})
	if err != nil {
		return command{}, fmt.Errorf("encoding event %s for its bot: %w", e.ID, err)
	}
	return command{text: string(text)}, nil
}

// goMetadata returns what is under "go" in the helper_metadata of every message to and from a bot.
func goMetadata(b *bot.Bot) json.RawMessage { return vumiwire.Go(b.Account, vumiwire.Jsbox, b.Key) }

// helperMetadata returns the members of given, an object or nil, with those of the platform. An empty delivery class is
// left out.
func helperMetadata(t *bot.Turn, given json.RawMessage, class string) (map[string]json.RawMessage, error) {
	members, err := vumiwire.Members(given)
	if err != nil {
		return nil, fmt.Errorf("message %s: %w", t.Message.ID, err)
	}
	members["go"] = goMetadata(t.Bot)
	if class != "" {
		if members["delivery_class"], err = json.Marshal(class); err != nil {
			return nil, err
		}
	}
	return members, nil
}
