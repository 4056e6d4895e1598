package gateway

import (
	"context"

	"indaba/internal/channel"
	"indaba/internal/contact"
	"indaba/internal/optout"
)

// Recipient returns an address of a person as the messages that the channel brings in have it. What goes out is stored
// under it, so that it is in one lane with what comes back, and delivery reports find it. A channel that is not there, or
// was removed, is core.NotFound.
func (g *Gateway) Recipient(ctx context.Context, key, address string) (string, error) {
	c, err := g.channel(ctx, key)
	if err != nil {
		return "", err
	}
	t, err := g.store.Type(c.Type)
	if err != nil {
		return "", err
	}
	return t.Recipient(address), nil
}

// checkRecipient refuses an address that a provider may take for several people.
func checkRecipient(c *running, address string) error {
	field, err := contact.ClassField(c.line.DeliveryClass)
	if err != nil || field != optout.Phone {
		return nil // nobody here knows what addresses look like there
	}
	return channel.CheckRecipient(address)
}
