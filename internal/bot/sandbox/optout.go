package sandbox

import (
	"context"
	"slices"

	"indaba/internal/bot/vumiwire"
	"indaba/internal/contact"
	"indaba/internal/optout"
)

// The commands of optout, for accounts that may manage opt-outs (docs/spec/vumi-sandbox.md 9.9).

func (h *host) optoutStatus(ctx context.Context, a args) (fields, error) {
	p, err := h.optoutParams(ctx, a, "address_type", "address_value")
	if err != nil {
		return nil, err
	}
	o, found, err := h.deps.Optouts.Get(ctx, h.turn.Bot.Account, p[0], p[1])
	if err != nil || !found {
		return fields{"opted_out": false}, err
	}
	return optedOut(o), nil
}

func (h *host) optoutCount(ctx context.Context, a args) (fields, error) {
	if _, err := h.optoutParams(ctx, a); err != nil {
		return nil, err
	}
	count, err := h.deps.Optouts.Count(ctx, h.turn.Bot.Account)
	return fields{"count": count}, err
}

func (h *host) optoutOptout(ctx context.Context, a args) (fields, error) {
	p, err := h.optoutParams(ctx, a, "address_type", "address_value", "message_id")
	if err != nil {
		return nil, err
	}
	o, err := h.deps.Optouts.Set(ctx, h.turn.Bot.Account, p[0], p[1], p[2])
	if err != nil {
		return nil, err
	}
	return optedOut(o), nil
}

func (h *host) optoutCancel(ctx context.Context, a args) (fields, error) {
	p, err := h.optoutParams(ctx, a, "address_type", "address_value")
	if err != nil {
		return nil, err
	}
	_, _, err = h.deps.Optouts.Delete(ctx, h.turn.Bot.Account, p[0], p[1])
	return fields{"opted_out": false}, err
}

func optedOut(o optout.OptOut) fields {
	return fields{"opted_out": true, "created_at": contact.FormatTime(o.CreatedAt), "message_id": vumiwire.OrNull(o.MessageID)}
}

// optoutParams returns the members of a command that must be there, and then checks whether the account may do this.
func (h *host) optoutParams(ctx context.Context, a args, names ...string) ([]string, error) {
	var values []string
	for _, name := range names {
		if !a.has(name) {
			return nil, fail("Missing key: %s", name)
		}
		value, isText := a.text(name)
		if !isText {
			value = contact.PythonRepr(a[name])
		}
		if value == "" || !isText && slices.Contains([]string{"None", "False", "0", "0.0", "[]", "{}"}, value) {
			return nil, fail(`Invalid value "%s" for "%s"`, value, name)
		}
		values = append(values, value)
	}
	allowed, err := h.deps.Accounts.CanManageOptouts(ctx, h.turn.Bot.Account)
	if err == nil && !allowed {
		err = fail("Account not allowed to manage optouts.")
	}
	return values, err
}
