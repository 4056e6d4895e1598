package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"sync"

	"indaba/internal/bot"
	"indaba/internal/core"
)

// A host answers the commands of one turn (docs/spec/vumi-sandbox.md 3).
type host struct {
	runner   *runner
	deps     *Deps
	turn     *bot.Turn
	command  command
	settings settings
	calls    chan struct{} // places for HTTP calls of this turn

	mu       sync.Mutex // HTTP calls answer from goroutines of their own
	endCalls []context.CancelFunc
	sends    []bot.Send
	log      []bot.LogLine
	fault    error // of the server: the turn is to be run again
	ended    error // what Command ended the turn with
	kvWarned bool
}

func newHost(r *runner, t *bot.Turn, c command) *host {
	return &host{runner: r, deps: &r.deps, turn: t, command: c, settings: readSettings(t.Config),
		calls: make(chan struct{}, callsPerTurn)}
}

// errEnd ends a turn by the script's wish.
var errEnd = errors.New("the script sent js.done")

// A handler carries out one command. It returns the members of a successful reply, which may be nil.
type handler func(h *host, ctx context.Context, a args) (fields, error)

// fields are the members of a reply beside those of the envelope.
type fields map[string]any

// A failure is a reply without success, for the script to handle. Its text is the reason.
type failure string

func (f failure) Error() string { return string(f) }

func fail(format string, values ...any) error { return failure(fmt.Sprintf(format, values...)) }

// errUnexplained is a failure without a reason.
var errUnexplained = errors.New("no reason is given")

// commands are all that a script can send, but for those of http, which take their time, and js.done.
var commands = map[string]handler{
	"config.get": (*host).configGet,

	"kv.get":    (*host).kvGet,
	"kv.set":    (*host).kvSet,
	"kv.delete": (*host).kvDelete,
	"kv.incr":   (*host).kvIncr,

	"log.debug":    logAt(bot.Debug),
	"log.info":     logAt(bot.Info),
	"log.warning":  logAt(bot.Warning),
	"log.error":    logAt(bot.Error),
	"log.critical": logAt(bot.Critical),
	"log.log":      logAt(bot.Info),

	"outbound.reply_to":         (*host).outboundReplyTo,
	"outbound.reply_to_group":   (*host).outboundReplyToGroup,
	"outbound.send_to":          (*host).outboundSendTo,
	"outbound.send_to_endpoint": (*host).outboundSendToEndpoint,
	"outbound.send_to_tag":      (*host).outboundSendToTag,

	"metrics.fire": (*host).metricsFire,

	"contacts.get":                  (*host).contactsGet,
	"contacts.get_or_create":        (*host).contactsGetOrCreate,
	"contacts.get_by_key":           (*host).contactsGetByKey,
	"contacts.new":                  (*host).contactsNew,
	"contacts.save":                 (*host).contactsSave,
	"contacts.update":               (*host).contactsUpdate,
	"contacts.update_extras":        (*host).contactsUpdateExtras,
	"contacts.update_subscriptions": (*host).contactsUpdateSubscriptions,
	"contacts.search":               (*host).contactsSearch,

	"groups.get":                   (*host).groupsGet,
	"groups.get_by_name":           (*host).groupsGetByName,
	"groups.get_or_create_by_name": (*host).groupsGetOrCreateByName,
	"groups.update":                (*host).groupsUpdate,
	"groups.search":                (*host).groupsSearch,
	"groups.list":                  (*host).groupsList,
	"groups.count_members":         (*host).groupsCountMembers,

	"optout.status":        (*host).optoutStatus,
	"optout.count":         (*host).optoutCount,
	"optout.optout":        (*host).optoutOptout,
	"optout.cancel_optout": (*host).optoutCancel,

	"messagestore.progress_status":        (*host).messagesProgressStatus,
	"messagestore.count_replies":          (*host).messagesCountReplies,
	"messagestore.count_sent_messages":    (*host).messagesCountSent,
	"messagestore.count_inbound_uniques":  (*host).messagesInboundUniques,
	"messagestore.count_outbound_uniques": (*host).messagesOutboundUniques,
	"messagestore.inbound_throughput":     (*host).messagesInboundThroughput,
	"messagestore.outbound_throughput":    (*host).messagesOutboundThroughput,
}

// Command answers one command of the script. An error ends the turn: the command makes no sense, the script wants the
// end, or the server failed.
func (h *host) Command(ctx context.Context, text string, answer func(string)) error {
	err := h.dispatch(ctx, text, answer)
	if err != nil {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.ended = err
	}
	return err
}

func (h *host) dispatch(ctx context.Context, text string, answer func(string)) error {
	var a args
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return fmt.Errorf("the script sent what is no command: %w", err)
	}
	name, ok := a.text("cmd")
	if !ok {
		return errors.New("the script sent a command whose name is no text")
	}
	if name == "js.done" {
		return errEnd
	}
	if call := httpCommands[name]; call != nil {
		h.begin(call, a, answer)
		return nil
	}
	handle := commands[name]
	if handle == nil {
		return unknownCommand(name)
	}
	reply, err := h.handle(ctx, handle, a)
	if err != nil {
		return err
	}
	answer(reply)
	return nil
}

// handle runs a handler and returns the reply. A panic and what is no fault of the script are an error.
func (h *host) handle(ctx context.Context, handle handler, a args) (reply string, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = h.fail(ctx, a, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	more, err := handle(h, ctx, a)
	if err != nil {
		reason, known := reasonOf(err)
		if !known {
			return "", h.fail(ctx, a, err)
		}
		more = fields{}
		if reason != "" {
			more["reason"] = reason
		}
	}
	if more == nil {
		more = fields{}
	}
	more["success"] = err == nil
	data, err := json.Marshal(more)
	if err != nil {
		return "", h.fail(ctx, a, fmt.Errorf("encoding a reply: %w", err))
	}
	return string(data), nil
}

// fail notes that the server could not carry out a command. A command that was cut off, because the turn is over anyway,
// is no fault of the server.
func (h *host) fail(ctx context.Context, a args, err error) error {
	name, _ := a.text("cmd")
	err = fmt.Errorf("command %s of bot %s: %w", name, h.turn.Bot.Key, err)
	if ctx.Err() != nil {
		return err
	}
	h.deps.Log.ErrorContext(ctx, "a bot's command failed", "error", err)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fault == nil {
		h.fault = err
	}
	return err
}

// reasonOf returns the reason of a failure that the script is told; known is false for faults of the server.
func reasonOf(err error) (reason string, known bool) {
	if errors.Is(err, errUnexplained) {
		return "", true
	}
	if f, ok := errors.AsType[failure](err); ok {
		return string(f), true
	}
	switch core.KindOf(err) {
	case core.Invalid, core.NotFound, core.Conflict, core.Forbidden, core.TooLarge, core.Limited:
		return core.SafeMessage(err), true
	}
	return "", false
}

// unknownCommand explains why a command ends the turn.
func unknownCommand(name string) error {
	resource, rest, dotted := strings.Cut(name, ".")
	if !dotted {
		return fmt.Errorf("the script sent command %q: commands are named RESOURCE.COMMAND", name)
	}
	known := resource == "http" || resource == "js"
	for name := range commands {
		known = known || strings.HasPrefix(name, resource+".")
	}
	if known {
		return fmt.Errorf("resource %s received unknown command %q", resource, rest)
	}
	return fmt.Errorf("there is no resource %q, which the script's command %q is for", resource, name)
}

// rehearse carries out a command of a replay as far as it concerns the turn alone.
func (h *host) rehearse(ctx context.Context, text string) {
	var a args
	if json.Unmarshal([]byte(text), &a) != nil {
		return // the engine makes nothing but objects
	}
	name, _ := a.text("cmd")
	switch handle := commands[name]; {
	case name == "js.done":
		h.ended = errEnd
	case handle == nil && httpCommands[name] == nil:
		h.ended = unknownCommand(name)
	case strings.HasPrefix(name, "log."), strings.HasPrefix(name, "outbound."):
		_, _ = handle(h, ctx, a) // what failed in the recorded turn fails here too
	}
}
