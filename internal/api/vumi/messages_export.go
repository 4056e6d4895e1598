package vumi

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"indaba/internal/account"
	"indaba/internal/api"
	"indaba/internal/bot/vumiwire"
	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/gateway"
	"indaba/internal/message"
)

// The message store (docs/spec/vumi-http.md 11): what is in the message log, batch by batch. The batch of a bot, a channel
// or a router has its key.

// messageStore is the first part of its paths.
const messageStore = "message_store"

func (f *face) messageRoutes() []api.Route {
	const scope, match, plain = account.ScopeMessages, messageStore + "/batch/{batch}/{direction}/match", "Internal server error."
	return []api.Route{
		{Method: "GET", Path: messageStore + "/{batch}/{file}", Scope: scope, Handle: failing(plain, f.exportMessages)},
		{Method: "POST", Path: match, Scope: scope, Handle: failing(plain, f.startSearch)},
		{Method: "GET", Path: match, Scope: scope, Handle: failing(plain, f.readSearch)},
	}
}

// batch returns the messages of a batch of the caller's account. What is archived or removed keeps its batch, but for
// routers.
func (f *face) batch(r *api.Request) (sel message.Selection, err error) {
	key := r.Param("batch")
	sel.Account = r.Account()
	missing := core.Errorf(core.NotFound, "There is no batch %s.", contact.PythonText(key))
	if !isKey(key) {
		return sel, missing
	}
	for _, owner := range []struct {
		field *string
		find  func(ctx context.Context, account, key string) error
	}{{&sel.Bot, f.findBot}, {&sel.Channel, f.findChannel}, {&sel.Router, f.findRouter}} {
		err := owner.find(r.Context(), sel.Account, key)
		if err == nil {
			*owner.field = key
			return sel, nil
		}
		if core.KindOf(err) != core.NotFound {
			return sel, err
		}
	}
	return sel, missing
}

func (f *face) findBot(ctx context.Context, account, key string) error {
	_, err := f.Bots.Get(ctx, account, key)
	return err
}

// findChannel finds removed channels too.
func (f *face) findChannel(ctx context.Context, account, key string) error {
	_, missing := f.Channels.Known(ctx, account, key)
	if missing == nil || core.KindOf(missing) != core.NotFound {
		return missing
	}
	removed, err := f.Channels.Removed(ctx, account)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(removed, func(c *gateway.Channel) bool { return c.Key == key }) {
		return nil
	}
	return missing
}

func (f *face) findRouter(ctx context.Context, account, key string) error {
	_, err := f.Routes.Router(ctx, account, key)
	return err
}

// directions are the names of what a batch holds.
var directions = map[string]core.Direction{"inbound": core.Inbound, "outbound": core.Outbound}

// exportMessages is GET …/{batch}/inbound.json and its like.
func (f *face) exportMessages(w http.ResponseWriter, r *api.Request) error {
	what, name, _ := strings.Cut(r.Param("file"), ".")
	format, known := map[string]vumiwire.Format{"json": vumiwire.JSON, "csv": vumiwire.CSV}[name]
	direction, messages := directions[what]
	if !known || !messages && what != "events" {
		return core.Errorf(core.NotFound, "A batch has inbound, outbound and events, each as .json and .csv.")
	}
	sel, err := f.batch(r)
	if err != nil {
		return err
	}
	sel.Direction = direction
	if err := readSpan(r, &sel); err != nil {
		return err
	}
	leave, err := f.streams.Enter(sel.Account)
	if err != nil {
		return err
	}
	defer leave()
	contentType := jsonUTF8
	if format == vumiwire.CSV {
		contentType = "text/csv; charset=utf-8"
	}
	lines := api.NewLines(w, contentType)
	if messages {
		return f.Exports.ExportMessages(r.Context(), sel, format, lines)
	}
	return f.Exports.ExportEvents(r.Context(), sel, format, lines)
}

// readSpan reads start and end.
func readSpan(r *api.Request, sel *message.Selection) error {
	query, err := r.Query()
	if err != nil {
		return err
	}
	if sel.From, err = moment(query, "start"); err != nil {
		return err
	}
	sel.Until, err = moment(query, "end")
	return err
}

// moment reads a parameter that is a time; the zero time when it is not given.
func moment(query url.Values, name string) (time.Time, error) {
	values, given := query[name]
	switch {
	case !given:
		return time.Time{}, nil
	case len(values) > 1:
		return time.Time{}, invalid("Invalid '%s' parameter: Expected a single value, got %d", name, len(values))
	}
	at, err := contact.ParseMoment(values[0])
	if err != nil {
		return at, invalid("Invalid '%s' parameter: Expected an ISO 8601 date or time, got %s", name, contact.PythonText(values[0]))
	}
	return at, nil
}

// writeMessageStoreError answers a request for the message store that failed, in plain text.
func writeMessageStoreError(w http.ResponseWriter, status int, reason string) {
	writeText(w, status, "text/plain; charset=utf-8", fmt.Sprintln(reason))
}

// Sinks of exports are what api.Lines is.
var _ vumiwire.Sink = (*api.Lines)(nil)
