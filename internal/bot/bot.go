// Package bot keeps bots and their deployed versions, runs a turn of the right bot for each mail, and keeps the record
// of turns. How a bot's program is run is up to the dialect of its kind: see [Loader]. The package sends nothing itself:
// replies go into the outbox in the commit that ends the turn.
package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/core"
)

// The kinds of bots.
const (
	Sandbox = "sandbox" // written for the Vumi JavaScript sandbox (docs/spec/vumi-sandbox.md)
	HTTP    = "http"    // HTTP API conversations: an application elsewhere, and no program here (docs/spec/vumi-http.md 9)
)

// Bot is a program that answers.
type Bot struct {
	Key       string
	Account   string
	Name      string
	Kind      string
	Version   int64             // the version that answers; 0 before the first deployment
	Config    map[string]string // the operator's values, which win over those that came with the version
	CreatedAt time.Time
	// Stopped says that an operator has stopped it. A program is not run then and what comes in is parked; an application
	// behind the HTTP API gets messages, and no events (docs/spec/vumi-http.md 9.7).
	Stopped    bool
	ArchivedAt time.Time // zero unless it was archived: then it has no routes, and gets nothing
}

// Archived reports whether the bot was put away for good.
func (b *Bot) Archived() bool { return !b.ArchivedAt.IsZero() }

// Running reports whether the bot answers (docs/spec/vumi-http.md 7.1, status).
func (b *Bot) Running() bool {
	return !b.Stopped && !b.Archived() && (b.Version != 0 || !b.HasProgram())
}

// HasProgram reports whether bots of this kind run a program that must be deployed.
func (b *Bot) HasProgram() bool { return b.Kind != HTTP }

// Version is one deployed, immutable program of a bot.
type Version struct {
	Bot       string
	Number    int64 // from 1
	Hash      string
	CreatedAt time.Time
}

// Turn is one run of a bot for one thing that happened.
type Turn struct {
	Bot     *Bot
	Version int64
	Config  map[string]string // what the program sees: the version's values under the bot's
	Message *core.Message     // the inbound message, or the outbound one that Event is about; nil for a trigger
	Event   *core.Event       // nil unless the turn is for an event
	Trigger bool              // an operator asks the bot to begin a conversation with Address
	Channel string            // where the member is
	Address string            // the member
	Seed    [32]byte          // all randomness of the turn
	Alone   bool              // share the virtual machine with no other turn
}

// Send is one message that a turn wants sent.
type Send struct {
	// Reply says that the message answers Turn.Message; it goes back the way that came. Otherwise it leaves by
	// Endpoint and the routing table.
	Reply          bool
	ToGroup        bool // a reply to the group that the message came from
	Endpoint       string
	To             string // only without Reply
	Content        *string
	SessionEvent   core.SessionEvent
	HelperMetadata json.RawMessage
}

// Result is what came of a turn. Its sends are committed together with the mark that the mail is done, and not at all
// unless Outcome is js.Done.
type Result struct {
	Outcome js.Outcome
	Err     string // for the author of the bot; empty for js.Done
	Sends   []Send
	// RepliesLater says that replies to Turn.Message may come when the turn is over, by another way than Sends.
	RepliesLater bool
	// Commit writes what else belongs into the commit that ends the turn; nil when there is nothing. Turns of one bot that
	// have one are committed one after the other.
	Commit   func(context.Context) error
	Log      []LogLine
	Commands int
	CPU      time.Duration
	Wall     time.Duration
	Record   Record
}

// Record is what a replay needs of a turn.
type Record struct {
	Command string            `json:"command"` // what the run was started with, as JSON
	Seed    []byte            `json:"seed"`
	Config  map[string]string `json:"config"`
	Trace   []js.TraceEntry   `json:"trace"`
}

// LogLine is one line of a bot's log.
type LogLine struct {
	Level Level     `json:"level"`
	Text  string    `json:"text"`
	At    time.Time `json:"at"`
}

// Level is the weight of a log line, numbered as in Python's logging.
type Level int

// The levels.
const (
	Debug    Level = 10
	Info     Level = 20
	Warning  Level = 30
	Error    Level = 40
	Critical Level = 50
)

// String returns the level's name in capitals, as the log shows it.
func (l Level) String() string {
	switch {
	case l >= Critical:
		return "CRITICAL"
	case l >= Error:
		return "ERROR"
	case l >= Warning:
		return "WARNING"
	case l >= Info:
		return "INFO"
	default:
		return "DEBUG"
	}
}

// Runner runs turns of one version of one bot. It is safe for concurrent use.
type Runner interface {
	// Wants reports whether the bot is to be told of events (docs/spec/vumi-sandbox.md 5, process_events).
	Wants(config map[string]string) bool
	// Run runs one turn. An error means that a part of the server failed and the turn should be tried again; whatever
	// the bot did wrong is in the result.
	Run(ctx context.Context, t *Turn) (Result, error)
	// Replay feeds a recorded turn to the program and returns where its commands differ.
	Replay(ctx context.Context, t *Turn, r Record) (Result, []js.Difference, error)
	// Close ends the runs under way and frees what the runner holds.
	Close()
}

// Loader makes the runner of a version; one per kind. A bot without a program has the zero Version and a nil program.
type Loader func(b *Bot, v Version, program *bundle.Bundle) (Runner, error)

// Check loads a program as it will be loaded for turns, before it is deployed, and lets it go again.
func (load Loader) Check(b *Bot, program *bundle.Bundle) error {
	hash, err := program.Hash()
	if err != nil {
		return err
	}
	runner, err := load(b, Version{Bot: b.Key, Hash: hash}, program)
	if err != nil {
		return fmt.Errorf("the program does not load: %w", err)
	}
	runner.Close()
	return nil
}
