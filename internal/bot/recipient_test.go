package bot_test

import (
	"context"
	"strings"
	"testing"

	"indaba/internal/bot"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

// Recipient knows telephone numbers by their digits.
func (l lines) Recipient(ctx context.Context, key, address string) (string, error) {
	_, err := l.Line(ctx, key)
	return strings.ReplaceAll(address, " ", ""), err
}

// What a bot begins by itself is stored under the address that messages of the person have, so that both are in one lane.
func TestOwnMessagesGoToWhomTheChannelKnows(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := open(t, d)
		p.link("channel:c1 bot:"+p.bot.Key, "bot:"+p.bot.Key+" channel:c1")
		p.tongue.run = func(*bot.Turn) (bot.Result, error) {
			return done(bot.Send{To: "+27 82 000 0001", Endpoint: "default"})
		}
		p.say("hi")
		sent, err := p.messages.Recent(t.Context(), account, "+27820000001", 10)
		if err != nil || len(sent) != 1 || sent[0].Direction != core.Outbound || sent[0].Status != core.Queued {
			t.Fatalf("%+v %v", sent, err)
		}
	})
}
