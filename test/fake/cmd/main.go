// Command cmd runs a fake provider, to play with a channel by hand: it prints the messages that it takes, and sends
// what is typed, as "+27821234567 some text", to the channel's webhook. With ussd, one types "+27821234567" to dial and
// "+27821234567 1" to reply; with twilio-voice, "+27821234567" to call, or to press nothing, "+27821234567 1#" to press
// keys and "+27821234567 hangup" to hang up.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	"indaba/test/fake"
	"indaba/test/fake/africastalking"
	"indaba/test/fake/custom"
	"indaba/test/fake/twilio"
)

type options struct {
	provider, listen, webhook, user, secret, rates string
	seed                                           uint64
}

// person sends what a person says and returns what to show.
type person func(ctx context.Context, from, text string) (string, error)

func main() {
	var o options
	flag.StringVar(&o.provider, "provider", "twilio", "twilio, twilio-voice, africastalking, ussd or custom")
	flag.StringVar(&o.listen, "listen", "127.0.0.1:9001", "address to take messages at")
	flag.StringVar(&o.webhook, "webhook", "", "URL of the channel, with its secret path when it has one")
	flag.StringVar(&o.user, "user", "AC00000000000000000000000000000000", "account SID or user name")
	flag.StringVar(&o.secret, "secret", "secret", "auth token, API key or shared secret")
	flag.StringVar(&o.rates, "faults", "", "rates of faults, such as 500=0.1,hang=0.01")
	flag.Uint64Var(&o.seed, "seed", 1, "seed of the faults")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, in io.Reader, out io.Writer) error {
	rates, err := fake.ParseRates(o.rates)
	if err != nil {
		return err
	}
	handler, desk, say, err := o.open()
	if err != nil {
		return err
	}
	desk.Randomly(o.seed, rates)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	served, printed := make(chan error, 1), make(chan struct{})
	go func() { served <- server.Serve(listener) }()
	go func() {
		defer close(printed)
		printMessages(ctx, desk, out)
	}()
	_, _ = fmt.Fprintf(out, "%s takes messages at http://%s\n", o.provider, listener.Addr())
	err = talk(ctx, say, in, out)
	cancel()
	<-printed
	err = errors.Join(err, server.Close())
	if stopped := <-served; !errors.Is(stopped, http.ErrServerClosed) {
		err = errors.Join(err, stopped)
	}
	return err
}

// open makes the provider of the options.
func (o options) open() (http.Handler, *fake.Desk, person, error) {
	switch o.provider {
	case "twilio":
		p := twilio.New(o.user, o.secret, o.webhook)
		return p.Handler(), &p.Desk, func(ctx context.Context, from, text string) (string, error) {
			reply, err := p.Say(ctx, "", from, text)
			return fmt.Sprint(reply.Status), err
		}, nil
	case "twilio-voice":
		p := twilio.New(o.user, o.secret, o.webhook)
		p.StatusWebhook = o.webhook + "/status"
		return p.Handler(), &p.Desk, callers(p), nil
	case "africastalking":
		p := africastalking.NewSMS(o.user, o.secret, o.webhook, o.webhook+"/status")
		return p.Handler(), &p.Desk, func(ctx context.Context, from, text string) (string, error) {
			reply, err := p.Say(ctx, "", from, text)
			return fmt.Sprint(reply.Status), err
		}, nil
	case "custom":
		p := custom.New(o.secret, o.webhook)
		return p.Handler(), &p.Desk, func(ctx context.Context, from, text string) (string, error) {
			reply, err := p.Say(ctx, custom.Inbound{From: from, Text: text})
			return fmt.Sprint(reply.Status), err
		}, nil
	case "ussd":
		g := &africastalking.Gateway{Callback: o.webhook, Events: o.webhook + "/events", ServiceCode: "*384*1#"}
		return http.NotFoundHandler(), &fake.Desk{}, phones(g), nil
	default:
		return nil, nil, nil, fmt.Errorf("-provider %s: there are twilio, twilio-voice, africastalking, ussd and custom", o.provider)
	}
}

// phones dials for people who have no open session, and replies for those who have.
func phones(g *africastalking.Gateway) person {
	open := map[string]*africastalking.Session{}
	return func(ctx context.Context, phone, text string) (string, error) {
		s := open[phone]
		var err error
		if s == nil || !s.Open {
			s, err = g.Dial(ctx, phone)
		} else {
			err = s.Reply(ctx, text)
		}
		open[phone] = s
		if !s.Open {
			return s.Screen + " (closed)", err
		}
		return s.Screen, err
	}
}

// callers calls for people who are in no call, and presses keys for those who are.
func callers(p *twilio.Provider) person {
	open := map[string]*twilio.Call{}
	return func(ctx context.Context, phone, text string) (string, error) {
		c := open[phone]
		var err error
		switch {
		case c == nil || !c.Open:
			c, err = p.Dial(ctx, phone)
		case text == "":
			err = c.Wait(ctx)
		case text == "hangup":
			err = c.Hangup(ctx)
		default:
			err = c.Press(ctx, text)
		}
		open[phone] = c
		heard := strings.Join(c.Heard, " / ")
		if c.Heard = nil; !c.Open {
			heard += " (hung up)"
		}
		return heard, err
	}
}

// talk reads who says what, one line each, until the input ends.
func talk(ctx context.Context, say person, in io.Reader, out io.Writer) error {
	lines := make(chan string)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case line, more := <-lines:
			if !more {
				return nil
			}
			from, text, _ := strings.Cut(strings.TrimSpace(line), " ")
			if from == "" {
				continue
			}
			answer, err := say(ctx, from, text)
			if err != nil {
				answer = err.Error()
			}
			_, _ = fmt.Fprintln(out, "<", answer)
		case <-ctx.Done():
			return nil
		}
	}
}

func printMessages(ctx context.Context, desk *fake.Desk, out io.Writer) {
	for n := 1; ; n++ {
		taken, err := desk.WaitAccepted(ctx, n)
		if err != nil {
			return
		}
		m := taken[n-1]
		_, _ = fmt.Fprintf(out, "> %d to %s from %s: %s (%s)\n", m.Seq, m.To, m.From, m.Text, m.ID)
	}
}
