package bot

import (
	"context"
	"encoding/json"
	"log/slog"

	"indaba/internal/core"
	"indaba/internal/message"
)

// keyword returns the opt-out keyword that a message is, and "" when it is none.
func (r *Runtime) keyword(ctx context.Context, m *core.Message, line core.Line) (string, error) {
	if m.Content == nil || line.KeepsKeywords {
		return "", nil
	}
	return r.optouts.Keyword(ctx, m.Account, *m.Content)
}

// optOut opts out whoever sent a keyword, says so and ends the session. No bot gets the message, which stays in the log
// with the reason (docs/spec/vumi-http.md 11).
func (r *Runtime) optOut(ctx context.Context, mail message.Mail, keyword string) error {
	m := mail.Message
	slog.InfoContext(ctx, "somebody opted out", "message", m.ID, "channel", mail.Channel, "keyword", keyword)
	// On the account's writer, like everything that counts opt-outs.
	return r.db.TxOn(ctx, m.Account, func(ctx context.Context) error {
		if err := r.optouts.OptOut(ctx, m.Account, m.From, m.ID); err != nil {
			return err
		}
		return r.farewell(ctx, mail, confirmation(m), "opted out by the keyword "+keyword)
	})
}

// confirmation tells a person, or the program in its place, that it has opted out.
func confirmation(m *core.Message) string {
	if m.TransportType != "http_api" {
		return "You have opted out"
	}
	address, _ := json.Marshal(m.From) // a text always encodes
	return `{"msisdn":` + string(address) + `,"opted_in": false}`
}
