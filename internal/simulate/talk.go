package simulate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"indaba/internal/channel"
	"indaba/internal/config"
	"indaba/internal/core"
)

// TalkOptions say who talks to which bot.
type TalkOptions struct {
	Account     string // key
	Bot         string // key or name
	Kind        string // of channel: ussd, sms or chat; "" = what the bot's delivery class says
	Address     string // the person's; "" = +27821234567
	Interactive bool   // somebody sits at the other end of in: show a prompt, and do not repeat what is typed
	JSON        bool   // write one JSON object per event, and no prompt
}

// Talk lets a person, or a file of lines, speak to a deployed bot over a simulated channel: each line of in is one
// message, and lines that begin with a slash are commands (/help lists them). When in ends, an open session is hung up.
// It speaks to the server that runs on the data directory, or runs one itself until it is done. The simulated channel is
// made and linked to the bot when there is none. Without Interactive, a bot that failed is an error in the end.
func Talk(ctx context.Context, c *config.Config, o TalkOptions, in io.Reader, out io.Writer) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := &talk{options: o, print: printer{out: out, json: o.JSON, prompt: o.Interactive && !o.JSON}, from: channel.Phone(o.Address)}
	first(&t.from, "+27821234567")
	stop, err := t.connect(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop()) }()
	return t.run(ctx, in)
}

// A talk is one call of Talk.
type talk struct {
	options TalkOptions
	print   printer
	line    *exchange
	from    string // the person's address
	open    bool   // a session is open
	failed  int    // how often the bot failed
}

// maxLine is the longest line, in bytes, that is taken.
const maxLine = 256 << 10

// run takes lines until there are no more.
func (t *talk) run(ctx context.Context, in io.Reader) error {
	lines, failed := make(chan string), make(chan error, 1)
	go func() {
		scanner := bufio.NewScanner(in)
		scanner.Buffer(nil, maxLine)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
		err := scanner.Err()
		if errors.Is(err, bufio.ErrTooLong) {
			err = core.Errorf(core.Invalid, "a line is longer than %d KiB: no channel takes that much at once", maxLine>>10)
		}
		failed <- err
		close(lines)
	}()
	if err := t.meet(ctx); err != nil {
		return err
	}
	for {
		t.print.ready(t.open)
		var text string
		more := true
		select {
		case text, more = <-lines:
		case arrival := <-t.line.arrivals:
			if err := t.arrived(arrival); err != nil {
				return err
			}
			continue
		case <-ctx.Done():
			return ctx.Err()
		}
		if !more {
			return errors.Join(<-failed, t.leave(ctx))
		}
		if quit, err := t.do(ctx, strings.TrimRight(text, "\r")); quit || err != nil {
			return err
		}
	}
}

// meet begins to listen, and dials where one has to.
func (t *talk) meet(ctx context.Context) error {
	if err := t.line.listen(ctx, t.from); err != nil {
		return err
	}
	if t.line.phone.kind() == "ussd" {
		return t.dial(ctx)
	}
	return t.print.note("you are %s: write to the bot, /help lists commands", t.from)
}

// leave hangs up and tells whether all went well.
func (t *talk) leave(ctx context.Context) error {
	if err := t.hangUp(ctx); err != nil {
		return err
	}
	if t.failed > 0 && !t.options.Interactive {
		return core.Errorf(core.Conflict, "the bot failed %s", times(t.failed))
	}
	return nil
}

const talkHelp = `/dial        begin a session
/hangup      end the session
/as ADDRESS  be somebody else
/quit        hang up and leave, as the end of the input does
//TEXT       send a text that begins with a slash`

// do carries out one line.
func (t *talk) do(ctx context.Context, text string) (quit bool, err error) {
	command, rest, _ := strings.Cut(text, " ")
	switch {
	case strings.HasPrefix(text, "//"):
		return false, t.user(ctx, text[1:])
	case !strings.HasPrefix(text, "/"):
		return false, t.user(ctx, text)
	case command == "/quit":
		return true, t.leave(ctx)
	case command == "/dial":
		return false, t.dial(ctx)
	case command == "/hangup":
		if !t.open {
			return false, t.print.note("no session is open")
		}
		return false, t.hangUp(ctx)
	case command == "/as" && strings.TrimSpace(rest) != "":
		if err := t.hangUp(ctx); err != nil {
			return false, err
		}
		t.from = channel.Phone(rest)
		return false, t.meet(ctx)
	}
	return false, t.print.note("%s", talkHelp)
}

func (t *talk) dial(ctx context.Context) error {
	if t.line.phone.kind() != "ussd" {
		return t.print.note("nobody dials on a channel of kind %s: just write", t.line.phone.kind())
	}
	t.open = true
	if err := t.print.event(event{Event: "dial", Address: t.from, Text: t.line.phone.channel.Address}); err != nil {
		return err
	}
	return t.send(ctx, said{From: t.from, SessionEvent: core.SessionNew})
}

func (t *talk) hangUp(ctx context.Context) error {
	if !t.open {
		return nil
	}
	t.open = false
	if err := t.print.event(event{Event: "hangup", Address: t.from}); err != nil {
		return err
	}
	return t.send(ctx, said{From: t.from, SessionEvent: core.SessionClose})
}

func (t *talk) user(ctx context.Context, text string) error {
	s := said{From: t.from, Content: &text}
	if t.line.phone.kind() == "ussd" {
		if !t.open {
			return t.dial(ctx) // a phone knows only one thing to do then
		}
		s.SessionEvent = core.SessionResume
	} else if text == "" {
		return nil // no phone sends an empty message
	}
	if err := t.print.event(event{Event: "user", Address: t.from, Text: text}); err != nil {
		return err
	}
	return t.send(ctx, s)
}

// How long to wait for a bot.
const (
	lookForEnd = 50 * time.Millisecond
	sayWaiting = 3 * time.Second
	giveUp     = 2 * time.Minute // more than a turn may take
)

// send sends a message and shows what comes of it, until the bot is done with it.
func (t *talk) send(ctx context.Context, s said) error {
	id, err := t.line.phone.say(ctx, s)
	if err != nil {
		return err
	}
	began, next := time.Now(), sayWaiting
	ticker := time.NewTicker(lookForEnd)
	defer ticker.Stop()
	for {
		select {
		case arrival := <-t.line.arrivals:
			if err := t.arrived(arrival); err != nil {
				return err
			}
		case <-ticker.C:
		case err := <-t.line.fatal:
			return fmt.Errorf("the server failed: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		}
		end, err := t.line.outcome(ctx, id)
		if err != nil {
			return err
		}
		if end != nil {
			if err := t.ended(end); err != nil || !end.silent || t.line.bot.HasProgram() {
				return err
			}
			return t.awaitApplication(ctx)
		}
		waited := time.Since(began)
		if waited > giveUp {
			return t.print.note("no answer after %s; the message waits in the queue of bot %s", waited.Round(time.Second), t.line.bot.Name)
		}
		if waited > next {
			next *= 2
			if err := t.print.note("waiting for the bot since %s ...", waited.Round(time.Second)); err != nil {
				return err
			}
		}
	}
}

// awaitApplication gives an application elsewhere, which has its message by now or soon, time to answer it.
func (t *talk) awaitApplication(ctx context.Context) error {
	if !t.open && t.line.phone.kind() == "ussd" {
		return nil // after the end of a session there is nothing to say
	}
	timer := time.NewTimer(sayWaiting)
	defer timer.Stop()
	select {
	case arrival := <-t.line.arrivals:
		return t.arrived(arrival)
	case <-timer.C:
		return t.print.note("the application has not answered yet")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// arrived shows a message to the person.
func (t *talk) arrived(a arrival) error {
	if a.err != nil {
		return fmt.Errorf("the connection to the server broke: %w", a.err)
	}
	if a.address != t.from || t.line.shown[a.message.ID] {
		return nil
	}
	t.line.shown[a.message.ID] = true
	kind := t.line.phone.kind()
	ends := kind == "ussd" && a.message.SessionEvent == core.SessionClose
	if ends {
		t.open = false
	}
	return t.print.bot(kind, t.from, a.message.Content, ends)
}

// ended shows what else came of a turn.
func (t *talk) ended(end *ending) error {
	for _, s := range end.sends {
		if err := t.print.event(s); err != nil {
			return err
		}
	}
	if end.silent && end.trouble == "" && t.open && t.line.phone.kind() == "ussd" {
		if err := t.print.note("the bot said nothing"); err != nil {
			return err
		}
	}
	if end.trouble == "" {
		return nil
	}
	t.failed++
	if t.line.phone.kind() == "ussd" {
		t.open = false // a network ends a session that gets no answer
	}
	return t.print.event(event{Event: "error", Text: end.trouble})
}
