package sandbox

import (
	"context"
	"encoding/json"
	"math"
	"strings"
	"time"

	"indaba/internal/bot"
	"indaba/internal/core"
	"indaba/internal/kv"
)

// The commands of kv (docs/spec/vumi-sandbox.md 9.2). All bots of an account share one space of keys.

func (h *host) kvGet(ctx context.Context, a args) (fields, error) {
	key, err := kvKey(a)
	if err != nil {
		return nil, err
	}
	value, found, err := h.deps.KV.Get(ctx, h.turn.Bot.Account, key)
	if err != nil {
		return nil, err
	}
	if !found {
		return fields{"value": nil}, nil
	}
	return fields{"value": value}, nil
}

func (h *host) kvSet(ctx context.Context, a args) (fields, error) {
	key, err := kvKey(a)
	if err != nil {
		return nil, err
	}
	ttl, err := kvTTL(a)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(key, "users.") && strings.HasSuffix(key, ".undefined") {
		// The toolkit ends the turn of an event like that of a message, and saves a user that it has never loaded.
		h.logf(bot.Debug, "%s was not stored: it is the user of nobody.", key)
		return nil, nil
	}
	value := a["value"]
	if value == nil {
		value = json.RawMessage("null")
	}
	outcome, err := h.deps.KV.Set(ctx, h.turn.Bot.Account, key, value, ttl)
	h.watchQuota(outcome, err)
	return nil, err
}

func (h *host) kvDelete(ctx context.Context, a args) (fields, error) {
	key, err := kvKey(a)
	if err != nil {
		return nil, err
	}
	existed, err := h.deps.KV.Delete(ctx, h.turn.Bot.Account, key)
	return fields{"existed": existed}, err
}

func (h *host) kvIncr(ctx context.Context, a args) (fields, error) {
	key, err := kvKey(a)
	if err != nil {
		return nil, err
	}
	amount := int64(1)
	if a.has("amount") {
		var whole bool
		if amount, whole = a.integer("amount"); !whole {
			return nil, fail("value is not an integer or out of range")
		}
	}
	value, outcome, err := h.deps.KV.Incr(ctx, h.turn.Bot.Account, key, amount)
	h.watchQuota(outcome, err)
	return fields{"value": value}, err
}

func kvKey(a args) (string, error) {
	key, ok := a.text("key")
	if !ok {
		return "", fail("'key' must be a string.")
	}
	return key, nil
}

// kvTTL returns the time to live that a set asks for; 0 is for ever.
func kvTTL(a args) (time.Duration, error) {
	if a.null("seconds") {
		return 0, nil
	}
	seconds, whole := a.integer("seconds")
	if !whole {
		return 0, fail("seconds must be a number or null")
	}
	if seconds <= 0 {
		return 0, fail("seconds must be greater than 0")
	}
	return time.Duration(min(seconds, int64(math.MaxInt64/time.Second))) * time.Second, nil
}

// watchQuota tells the owner of the bot when the keys of the account are about to run out, once in a turn.
func (h *host) watchQuota(outcome kv.Outcome, err error) {
	quota := h.deps.KV.Quota()
	switch {
	case core.KindOf(err) == core.TooLarge && core.SafeMessage(err) == "Too many keys":
		h.logf(bot.Error, "Hard limit of %d keys reached for account %s. No more keys can be written.",
			quota.Hard(), h.turn.Bot.Account)
	case outcome.AboveSoft && !h.kvWarned:
		h.kvWarned = true
		h.logf(bot.Warning, "Soft limit of %d keys reached for account %s. Once the hard limit of %d is reached no more "+
			"keys can be written.", quota.Soft(), h.turn.Bot.Account, quota.Hard())
	}
}
