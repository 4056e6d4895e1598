package simulate

import (
	"context"
	"sync"

	"indaba/internal/account"
	"indaba/internal/bot"
	"indaba/internal/bot/js"
)

// A scene is one conversation's part of a stage: an account with a bot, a simulated channel for each of the bot's
// endpoints, and what the bot has done so far.
type scene struct {
	account, bot string
	seed         string // of the bot's randomness
	class        string // delivery class of the bot's app
	from, to     string
	phones       map[string]*phone // by endpoint

	mu     sync.Mutex
	turns  []seen
	count  int
	events map[string]bool // ids of the events that the conversation sent
}

// seen is one turn that was run.
type seen struct {
	turn   *bot.Turn
	result bot.Result
	err    error // of the server
}

// enter counts a turn and tells whether it is to be run.
func (c *scene) enter(t *bot.Turn) (number int, wanted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.Event != nil && !c.events[t.Event.ID] {
		return 0, false
	}
	c.count++
	return c.count, true
}

func (c *scene) saw(s seen) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.err == nil && (s.result.Outcome == js.Evicted || s.result.Outcome == js.Canceled) {
		return // it will be run again
	}
	c.turns = append(c.turns, s)
}

// take returns the turns since the last call.
func (c *scene) take() []seen {
	c.mu.Lock()
	defer c.mu.Unlock()
	turns := c.turns
	c.turns = nil
	return turns
}

// fault returns what the server could not do for the bot.
func (c *scene) fault() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.turns {
		if t.err != nil {
			return t.err
		}
	}
	return nil
}

// begin makes the scene of a conversation in one commit.
func (s *stage) begin(ctx context.Context, path string, c *conversation) (*scene, error) {
	s.clock.turn(c.now)
	s.net.begin(c.http)
	sc := &scene{seed: path + " " + c.name, phones: map[string]*phone{}, events: map[string]bool{}}
	err := s.app.DB.Tx(ctx, func(ctx context.Context) error {
		a, err := s.app.Accounts.Create(ctx, c.name, "")
		if err != nil {
			return err
		}
		sc.account = a.Key
		flags := account.Flags{CanManageOptouts: c.mayOptOut == nil || *c.mayOptOut}
		if err := s.app.Accounts.SetFlags(ctx, a.Key, flags); err != nil {
			return err
		}
		endpoints, err := s.deploy(ctx, sc, c)
		if err != nil {
			return err
		}
		if err := s.connect(ctx, sc, c, endpoints); err != nil {
			return err
		}
		return s.fill(ctx, sc, c)
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.scenes[sc.account] = sc
	s.mu.Unlock()
	return sc, nil
}
