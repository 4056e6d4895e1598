package twilio

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// document is TwiML: what Twilio is told to do in a call.
type document struct {
	Verbs []element `xml:",any"`
}

type element struct {
	XMLName    xml.Name
	Attributes []xml.Attr `xml:",any,attr"`
	Text       string     `xml:",chardata"`
	Verbs      []element  `xml:",any"`
}

// parse reads TwiML and refuses what Twilio would.
func parse(text string) (d document, err error) {
	var root struct {
		XMLName xml.Name `xml:"Response"`
		document
	}
	if len(text) > 64<<10 {
		return d, fmt.Errorf("the document is larger than 64 kB")
	}
	if err := xml.Unmarshal([]byte(text), &root); err != nil {
		return d, err
	}
	return root.document, check(root.Verbs, "Say", "Play", "Pause", "Gather", "Redirect", "Hangup")
}

func check(verbs []element, allowed ...string) error {
	for _, e := range verbs {
		if !strings.Contains(strings.Join(allowed, " "), e.XMLName.Local) {
			return fmt.Errorf("<%s> is not allowed here", e.XMLName.Local)
		}
		if err := e.check(); err != nil {
			return fmt.Errorf("<%s>: %w", e.XMLName.Local, err)
		}
	}
	return nil
}

func (e *element) check() error {
	switch e.XMLName.Local {
	case "Say":
		if n := len([]rune(e.Text)); n > 4096 {
			return fmt.Errorf("%d characters are more than 4096", n)
		}
	case "Play":
		return isURL(e.Text)
	case "Redirect":
		return isURL(e.Text)
	case "Gather":
		if e.number("timeout", 5) < 1 || e.number("numDigits", 1) < 1 {
			return fmt.Errorf("timeout and numDigits are one at least")
		}
		if key := e.attr("finishOnKey", "#"); len(key) > 1 || !strings.Contains("0123456789*#", key) {
			return fmt.Errorf("finishOnKey is %q", key)
		}
		if err := isURL(e.attr("action", "http://the.same/")); err != nil {
			return err
		}
		return check(e.Verbs, "Say", "Play", "Pause")
	}
	return nil
}

func isURL(text string) error {
	u, err := url.Parse(strings.TrimSpace(text))
	if err == nil && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		err = fmt.Errorf("%q is no http or https URL", text)
	}
	return err
}

// spoken returns what a person hears of the document before anything is asked of them.
func (d document) spoken() (all []string) {
	for _, e := range d.Verbs {
		switch e.XMLName.Local {
		case "Say", "Play":
			all = append(all, e.Text)
		case "Gather":
			all = append(all, document{e.Verbs}.spoken()...)
		}
	}
	return all
}

func (e *element) attr(name, otherwise string) string {
	for _, a := range e.Attributes {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return otherwise
}

func (e *element) number(name string, otherwise int) int {
	text := e.attr(name, "")
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return -1
	}
	return n
}
