package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"indaba/test/fake/custom"
)

// signed makes a request as the peer of a custom channel does.
func signed(t *testing.T, peer *custom.Provider, method, path, body string, at time.Time) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, peer.Webhook+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(peer.Secret))
	_, _ = mac.Write([]byte(stamp + "." + body)) // a hash never fails
	r.Header.Set("X-Timestamp", stamp)
	r.Header.Set("X-Signature", "v1="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

func do(t *testing.T, r *http.Request) (status int, body string) {
	t.Helper()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it is read to its end
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// What is not a message of the provider is refused with a status that says why, and leaves no trace.
func TestWebhooksThatAreNone(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, peer := h.custom(h.bot("echo", echo, nil), nil)
		now := time.Now()
		unsigned := func(r *http.Request) *http.Request {
			r.Header.Del("X-Signature")
			return r
		}
		good := `{"id":"1","from":"ann","text":"hi"}`
		forged := signed(t, peer, "POST", "/receive", good, now)
		forged.Body = io.NopCloser(strings.NewReader(strings.Replace(good, "ann", "eve", 1)))
		for name, c := range map[string]struct {
			request *http.Request
			status  int
		}{
			"unsigned":         {unsigned(signed(t, peer, "POST", "/receive", good, now)), 401},
			"forged":           {forged, 401},
			"an hour old":      {signed(t, peer, "POST", "/receive", good, now.Add(-time.Hour)), 401},
			"not JSON":         {signed(t, peer, "POST", "/receive", "id=1&from=ann", now), 400},
			"half JSON":        {signed(t, peer, "POST", "/receive", good[:20], now), 400},
			"wrong types":      {signed(t, peer, "POST", "/receive", `{"id":1,"from":["ann"]}`, now), 400},
			"from nobody":      {signed(t, peer, "POST", "/receive", `{"id":"1","text":"hi"}`, now), 400},
			"empty":            {signed(t, peer, "POST", "/receive", "", now), 400},
			"GET":              {signed(t, peer, "GET", "/receive", "", now), 400},
			"long id":          {signed(t, peer, "POST", "/receive", `{"id":"`+strings.Repeat("1", 300)+`","from":"ann","text":"hi"}`, now), 400},
			"deep":             {signed(t, peer, "POST", "/receive", strings.Repeat(`{"payload":`, 20000)+"1"+strings.Repeat("}", 20000), now), 400},
			"huge":             {signed(t, peer, "POST", "/receive", `{"id":"1","from":"ann","text":"`+strings.Repeat("x", 2<<20)+`"}`, now), 413},
			"no such path":     {signed(t, peer, "POST", "/elsewhere", good, now), 404},
			"nonsense status":  {signed(t, peer, "POST", "/status", `{"id":"1","status":"exploded"}`, now), 400},
			"status from afar": {signed(t, peer, "POST", "/status", `{"id":"never was","status":"delivered"}`, now), 200},
		} {
			status, body := do(t, c.request)
			if status != c.status || strings.Contains(body, peer.Secret) {
				t.Errorf("%s: answered %d %s, want %d", name, status, body, c.status)
			}
		}
		say(t, peer, "2", "ann", "still there?")
		if all := taken(t, &peer.Desk, 1); all[0].Text != "you said still there?" {
			t.Errorf("%+v", all)
		}
		if all, err := h.Messages.Recent(t.Context(), h.account, "", 10); err != nil || len(all) != 2 {
			t.Errorf("%d messages were stored, want 2: %v", len(all), err)
		}
	})
}

// A message that is delivered many times at once is one message.
func TestRedeliveriesAtOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		_, peer := h.custom(h.bot("echo", echo, nil), nil)
		const times = 16
		for round := range 5 {
			var fresh, known atomic.Int32
			var all sync.WaitGroup
			for range times {
				all.Go(func() {
					reply, err := peer.Say(t.Context(), custom.Inbound{ID: fmt.Sprint("round", round), From: "ann", Text: fmt.Sprint(round)})
					switch {
					case err != nil:
						t.Error(err)
					case reply.Status == 200:
						fresh.Add(1)
					case reply.Status == 409:
						known.Add(1)
					}
				})
			}
			all.Wait()
			if fresh.Load() != 1 || known.Load() != times-1 {
				t.Errorf("round %d: %d were fresh and %d known", round, fresh.Load(), known.Load())
			}
		}
		say(t, peer, "last", "ann", "last")
		for i, m := range taken(t, &peer.Desk, 6) {
			if want := fmt.Sprint("you said ", i); i < 5 && m.Text != want {
				t.Errorf("reply %d is %q", i, m.Text)
			}
		}
	})
}

// Clients that are slow, that hang up in the middle, or that do not wait for the answer harm nobody else.
func TestClientsThatMisbehave(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		c, peer := h.custom(h.bot("echo", echo, nil), nil)
		raw := func(text string) net.Conn {
			conn, err := net.Dial("tcp", h.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(conn, text); err != nil {
				t.Fatal(err)
			}
			return conn
		}
		head := "POST /channels/" + c.Key + "/receive HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n"
		for range 50 { // slow ones, which stay
			conn := raw(head + `{"id":`)
			defer func() { _ = conn.Close() }()
		}
		for range 50 { // these hang up half-way
			if err := raw(head + `{"id":"half","from":"eve"`).Close(); err != nil {
				t.Fatal(err)
			}
		}
		hasty := signed(t, peer, "POST", "/receive", `{"id":"hasty","from":"bob","text":"bye"}`, time.Now())
		text := &strings.Builder{}
		if err := hasty.Write(text); err != nil {
			t.Fatal(err)
		}
		if err := raw(text.String()).Close(); err != nil { // says all and does not wait
			t.Fatal(err)
		}
		begun := time.Now()
		for i := range 20 {
			say(t, peer, fmt.Sprint(i), "ann", fmt.Sprint(i))
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("twenty good webhooks took %v beside the bad ones", took)
		}
		// It may have been taken before or not; delivered again it is there once.
		if reply, err := peer.Say(t.Context(), custom.Inbound{ID: "hasty", From: "bob", Text: "bye"}); err != nil || reply.Status >= 500 {
			t.Fatalf("%+v %v", reply, err)
		}
		toBob := 0
		for _, m := range taken(t, &peer.Desk, 21) {
			if m.To == "bob" {
				toBob++
			}
		}
		if toBob != 1 {
			t.Errorf("bob got %d answers", toBob)
		}
	})
}
