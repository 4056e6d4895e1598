package simulate

import (
	"strings"

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
		p.show(reply)
		p.fail(s.line, "the bot was expected to say nothing")
		return
	}
	if !p.compare(s.line, s.expect, reply, "the bot's answer") {
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
	total := len(p.sends)
	if total != len(s.sends) {
		p.fail(s.line, "the bot sent %s besides its replies, expected %d", counted(total, "message"), len(s.sends))
	}
	for _, want := range s.sends {
		if p.failure != nil {
			return
		}
		got := p.sends[0]
		p.sends = p.sends[1:]
		endpoint := got.Endpoint
		first(&endpoint, routing.Default)
		switch {
		case want.endpoint != "" && want.endpoint != endpoint:
			p.show(got)
			p.fail(s.line, "the message left by endpoint %s, expected %s", endpoint, want.endpoint)
		case want.to != "" && channel.Phone(want.to) != channel.Phone(got.To):
			p.show(got)
			p.fail(s.line, "the message went to %s, expected %s", got.To, want.to)
		case want.any:
			p.show(got)
		default:
			p.compare(s.line, want.expect, got, "the message to "+got.To)
		}
	}
}

// compare writes a message of the bot down and compares its text. With update, a text that differs becomes the
// expected one.
func (p *player) compare(at int, want expectation, got bot.Send, what string) bool {
	text := contentOf(got)
	if want.fits(text) {
		p.show(got)
		return true
	}
	if want.match != nil || want.none {
		p.show(got)
		p.fail(at, "%s does not fit; expected:\n%s", what, indented(want.shown()))
		return false
	}
	if p.update && !want.place.inline {
		p.edits = append(p.edits, edit{place: want.place, text: text})
		p.show(got)
		return true
	}
	p.show(got)
	p.lines[len(p.lines)-1].want = new(want.shown())
	if p.update {
		what += ", which cannot be updated because it stands within { } or [ ],"
	}
	p.fail(at, "%s differs: - is expected, + is what came", what)
	return false
}

// show writes a message of the bot down.
func (p *player) show(send bot.Send) {
	kind, limit := p.room(send)
	l := line{who: "bot", text: contentOf(send)}
	l.tag, _ = tally(kind, l.text, limit)
	if send.SessionEvent == core.SessionClose {
		l.tag += " session ends"
	}
	if !send.Reply && (send.Endpoint != routing.Default || send.To != p.scene.from) {
		l.who = kind
		l.tag += " to " + send.To
	}
	p.lines = append(p.lines, l)
}

// fits reports whether a text is as expected. A block that begins with | ends in a line feed that its author hardly means.
func (e expectation) fits(text string) bool {
	switch {
	case e.none:
		return text == ""
	case e.match != nil:
		return e.match.MatchString(text)
	}
	return text == e.text || text == strings.TrimSuffix(e.text, "\n")
}

// shown is how an expectation stands in a report.
func (e expectation) shown() string {
	switch {
	case e.none:
		return "nothing"
	case e.match != nil:
		return "a text that matches " + patternText(e.match)
	}
	return strings.TrimSuffix(e.text, "\n")
}
