package httpbot

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"

	"indaba/internal/bot"
	"indaba/internal/core"
	"indaba/internal/egress"
)

// How pushes are paced. A slow application holds up no other one: each bot has its own places.
const (
	pushesPerBot = 8
	pushesAtOnce = 256
	scanEvery    = 10 * time.Second // safety net: posts and results wake the queue at once
	commitWait   = 200 * time.Millisecond
)

// Run pushes what is due until ctx ends, then waits for the pushes under way: a few seconds at most.
func (q *Queue) Run(ctx context.Context) error {
	defer q.working.Wait()
	for {
		wait, err := q.scan(ctx)
		if err != nil && ctx.Err() == nil {
			q.Log.ErrorContext(ctx, "cannot read the queue of pushes, trying again", "error", err)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		case <-q.wake:
			timer.Stop()
		}
	}
}

// scan starts what is due and has a place, and returns how long to wait before the next scan when nothing else asks for it.
func (q *Queue) scan(ctx context.Context) (wait time.Duration, err error) {
	now, wait := q.Now(), scanEvery
	conversations, err := q.waiting(ctx)
	if err != nil {
		return wait, err
	}
	for _, c := range conversations {
		if err := q.start(ctx, c, now); err != nil {
			return wait, err
		}
		next, ok, err := q.nextDue(ctx, c, now)
		if err != nil {
			return wait, err
		}
		if ok {
			wait = min(wait, next.Sub(now))
		}
	}
	return wait, nil
}

// start begins what is due of one conversation, as far as there are places.
func (q *Queue) start(ctx context.Context, c conversation, now time.Time) error {
	if q.places(c.bot) == 0 {
		return nil
	}
	due, err := q.due(ctx, c, now, 16*pushesPerBot)
	if err != nil {
		return err
	}
	for _, p := range firstOfEach(due) {
		if q.begin(p) {
			q.working.Go(func() { q.work(ctx, p) })
		}
	}
	return nil
}

// firstOfEach returns the first push about each person, in order. The others wait for another scan: the first may end while
// this one goes through its list, and what is then free must not go to a push far behind the next.
func firstOfEach(due []Push) (first []Push) {
	seen := map[string]bool{}
	for _, p := range due {
		if !seen[p.Address] {
			seen[p.Address] = true
			first = append(first, p)
		}
	}
	return first
}

// places returns how many more pushes of a bot may begin.
func (q *Queue) places(bot string) int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return max(0, min(pushesPerBot-q.load[bot], pushesAtOnce-len(q.busy)))
}

// begin takes a place for a push, unless there is none or a push about the same person is under way.
func (q *Queue) begin(p Push) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	who := person{p.Bot, p.Address}
	if q.busy[p.ID] || q.people[who] || q.load[p.Bot] >= pushesPerBot || len(q.busy) >= pushesAtOnce {
		return false
	}
	q.busy[p.ID], q.people[who] = true, true
	q.load[p.Bot]++
	return true
}

func (q *Queue) end(p Push) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.busy, p.ID)
	delete(q.people, person{p.Bot, p.Address})
	if q.load[p.Bot]--; q.load[p.Bot] == 0 {
		delete(q.load, p.Bot)
	}
	q.look()
}

// work makes one try and stores how it ended. A try is not interrupted when the server stops: the answer tells whether
// the application has taken the push.
func (q *Queue) work(ctx context.Context, p Push) {
	defer q.end(p)
	defer func() {
		if panicked := recover(); panicked != nil {
			q.Log.ErrorContext(ctx, "panic in a push", "push", p.ID, "panic", panicked, "stack", string(debug.Stack()))
			pause(ctx, scanEvery) // one push must not stop the server, nor keep it busy
		}
	}()
	if !q.current(ctx, p) {
		return
	}
	if p.BegunAt.IsZero() {
		p.BegunAt = q.Now()
	}
	err := q.try(context.WithoutCancel(ctx), p)
	if core.KindOf(err) == core.Internal && err != nil {
		q.Log.ErrorContext(ctx, "a push failed, trying again", "push", p.ID, "error", err)
		pause(ctx, scanEvery)
		return
	}
	q.settle(ctx, p, err)
}

// current reports whether a push that a scan found still waits: one that ended while the scan was reading does not.
func (q *Queue) current(ctx context.Context, p Push) bool {
	var n int
	err := q.DB.Row(ctx, "SELECT count(*) FROM push WHERE id = $1 AND state = 1 AND attempts = $2", []any{p.ID, p.Attempts}, &n)
	if err != nil && ctx.Err() == nil {
		q.Log.ErrorContext(ctx, "cannot look at a push, trying again", "push", p.ID, "error", err)
		pause(ctx, time.Second)
	}
	return err == nil && n == 1
}

// try pushes once. Errors of kind core.Unavailable and core.Timeout come and go; core.Internal are faults of ours; all
// others would come again.
func (q *Queue) try(ctx context.Context, p Push) error {
	b, err := q.Bots.Get(ctx, p.Account, p.Bot)
	if err != nil {
		return err
	}
	if b.Archived() {
		return core.Errorf(core.Invalid, "the conversation is archived")
	}
	settings, err := ReadSettings(b.Config)
	if err != nil {
		return err
	}
	request, err := request(settings.url(p.Kind), p)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	answer, err := q.Egress.Do(limited, request)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return core.Errorf(core.Timeout, "no complete answer within %v", tryTimeout)
	case err != nil:
		return err
	case answer.Status >= 500:
		return core.Errorf(core.Unavailable, "the application answered %d %s", answer.Status, answer.StatusText)
	case answer.Status < 200 || answer.Status > 299:
		return core.Errorf(core.Invalid, "the application answered %d %s", answer.Status, answer.StatusText)
	}
	return nil
}

// request returns the request of a push. User and password of the URL go into a header (docs/spec/vumi-http.md 9.7).
func request(to string, p Push) (egress.Request, error) {
	// What an application says beside its status cannot turn a push that it has taken into one that it has not.
	r := egress.Request{Method: http.MethodPost, Body: []byte(p.Body), Discard: true,
		Header: http.Header{"Content-Type": {"application/json; charset=utf-8"},
			// It is not sent. It tells net/http to repeat the request when the application closes an idle connection just then,
			// which is no failure that should cost five minutes.
			"Idempotency-Key": {}}}
	if to == "" {
		return r, core.Errorf(core.Invalid, "push_%s_url is not set", p.Kind)
	}
	u, err := url.Parse(to)
	if err != nil {
		return r, core.Errorf(core.Invalid, "push_%s_url is no URL", p.Kind) // the URL may hold a password
	}
	if u.User != nil {
		password, _ := u.User.Password()
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
		u.User = nil
	}
	r.URL = u.String()
	return r, nil
}

// settle stores how a try ended, and does not give up: what the application has taken cannot be taken back.
func (q *Queue) settle(ctx context.Context, p Push, failure error) {
	ctx = context.WithoutCancel(ctx)
	for {
		err := q.DB.TxOn(ctx, p.Bot, func(ctx context.Context) error { return q.conclude(ctx, p, failure) })
		if err == nil || q.DB.Closed() {
			return
		}
		q.Log.ErrorContext(ctx, "cannot record a push, trying again", "push", p.ID, "error", err)
		time.Sleep(commitWait)
	}
}

// conclude decides what becomes of a push: taken, tried again, or given up, which the bot's log tells.
func (q *Queue) conclude(ctx context.Context, p Push, failure error) error {
	p.Attempts++
	if failure == nil {
		p.State, p.Reason = Taken, ""
		return q.update(ctx, p)
	}
	p.State, p.Reason = Dead, core.SafeMessage(failure)
	kind := core.KindOf(failure)
	if after, more := retryAfter(p.Attempts); more && (kind == core.Unavailable || kind == core.Timeout) {
		waiting, err := q.retries(ctx, p.Account)
		if err != nil {
			return err
		}
		if waiting < maxRetries {
			p.State, p.NotBefore = Waiting, p.BegunAt.Add(after)
			return q.update(ctx, p)
		}
		p.Reason += fmt.Sprintf(" (and %d pushes wait for another try already)", maxRetries)
	}
	if err := q.update(ctx, p); err != nil {
		return err
	}
	if p.Kind == Messages && q.GivenUp != nil {
		q.DB.AfterCommit(ctx, func() { q.GivenUp(p.Subject) })
	}
	return q.Bots.Append(ctx, p.Bot, bot.LogLine{Level: bot.Error, At: q.Now(),
		Text: fmt.Sprintf("push of %s given up after %d tries: %s", p.named(), p.Attempts, p.Reason)})
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
