package crash

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/test/fake"
)

// How many people talk.
const (
	peoplePerLine = 20
	callers       = 8
)

// crowd is everybody who talks, and the providers that report.
type crowd struct {
	talking   sync.WaitGroup
	reporting sync.WaitGroup
	quiet     chan struct{} // closed when nobody shall say more
	over      context.CancelFunc
}

// stop lets everybody finish what was begun.
func (c *crowd) stop() {
	close(c.quiet)
	c.talking.Wait()
	c.over()
	c.reporting.Wait()
}

func (c *crowd) hushed() bool {
	select {
	case <-c.quiet:
		return true
	default:
		return false
	}
}

// talk lets people write, dial and be answered.
func (w *world) talk() *crowd {
	c := &crowd{quiet: make(chan struct{})}
	ctx, over := context.WithCancel(context.Background())
	c.over = over
	for n, l := range w.lines {
		for i := range peoplePerLine {
			c.talking.Go(func() { w.write(c, l, i, dice(w.seed, 1000*n+i)) })
		}
		c.reporting.Go(func() { w.reportAll(ctx, l, dice(w.seed, 1000*n+999)) })
	}
	for i := range callers {
		c.talking.Go(func() { w.dial(c, i, dice(w.seed, 100_000+i)) })
	}
	return c
}

// write lets one person write one message after the other. The provider delivers each until it is acknowledged, some of
// them twice at once, and some again after they were acknowledged.
func (w *world) write(c *crowd, l *line, i int, r *rand.Rand) {
	from := l.address(i)
	var again sync.WaitGroup
	defer again.Wait()
	for seq := 1; !c.hushed(); seq++ {
		text := fmt.Sprintf("%s.%d.%06d", l.name, i, seq)
		repeat := func(wait time.Duration) {
			time.Sleep(wait) // the random moment
			w.deliver(l, text, from)
		}
		if chance(r, 0.03) {
			again.Go(func() { repeat(0) })
		}
		if !w.deliver(l, text, from) {
			return
		}
		l.acknowledged(from, text)
		if chance(r, 0.1) {
			wait := between(r, 0, 2*time.Second)
			again.Go(func() { repeat(wait) })
		}
		time.Sleep(between(r, 0, 600*time.Millisecond)) // people think
	}
}

// deliver delivers one message until it is acknowledged.
func (w *world) deliver(l *line, text, from string) bool {
	reply, err := l.say(context.Background(), "id-"+text, from, text)
	if err != nil || reply.Status != http.StatusOK && reply.Status != http.StatusConflict {
		w.t.Errorf("webhook of %s: %d %.200s %v", text, reply.Status, reply.Body, err)
		return false
	}
	return true
}

// reportAll reports on messages as soon as they are taken, which may be before the server has its answer: on half of
// them, some in the wrong order, some twice, and a few as undeliverable.
func (w *world) reportAll(ctx context.Context, l *line, r *rand.Rand) {
	var under sync.WaitGroup
	defer under.Wait()
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for seen := 0; ; {
		taken := l.desk.Accepted()
		for _, m := range taken[seen:] {
			if statuses := story(r); len(statuses) > 0 {
				wait := time.Duration(0)
				if chance(r, 0.5) {
					wait = between(r, 0, 500*time.Millisecond)
				}
				under.Go(func() { w.tell(l, m, statuses, wait) })
			}
		}
		seen = len(taken)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// lookEvery is how often a provider looks at what it has taken. It is less than a slow answer takes, so that some reports
// overtake the answer. To wait for each message would copy the whole list each time.
const lookEvery = 20 * time.Millisecond

// story returns the reports on one message in the order of their arrival.
func story(r *rand.Rand) (statuses []string) {
	switch {
	case chance(r, 0.5):
		return nil
	case chance(r, 0.1):
		statuses = []string{"sent", "failed"}
	default:
		statuses = []string{"sent", "delivered"}
	}
	if chance(r, 0.2) {
		statuses = append(statuses, statuses[r.IntN(2)])
	}
	if chance(r, 0.3) {
		r.Shuffle(len(statuses), func(i, j int) { statuses[i], statuses[j] = statuses[j], statuses[i] })
	}
	return statuses
}

func (w *world) tell(l *line, m fake.Message, statuses []string, wait time.Duration) {
	time.Sleep(wait) // reports take their time
	for _, status := range statuses {
		l.claim(m.Text, status)
		reply, err := l.report(context.Background(), m, status)
		for err == nil && reply.Status == 0 { // the provider has the message and not yet where to report on it
			time.Sleep(time.Millisecond)
			reply, err = l.report(context.Background(), m, status)
		}
		if err != nil || reply.Status != http.StatusOK {
			w.t.Errorf("report on %s: %d %.200s %v", m.Text, reply.Status, reply.Body, err)
		}
		l.answered(m.Text, status)
	}
}

// screens are the texts that callers have seen.
type screens struct {
	mu        sync.Mutex
	seen      map[string]bool
	broken    int // sessions that an outage ended
	apologies int // sessions that ended with the channel's apology
	whole     int // sessions that came to their end
}

func (s *screens) add(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	s.seen[text] = true
}

func (s *screens) count(n *int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*n++
}

// dial lets one person have one USSD session after the other.
func (w *world) dial(c *crowd, i int, r *rand.Rand) {
	phone := fmt.Sprintf("+2782%07d", i)
	for n := 1; !c.hushed(); n++ {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		w.session(ctx, phone, n, r)
		cancel()
		time.Sleep(between(r, 0, 200*time.Millisecond)) // people think
	}
}

// session is one session: what comes back is an answer to what was typed, an apology, or a broken session, and it comes
// within the gateway's patience.
func (w *world) session(ctx context.Context, phone string, n int, r *rand.Rand) {
	typed := "dialled"
	s, err := w.gateway.Dial(ctx, phone)
	for step := 1; ; step++ {
		switch {
		case err != nil:
			w.screens.count(&w.screens.broken)
			return
		case !s.Open:
			w.screens.count(&w.screens.apologies)
			return
		}
		if parts := strings.Split(s.Screen, "|"); len(parts) != 3 || parts[0] != typed || parts[2] != phone {
			w.t.Errorf("%s typed %s and saw %q", phone, typed, s.Screen)
		}
		w.screens.add(s.Screen)
		if step > 2 {
			w.screens.count(&w.screens.whole)
			_ = s.Hangup(ctx) // the server may be down: then nobody hears of it
			return
		}
		time.Sleep(between(r, 0, 30*time.Millisecond)) // people type
		typed = fmt.Sprintf("ussd.%d.%d", n, step)
		err = s.Reply(ctx, typed)
	}
}

// A crowd's own arithmetic has to be right before it can judge a server.
func TestStory(t *testing.T) {
	r, kinds := dice(1, 1), map[string]int{}
	for range 2000 {
		statuses := story(r)
		kinds[strings.Join(slices.Compact(slices.Sorted(slices.Values(statuses))), " ")]++
	}
	if kinds[""] < 800 || kinds["delivered sent"] < 600 || kinds["failed sent"] < 40 || len(kinds) != 3 {
		t.Errorf("%v", kinds)
	}
}
