package twilio

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// speech is what one message says, and what is done after it.
type speech struct {
	id        string // of the message
	text      string // spoken unless there is a recording
	recording string // URL
	waitFor   string // the key that ends what the person types; empty when each key is a message of its own
	closes    bool   // the call ends with it
}

// keys are those of a telephone.
const keys = "0123456789*#"

// readSpeech reads a message with its helper_metadata.voice (docs/spec/vumi-http.md 9.2).
func readSpeech(m *channel.Outbound) (speech, *channel.SendError) {
	s := speech{id: m.ID, text: speakable(m.Content), closes: m.SessionEvent == core.SessionClose}
	var metadata struct {
		Voice struct {
			SpeechURL string `json:"speech_url"`
			WaitFor   string `json:"wait_for"`
		} `json:"voice"`
	}
	if len(m.Metadata) > 0 {
		if err := json.Unmarshal(m.Metadata, &metadata); err != nil {
			return s, refused("voice", "helper_metadata.voice must hold speech_url and wait_for as texts")
		}
	}
	s.recording, s.waitFor = metadata.Voice.SpeechURL, metadata.Voice.WaitFor
	if s.recording != "" {
		u, err := url.Parse(s.recording)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || speakable(s.recording) != s.recording {
			return s, refused("speech_url", "speech_url must be an absolute http or https URL")
		}
		s.text = ""
	}
	if len(s.waitFor) > 1 || !strings.Contains(keys, s.waitFor) {
		return s, refused("wait_for", "wait_for must be one key of a telephone: a digit, * or #")
	}
	if n := utf8.RuneCountInString(s.text); n > maxSpeech {
		return s, refused("too_long", fmt.Sprintf("%d characters: Twilio speaks %d at once", n, maxSpeech))
	}
	return s, nil
}

func refused(code, message string) *channel.SendError {
	return &channel.SendError{Class: channel.Permanent, Code: code, Message: message}
}

// speakable returns a text without the characters that XML cannot carry (XML 1.0, 2.2).
func speakable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r == '\r', r >= ' ' && r < 0xD800, r > 0xDFFF && r < 0xFFFE, r > 0xFFFF:
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, ""))
}

// How long speech lasts, rather over than under.
const (
	perCharacter    = 150 * time.Millisecond
	recordingLength = 10 * time.Minute
)

// lasts returns how long it takes at most to say something, roughly.
func (s speech) lasts() time.Duration {
	if s.recording != "" {
		return recordingLength
	}
	return time.Duration(utf8.RuneCountInString(s.text)) * perCharacter
}
