package demo

import (
	"fmt"
	"io"
	"path/filepath"
	"strings"
)

// Guide writes to people what there is and what to try. missing is why there are no bots, or nil. With a Facts that was
// just prepared every line of it works as it is printed.
func (f *Facts) Guide(w io.Writer, data string, missing error) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Indaba is running at %s. The sample data and their secrets are in %s.", f.URL, filepath.Join(data, FileName))
	line("")
	if missing != nil {
		line("There are no bots: %v.", missing)
		line("The channels are there, and messages to them are kept. Stop with Ctrl-C.")
		_, err := io.WriteString(w, b.String())
		return err
	}
	ussd := f.find(ussdChannel)
	line("Dial %s as Africa's Talking would pass it on; each step sends all that was typed, joined by *:", ussd.Address)
	for _, text := range []string{"", "1", "1*1", "1*1*Thandi"} {
		line("  curl '%s' -d sessionId=demo-1 --data-urlencode 'phoneNumber=+27821234567' \\", ussd.Webhook)
		line("       --data-urlencode 'serviceCode=%s' --data-urlencode 'text=%s'", ussd.Address, text)
	}
	line("Go on with 1*1*Thandi*1*2*123456: pregnant, due next month, at Zola Clinic. The bot then sends an SMS.")
	line("")
	line("Or talk to the bots in the terminal, over simulated phones:")
	line("  indaba --data %s simulate %s", data, registrationBot)
	line("  indaba --data %s simulate %s", data, feedbackBot)
	line("")
	line("See what went on:")
	line("  indaba --data %s message list", data)
	line("  indaba --data %s bot turns %s", data, registrationBot)
	line("  indaba --data %s bot logs -f %s", data, registrationBot)
	line("")
	line("Change the bot and deploy it; the next message meets the new version:")
	line("  indaba --data %s bot deploy %s", data, filepath.Join(data, BotFolder, registrationBot))
	line("")
	line("Stop with Ctrl-C. The next start goes on with the same data.")
	_, err := io.WriteString(w, b.String())
	return err
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
