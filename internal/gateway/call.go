package gateway

import (
	"context"
	"log/slog"
	"net/http"

	"indaba/internal/channel"
	"indaba/internal/core"
	"indaba/internal/message"
)

// In a call the provider asks what is to happen next, and what is sent to the person is the answer to such a request. The
// adapter brings the two together: Send and Respond wait for each other in it.

// respond answers a request of a call when what it brought is on disk.
func (g *Gateway) respond(w http.ResponseWriter, r *http.Request, c *running, adapter channel.CallAdapter, req *channel.Request, received channel.Received) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(g.stopping, cancel)()
	answer := adapter.Respond(ctx, req, received)
	err := r.Context().Err() // what is written to a connection that was closed a moment ago may seem to arrive
	if err == nil {
		err = g.write(w, r, c, answer)
	}
	if err == nil {
		return
	}
	slog.WarnContext(r.Context(), "provider hung up before the answer", "channel", c.Key, "messages", len(answer.Carries), "error", err)
	for _, id := range answer.Carries {
		update := channel.StatusUpdate{MessageID: id, Status: core.Failed, Reason: "the provider hung up before the answer was there"}
		ctx := context.WithoutCancel(r.Context())
		lane := g.messages.LaneOf(ctx, callback(c, update))
		if err := g.db.TxOn(ctx, lane, func(ctx context.Context) error { return g.report(ctx, c, update) }); err != nil {
			slog.ErrorContext(ctx, "cannot record a delivery", "message", id, "error", err)
		}
	}
}

// send hands a parcel to the adapter. Where that may mean to wait for a person, the wait ends when the server stops.
func (g *Gateway) send(ctx context.Context, c *running, p *message.Parcel) (channel.Receipt, error) {
	if err := checkRecipient(c, p.Message.To); err != nil {
		return channel.Receipt{}, err
	}
	if _, ok := c.Adapter.(channel.CallAdapter); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(g.stopping, cancel)()
	}
	attempt := p.Attempts
	if p.Inherited && c.idempotent {
		attempt++ // an earlier life of the server may have made one without a note
	}
	return c.Send(ctx, outbound(p.Message, attempt))
}
