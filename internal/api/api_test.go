package api_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"indaba/internal/api"
	"indaba/internal/core"
)

// open returns a face whose routes need no token. Its errors are their texts.
func open(routes ...api.Route) *api.Face {
	return &api.Face{
		Name: "test", Prefix: "/p/", Routes: routes, Limits: api.NewLimits(1000, 1000, false), MaxBody: 10,
		WriteError: func(w http.ResponseWriter, path []string, err error) {
			http.Error(w, strings.Join(path, "|")+" "+core.KindOf(err).String()+" "+err.Error(), 500)
		},
		Log: slog.New(slog.DiscardHandler),
	}
}

func ask(t *testing.T, h http.Handler, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body)))
	return w
}

func TestRoutes(t *testing.T) {
	say := func(text string) api.Handler {
		return func(w http.ResponseWriter, r *api.Request) error {
			_, err := io.WriteString(w, text+" "+r.Param("key")+" "+r.Param("other"))
			return err
		}
	}
	f := open(
		api.Route{Method: "GET", Path: "things/", Handle: say("list")},
		api.Route{Method: "GET", Path: "things/count", Handle: say("count")},
		api.Route{Method: "GET", Path: "things/{key}", Handle: say("get")},
		api.Route{Method: "PUT", Path: "things/{key}", Handle: say("put")},
		api.Route{Method: "GET", Path: "things/{key}/of/{other}", Handle: say("of")},
	)
	for target, want := range map[string]string{
		"GET /p/things/":               "list  ",
		"GET /p/things/count":          "count  ",
		"GET /p/things/a":              "get a ",
		"PUT /p/things/a":              "put a ",
		"GET /p/things/a%2Fb%25%2B+c":  "get a/b%++c ",
		"GET /p/things/%252F":          "get %2F ",
		"GET /p/things/a/of/b":         "of a b",
		"GET /p/things":                "things not found there is nothing under this path\n",
		"GET /p//things/":              "|things| not found there is nothing under this path\n",
		"GET /p/things/a/":             "things|a| not found there is nothing under this path\n",
		"GET /p/things/a/of/":          "things|a|of| not found there is nothing under this path\n",
		"GET /p/things/../things/":     "things|..|things| not found there is nothing under this path\n",
		"GET /q/things/":               " not found there is nothing under this path\n",
		"PUT /p/things/count":          "things|count internal the path takes only GET\n",
		"DELETE /p/things/a":           "things|a internal the path takes only GET, PUT\n",
		"GET /p/things/a%00%ff":        "get a\x00\xff ",
		"GET /p/things/a?key=b&q=%zz#": "get a ",
	} {
		method, path, _ := strings.Cut(target, " ")
		if got := ask(t, f, method, path, "").Body.String(); got != want {
			t.Errorf("%s: %q, want %q", target, got, want)
		}
	}
}

func TestBody(t *testing.T) {
	var got error
	f := open(api.Route{Method: "POST", Path: "x", Handle: func(_ http.ResponseWriter, r *api.Request) error {
		_, got = r.Body()
		return nil
	}})
	for body, want := range map[string]core.Kind{"0123456789": core.Internal, "0123456789a": core.TooLarge} {
		if ask(t, f, "POST", "/p/x", body); core.KindOf(got) != want {
			t.Errorf("%s: %v, want %v", body, got, want)
		}
	}
}

// A panic is an error like others, and a handler that fails after it has begun cuts the answer off.
func TestPanicAndCut(t *testing.T) {
	f := open(
		api.Route{Method: "GET", Path: "panic", Handle: func(http.ResponseWriter, *api.Request) error { panic("oh") }},
		api.Route{Method: "GET", Path: "cut", Handle: func(w http.ResponseWriter, _ *api.Request) error {
			if err := api.NewLines(w, "x/y").Flush(); err != nil {
				return err
			}
			return errors.New("the rest is lost")
		}},
	)
	server := httptest.NewServer(f)
	defer server.Close()
	for path, whole := range map[string]bool{"panic": true, "cut": false} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", server.URL+"/p/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if (err == nil) != whole || whole && !strings.Contains(string(body), "a handler panicked") || strings.Contains(string(body), "oh") {
			t.Errorf("%s: %s %v, want whole %v", path, body, err, whole)
		}
		if err := answer.Body.Close(); err != nil {
			t.Error(err)
		}
	}
}

// patient is a connection that notes the time it is given for each piece.
type patient struct {
	*httptest.ResponseRecorder
	until []time.Time
}

func (p *patient) SetWriteDeadline(t time.Time) error {
	p.until = append(p.until, t)
	return nil
}

func TestLines(t *testing.T) {
	p := &patient{ResponseRecorder: httptest.NewRecorder()}
	lines := api.NewLines(p, "x/y")
	if len(p.Header()) != 0 {
		t.Error("a header is set before there is anything to say")
	}
	for i := range 3 {
		if err := lines.Write(map[string]int{"i": i}); err != nil {
			t.Fatal(err)
		}
	}
	if p.Body.Len() != 0 {
		t.Error("lines are not collected")
	}
	if err := lines.Write(strings.Repeat("x", 100_000)); err != nil {
		t.Fatal(err)
	}
	if p.Body.Len() == 0 || len(p.until) == 0 || p.until[0].Before(time.Now()) {
		t.Errorf("a long line is kept back, or has no time: %d bytes sent, until %v", p.Body.Len(), p.until)
	}
	if err := lines.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := p.Body.String(); !strings.HasPrefix(got, "{\"i\":0}\n{\"i\":1}\n{\"i\":2}\n\"xxx") || !strings.HasSuffix(got, "xxx\"\n") {
		t.Errorf("body %.60q", got)
	}
	if !p.Flushed || p.Header().Get("Content-Type") != "x/y" {
		t.Errorf("flushed %v, header %v", p.Flushed, p.Header())
	}
}

func TestGate(t *testing.T) {
	g := api.NewGate(2)
	leave, err := g.Enter("a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Enter("a"); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Enter("a"); core.KindOf(err) != core.Limited {
		t.Errorf("a third: %v", err)
	}
	if _, err := g.Enter("b"); err != nil {
		t.Errorf("another key: %v", err)
	}
	leave()
	if _, err := g.Enter("a"); err != nil {
		t.Errorf("after one left: %v", err)
	}
}

// Behind a proxy that is trusted each client has its own limit, whatever it writes into the header itself.
func TestLimitsBehindProxy(t *testing.T) {
	f := open(api.Route{Method: "GET", Path: "x", Handle: func(http.ResponseWriter, *api.Request) error { return nil }})
	f.Limits = api.NewLimits(1, 1, true)
	get := func(forwarded ...string) bool {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/p/x", nil)
		for _, line := range forwarded {
			r.Header.Add("X-Forwarded-For", line)
		}
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		return w.Code == 200
	}
	if !get("10.0.0.1") || !get("10.0.0.2") || get("10.0.0.99, 10.0.0.1") || get("10.0.0.98", "10.0.0.1") {
		t.Error("limits do not go by the address that the proxy wrote")
	}
}
