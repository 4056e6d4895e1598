package fake

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// Hook calls webhooks the way providers do: again, when there is no answer or one from 500 up. The zero value tries
// once.
type Hook struct {
	Client   *http.Client  // nil for http.DefaultClient
	Attempts int           // in all
	Pause    time.Duration // between attempts
}

// Call makes and sends requests until one is answered below 500. make is called for each attempt, so that signatures
// carry the time of theirs.
func (h Hook) Call(ctx context.Context, make func(context.Context) (*http.Request, error)) (Reply, error) {
	for attempt := 1; ; attempt++ {
		reply, err := h.once(ctx, make)
		if err == nil && reply.Status < 500 {
			return reply, nil
		}
		if attempt >= h.Attempts || ctx.Err() != nil {
			if err == nil {
				err = fmt.Errorf("the webhook answered %d: %.200s", reply.Status, reply.Body)
			}
			return reply, err
		}
		wait(ctx, h.Pause)
	}
}

func (h Hook) once(ctx context.Context, make func(context.Context) (*http.Request, error)) (Reply, error) {
	r, err := make(ctx)
	if err != nil {
		return Reply{}, err
	}
	client := h.Client
	if client == nil {
		client = http.DefaultClient
	}
	answer, err := client.Do(r)
	if err != nil {
		return Reply{}, err
	}
	body, err := io.ReadAll(answer.Body)
	if closing := answer.Body.Close(); err == nil {
		err = closing
	}
	return Reply{Status: answer.StatusCode, ContentType: answer.Header.Get("Content-Type"), Body: string(body)}, err
}

// Reports is how delivery reports come in.
type Reports struct {
	Seed      uint64
	Statuses  []string // of each message, in their right order
	Duplicate float64  // rate of reports that come twice
	Shuffle   bool     // all in a random order, also those of one message
}

// Report is one delivery report to come.
type Report struct {
	Message Message
	Status  string
}

// Plan returns the reports for messages in the order in which they come.
func (o Reports) Plan(messages []Message) []Report {
	random := rand.New(rand.NewPCG(o.Seed, 1))
	var plan []Report
	for _, m := range messages {
		for _, status := range o.Statuses {
			plan = append(plan, Report{m, status})
			if random.Float64() < o.Duplicate {
				plan = append(plan, Report{m, status})
			}
		}
	}
	if o.Shuffle {
		random.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	}
	return plan
}
