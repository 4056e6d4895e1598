package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"

	"indaba/internal/channel"
	"indaba/internal/core"
	"indaba/internal/message"
)

// ServeHTTP takes the webhooks of all channels: /channels/{key} and what follows it. The answer is written when
// everything that the request brought is on disk.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	key, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/channels/"), "/")
	c, err := g.channel(r.Context(), core.Storable(key)) // what no database stores is no channel either
	if err != nil || !c.Enabled {
		if err != nil && core.KindOf(err) != core.NotFound && !errors.Is(err, ErrGivenUp) {
			refuse(w, r, err)
			return
		}
		refuse(w, r, core.Errorf(core.NotFound, "there is no such channel"))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, g.options.MaxBody))
	if err != nil {
		refuse(w, r, bodyError(err, g.options.MaxBody))
		return
	}
	req := &channel.Request{Method: r.Method, Path: strings.Trim(path, "/"), URL: g.publicURL(r), Header: r.Header,
		Query: r.URL.Query(), Body: body, RemoteIP: g.remote(r)}
	received, err := g.receive(r.Context(), c, req)
	if err != nil {
		refuse(w, r, err)
		return
	}
	if len(received.Messages) == 1 {
		if sync, ok := c.Adapter.(channel.SyncAdapter); ok && received.Messages[0].SessionEvent != core.SessionClose {
			g.converse(w, r, c, sync, req, received.Messages[0])
			return
		}
	}
	g.take(w, r, c, req, received)
}

// receive lets the adapter parse a request, which may be one that waits for news.
func (g *Gateway) receive(ctx context.Context, c *running, req *channel.Request) (channel.Received, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.stopping, cancel)()
	received, err := c.Receive(ctx, req)
	if err != nil && g.stopping.Err() != nil {
		err = core.Errorf(core.Unavailable, "the server is stopping")
	}
	return received, err
}

func bodyError(err error, limit int64) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return core.Errorf(core.TooLarge, "the body is larger than %d bytes", limit)
	}
	return &core.Error{Kind: core.Invalid, Message: "the body could not be read", Cause: err}
}

// take commits what an asynchronous channel received and answers.
func (g *Gateway) take(w http.ResponseWriter, r *http.Request, c *running, req *channel.Request, received channel.Received) {
	ids, fresh, err := g.commit(r.Context(), c, received)
	if err != nil {
		refuse(w, r, err)
		return
	}
	if caller, ok := c.Adapter.(channel.CallAdapter); ok && received.Answer == nil {
		g.respond(w, r, c, caller, req, received)
		return
	}
	answer := received.Answer
	if !fresh && len(ids) > 0 && received.Duplicate != nil {
		answer = received.Duplicate
	}
	if answer == nil {
		answer = &channel.Answer{}
	}
	if len(ids) == 1 {
		copied := *answer
		copied.Body = bytes.ReplaceAll(answer.Body, []byte("{id}"), []byte(ids[0]))
		answer = &copied
	}
	if err := write(w, *answer); err != nil {
		slog.DebugContext(r.Context(), "provider hung up before the answer", "channel", c.Key, "error", err)
	}
}

// commit puts what a channel received on disk. It returns the ids of the messages, and whether one of them is new.
func (g *Gateway) commit(ctx context.Context, c *running, received channel.Received) (ids []string, fresh bool, err error) {
	if len(received.Messages) == 1 && len(received.Statuses) == 0 {
		// Nothing else has to commit with it, so that it can share its statements with those of other requests.
		id, fresh, err := g.accept(ctx, c, received.Messages[0])
		return []string{id}, fresh, err
	}
	err = g.db.TxOn(ctx, g.lane(ctx, c, received), func(ctx context.Context) error {
		ids, fresh = nil, false
		for _, in := range received.Messages {
			id, isNew, err := g.accept(ctx, c, in)
			if err != nil {
				return err
			}
			ids, fresh = append(ids, id), fresh || isNew
		}
		for _, update := range received.Statuses {
			if err := g.report(ctx, c, update); err != nil {
				return err
			}
		}
		return nil
	})
	return ids, fresh, err
}

// accept stores a message, unless it is a redelivery; it returns the id of the one that is stored.
func (g *Gateway) accept(ctx context.Context, c *running, in channel.Message) (id string, fresh bool, err error) {
	m, err := g.inbound(c, in)
	if err != nil {
		return "", false, err
	}
	fresh, id, err = g.messages.Accept(ctx, m)
	return id, fresh, err
}

// lane returns the lane of what a channel received; requests that bring several things are in the lane of the first.
func (g *Gateway) lane(ctx context.Context, c *running, received channel.Received) string {
	if len(received.Messages) > 0 {
		return message.Lane(c.Key, core.Storable(received.Messages[0].From))
	}
	if len(received.Statuses) > 0 {
		return g.messages.LaneOf(ctx, callback(c, received.Statuses[0]))
	}
	return c.Key
}

// inbound makes the durable message of what an adapter received.
func (g *Gateway) inbound(c *running, in channel.Message) (*core.Message, error) {
	if in.From == "" {
		return nil, core.Errorf(core.Invalid, "the message does not say who sent it")
	}
	if len(in.From) > 255 || len(in.ExternalID) > 255 || len(in.SessionID) > 255 {
		return nil, core.Errorf(core.Invalid, "an address or id is longer than 255 bytes")
	}
	now := g.options.Now()
	m := &core.Message{ID: core.NewMessageID(now), Account: c.Account, Channel: c.Key, Direction: core.Inbound,
		ExternalID: core.Storable(in.ExternalID), From: core.Storable(in.From), To: core.Storable(in.To), SessionEvent: in.SessionEvent,
		SessionID: core.Storable(in.SessionID), Continuation: core.Storable(in.Continuation), Group: core.Storable(in.Group),
		Provider: core.Storable(in.Provider), TransportType: c.line.TransportType, Status: core.Received, CreatedAt: now}
	if m.To == "" {
		m.To = c.Address
	}
	if in.Content != nil {
		content := core.Storable(*in.Content)
		m.Content = &content
	}
	metadata := in.Metadata
	if in.Name != "" {
		metadata = map[string]any{"name": in.Name}
		for k, v := range in.Metadata {
			metadata[k] = v
		}
	}
	if len(metadata) > 0 {
		text, err := json.Marshal(metadata)
		if err != nil {
			return nil, fmt.Errorf("metadata of a message: %w", err)
		}
		m.TransportMetadata = json.RawMessage(core.Storable(string(text)))
	}
	return m, nil
}

// publicURL returns the URL that the provider called, as it sees it: signatures are made over it.
func (g *Gateway) publicURL(r *http.Request) string {
	return strings.TrimRight(g.options.PublicURL, "/") + r.URL.RequestURI()
}

func (g *Gateway) remote(r *http.Request) netip.Addr {
	if g.options.TrustProxy {
		if addr, err := netip.ParseAddr(core.Forwarded(r.Header, "X-Forwarded-For")); err == nil {
			return addr.Unmap()
		}
	}
	addr, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return addr.Addr().Unmap()
}

// write sends an answer on whose arrival something hangs, and reports whether all of it left.
func (g *Gateway) write(w http.ResponseWriter, r *http.Request, c *running, a channel.Answer) error {
	if a.Note != "" {
		slog.WarnContext(r.Context(), "answer changed by the channel", "channel", c.Key, "note", a.Note)
	}
	if err := write(w, a); err != nil {
		return err
	}
	if err := http.NewResponseController(w).Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return fmt.Errorf("the provider hung up: %w", err)
	}
	return nil
}

// write sends an answer, which may stay in a buffer until the request is over.
func write(w http.ResponseWriter, a channel.Answer) error {
	if a.ContentType != "" {
		w.Header().Set("Content-Type", a.ContentType)
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(a.Body)))
	if a.Status != 0 {
		w.WriteHeader(a.Status)
	}
	if _, err := w.Write(a.Body); err != nil {
		return fmt.Errorf("the provider hung up: %w", err)
	}
	return nil
}

// refuse answers a webhook that was not taken. Nothing of it has been stored.
func refuse(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // whoever asked has hung up
	}
	status := core.KindOf(err).HTTPStatus()
	slog.WarnContext(r.Context(), "webhook refused", "path", firstSegments(r.URL.Path), "status", status, "error", err)
	text, _ := json.Marshal(map[string]string{"error": core.SafeMessage(err)}) // a map of strings always encodes
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text) // whoever sent nonsense may have hung up
}

// firstSegments leaves out what follows the channel's key: a path may hold a secret.
func firstSegments(path string) string {
	parts := strings.SplitN(path, "/", 4)
	return strings.Join(parts[:min(3, len(parts))], "/")
}
