package cli

import (
	"context"
	"fmt"
	"time"

	"indaba/internal/app"
	"indaba/internal/core"
)

// waitView says as JSON why a message has not been sent yet.
type waitView struct {
	Since     time.Time  `json:"since"`
	Attempts  int        `json:"attempts"`
	Begun     bool       `json:"attempt_begun"`
	Refusal   string     `json:"last_refusal,omitempty"`
	NextTry   *time.Time `json:"next_try,omitempty"`
	SameLane  int        `json:"before_it_to_same_address"`
	OnChannel int        `json:"before_it_on_channel"`
	Channel   string     `json:"channel_state"`
}

// viewWait returns what a message waits for, and nil when it does not wait.
func (i *invocation) viewWait(ctx context.Context, a *app.App, account string, m *core.Message) (*waitView, error) {
	w, err := a.Messages.WaitOf(ctx, m)
	if err != nil || w == nil {
		return nil, err
	}
	view := &waitView{w.Since, w.Attempts, w.Begun, w.Refusal, nil, w.SameLane, w.OnChannel, "removed"}
	if !w.NextTry.IsZero() {
		view.NextTry = &w.NextTry
	}
	c, err := a.Channels.Known(ctx, account, m.Channel)
	if err == nil {
		view.Channel = i.viewChannel(c, false).state()
	} else if core.KindOf(err) == core.NotFound {
		err = nil // its messages fail as soon as a server looks at them
	}
	return view, err
}

// fields are what people see of it.
func (v *waitView) fields() []field {
	next := ""
	if v.NextTry != nil {
		next = at(*v.NextTry)
	}
	fields := []field{{"waits since", at(v.Since)}, {"attempts", fmt.Sprint(v.Attempts)}, {"last refusal", v.Refusal}, {"next try", next}}
	if v.Begun {
		fields = append(fields, field{"in doubt", "an attempt is under way, or has got no answer: the message may have arrived"})
	}
	return append(fields, field{"before it", fmt.Sprintf("%d to the same person, %d on the channel", v.SameLane, v.OnChannel)},
		field{"channel is", v.Channel})
}
