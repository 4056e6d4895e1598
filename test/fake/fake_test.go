package fake_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"indaba/test/fake"
)

// serve runs a desk that takes the body as a message's text, and its X-Key as idempotency key.
func serve(t *testing.T, d *fake.Desk) string {
	reply := func(status int) fake.Reply { return fake.Reply{Status: status, Body: "status " + fmt.Sprint(status)} }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.Serve(w, r, func(body []byte) fake.Exchange {
			return fake.Exchange{
				Accept: func() fake.Reply {
					d.Take(fake.Message{Text: string(body), Key: r.Header.Get("X-Key")})
					return fake.Reply{Status: 201, Body: "taken, as it should be"}
				},
				Refuse: func() fake.Reply { return reply(422) },
				Fail:   reply,
			}
		})
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func post(t *testing.T, target, text, key string, timeout time.Duration) (int, http.Header, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", target, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Key", key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	_, err = io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header, errors.Join(err, answer.Body.Close())
}

func TestFaults(t *testing.T) {
	d := &fake.Desk{Faults: fake.Faults{RetryAfter: 7 * time.Second, Delay: time.Millisecond}}
	target := serve(t, d)
	for _, c := range []struct {
		fault  fake.Fault
		status int // 0: the connection fails
		taken  bool
	}{
		{fake.None, 201, true}, {"500", 500, false}, {"401", 401, false}, {"429", 429, false}, {fake.Refuse, 422, false},
		{fake.ResetBefore, 0, false}, {fake.ResetAfter, 0, true}, {fake.Hang, 0, true}, {fake.Cut, 0, true},
		{fake.Garbage, 201, true}, {fake.Slow, 201, true},
	} {
		before := len(d.Accepted())
		d.Next(c.fault)
		timeout := 10 * time.Second
		if c.fault == fake.Hang {
			timeout = 100 * time.Millisecond
		}
		status, header, err := post(t, target, "hi", "", timeout)
		if c.status == 0 && err == nil || c.status != 0 && (err != nil || status != c.status) {
			t.Errorf("%s: status %d, %v", c.fault, status, err)
		}
		if taken := len(d.Accepted()) > before; taken != c.taken || c.fault.Takes() != c.taken {
			t.Errorf("%s: taken %v, Takes %v", c.fault, taken, c.fault.Takes())
		}
		if c.fault == "429" && header.Get("Retry-After") != "7" {
			t.Errorf("Retry-After %q", header.Get("Retry-After"))
		}
	}
}

func TestRepeatsAreCounted(t *testing.T) {
	d := &fake.Desk{}
	target := serve(t, d)
	for _, key := range []string{"a", "b", "a", "a", "", ""} {
		if _, _, err := post(t, target, "text "+key, key, 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, m := range d.Accepted() {
		got = append(got, fmt.Sprint(m.Seq, m.Key, m.Repeats))
	}
	if want := []string{"1a2", "2b0", "30", "40"}; !slices.Equal(strip(got), want) {
		t.Errorf("got %v, want %v", strip(got), want)
	}
}

func strip(texts []string) []string {
	for i, text := range texts {
		texts[i] = strings.ReplaceAll(text, " ", "")
	}
	return texts
}

func TestWaitAccepted(t *testing.T) {
	d := &fake.Desk{}
	done := make(chan []fake.Message)
	go func() {
		m, err := d.WaitAccepted(context.Background(), 2)
		if err != nil {
			t.Error(err)
		}
		done <- m
	}()
	d.Take(fake.Message{Text: "a"})
	d.Take(fake.Message{Text: "b"})
	if m := <-done; len(m) != 2 || m[1].Text != "b" {
		t.Errorf("got %v", m)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := d.WaitAccepted(ctx, 3); err == nil {
		t.Error("waited for nothing, in vain, without an error")
	}
}

func TestRandomFaultsFollowTheirSeedAndRates(t *testing.T) {
	rates, err := fake.ParseRates("500=0.2, reset-after=0.1")
	if err != nil {
		t.Fatal(err)
	}
	draw := func(seed uint64) (counts map[int]int, order string) {
		d := &fake.Desk{}
		d.Randomly(seed, rates)
		counts = map[int]int{}
		for range 1000 {
			w := httptest.NewRecorder()
			status := func() (status int) {
				defer func() {
					if recover() != nil {
						status = 0 // a recorder's connection cannot be reset
					}
				}()
				d.Serve(w, httptest.NewRequest("POST", "/", nil), func([]byte) fake.Exchange {
					return fake.Exchange{Accept: func() fake.Reply { return fake.Reply{} },
						Fail: func(status int) fake.Reply { return fake.Reply{Status: status} }}
				})
				return w.Code
			}()
			counts[status]++
			order += fmt.Sprint(status, " ")
		}
		return counts, order
	}
	counts, order := draw(7)
	if counts[500] < 150 || counts[500] > 250 || counts[0] < 60 || counts[0] > 140 {
		t.Errorf("counts %v", counts)
	}
	if _, again := draw(7); again != order {
		t.Error("the same seed gave different faults")
	}
	if _, other := draw(8); other == order {
		t.Error("different seeds gave the same faults")
	}
}

func TestParseRates(t *testing.T) {
	for _, text := range []string{"500", "500=2", "500=x", "200=0.1", "hung=0.1", "=0.1", "500=NaN"} {
		if rates, err := fake.ParseRates(text); err == nil {
			t.Errorf("%q: %v", text, rates)
		}
	}
	if rates, err := fake.ParseRates(""); err != nil || len(rates) != 0 {
		t.Errorf("nothing: %v, %v", rates, err)
	}
}

func TestHookTriesAgain(t *testing.T) {
	var calls atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	request := func(ctx context.Context) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, "POST", server.URL, nil)
	}
	if reply, err := (fake.Hook{Attempts: 5}).Call(t.Context(), request); err != nil || reply.Status != 200 || calls.Load() != 3 {
		t.Errorf("%+v, %v after %d calls", reply, err, calls.Load())
	}
	calls.Store(0)
	if _, err := (fake.Hook{}).Call(t.Context(), request); err == nil || calls.Load() != 1 {
		t.Errorf("%v after %d calls", err, calls.Load())
	}
}

func TestPlan(t *testing.T) {
	messages := []fake.Message{{ID: "a"}, {ID: "b"}}
	plain := fake.Reports{Statuses: []string{"sent", "delivered"}}.Plan(messages)
	if len(plain) != 4 || plain[0].Status != "sent" || plain[1].Status != "delivered" || plain[2].Message.ID != "b" {
		t.Errorf("plain: %v", plain)
	}
	wild := fake.Reports{Seed: 3, Statuses: []string{"sent", "delivered"}, Duplicate: 1, Shuffle: true}
	first := wild.Plan(messages)
	if len(first) != 8 || !reflect.DeepEqual(first, wild.Plan(messages)) {
		t.Errorf("wild: %v", first)
	}
}
