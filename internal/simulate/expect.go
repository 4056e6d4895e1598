package simulate

import (
	"fmt"

	"indaba/internal/bot"
	"indaba/internal/channel"
	"indaba/internal/core"
	"indaba/internal/routing"
)

// expectReply compares the next reply with what a bot step expects.
func (p *player) expectReply(s step) {
	p.checked = true
	if len(p.replies) == 0 {
		if !s.expect.none {
			p.fail(s.line, "the bot said nothing; expected:\n%s", indented(s.expect.shown()))
		}
		return
	}
	reply := p.replies[0]
	p.replies = p.replies[1:]
	if s.expect.none {
		p.show(reply, "bot")
		p.fail(s.line, "the bot was expected to say nothing")
		return
	}
	if !p.compare(s.line, s.expect, reply, "bot", "the bot's answer") {
		return
	}
	ended := reply.SessionEvent == core.SessionClose
	if s.ends != nil && *s.ends != ended {
		p.fail(s.line, "the session %s, expected was that it %s", ends(ended), ends(*s.ends))
		return
	}
	if _, _, segments := channel.Segments(contentOf(reply)); s.segments > 0 && segments != s.segments {
		p.fail(s.line, "the answer takes %d SMS, expected %d", segments, s.segments)
	}
}

func ends(yes bool) string {
	if yes {
		return "ends"
	}
	return "goes on"
}

// expectSends compares all messages of the newest input that are no replies with what a step expects, in order.
func (p *player) expectSends(s step) {
	for i, want := range s.sends {
		if i == len(p.sends) {
			p.fail(s.line, "the bot sent %d messages besides its replies, expected %d", len(p.sends), len(s.sends))
			return
		}
		got := p.sends[i]
		endpoint := got.Endpoint
		first(&endpoint, routing.Default)
		switch {
		case want.endpoint != "" && want.endpoint != endpoint:
			p.show(got, p.whoSent(got))
			p.fail(s.line, "the message left by endpoint %s, expected %s", endpoint, want.endpoint)
		case want.to != "" && channel.Phone(want.to) != channel.Phone(got.To):
			p.show(got, p.whoSent(got))
			p.fail(s.line, "the message went to %s, expected %s", got.To, want.to)
		case want.any:
			p.show(got, p.whoSent(got))
		default:
			p.compare(s.line, want.expect, got, p.whoSent(got), "the message to "+got.To)
		}
		if p.failure != nil {
			return
		}
	}
	if more := p.sends[len(s.sends):]; len(more) > 0 {
		p.show(more[0], p.whoSent(more[0]))
		p.fail(s.line, "the bot sent %d messages besides its replies, expected %d", len(p.sends), len(s.sends))
		return
	}
	p.sends = nil
}

func (p *player) whoSent(send bot.Send) string {
	kind, _ := p.room(send)
	return fmt.Sprintf("%s to %s", kind, send.To)
}

// compare writes a message of the bot down and compares its text. With update, a text that differs becomes the
// expected one.
func (p *player) compare(at int, want expectation, got bot.Send, who, what string) bool {
	text := contentOf(got)
	if want.none && text == "" || want.match == nil && !want.none && want.text == text ||
		want.match != nil && want.match.MatchString(text) {
		p.show(got, who)
		return true
	}
	if want.match != nil || want.none {
		p.show(got, who)
		p.fail(at, "%s does not fit; expected:\n%s", what, indented(want.shown()))
		return false
	}
	if p.update && !want.place.inline {
		p.edits = append(p.edits, edit{place: want.place, text: text})
		p.show(got, who)
		return true
	}
	kind, limit := p.room(got)
	tag, _ := tally(kind, text, limit)
	p.lines = append(p.lines, line{who: who, text: text, want: &want.text, tag: tag})
	p.fail(at, "%s differs: - is expected, + is what came", what)
	return false
}

// show writes a message of the bot down.
func (p *player) show(send bot.Send, who string) {
	kind, limit := p.room(send)
	tag, _ := tally(kind, contentOf(send), limit)
	if send.SessionEvent == core.SessionClose {
		tag += " session ends"
	}
	p.lines = append(p.lines, line{who: who, text: contentOf(send), tag: tag})
}

// shown is how an expectation stands in a report.
func (e expectation) shown() string {
	switch {
	case e.none:
		return "nothing"
	case e.match != nil:
		return "a text that matches " + e.match.String()[len("(?s)"):]
	}
	return e.text
}
