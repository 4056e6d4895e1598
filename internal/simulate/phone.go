package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"indaba/internal/channel"
	"indaba/internal/core"
	"indaba/internal/gateway"
)

// A phone plays people on one simulator channel of a running server.
type phone struct {
	channel *gateway.Channel
	url     string
	client  *http.Client
}

// newPhone returns the phone of a channel of the server at base, a URL.
func newPhone(base string, c *gateway.Channel) *phone {
	return &phone{channel: c, url: base + "/channels/" + c.Key, client: &http.Client{}}
}

// kind is the kind of channel that is played: ussd, sms or chat.
func (p *phone) kind() string {
	if kind := p.channel.Settings["kind"]; kind != "" {
		return kind
	}
	return "ussd" // the type's default
}

// said is one message from a person.
type said struct {
	From         string            `json:"from"`
	Content      *string           `json:"content"`
	SessionEvent core.SessionEvent `json:"session_event,omitempty"`
}

// heard is one message to a person.
type heard struct {
	Seq          int64             `json:"seq"`
	ID           string            `json:"id"`
	Content      string            `json:"content"`
	SessionEvent core.SessionEvent `json:"session_event"`
	InReplyTo    string            `json:"in_reply_to"`
	At           time.Time         `json:"at"`
	Segments     int               `json:"segments"`
}

// say sends a message as a person and returns its id once it is on the server's disk.
func (p *phone) say(ctx context.Context, s said) (id string, err error) {
	body, err := json.Marshal(s)
	if err != nil {
		return "", err
	}
	var answer struct {
		ID string `json:"id"`
	}
	if err := p.call(ctx, http.MethodPost, "", body, &answer); err != nil {
		return "", fmt.Errorf("send as %s: %w", s.From, err)
	}
	return answer.ID, nil
}

// listen waits for messages to an address with numbers above after, at most for the given time, of which the server
// grants 30 seconds. Without any it returns none.
func (p *phone) listen(ctx context.Context, address string, after int64, wait time.Duration) ([]heard, error) {
	query := url.Values{"address": {address}, "after": {strconv.FormatInt(after, 10)},
		"wait": {strconv.Itoa(int(wait / time.Second))}}
	var answer struct {
		Messages []heard `json:"messages"`
	}
	if err := p.call(ctx, http.MethodGet, "/messages?"+query.Encode(), nil, &answer); err != nil {
		return nil, fmt.Errorf("listen as %s: %w", address, err)
	}
	return answer.Messages, nil
}

// call makes one request and reads the JSON answer.
func (p *phone) call(ctx context.Context, method, path string, body []byte, answer any) (err error) {
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+p.channel.Settings["secret"])
	res, err := p.client.Do(req)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, 4<<20))
	_ = res.Body.Close() // read to its end or given up
	if err != nil {
		return err
	}
	if res.StatusCode != http.StatusOK {
		var refusal struct {
			Error string `json:"error"`
		}
		if json.Unmarshal(text, &refusal) != nil || refusal.Error == "" {
			refusal.Error = string(text[:min(len(text), 200)])
		}
		return core.Errorf(core.Unavailable, "the server answered %d: %s", res.StatusCode, refusal.Error)
	}
	return json.Unmarshal(text, answer)
}

// tally tells how much room a text takes on a kind of channel, such as [142/182], and how many units it has too many; 0
// means that it fits. limit 0 is the channel's own, which is less for a USSD text that needs UCS-2.
func tally(kind, text string, limit int) (shown string, over int) {
	encoding, units, segments := channel.Segments(text)
	switch {
	case kind == "ussd" && (limit == 0 || limit > encoding.USSDRoom()):
		limit = encoding.USSDRoom()
	case kind == "sms" && limit == 0:
		shown = fmt.Sprintf("[%d characters, %d SMS]", units, segments)
	case limit == 0:
		shown = fmt.Sprintf("[%d characters]", len([]rune(text)))
	}
	if shown == "" {
		shown, over = fmt.Sprintf("[%d/%d]", units, limit), max(0, units-limit)
	}
	if encoding == channel.UCS2 && kind != "chat" {
		shown = shown[:len(shown)-1] + " " + string(encoding) + "]"
	}
	return shown, over
}
