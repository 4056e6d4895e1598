package simulate

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// An event is one thing that happens in a talk, as JSON shows it.
type event struct {
	// Event is dial, user, hangup (by the person), bot (to the person), send (to anybody, by an endpoint), log (an error
	// in the bot's log), error (the bot failed) or note.
	Event    string `json:"event"`
	Address  string `json:"address,omitempty"` // the person's
	Text     string `json:"text"`
	Ends     bool   `json:"ends,omitempty"` // the session is over
	Kind     string `json:"kind,omitempty"` // of channel: ussd, sms, chat, or the type of a real channel
	Units    int    `json:"units,omitempty"`
	Limit    int    `json:"limit,omitempty"`
	Segments int    `json:"segments,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	To       string `json:"to,omitempty"`
}

// A printer shows a talk.
type printer struct {
	out    io.Writer
	json   bool
	prompt bool
}

// ready shows that it is the person's turn.
func (p printer) ready(open bool) {
	if !p.prompt {
		return
	}
	text := "> "
	if !open {
		text = "(Enter dials) > "
	}
	_, _ = io.WriteString(p.out, text) // a broken terminal shows with the next line
}

// note says something that is no part of the conversation.
func (p printer) note(format string, args ...any) error {
	return p.event(event{Event: "note", Text: fmt.Sprintf(format, args...)})
}

// bot shows a message to the person, on the kind of screen that the person has.
func (p printer) bot(kind, address, text string, ends bool) error {
	encoding, units, segments := channel.Segments(text)
	e := event{Event: "bot", Address: address, Text: text, Ends: ends, Kind: kind, Units: units}
	switch kind {
	case "ussd":
		e.Limit = encoding.USSDRoom()
	case "sms":
		e.Segments = segments
	default:
		e.Units = len([]rune(text))
	}
	return p.event(e)
}

func (p printer) event(e event) error {
	if p.json {
		return json.NewEncoder(p.out).Encode(e)
	}
	text := core.Printable(p.human(e))
	if text == "" {
		return nil
	}
	_, err := fmt.Fprintln(p.out, text)
	return err
}

// human shows an event to a person. What the person typed is on the screen already when there is a prompt.
func (p printer) human(e event) string {
	switch e.Event {
	case "dial":
		return "(" + e.Address + " dials " + e.Text + ")"
	case "hangup":
		return "(" + e.Address + " hangs up)"
	case "user":
		if p.prompt {
			return ""
		}
		return "> " + e.Text
	case "bot":
		tag, _ := tally(e.Kind, e.Text, 0)
		if e.Ends {
			tag += " session ended"
		}
		return e.Text + "\n" + tag
	case "send":
		return fmt.Sprintf("[%s to %s] %s", e.Kind, e.To, e.Text)
	case "log":
		return "[error in the bot's log] " + e.Text
	case "error":
		return "[failed] " + strings.ReplaceAll(e.Text, "\n", "\n         ")
	}
	if strings.Contains(e.Text, "\n") {
		return e.Text
	}
	return "(" + e.Text + ")"
}
