package sandbox

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"indaba/internal/bot"
	"indaba/internal/bot/js"
	"indaba/internal/core"
)

// maxLineBytes bounds one line of a bot's log.
const maxLineBytes = 16 << 10

// logAt is log.debug, log.info and so on; an integer level in the command wins (docs/spec/vumi-sandbox.md 9.3).
func logAt(level bot.Level) handler {
	return func(h *host, _ context.Context, a args) (fields, error) {
		if a.null("msg") {
			return nil, fail("Value expected for msg")
		}
		text, ok := a.text("msg")
		if !ok {
			text = string(a["msg"])
		}
		at := level
		if n, ok := a.integer("level"); ok {
			at = bot.Level(max(0, min(n, int64(bot.Critical))))
		}
		h.logf(at, "%s", text)
		return nil, nil
	}
}

// logf adds a line to the bot's log.
func (h *host) logf(level bot.Level, format string, values ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addLine(level, fmt.Sprintf(format, values...))
}

// addLine is logf for callers that hold the lock.
func (h *host) addLine(level bot.Level, text string) {
	if len(text) > maxLineBytes {
		text = strings.ToValidUTF8(text[:maxLineBytes], "") + "…"
	}
	h.log = append(h.log, bot.LogLine{Level: level, Text: core.Storable(text), At: h.deps.Now()})
}

// logConsole adds what the script wrote to its console.
func (h *host) logConsole(lines []js.ConsoleLine) {
	levels := map[string]bot.Level{"debug": bot.Debug, "info": bot.Info, "warn": bot.Warning, "error": bot.Error}
	for _, line := range lines {
		h.addLine(levels[line.Level], line.Text)
	}
}

// logEnd says why the turn did not end well, with the place in the script where that is known.
func (h *host) logEnd(r js.Result) {
	text := r.Err.Error()
	if thrown, ok := errors.AsType[*js.ScriptError](r.Err); ok && thrown.Stack != "" {
		text += "\n" + thrown.Stack
	}
	h.addLine(bot.Error, h.runner.places.Map(text))
}
