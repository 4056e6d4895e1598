package simulator

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"indaba/internal/channel"
	"indaba/internal/core"
)

const jsonType = "application/json"

// Receive takes a message that a program sends as a person (POST), or answers with the replies to one (GET messages).
func (a *adapter) Receive(ctx context.Context, r *channel.Request) (channel.Received, error) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !channel.SameSecret(a.config.Settings["secret"], token) {
		return channel.Received{}, core.Errorf(core.Unauthenticated, "give the channel's secret as bearer token")
	}
	if r.Path != "" && r.Path != "messages" {
		return channel.Received{}, core.Errorf(core.NotFound, "the simulator has messages and nothing else")
	}
	switch r.Method {
	case http.MethodPost:
		return a.say(r.Body)
	case http.MethodGet:
		return a.listen(ctx, r.Query)
	default:
		return channel.Received{}, core.Errorf(core.Invalid, "use POST to send and GET to read")
	}
}

func (a *adapter) say(body []byte) (channel.Received, error) {
	var said struct {
		From         string            `json:"from"`
		Content      *string           `json:"content"`
		SessionEvent core.SessionEvent `json:"session_event"`
		ID           string            `json:"id"`
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields() // a program under test wants to hear of its typing errors
	if err := decoder.Decode(&said); err != nil {
		return channel.Received{}, core.Errorf(core.Invalid, "the body must be a JSON object with from, content, "+
			"session_event and id: %v", err)
	}
	said.From = a.address(said.From)
	if said.From == "" {
		return channel.Received{}, core.Errorf(core.Invalid, "from is required")
	}
	m := channel.Message{ExternalID: said.ID, From: said.From, Content: said.Content}
	switch said.SessionEvent {
	case core.SessionNone, core.SessionNew, core.SessionResume, core.SessionClose:
	default:
		return channel.Received{}, core.Errorf(core.Invalid, "session_event must be new, resume or close")
	}
	if a.kind == "ussd" {
		m.SessionID, m.SessionEvent = a.session(said.From, said.ID, said.SessionEvent)
	} else if said.Content == nil {
		return channel.Received{}, core.Errorf(core.Invalid, "content is required")
	}
	return channel.Received{
		Messages:  []channel.Message{m},
		Answer:    &channel.Answer{ContentType: jsonType, Body: []byte(`{"id":"{id}"}`)},
		Duplicate: &channel.Answer{Status: http.StatusConflict, ContentType: jsonType, Body: []byte(`{"error":"duplicate id"}`)},
	}, nil
}

func (a *adapter) listen(ctx context.Context, query url.Values) (channel.Received, error) {
	address := a.address(query.Get("address"))
	if address == "" {
		return channel.Received{}, core.Errorf(core.Invalid, "address is required")
	}
	after, err := number(query, "after")
	if err != nil {
		return channel.Received{}, err
	}
	seconds, err := number(query, "wait")
	if err != nil {
		return channel.Received{}, err
	}
	wait := time.Duration(min(seconds, int64(maxWait/time.Second))) * time.Second
	body, err := json.Marshal(map[string][]message{"messages": a.boxes.wait(ctx, address, after, wait)})
	if err != nil {
		return channel.Received{}, err
	}
	return channel.Received{Answer: &channel.Answer{ContentType: jsonType, Body: body}}, nil
}

func number(query url.Values, name string) (int64, error) {
	if query.Get(name) == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(query.Get(name), 10, 64)
	if err != nil || n < 0 {
		return 0, core.Errorf(core.Invalid, "%s must be a whole number", name)
	}
	return n, nil
}
