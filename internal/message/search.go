package message

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"indaba/internal/core"
)

// Limits of searches. What a search has found when it meets one is its result: the newest, because it reads backward.
const (
	MaxFound         = 10_000           // messages
	MaxSearchTime    = 30 * time.Second // by the clock
	MaxSearchLife    = 7 * 24 * time.Hour
	searchesAtOnce   = 2  // of the server: they may take time from the pipeline, but never all of it
	searchesToKeep   = 32 // of each account
	searchSweepEvery = time.Minute
)

// The limits that can end a search.
const (
	CutByCount = "matches"
	CutByTime  = "time"
)

// Searches looks through the message log in the background. It reads on connections that no writer needs, a page at a
// time, and writes once: what it found. Results outlive the process, searches under way do not.
type Searches struct {
	messages *Service
	log      *slog.Logger
	time     time.Duration // of one search

	mu      sync.Mutex
	ctx     context.Context // of Run; nil before and after
	running map[string]*search
	working sync.WaitGroup
}

// search is one that runs, or whose result is being stored.
type search struct {
	account, scope string
	done           chan struct{}
	found          []string
}

// Found is what a search has found so far.
type Found struct {
	Count   int
	Running bool
	Cut     string   // the limit that ended it: CutByCount, CutByTime; empty when it went through all
	IDs     []string // of a part of it, newest first unless asked for otherwise
}

// NewSearches returns searches over messages, none of which begins before Run.
func NewSearches(messages *Service, log *slog.Logger) *Searches {
	return &Searches{messages: messages, log: log, time: MaxSearchTime, running: map[string]*search{}}
}

// Run lets searches begin, and forgets what has had its time, until ctx ends; then it ends the searches under way.
func (x *Searches) Run(ctx context.Context) error {
	x.mu.Lock()
	x.ctx = ctx
	x.mu.Unlock()
	ticker := time.NewTicker(searchSweepEvery)
	defer ticker.Stop()
	for {
		if err := x.sweep(ctx); err != nil && ctx.Err() == nil {
			x.log.ErrorContext(ctx, "cannot forget old searches, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			x.mu.Lock()
			x.ctx = nil
			x.mu.Unlock()
			x.working.Wait()
			return nil
		case <-ticker.C:
		}
	}
}

func (x *Searches) sweep(ctx context.Context) error {
	_, err := x.messages.db.Exec(ctx, "DELETE FROM message_search WHERE expires_at <= $1", x.messages.now().UnixMicro())
	return err
}

// Start begins a search for the messages of a selection that match, newest first, and returns the token by which its
// result is asked for as long as life lasts, at most [MaxSearchLife]. done is closed when the search is over. More than
// one search of an account, or a few of the server, at once are core.Limited.
func (x *Searches) Start(sel Selection, match func(*core.Message) bool, life time.Duration) (token string, done <-chan struct{}, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.ctx == nil {
		return "", nil, core.Errorf(core.Unavailable, "the server is starting or stopping: search again in a moment")
	}
	for _, other := range x.running {
		if other.account == sel.Account {
			return "", nil, core.Errorf(core.Limited, "a search of the account is under way: wait until it is over")
		}
	}
	if len(x.running) >= searchesAtOnce {
		return "", nil, core.Errorf(core.Limited, "%d searches are under way: try again in a moment", searchesAtOnce)
	}
	sel.NewestFirst = true
	token = core.NewKey()
	one := &search{account: sel.Account, scope: sel.scope(), done: make(chan struct{})}
	x.running[token] = one
	ctx := x.ctx
	x.working.Go(func() { x.work(ctx, token, one, sel, match, min(life, MaxSearchLife)) })
	return token, one.done, nil
}

// work looks, and stores what was found.
func (x *Searches) work(ctx context.Context, token string, one *search, sel Selection, match func(*core.Message) bool, life time.Duration) {
	defer func() {
		if p := recover(); p != nil {
			x.log.ErrorContext(ctx, "panic in a search", "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
		x.mu.Lock()
		delete(x.running, token)
		x.mu.Unlock()
		close(one.done)
	}()
	cut, err := x.look(ctx, one, sel, match)
	if err == nil {
		err = x.keep(ctx, token, one, cut, life)
	}
	if err != nil && ctx.Err() == nil {
		x.log.ErrorContext(ctx, "a search failed", "account", sel.Account, "error", err)
	}
}

// look goes through the selection until it ends or a limit is met.
func (x *Searches) look(ctx context.Context, one *search, sel Selection, match func(*core.Message) bool) (cut string, err error) {
	limited, cancel := context.WithTimeout(ctx, x.time)
	defer cancel()
	for page, err := range x.messages.Pages(limited, sel) {
		if err != nil && limited.Err() == nil {
			return "", err
		}
		for _, m := range page {
			if limited.Err() != nil {
				break
			}
			if !match(m) {
				continue
			}
			if x.add(one, m.ID); len(one.found) == MaxFound {
				return CutByCount, nil
			}
		}
		if limited.Err() != nil {
			return CutByTime, ctx.Err()
		}
	}
	return "", nil
}

func (x *Searches) add(one *search, id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	one.found = append(one.found, id)
}

// keep stores a result in the place of the account's oldest.
func (x *Searches) keep(ctx context.Context, token string, one *search, cut string, life time.Duration) error {
	d, now := x.messages.db, x.messages.now()
	return d.Tx(ctx, func(ctx context.Context) error {
		if _, err := d.Exec(ctx, "INSERT INTO message_search (token, account, scope, found, cut, created_at, expires_at) "+
			"VALUES ($1, $2, $3, $4, $5, $6, $7)", token, one.account, one.scope, strings.Join(one.found, "\n"), cut, now.UnixMicro(),
			now.Add(life).UnixMicro()); err != nil {
			return fmt.Errorf("keep the result of a search: %w", err)
		}
		_, err := d.Exec(ctx, "DELETE FROM message_search WHERE account = $1 AND created_at < (SELECT created_at FROM message_search "+
			"WHERE account = $1 ORDER BY created_at DESC LIMIT 1 OFFSET $2)", one.account, searchesToKeep-1)
		return err
	})
}

// Result returns what the search of a token over this selection has found, from the start-th to the stop-th, both
// included, counted from 0. A token of none, of another selection, or whose life is over, is [core.NotFound].
func (x *Searches) Result(ctx context.Context, sel Selection, token string, start, stop int, oldestFirst bool) (f Found, err error) {
	found, ok := x.progress(sel, token)
	if f.Running = ok; !ok {
		if found, f.Cut, err = x.stored(ctx, sel, token); err != nil {
			return f, err
		}
	}
	if f.Count = len(found); oldestFirst {
		slices.Reverse(found)
	}
	start, stop = max(start, 0), min(stop, len(found)-1)
	if start <= stop {
		f.IDs = found[start : stop+1]
	}
	return f, nil
}

// progress returns what a search under way has found.
func (x *Searches) progress(sel Selection, token string) (found []string, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	one := x.running[token]
	if one == nil || one.account != sel.Account || one.scope != sel.scope() {
		return nil, false
	}
	return slices.Clone(one.found), true
}

func (x *Searches) stored(ctx context.Context, sel Selection, token string) (found []string, cut string, err error) {
	missing := core.Errorf(core.NotFound, "there is no search of that token: it was made long ago, or interrupted. Search again")
	if core.Storable(token) != token {
		return nil, "", missing
	}
	var text string
	err = x.messages.db.Row(ctx, "SELECT found, cut FROM message_search WHERE token = $1 AND account = $2 AND scope = $3 AND expires_at > $4",
		[]any{token, sel.Account, sel.scope(), x.messages.now().UnixMicro()}, &text, &cut)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, "", missing
	case err != nil:
		return nil, "", fmt.Errorf("read the result of a search: %w", err)
	case text == "":
		return nil, cut, nil
	}
	return strings.Split(text, "\n"), cut, nil
}

// scope tells what a selection is about from what others are about.
func (sel Selection) scope() string {
	return fmt.Sprintf("%s %s %s %d", sel.Bot, sel.Channel, sel.Router, sel.Direction)
}

// ByID returns those of the account's messages that there are, in the order of their ids in the list.
func (s *Service) ByID(ctx context.Context, account string, ids []string) ([]*core.Message, error) {
	places := map[string][]int{}
	for i, id := range ids {
		places[id] = append(places[id], i)
	}
	all := make([]*core.Message, len(ids))
	if err := eachMessage(ctx, s.db, places, func(i int, m *core.Message) { all[i] = m }); err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	return slices.DeleteFunc(all, func(m *core.Message) bool { return m == nil || m.Account != account }), nil
}
