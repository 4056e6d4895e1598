package twilio

import (
	"context"
	"net/url"
	"time"

	"indaba/internal/channel"
)

// How long keys are listened for before the next request, while a person waits for the bot, and while the server stops:
// a restart is to be over then.
const (
	pause        = 2 * time.Second
	restartPause = 10 * time.Second
)

// Respond tells Twilio what is to happen next in a call.
//
// A person who called or pressed keys waits for the bot, for as long as the settings budget and patience allow; keys are
// listened for in between. A person who presses nothing hears the same again, a few times.
func (a *adapter) Respond(ctx context.Context, r *channel.Request, received channel.Received) channel.Answer {
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return answer(render(hangup{})) // Receive has refused it before
	}
	m, err := fromCall(form)
	if err != nil {
		return answer(render(hangup{}))
	}
	at, budget := readStep(r.Query), time.Duration(0)
	if len(received.Messages) > 0 {
		at.since = a.config.Now()
	}
	if !at.since.IsZero() {
		budget = a.config.Duration("budget")
	}
	call := a.calls.open(m.SessionID, m.From, budget+slack)
	found := a.calls.ask(ctx, call, at, budget)
	switch {
	case found.repeat != nil:
		return *found.repeat
	case found.stale:
		return answer(a.listen(a.next(at), pause))
	case found.over:
		return answer(render(hangup{}))
	case len(found.say) > 0:
		return a.speak(call, at, found.say)
	case !at.since.IsZero():
		return a.hold(ctx, call, at)
	}
	return a.again(call, at)
}

// next is the step after another one.
func (a *adapter) next(at step) step {
	at.number++
	return at
}

// speak says what the bot sent.
func (a *adapter) speak(call *call, at step, said []*waiting) channel.Answer {
	var all []speech
	var ids []string
	for _, w := range said {
		all = append(all, w.speech)
		ids = append(ids, w.id)
	}
	last := all[len(all)-1]
	next := a.next(step{number: at.number, waitFor: last.waitFor})
	given := answer(a.say(next, all...), ids...)
	a.calls.gave(call, at, given, all, last.closes, a.lasts(all))
	return given
}

// hold keeps the call of a person who waits for the bot, and ends it with the apology when that takes too long.
func (a *adapter) hold(ctx context.Context, call *call, at step) channel.Answer {
	if a.config.Now().Sub(at.since) >= a.config.Duration("patience") {
		sorry := []speech{{text: speakable(a.config.Settings["apology"]), closes: true}}
		given := answer(a.say(a.next(at), sorry...))
		given.Note = "the bot said nothing in time: the call was ended with the apology"
		a.calls.gave(call, at, given, nil, true, 0)
		return given
	}
	if ctx.Err() != nil {
		// The server stops, or Twilio has given the request up and may make it again: then it is worth a better answer.
		return answer(a.listen(a.next(at), restartPause))
	}
	given := answer(a.listen(a.next(at), pause))
	a.calls.gave(call, at, given, nil, false, pause)
	return given
}

// again repeats what was said last to a person who presses nothing, and ends the call after some times.
func (a *adapter) again(call *call, at step) channel.Answer {
	if at.silent >= int(a.config.Number("repeat")) {
		given := answer(render(hangup{}))
		a.calls.gave(call, at, given, nil, true, 0)
		return given
	}
	next := a.next(at)
	next.silent++
	last := a.calls.lastSaid(call)
	given := answer(a.say(next, last...))
	a.calls.gave(call, at, given, nil, false, a.lasts(last))
	return given
}

// lasts returns how long it takes at most until Twilio makes its next request after something was said.
func (a *adapter) lasts(all []speech) time.Duration {
	length := a.config.Duration("key_timeout")
	for _, s := range all {
		length += s.lasts()
	}
	return length
}
