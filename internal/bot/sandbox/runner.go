package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"indaba/internal/bot"
	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/bot/vumiwire"
	"indaba/internal/egress"
)

// A runner runs turns of one version of a bot.
type runner struct {
	deps   Deps
	pool   *js.Pool
	places bundle.Places // in the source files, for what the engine says of the script
	only   egress.Hosts  // the bot's allow_hosts
	calls  chan struct{} // places for HTTP calls

	// HTTP calls that a script does not wait for go on after its turn; they end with the runner.
	ctx    context.Context
	cancel context.CancelFunc
	under  sync.WaitGroup
}

// Wants reports whether the bot's config asks for events.
func (r *runner) Wants(config map[string]string) bool { return readSettings(config).ProcessEvents }

// Run runs one turn.
func (r *runner) Run(ctx context.Context, t *bot.Turn) (bot.Result, error) {
	command, err := r.command(t)
	if err != nil {
		return bot.Result{}, err
	}
	h := newHost(r, t, command)
	result := r.pool.Run(ctx, js.Input{Command: command.text, Seed: t.Seed, Alone: t.Alone}, h)
	return h.conclude(ctx, result)
}

// Close ends the turns and HTTP calls under way.
func (r *runner) Close() {
	r.cancel()
	r.pool.Close()
	r.under.Wait()
}

// Replay feeds a recorded turn to the program. Its result has the sends and the log that the program's commands amount
// to; nothing else of the server is touched.
func (r *runner) Replay(ctx context.Context, t *bot.Turn, record bot.Record) (bot.Result, []js.Difference, error) {
	turn := *t
	turn.Config = record.Config
	if len(record.Seed) != len(turn.Seed) {
		return bot.Result{}, nil, fmt.Errorf("the recorded seed has %d bytes, not %d", len(record.Seed), len(turn.Seed))
	}
	copy(turn.Seed[:], record.Seed)
	command, err := recordedCommand(record.Command)
	if err != nil {
		return bot.Result{}, nil, err
	}
	result, differences := r.pool.Replay(ctx, js.Input{Command: record.Command, Seed: turn.Seed}, record.Trace)
	h := newHost(r, &turn, command)
	for _, entry := range result.Trace {
		for _, text := range entry.Commands {
			h.rehearse(ctx, text)
		}
	}
	done, err := h.conclude(ctx, result)
	return done, differences, err
}

// conclude makes the result of a turn of what the engine reports and what the host has collected. Faults of the server
// are an error; what the script did wrong is in the result.
func (h *host) conclude(ctx context.Context, r js.Result) (bot.Result, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	// The script may have come to its own end before its last commands were looked at.
	if h.ended != nil && (r.Outcome == js.HostErr || r.Outcome == js.Stalled || r.Outcome == js.Threw) {
		r.Outcome, r.Err = js.HostErr, h.ended
	}
	if errors.Is(h.ended, errEnd) && r.Outcome == js.HostErr {
		r.Outcome, r.Err = js.Done, nil
	}
	if r.Outcome != js.Done {
		for _, end := range h.endCalls {
			end()
		}
	}
	if h.fault != nil {
		return bot.Result{}, h.fault
	}
	if r.Outcome == js.Canceled {
		if err := ctx.Err(); err != nil {
			return bot.Result{}, err
		}
		return bot.Result{}, fmt.Errorf("the turn was interrupted: %w", r.Err)
	}
	h.logConsole(r.Console)
	result := bot.Result{
		Outcome: r.Outcome, Commands: r.Commands, CPU: r.CPU, Wall: r.Wall,
		Record: bot.Record{Command: h.command.text, Seed: h.turn.Seed[:], Config: h.turn.Config, Trace: r.Trace},
	}
	if r.Outcome == js.Done {
		result.Sends = h.sends
	} else if r.Err != nil {
		result.Err = h.runner.places.Map(r.Err.Error())
		if r.Outcome != js.Evicted { // that turn is run again
			h.logEnd(r)
		}
	}
	result.Log = h.log
	return result, nil
}

// recordedCommand reads the command of a recorded turn.
func recordedCommand(text string) (command, error) {
	var c struct {
		Message struct {
			ID      string          `json:"message_id"`
			Helper  json.RawMessage `json:"helper_metadata"`
			From    string          `json:"from_addr"`
			Type    string          `json:"message_type"`
			Trigger bool            `json:"inbound_push_trigger"`
		} `json:"msg"`
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return command{}, fmt.Errorf("reading the recorded command: %w", err)
	}
	recorded := command{text: text, helper: c.Message.Helper, from: c.Message.From, trigger: c.Message.Trigger}
	if c.Message.Type == vumiwire.IsMessage {
		recorded.message = c.Message.ID
	}
	return recorded, nil
}
