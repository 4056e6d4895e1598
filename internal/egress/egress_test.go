package egress

import (
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"indaba/internal/core"
)

func newGuard(t *testing.T, o Options) *Guard {
	t.Helper()
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// get calls a URL and returns the body, or the error.
func get(t *testing.T, g *Guard, url string) (string, error) {
	t.Helper()
	answer, err := g.Do(t.Context(), Request{Method: http.MethodGet, URL: url, Follow: true})
	if err != nil {
		return "", err
	}
	return string(answer.Body), nil
}

func TestAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"8.8.8.8": true, "1.1.1.1": true, "172.15.0.1": true, "172.32.0.1": true, "100.128.0.1": true, "169.253.0.1": true,
		"2001:4860:4860::8888": true, "2606:4700::1111": true, "::ffff:8.8.8.8": true, "64:ff9b::808:808": true,

		"127.0.0.1": false, "127.255.255.254": false, "0.0.0.0": false, "0.1.2.3": false, "10.0.0.1": false,
		"172.16.0.1": false, "172.31.255.255": false, "192.168.0.1": false, "169.254.169.254": false, "100.64.0.1": false,
		"100.100.100.200": false, "168.63.129.16": false, "192.0.0.192": false, "192.0.2.1": false, "198.18.0.1": false,
		"198.51.100.1": false, "203.0.113.1": false, "224.0.0.1": false, "239.255.255.255": false, "240.0.0.1": false,
		"255.255.255.255": false,
		"::":              false, "::1": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "fc00::1": false, "fd00:ec2::254": false,
		"ff02::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "::7f00:1": false,
		"64:ff9b::7f00:1": false, "64:ff9b::a9fe:a9fe": false, "64:ff9b:1::1": false, "2002:7f00:1::": false,
		"2001::1": false, "2001:db8::1": false, "100::1": false, "2001:4860:4860::8888%eth0": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}

// However a local address is written, it is not called.
func TestLocalAddressesAreRefused(t *testing.T) {
	called := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the server was called") }))
	t.Cleanup(called.Close)
	g := newGuard(t, Options{})
	port := port(t, called.URL)
	for _, host := range []string{
		"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "localhost", "LOCALHOST", "localhost.", "0.0.0.0", "[::]",
		"2130706433", "017700000001", "0x7f000001", "0177.0.0.1", "0x7f.1", "127.1", "127.0.0.1.", "[64:ff9b::7f00:1]",
		"[fe80::1%25lo]", "169.254.169.254",
	} {
		_, err := get(t, g, "http://"+host+":"+port+"/")
		if kind := core.KindOf(err); err == nil || kind != core.Forbidden && kind != core.Unavailable {
			t.Errorf("%s: %v", host, err)
		}
	}
	if _, err := get(t, g, "http://127.0.0.1:"+port); core.KindOf(err) != core.Forbidden || !strings.Contains(err.Error(), "egress_allow_hosts") {
		t.Errorf("the refusal says %v", err)
	}
}

func TestAllowHosts(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(s.Close)
	p := port(t, s.URL)
	for _, c := range []struct {
		allow   string
		host    string
		allowed bool
	}{
		{"127.0.0.1", "127.0.0.1", true}, {"127.0.0.1:" + p, "127.0.0.1", true}, {"127.0.0.1:1", "127.0.0.1", false},
		{"127.0.0.0/8", "127.0.0.1", true}, {"10.0.0.0/8", "127.0.0.1", false}, {"127.0.0.1", "[::ffff:127.0.0.1]", true},
		{"127.0.0.1", "localhost", true}, {"localhost", "localhost", true}, {"LocalHost", "LOCALHOST", true},
		{"localhost:" + p, "localhost", true}, {"localhost:1", "localhost", false}, {"localhost", "127.0.0.1", false},
		{"example.org", "localhost", false},
	} {
		g := newGuard(t, Options{AllowHosts: []string{c.allow}})
		body, err := get(t, g, "http://"+c.host+":"+p+"/")
		if allowed := err == nil && body == "hello"; allowed != c.allowed {
			t.Errorf("allow %s, call %s: %v", c.allow, c.host, err)
		}
	}
	for _, wrong := range []string{"", "http://localhost", "a b", "10.0.0.0/33", "*", "*.", "a/b", "x:y:z"} {
		if _, err := New(Options{AllowHosts: []string{wrong}}); core.KindOf(err) != core.Invalid {
			t.Errorf("allow_hosts %q: %v", wrong, err)
		}
	}
}

// A name server that answers each query for an address with the next of the given ones.
func nameServer(t *testing.T, answers ...string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // the loop below ends by it
	var asked atomic.Int32
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = conn.WriteTo(answerQuery(buffer[:n], answers, &asked), from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// answerQuery makes the answer to a DNS query (RFC 1035 4.1): one A record, or none for other types.
func answerQuery(query []byte, answers []string, asked *atomic.Int32) []byte {
	end := 12
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5
	answer := append([]byte{}, query[:end]...)
	binary.BigEndian.PutUint16(answer[2:], 0x8180)
	binary.BigEndian.PutUint16(answer[8:], 0)
	binary.BigEndian.PutUint16(answer[10:], 0)
	if binary.BigEndian.Uint16(query[end-4:]) != 1 {
		return answer
	}
	binary.BigEndian.PutUint16(answer[6:], 1)
	ip := netip.MustParseAddr(answers[min(int(asked.Add(1)), len(answers))-1]).As4()
	answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
	return append(answer, ip[:]...)
}

// A name that means a public address at first and a local one later is refused when it is called: there is no time
// between the check and the call.
func TestRebinding(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(s.Close)
	p := port(t, s.URL)
	g := newGuard(t, Options{Resolver: nameServer(t, "127.0.0.1")})
	_, err := get(t, g, "http://rebind.example.org:"+p+"/")
	if core.KindOf(err) != core.Forbidden || !strings.Contains(err.Error(), "rebind.example.org (127.0.0.1)") {
		t.Errorf("a name for a local address: %v", err)
	}
	// The first answer is a documentation address, refused as well; the second call sees the second answer.
	g = newGuard(t, Options{Resolver: nameServer(t, "192.0.2.1", "127.0.0.1")})
	for _, want := range []string{"192.0.2.1", "127.0.0.1"} {
		if _, err := get(t, g, "http://rebind.example.org:"+p+"/"); core.KindOf(err) != core.Forbidden || !strings.Contains(err.Error(), want) {
			t.Errorf("want a refusal of %s, got %v", want, err)
		}
	}
	for _, allow := range []string{"rebind.example.org", "*.example.org", "127.0.0.1"} {
		g := newGuard(t, Options{Resolver: nameServer(t, "127.0.0.1"), AllowHosts: []string{allow}})
		if body, err := get(t, g, "http://rebind.example.org:"+p+"/"); err != nil || body != "hello" {
			t.Errorf("%s is allowed: %v", allow, err)
		}
	}
}

func TestRedirects(t *testing.T) {
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the inner server was called") }))
	t.Cleanup(inner.Close)
	mux := http.NewServeMux()
	outer := httptest.NewServer(mux)
	t.Cleanup(outer.Close)
	redirect := func(path, to string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) })
	}
	redirect("/inner", inner.URL)
	redirect("/file", "file:///etc/passwd")
	redirect("/loop", "/loop")
	redirect("/once", "/end")
	redirect("/elsewhere", "http://elsewhere.example.org/")
	mux.HandleFunc("/end", func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Method) })

	g := newGuard(t, Options{AllowHosts: []string{"127.0.0.1:" + port(t, outer.URL)}})
	for path, kind := range map[string]core.Kind{"/inner": core.Forbidden, "/file": core.Invalid, "/loop": core.Unavailable} {
		if _, err := get(t, g, outer.URL+path); core.KindOf(err) != kind || strings.Contains(err.Error(), path+"\"") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if body, err := get(t, g, outer.URL+"/once"); err != nil || body != "GET" {
		t.Errorf("a redirect to a good place: %q, %v", body, err)
	}
	answer, err := g.Do(t.Context(), Request{Method: http.MethodGet, URL: outer.URL + "/once"})
	if err != nil || answer.Status != http.StatusFound || answer.Header.Get("Location") != "/end" {
		t.Errorf("without following: %+v, %v", answer, err)
	}
	only, err := ParseHosts([]string{"127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = g.Do(t.Context(), Request{Method: http.MethodGet, URL: outer.URL + "/elsewhere", Follow: true, Only: only})
	if core.KindOf(err) != core.Forbidden || !strings.Contains(err.Error(), "allow_hosts") {
		t.Errorf("a redirect away from the listed hosts: %v", err)
	}
}

// Where a call was redirected from is nobody's business: its URL may hold a key. What the author sends goes on.
func TestRedirectsNameNoReferer(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Referer"))
		if next, ok := map[string]string{"/one": "/two?key=2", "/two": "/three"}[r.URL.Path]; ok {
			http.Redirect(w, r, next, http.StatusFound)
		}
	}))
	t.Cleanup(server.Close)
	g := newGuard(t, Options{AllowHosts: []string{"127.0.0.1"}})
	for _, header := range []http.Header{nil, {"Referer": {"https://example.org/"}}} {
		got = nil
		answer, err := g.Do(t.Context(), Request{Method: http.MethodGet, URL: server.URL + "/one?key=1", Header: header, Follow: true})
		want := []string{header.Get("Referer"), header.Get("Referer"), header.Get("Referer")}
		if err != nil || answer.Status != http.StatusOK || !slices.Equal(got, want) {
			t.Errorf("%v: %q, %v", header, got, err)
		}
	}
}

func TestRequestsThatMakeNoSense(t *testing.T) {
	g := newGuard(t, Options{AllowHosts: []string{"127.0.0.1"}})
	for _, url := range []string{"", "nonsense", "ftp://example.org", "file:///etc/passwd", "http://", "http:///x", "https://:80/",
		"http://a b/", "http://[::1/", "http://example.org:99999999/", "gopher://127.0.0.1/", "//example.org", "http://%zz/"} {
		_, err := g.Do(t.Context(), Request{Method: http.MethodGet, URL: url})
		if kind := core.KindOf(err); kind != core.Invalid && kind != core.Unavailable || kind == core.Internal {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, r := range []Request{
		{Method: "GE T", URL: "http://127.0.0.1:1"},
		{Method: "GET", URL: "http://127.0.0.1:1", Header: http.Header{"Bad\r\nName": {"x"}}},
		{Method: "GET", URL: "http://127.0.0.1:1", Header: http.Header{"X": {"bad\r\nvalue"}}},
	} {
		if _, err := g.Do(t.Context(), r); core.KindOf(err) == core.Internal {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestBodies(t *testing.T) {
	const limit = 1000
	zipped := func(w http.ResponseWriter, n int) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, strings.Repeat("x", n))
		_ = z.Close()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/exact", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", limit)) })
	mux.HandleFunc("/announced", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("x", limit+7)) })
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := io.WriteString(w, strings.Repeat("x", limit)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/bomb", func(w http.ResponseWriter, _ *http.Request) { zipped(w, 10<<20) })
	mux.HandleFunc("/zip", func(w http.ResponseWriter, _ *http.Request) { zipped(w, limit) })
	mux.HandleFunc("/nozip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(w, "plain text, not zipped")
	})
	mux.HandleFunc("/empty", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Encoding", "gzip") })
	mux.HandleFunc("/header", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", maxHeaderBytes)) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	g := newGuard(t, Options{AllowHosts: []string{"127.0.0.1"}, MaxBodyBytes: limit})
	for path, want := range map[string]string{
		"/announced": "Received 1007 bytes, maximum of 1000 bytes allowed.",
		"/endless":   "Received 1001 bytes, maximum of 1000 bytes allowed.",
		"/bomb":      "Received 1001 bytes, maximum of 1000 bytes allowed.",
		"/nozip":     "the body is not what its Content-Encoding says: gzip: invalid header",
	} {
		if _, err := get(t, g, s.URL+path); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", path, err, want)
		}
	}
	for path, want := range map[string]int{"/exact": limit, "/zip": limit, "/empty": 0} {
		if body, err := get(t, g, s.URL+path); err != nil || len(body) != want {
			t.Errorf("%s: %d bytes, %v", path, len(body), err)
		}
	}
	if _, err := get(t, g, s.URL+"/header"); core.KindOf(err) != core.Unavailable {
		t.Errorf("a large header: %v", err)
	}
	_, err := g.Do(t.Context(), Request{Method: http.MethodGet, URL: s.URL + "/exact", MaxBodyBytes: 10})
	if core.KindOf(err) != core.TooLarge {
		t.Errorf("a lower limit: %v", err)
	}
	if answer, err := g.Do(t.Context(), Request{Method: http.MethodHead, URL: s.URL + "/announced"}); err != nil || len(answer.Body) != 0 {
		t.Errorf("HEAD: %v", err)
	}
}

// With Discard the status is all that counts: no body is too large, broken or late.
func TestDiscard(t *testing.T) {
	hold := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/large":
			_, _ = io.WriteString(w, strings.Repeat("x", 1<<20)) // the client hangs up
		case "/broken":
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "no gzip")
		case "/late":
			_ = http.NewResponseController(w).Flush()
			<-hold
		}
	}))
	defer server.Close()
	defer close(hold)
	g := newGuard(t, Options{AllowHosts: []string{"127.0.0.1"}, Timeout: 500 * time.Millisecond, MaxBodyBytes: 10})
	for _, path := range []string{"/large", "/broken", "/late"} {
		answer, err := g.Do(t.Context(), Request{Method: http.MethodPost, URL: server.URL + path, Discard: true})
		if err != nil || answer.Status != 200 || len(answer.Body) > 0 {
			t.Errorf("%s: %+v %v", path, answer, err)
		}
	}
}

func TestTime(t *testing.T) {
	release := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/silent", func(http.ResponseWriter, *http.Request) { <-release })
	mux.HandleFunc("/stops", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "begins")
		_ = http.NewResponseController(w).Flush()
		<-release
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(release) })
	g := newGuard(t, Options{AllowHosts: []string{"127.0.0.1"}, Timeout: 50 * time.Millisecond})
	for _, path := range []string{"/silent", "/stops"} {
		if _, err := get(t, g, s.URL+path); core.KindOf(err) != core.Timeout || err.Error() != "no complete answer within 50ms" {
			t.Errorf("%s: %v", path, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := g.Do(ctx, Request{Method: http.MethodGet, URL: s.URL}); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// Errors say what went wrong and never repeat the URL, which may hold secrets.
func TestErrorsHideURLs(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	g := newGuard(t, Options{AllowHosts: []string{"127.0.0.1"}})
	_, err := get(t, g, closed.URL+"/secret-path?token=secret")
	if core.KindOf(err) != core.Unavailable || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
	_, err = get(t, g, "http://user:secret@nonexistent.invalid/?secret")
	if core.KindOf(err) != core.Unavailable || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestCertificates(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	g := newGuard(t, Options{AllowHosts: []string{"127.0.0.1"}})
	if _, err := get(t, g, s.URL); core.KindOf(err) != core.Unavailable || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("an unknown certificate: %v", err)
	}
	if _, err := g.Do(t.Context(), Request{Method: http.MethodGet, URL: s.URL, Unverified: true}); err != nil {
		t.Errorf("unverified: %v", err)
	}
	if _, err := get(t, g, s.URL); err == nil {
		t.Error("a connection made without verification serves a call with it")
	}
}

func port(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}
