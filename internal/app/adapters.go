package app

import (
	"context"

	"indaba/internal/account"
	"indaba/internal/bot"
	"indaba/internal/contact"
	"indaba/internal/core"
)

// groups tells the routers which groups a person is in.
type groups struct{ contacts *contact.Service }

// GroupsOf returns the keys of the static groups of the contact behind an address; none when nobody knows it.
func (g groups) GroupsOf(ctx context.Context, account, deliveryClass, address string) ([]string, error) {
	c, err := g.contacts.GetByAddress(ctx, account, deliveryClass, address)
	if kind := core.KindOf(err); err != nil && (kind == core.NotFound || kind == core.Invalid) {
		return nil, nil
	}
	return c.Groups, err
}

// flags tells bots what their account allows.
type flags struct{ accounts *account.Service }

// CanManageOptouts reports whether the account's bots may read and change opt-outs.
func (f flags) CanManageOptouts(ctx context.Context, key string) (bool, error) {
	a, err := f.accounts.Get(ctx, key)
	if err != nil {
		return false, err
	}
	return a.Flags.CanManageOptouts, nil
}

// owners tells bots which other bots belong to their account.
type owners struct{ bots *bot.Store }

// OwnsBot reports whether there is a bot of that key in the account.
func (o owners) OwnsBot(ctx context.Context, account, key string) (bool, error) {
	_, err := o.bots.Get(ctx, account, key)
	if core.KindOf(err) == core.NotFound && err != nil {
		return false, nil
	}
	return err == nil, err
}
