package gateway

import (
	"log/slog"
	"net/http"
	"time"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// converse commits a message of a synchronous channel, waits for the reply and answers with it.
func (g *Gateway) converse(w http.ResponseWriter, r *http.Request, c *running, adapter channel.SyncAdapter, req *channel.Request, in channel.Message) {
	m, err := g.inbound(c, in)
	if err != nil {
		refuse(w, r, err)
		return
	}
	budget := time.NewTimer(adapter.Budget())
	defer budget.Stop()
	waiter := g.waiting.open(m.ID)
	fresh, id, err := g.messages.Accept(r.Context(), m)
	if err != nil {
		g.waiting.close(m.ID, waiter)
		refuse(w, r, err)
		return
	}
	if !fresh {
		g.waiting.close(m.ID, waiter)
		g.again(w, r, c, adapter, req, id)
		return
	}
	var reply *core.Message
	select {
	case reply = <-waiter.reply:
	case <-budget.C:
		reply = g.waiting.close(id, waiter)
		if reply == nil {
			slog.WarnContext(r.Context(), "no reply in time: the session was closed with an apology", "channel", c.Key, "message", id)
		}
	case <-r.Context().Done():
		if g.waiting.close(id, waiter) != nil {
			waiter.written <- errLate
		}
		return
	}
	if reply == nil {
		g.repeat(w, r, c, adapter.Answer(req, nil))
		return
	}
	waiter.written <- g.write(w, r, c, adapter.Answer(req, outbound(reply, 1)))
}

// again answers a provider that sends the same message once more: it gets the same reply, or waits for it along with its
// first request.
func (g *Gateway) again(w http.ResponseWriter, r *http.Request, c *running, adapter channel.SyncAdapter, req *channel.Request, id string) {
	const look = 25 * time.Millisecond
	waiter := g.waiting.open(id)
	defer func() {
		if g.waiting.close(id, waiter) != nil {
			waiter.written <- errLate
		}
	}()
	for deadline := time.Now().Add(adapter.Budget()); time.Now().Before(deadline); {
		replies, err := g.messages.Replies(r.Context(), id)
		if err != nil {
			refuse(w, r, err)
			return
		}
		if len(replies) > 0 && replies[0].Status != core.Queued {
			g.repeat(w, r, c, adapter.Answer(req, repeatable(replies[0])))
			return
		}
		select {
		case reply := <-waiter.reply:
			if reply == nil {
				g.repeat(w, r, c, adapter.Answer(req, nil))
				return
			}
			waiter.written <- g.write(w, r, c, adapter.Answer(req, outbound(reply, 1)))
			return
		case <-time.After(look): // the reply may have been handed to the first request a moment ago
		case <-r.Context().Done():
			return
		}
	}
	g.repeat(w, r, c, adapter.Answer(req, nil))
}

// repeatable returns a reply as it was sent, and nil for one that never reached the person: its request was answered with
// the apology, and so is this one.
func repeatable(reply *core.Message) *channel.Outbound {
	if reply.Status == core.Failed {
		return nil
	}
	return outbound(reply, 1)
}

// repeat writes an apology, or an answer that was given before: no status hangs on whether it arrives.
func (g *Gateway) repeat(w http.ResponseWriter, r *http.Request, c *running, a channel.Answer) {
	if err := g.write(w, r, c, a); err != nil {
		slog.DebugContext(r.Context(), "provider hung up before a repeated answer", "channel", c.Key, "error", err)
	}
}
