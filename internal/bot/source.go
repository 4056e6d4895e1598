package bot

import (
	"context"
	"maps"
	"slices"

	"indaba/internal/bot/bundle"
	"indaba/internal/core"
)

// Renewal is what takes the place of parts of a bot, all at once.
type Renewal struct {
	Program *bundle.Bundle    // nil: the version stays
	Config  map[string]string // values of the operator's; those that it does not name stay
}

// Renewed is what a renewal has changed.
type Renewed struct {
	Version  int64    // the one that answers now
	Deployed bool     // whether it is a new one
	Changed  []string // keys of values, sorted
}

// Renew deploys a program, unless it equals the version that answers, and sets those values that differ, in one commit.
// was is the bot as it was read before the renewal was made: when its version or its values are others by now, nothing is
// changed and the error is [ErrOvertaken]. Turns under way end as they began.
func (s *Store) Renew(ctx context.Context, was *Bot, r Renewal) (done Renewed, err error) {
	var packed *packedProgram
	if r.Program != nil {
		if packed, err = pack(r.Program); err != nil {
			return done, err
		}
	}
	err = s.db.TxOn(ctx, was.Account, func(ctx context.Context) error {
		b, err := s.active(ctx, was.Account, was.Key)
		if err != nil {
			return err
		}
		if b.Version != was.Version || !maps.Equal(b.Config, was.Config) {
			return ErrOvertaken
		}
		done = Renewed{Version: b.Version}
		if packed != nil {
			v, err := s.deploy(ctx, b, packed)
			if err != nil {
				return err
			}
			done.Version, done.Deployed = v.Number, v.Number != b.Version
		}
		changes := map[string]*string{}
		for key, value := range r.Config {
			if old, ok := b.Config[key]; !ok || old != value {
				changes[key] = &value
			}
		}
		if len(changes) == 0 {
			return nil
		}
		done.Changed = slices.Sorted(maps.Keys(changes))
		return s.SetConfig(ctx, b.Account, b.Key, changes)
	})
	return done, err
}

// ErrOvertaken is the error of [Store.Renew] for a bot that somebody else has changed meanwhile.
var ErrOvertaken = core.Errorf(core.Conflict, "the bot was changed meanwhile: try again")
