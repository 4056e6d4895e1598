package channel_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"indaba/internal/channel"
)

var secretive = channel.Type{Settings: []channel.Setting{{Name: "token", Secret: true}, {Name: "timeout"}}}

func newClient(t *testing.T, settings map[string]string) *channel.Client {
	c := channel.NewClient(nil)
	t.Cleanup(c.CloseIdleConnections)
	return c.ForChannel(secretive, settings)
}

func post(t *testing.T, target, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequest("POST", target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func failure(t *testing.T, err error) *channel.SendError {
	t.Helper()
	f, ok := errors.AsType[*channel.SendError](err)
	if !ok {
		t.Fatalf("got %v, want a SendError", err)
	}
	return f
}

func TestErrorsShowNoSecrets(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "token s3cr3t/+ or s3cr3t%2F%2B is wrong", http.StatusForbidden)
	}))
	defer server.Close()
	c := newClient(t, map[string]string{"token": "s3cr3t/+"})
	answer, err := c.Do(t.Context(), post(t, server.URL+"/s3cr3t?key=s3cr3t", ""))
	if f := failure(t, err); strings.Contains(f.Error(), "s3cr3t") || f.Class != channel.AccountFault || f.Code != "403" {
		t.Errorf("got %v", f)
	}
	if answer == nil || answer.Status != http.StatusForbidden {
		t.Errorf("the answer is missing: %+v", answer)
	}
	server.Close()
	c.CloseIdleConnections() // or the request may go out on one that is just being closed
	_, err = c.Do(t.Context(), post(t, server.URL+"/s3cr3t?key=hidden", ""))
	if f := failure(t, err); strings.Contains(f.Error(), "s3cr3t") || strings.Contains(f.Error(), "hidden") ||
		!strings.Contains(f.Message, "127.0.0.1") || f.Class != channel.Retry {
		t.Errorf("got %v", f)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var followed atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Store(true) }))
	defer elsewhere.Close()
	server := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	_, err := newClient(t, nil).Do(t.Context(), post(t, server.URL, "message"))
	if f := failure(t, err); f.Class != channel.Permanent || f.Code != "307" || followed.Load() {
		t.Errorf("got %v, followed %v", f, followed.Load())
	}
}

func TestHugeAnswers(t *testing.T) {
	for size, fits := range map[int]bool{1 << 20: true, 1<<20 + 1: false} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, strings.Repeat("x", size))
		}))
		answer, err := newClient(t, nil).Do(t.Context(), post(t, server.URL, ""))
		if fits && (err != nil || len(answer.Body) != size) {
			t.Errorf("%d bytes: %v", size, err)
		}
		if !fits && (failure(t, err).Class != channel.UnknownResult || answer == nil || answer.Status != 200 || !answer.TooLarge) {
			t.Errorf("%d bytes: %v %+v", size, err, answer)
		}
		server.Close()
	}
}

// The name of the class depends on whether the whole head of the request was written, not on the kind of error.
func TestTimeoutBeforeTheRequestIsWritten(t *testing.T) {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	c := channel.NewClient(transport).ForChannel(secretive, map[string]string{"timeout": "20ms"})
	_, err := c.Do(t.Context(), post(t, "http://192.0.2.1/", ""))
	if f := failure(t, err); f.Class != channel.Retry || !strings.Contains(f.Message, "20ms") {
		t.Errorf("got %v", f)
	}
}

// A server that closes an idle connection while a request is on its way to it: the request was not seen, and the
// transport may use a new connection; but a request that was seen must not be repeated.
func TestRequestsAreNotRepeatedOnUsedConnections(t *testing.T) {
	var seen atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if seen.Add(1)%2 == 0 {
			panic(http.ErrAbortHandler)
		}
	}))
	defer server.Close()
	c := newClient(t, nil)
	for round := range int32(20) {
		if _, err := c.Do(t.Context(), post(t, server.URL, "first")); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		_, err := c.Do(t.Context(), post(t, server.URL, "second"))
		if f := failure(t, err); f.Class != channel.UnknownResult || seen.Load() != 2*(round+1) {
			t.Fatalf("round %d: %v, %d requests", round, f, seen.Load())
		}
	}
}

func TestRetryAfter(t *testing.T) {
	const day = 24 * time.Hour
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "0.5": 500 * time.Millisecond, "-7": 0, "soon": 0,
		"NaN": 0, "7200": 2 * time.Hour, "1e300": day, "99999999": day, "Inf": day, "Sun, 01 Mar 2026 12:02:00 GMT": 2 * time.Minute,
		"Sun, 01 Mar 2026 11:00:00 GMT": 0, "Sun, 01 Mar 2026 20:00:00 GMT": 8 * time.Hour, "Sun, 01 Mar 2099 11:00:00 GMT": day,
	} {
		if got := channel.RetryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestBackoff(t *testing.T) {
	for attempt, limit := range map[int]time.Duration{-1: time.Second, 0: time.Second, 1: time.Second,
		2: 2 * time.Second, 9: 256 * time.Second, 10: 5 * time.Minute, 1 << 40: 5 * time.Minute} {
		if got := channel.Backoff(attempt, 0.5); got != limit/2 {
			t.Errorf("attempt %d: %v, want %v", attempt, got, limit/2)
		}
		if got := channel.Backoff(attempt, 0); got != 0 {
			t.Errorf("attempt %d without luck: %v", attempt, got)
		}
	}
}

// The transport repeats a request with an idempotency key by itself. A refusal of the repeat tells nothing of the first.
func TestRefusalOfARepeatLeavesDoubt(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch requests.Add(1) {
		case 1:
			_, _ = io.WriteString(w, "{}") // the connection is kept
		case 2:
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_ = conn.Close() // after the request was read
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	defer server.Close()
	c := newClient(t, nil)
	send := func() (*channel.Response, error) {
		req := post(t, server.URL, "hi")
		req.Header.Set("Idempotency-Key", "k")
		return c.Do(t.Context(), req)
	}
	if answer, err := send(); err != nil || answer.Repeated {
		t.Fatal(answer, err)
	}
	answer, err := send()
	if f := failure(t, err); f.Class != channel.UnknownResult || requests.Load() != 3 || !answer.Repeated {
		t.Fatalf("%v after %d requests, answer %+v", f, requests.Load(), answer)
	}
}
