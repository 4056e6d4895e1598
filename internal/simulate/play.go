package simulate

import (
	"context"
	"fmt"
	"strings"

	"indaba/internal/bot"
	"indaba/internal/bot/js"
	"indaba/internal/core"
	"indaba/internal/routing"
)

// A player plays one conversation: it does what the person does, looks at what the bot does, and writes both down.
type player struct {
	stage  *stage
	scene  *scene
	conv   *conversation
	update bool

	lines   []line     // what happened, for the transcript
	replies []bot.Send // of the newest input, not looked at yet
	sends   []bot.Send // of the newest input, that are no replies
	checked bool       // a step has looked at the replies of the newest input
	open    bool       // a session is open
	log     []bot.LogLine
	calls   []call
	edits   []edit
	failure *failure
}

// A failure is where a conversation and a script part.
type failure struct {
	line int
	text string
	log  []string // what the bot logged that may explain it
}

// play plays a conversation from its beginning to its end or to where it fails. An error means that it could not be
// played at all.
func (s *stage) play(ctx context.Context, path string, c *conversation, update bool) (*player, error) {
	sc, err := s.begin(ctx, path, c)
	if err != nil {
		return nil, fmt.Errorf("%s:%d: %w", path, c.line, err)
	}
	p := &player{stage: s, scene: sc, conv: c, update: update}
	for _, st := range c.steps {
		if err := p.step(ctx, st); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, st.line, err)
		}
		if p.failure != nil {
			p.rest()
			return p, nil
		}
	}
	last := c.steps[len(c.steps)-1].line
	p.leftOver(last)
	p.rest()
	if p.failure == nil {
		err = p.checkAfter(ctx, last)
	}
	return p, err
}

// rest writes down what the bot did that no step has looked at.
func (p *player) rest() {
	for _, send := range append(p.replies, p.sends...) {
		p.show(send)
	}
	p.replies, p.sends = nil, nil
}

func (p *player) fail(line int, format string, args ...any) {
	if p.failure != nil {
		return
	}
	p.failure = &failure{line: line, text: fmt.Sprintf(format, args...)}
	for _, l := range p.log {
		if l.Level >= bot.Warning {
			p.failure.log = append(p.failure.log, l.Level.String()+" "+l.Text)
		}
	}
}

func (p *player) step(ctx context.Context, s step) error {
	switch s.kind {
	case stepBot:
		p.expectReply(s)
		return nil
	case stepSends:
		p.expectSends(s)
		return nil
	}
	if p.leftOver(s.line); p.failure != nil {
		return nil
	}
	p.rest()
	p.checked = false
	if s.kind == stepWait {
		p.note("%s go by", s.text)
		p.stage.clock.advance(s.wait)
		return nil
	}
	if err := p.input(ctx, s); err != nil || p.failure != nil {
		return err
	}
	if err := p.stage.settle(ctx, p.scene); err != nil {
		return err
	}
	p.watch(s)
	return nil
}

// leftOver fails when a step has looked at the bot's replies and there were more.
func (p *player) leftOver(line int) {
	if p.checked && len(p.replies) > 0 {
		p.fail(line, "the bot said more than the script expects; add a bot step for it, or take the last one out")
	}
}

// watch takes in what the bot did.
func (p *player) watch(s step) {
	turns := p.scene.take()
	var faults []string
	for _, t := range turns {
		p.log = append(p.log, t.result.Log...)
		p.calls = append(p.calls, callsOf(t.result.Record)...)
		if t.result.Outcome != js.Done {
			faults = append(faults, fmt.Sprintf("the turn ended with %q: %s", t.result.Outcome, t.result.Err))
			continue
		}
		for _, send := range t.result.Sends {
			// An operator's push is answered to the person: it is the first word of the conversation.
			if send.Reply || t.turn.Trigger && send.Endpoint == routing.Default && send.To == p.scene.from {
				p.replies = append(p.replies, send)
			} else {
				p.sends = append(p.sends, send)
			}
			if send.Reply && send.SessionEvent == core.SessionClose {
				p.open = false
			}
		}
	}
	p.complain(s, turns, faults)
}

// complain fails for what must never happen, whatever the script expects.
func (p *player) complain(s step, turns []seen, faults []string) {
	if p.conv.after.errors == nil {
		for _, t := range turns {
			for _, l := range t.result.Log {
				if l.Level >= bot.Error && t.result.Outcome == js.Done {
					faults = append(faults, "the bot logged an error: "+l.Text)
				}
			}
		}
	} else {
		faults = nil // looked at when the conversation is over
	}
	faults = append(faults, p.stage.net.complaints(false)...)
	if len(turns) == 0 && s.kind == stepEvent {
		faults = append(faults, `the bot is not told of events: its config needs "process_events": true`)
	}
	for _, send := range append(p.replies, p.sends...) {
		if over := p.tooLong(send); over != "" {
			faults = append(faults, over)
		}
	}
	if len(faults) > 0 {
		p.fail(s.line, "%s", strings.Join(faults, "\n"))
	}
}

// tooLong says by how much a message is too long for its channel, or nothing.
func (p *player) tooLong(send bot.Send) string {
	kind, limit := p.room(send)
	shown, over := tally(kind, contentOf(send), limit)
	if over == 0 {
		return ""
	}
	return fmt.Sprintf("the message is too long for the channel by %d: %s", over, shown)
}

// room returns the kind of channel that a message goes out by, and the limit of the script, which is for the person's
// own channel.
func (p *player) room(send bot.Send) (kind string, limit int) {
	endpoint := send.Endpoint
	if send.Reply || endpoint == routing.Default {
		endpoint, limit = routing.Default, p.conv.limit
	}
	if phone := p.scene.phones[endpoint]; phone != nil {
		return phone.kind(), limit
	}
	return "chat", limit
}

func contentOf(send bot.Send) string {
	if send.Content == nil {
		return ""
	}
	return *send.Content
}

func (p *player) note(format string, args ...any) {
	p.lines = append(p.lines, line{text: fmt.Sprintf(format, args...)})
}
