package demo

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Guide writes to people what there is and what to try, on one screen. program is how they call it; missing is why there
// are no bots with programs, or nil. With a Facts that was just prepared every line of it works as it is printed.
func (f *Facts) Guide(w io.Writer, program, data string, missing error) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	command := quoted(program) + " --data " + quoted(data)
	line("Indaba is running at %s. All keys and secrets are in %s.", f.URL, filepath.Join(data, FileName))
	line("")
	if missing == nil {
		line("Talk to the registration bot on a simulated phone, in another terminal:")
		line("  %s simulate %s", command, registrationBot)
		line("")
		line("Or dial %s as its provider would. text is all that was typed so far, joined by *; another sessionId is another call:", f.find(ussdChannel).Address)
		for _, text := range []string{"", "1"} {
			line("  curl '%s' -d sessionId=1 --data-urlencode phoneNumber=+27821234567 -d text=%s",
				f.find(ussdChannel).Webhook, text)
		}
	} else {
		line("The bots that are programs are missing: %v.", missing)
	}
	line("")
	line("Send an SMS. The word HELP leads to a help desk, an application behind the HTTP API, which answers:")
	line("  curl '%s' -d id=$(date +%%s) --data-urlencode from=+27821234567 -d text='HELP my baby has a fever'", f.find(smsChannel).Webhook)
	if desk := f.bot(helpdeskBot); desk != nil {
		line("")
		line("Be such an application, and send a message:")
		line("  curl -u %s:%s -X PUT \\", f.Account.Key, desk.Token)
		line("    %s/messages.json -d '{\"to_addr\": \"+27821234567\", \"content\": \"Molo!\"}'", desk.URL)
	}
	line("")
	line("List the contacts that this has made:")
	line("  curl -H 'Authorization: Bearer %s' %s/api/v1/go/contacts/", f.Token, f.URL)
	line("")
	line("See what went on:")
	line("  %s message list", command)
	line("")
	line("Stop with Ctrl-C; the next start goes on with the same data. To read on: docs/guide/getting-started.md")
	_, err := io.WriteString(w, b.String())
	return err
}

// quoted returns a word as a shell reads it.
func quoted(word string) string {
	if word != "" && strings.Trim(strings.ToLower(word), "abcdefghijklmnopqrstuvwxyz0123456789/._-+=:,@") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// find returns the sample channel of a name.
func (f *Facts) find(name string) Channel {
	for _, c := range f.Channels {
		if c.Name == name {
			return c
		}
	}
	return Channel{}
}
