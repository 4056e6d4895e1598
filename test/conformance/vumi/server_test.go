package vumi_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"indaba/internal/app"
	"indaba/internal/config"
	"indaba/internal/db/dbtest"
)

// server is what the suite runs against.
type server struct {
	url    string            // of the API, without a slash at its end
	tokens map[string]string // by the words that cases use: main, other, narrow, and the names of scopes
	given  map[string]string // values for cases
	http   *http.Client
	own    *app.App  // nil when somebody else has started the server
	pushed chan push // what the application of the conversation "pushing" gets; own servers only
}

// values are what a server may give to cases beside tokens, each by the environment variable INDABA_CONFORMANCE_ and its
// name in capitals: see README.md.
var values = []string{"conversation", "stream", "limited", "secret", "streamsecret", "store", "jsbox", "line", "linesecret", "linenumber",
	"free", "freeaccount"}

// target returns the server to check: the one that the environment names, or a new one on SQLite.
func target(t *testing.T) *server {
	t.Helper()
	if s := named(t); s != nil {
		return s
	}
	return started(t)
}

// each runs a test against the server that the environment names, or against new ones on every engine.
func each(t *testing.T, test func(t *testing.T, s *server)) {
	t.Helper()
	if s := named(t); s != nil {
		test(t, s)
		return
	}
	eachEngine(t, func(t *testing.T, start func(app.Options) *server) {
		s := start(app.Options{})
		s.furnish(t)
		s.converse(t)
		test(t, s)
	})
}

// eachEngine runs a test on every engine. start runs a server that has nothing yet.
func eachEngine(t *testing.T, test func(t *testing.T, start func(app.Options) *server)) {
	t.Helper()
	dbtest.EachURL(t, func(t *testing.T, url string) {
		test(t, func(o app.Options) *server {
			c := settings(t)
			if strings.HasPrefix(url, "postgres") {
				c.Database = url
			}
			s := newServer(t)
			s.boot(t, c, o)
			return s
		})
	})
}

// own returns a new server, for tests that must hold it in their hands. The environment has no say in it.
func own(t *testing.T) *server {
	t.Helper()
	return started(t)
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{tokens: map[string]string{"bad": "ind_0000", "empty": ""}, given: map[string]string{}, http: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 4},
		Timeout:       time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	t.Cleanup(s.http.CloseIdleConnections)
	return s
}

// named returns the server that the environment names, or nil.
func named(t *testing.T) *server {
	t.Helper()
	s := newServer(t)
	if path := os.Getenv("INDABA_CONFORMANCE_READY"); path != "" {
		s.readReady(t, path)
	}
	if url := os.Getenv("INDABA_CONFORMANCE_URL"); url != "" {
		s.url = strings.TrimRight(url, "/")
	}
	if s.url == "" {
		return nil
	}
	for word, name := range map[string]string{"main": "TOKEN", "other": "OTHER_TOKEN", "narrow": "NARROW_TOKEN"} {
		if token := os.Getenv("INDABA_CONFORMANCE_" + name); token != "" {
			s.tokens[word] = token
		}
	}
	if s.tokens["main"] == "" {
		t.Fatal("INDABA_CONFORMANCE_TOKEN is not set")
	}
	for _, name := range values {
		if value := os.Getenv("INDABA_CONFORMANCE_" + strings.ToUpper(name)); value != "" {
			s.given[name] = value
		}
	}
	if s.given["store"] == "" {
		s.given["store"] = "default"
	}
	return s
}

// readReady takes what it can from the file that `indaba demo --ready FILE` writes.
func (s *server) readReady(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("INDABA_CONFORMANCE_READY: %v", err)
	}
	var facts struct {
		URL, Token string
		Bots       []struct{ Key, Kind, Type, Token string }
	}
	if err := json.Unmarshal(text, &facts); err != nil || facts.URL == "" {
		t.Fatalf("INDABA_CONFORMANCE_READY: %s is no file that a demonstration has written: %v", path, err)
	}
	s.url, s.tokens["main"] = facts.URL+"/api/v1/go", facts.Token
	for _, b := range facts.Bots {
		switch {
		case b.Type == "http_api_nostream":
			s.given["conversation"], s.given["secret"] = b.Key, b.Token
		case b.Type == "http_api":
			s.given["stream"], s.given["streamsecret"] = b.Key, b.Token
		case b.Kind == "sandbox":
			s.given["jsbox"], s.tokens["bot"] = b.Key, b.Token
		}
	}
}

// settings is the configuration of a server of our own.
func settings(t *testing.T) *config.Config {
	t.Helper()
	c := config.Default()
	c.Data, c.Listen = t.TempDir(), "127.0.0.1:0"
	c.Egress.AllowHosts = []string{"127.0.0.1"} // where applications of conversations are
	return c
}

// started runs a server with some accounts, of which the first has something of everything.
func started(t *testing.T) *server {
	t.Helper()
	s := newServer(t)
	s.boot(t, settings(t), app.Options{})
	s.furnish(t)
	s.converse(t)
	return s
}

// boot starts the program on a configuration. The test's end stops it.
func (s *server) boot(t *testing.T, c *config.Config, o app.Options) (stop func()) {
	t.Helper()
	a, err := app.OpenWith(t.Context(), c, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.own, s.url = a, a.URL()+"/api/v1/go"
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := a.Stop(ctx); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	t.Cleanup(stop)
	return stop
}

// root returns the server's URL without the API's part.
func (s *server) root() string { return strings.TrimSuffix(s.url, "/api/v1/go") }

// unique returns letters and digits that nobody used before.
func unique() string {
	var b [6]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// number returns a telephone number that nobody used before.
func number() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	digits := fmt.Sprintf("%020d", uint64(b[0])<<56|uint64(b[1])<<48|uint64(b[2])<<40|uint64(b[3])<<32|
		uint64(b[4])<<24|uint64(b[5])<<16|uint64(b[6])<<8|uint64(b[7]))
	return "+27" + digits[8:]
}
