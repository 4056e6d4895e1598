package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"indaba/internal/bot/bundle"
)

// bare is a bot of a few lines: it says what was said.
const bare = `
api.on_inbound_message = function (command) {
  api.request('outbound.reply_to', {content: 'you said ' + command.msg.content, in_reply_to: command.msg.message_id},
    function () { api.done(); });
};`

// crowds are the numbers of people who talk at once; each waits for an answer before the next message.
var crowds = []int{1, 8, 64, 256}

// talk is many people who talk to one server, each saying one thing after the other.
type talk struct {
	place *place
	says  func(i, step int) string // what person i says, from step 0 on
}

// pipeline measures whole conversations with a bare bot.
func pipeline(ctx context.Context, o *options) (*table, error) {
	t := &table{}
	for _, n := range crowds {
		err := converse(ctx, o, t, fmt.Sprint("pipeline-", n), n, &program{code: bare}, func(i, step int) string { return "hello" },
			bars{alone: "p50 ≤ 2 ms", many: "≥ 3,000/s (tree bot)"})
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

type bars struct{ alone, many string }

// converse lets n people talk to a fresh server and notes how it went.
func converse(ctx context.Context, o *options, t *table, name string, n int, p *program, says func(i, step int) string, b bars) error {
	l, err := open(ctx, o, name, p)
	if err != nil {
		return err
	}
	k := &talk{l, says}
	sample, figure, err := k.measure(ctx, n, o.length)
	if err = errors.Join(err, l.close()); err != nil {
		return err
	}
	bar := b.many
	if n == 1 {
		bar = b.alone
	}
	floor := o.syncs
	t.row(fmt.Sprintf("%d at once", n), rateText(figure), rateText(floor)+" syncs one by one", ratioText(figure, floor), bar)
	t.row("", percentiles(sample), "", "", "")
	l.cost(t, int(l.peer.taken.Load()))
	o.best = max(o.best, figure)
	return nil
}

// measure lets n people talk, first until machines and caches are warm, and returns how long each answer took and how
// many conversations there were per second, until the last status was on disk.
func (k *talk) measure(ctx context.Context, n int, length time.Duration) (sample []time.Duration, figure float64, err error) {
	if _, err := k.run(ctx, n, length/5, "warm"); err != nil {
		return nil, 0, err
	}
	begun, before := time.Now(), k.place.peer.taken.Load()
	if sample, err = k.run(ctx, n, length, "run"); err != nil {
		return nil, 0, err
	}
	err = k.place.drained(ctx)
	return sample, perSecond(int(k.place.peer.taken.Load()-before), time.Since(begun)), err
}

// run lets n people talk for some time and returns how long each answer took, from the webhook to the provider.
func (k *talk) run(ctx context.Context, n int, length time.Duration, round string) (sample []time.Duration, err error) {
	end := time.Now().Add(length)
	return timed(ctx, k.place.address(), n, func(ctx context.Context, i int, c *conn, note func(time.Duration)) error {
		from := fmt.Sprintf("+2782%07d", i)
		replies := k.place.peer.expect(from)
		for step := 0; time.Now().Before(end); step++ {
			at := time.Now()
			status, err := c.do(webhook(k.place.path, fmt.Sprintf("%s-%d-%d", round, i, step), from, k.says(i, step)))
			if err != nil || status != 200 {
				return fmt.Errorf("webhook: %d %w", status, err)
			}
			select {
			case <-replies:
			case <-time.After(20 * time.Second):
				return fmt.Errorf("%s got no answer to message %d\n%s", from, step, k.place.server.Log())
			case <-ctx.Done():
				return ctx.Err()
			}
			note(time.Since(at))
		}
		return nil
	})
}

// toolkit measures conversations with an app on the Vumi toolkit, and the same turns in Node.js.
func toolkit(ctx context.Context, o *options) (*table, error) {
	set, err := bundle.BuiltinSet()
	if err != nil {
		return nil, err
	}
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	example := filepath.Join(root, "toolkit/node_modules/vumigo_v02/examples/contacts/lib/app.js")
	code, err := os.ReadFile(example)
	if err != nil {
		return nil, fmt.Errorf("run \"make toolkit\" first: %w", err)
	}
	p := &program{code: strings.Replace(string(code), "require('../../../lib')", "require('vumigo_v02')", 1), set: set,
		config: map[string]string{"config": `{"name": "contacts"}`}}
	t := &table{}
	o.best = 0
	for _, n := range []int{1, 8, 64} {
		err := converse(ctx, o, t, fmt.Sprint("toolkit-", n), n, p, func(_, step int) string { return contactsSays(step) },
			bars{many: "≥ 350/s"})
		if err != nil {
			return nil, err
		}
	}
	cold, warm, err := node(ctx, o, root)
	if err != nil {
		t.row("Node.js", "not measured: "+err.Error(), "", "", "")
		return t, nil
	}
	t.row("best of these", rateText(o.best), rateText(cold)+" one Node.js process per message, 2 at once", ratioText(o.best, cold), "≥ 20")
	t.row("", "", rateText(warm)+" one warm Node.js process, nothing stored", ratioText(o.best, warm), "")
	return t, nil
}

// contactsSays is what a person says to the contacts example.
func contactsSays(step int) string { return []string{"hi", "Ann", "1"}[step%3] }
