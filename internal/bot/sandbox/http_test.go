package sandbox

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"indaba/internal/bot/bundle"
	"indaba/internal/bot/js"
	"indaba/internal/egress"
)

// service answers the calls of scripts in tests.
func service(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = fmt.Fprintf(w, "%s %s [%s] %s", r.Method, r.URL.RawQuery, strings.Join(r.Header["X-Test"], "|"), body)
	})
	mux.HandleFunc("/form", func(w http.ResponseWriter, r *http.Request) {
		file, header, err := r.FormFile("photo")
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		data, _ := io.ReadAll(file)
		_, _ = fmt.Fprintf(w, "%s %s %s data=%s", header.Filename, header.Header.Get("Content-Type"), data, r.FormValue("data"))
	})
	mux.HandleFunc("/missing", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Why", "gone")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"error":"none"}`)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/echo?moved", http.StatusFound) })
	mux.HandleFunc("/binary", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte{0xff, 0xfe, 'x'}) })
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.Repeat("x", egress.DefaultMaxBodyBytes+1))
	})
	mux.HandleFunc("/gzip", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, "unzipped")
		_ = z.Close()
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s
}

func TestHTTP(t *testing.T) {
	w := newWorld(t)
	s := service(t)
	tls := httptest.NewUnstartedServer(s.Config.Handler)
	tls.Config.ErrorLog = log.New(io.Discard, "", 0) // of refused certificates
	tls.StartTLS()
	t.Cleanup(tls.Close)
	code := func(code int, body string) string {
		return asJSON(t, map[string]any{"success": true, "code": code, "body": body})
	}
	for _, c := range []commandCase{
		{`{"cmd":"http.get","url":"URL/echo?a=b","headers":{"X-Test":["1","2"]}}`, code(200, "GET a=b [1|2] ")},
		{`{"cmd":"http.get","url":"URL/echo","headers":{"X-Test":"1"}}`, code(200, "GET  [1] ")},
		{`{"cmd":"http.post","url":"URL/echo","data":"körper"}`, code(200, "POST  [] körper")},
		{`{"cmd":"http.put","url":"URL/echo","data":"x","headers":null}`, code(200, "PUT  [] x")},
		{`{"cmd":"http.patch","url":"URL/echo","data":""}`, code(200, "PATCH  [] ")},
		{`{"cmd":"http.delete","url":"URL/echo","data":null}`, code(200, "DELETE  [] ")},
		{`{"cmd":"http.head","url":"URL/echo"}`, code(200, "")},
		{`{"cmd":"http.head","url":"URL/large"}`, code(200, "")},
		{`{"cmd":"http.get","url":"URL/missing"}`, code(404, `{"error":"none"}`)},
		{`{"cmd":"http.get","url":"URL/moved"}`, code(200, "GET moved [] ")},
		{`{"cmd":"http.post","url":"URL/moved","data":"x"}`, code(302, "")},
		{`{"cmd":"http.get","url":"URL/gzip"}`, code(200, "unzipped")},
		{`{"cmd":"http.get","url":"URL/gzip","headers":{"Accept-Encoding":["gzip"]}}`, code(200, "unzipped")},
		{`{"cmd":"http.post","url":"URL/form","data":"d","files":{"photo":{"file_name":"a.png","content_type":"image/png","data":"aGVsbG8="}}}`,
			code(200, "a.png image/png hello data=d")},
		{`{"cmd":"http.get","url":"TLS/echo","verify_options":["VERIFY_NONE"],"ssl_method":"TLSv1"}`, code(200, "GET  [] ")},

		{`{"cmd":"http.get"}`, failed(t, "No URL given")},
		{`{"cmd":"http.get","url":null}`, failed(t, "No URL given")},
		{`{"cmd":"http.get","url":5}`, failed(t, "'url' must be a string.")},
		{`{"cmd":"http.get","url":"ftp://127.0.0.1/"}`, failed(t, `only http and https URLs can be called, not "ftp"`)},
		{`{"cmd":"http.get","url":"http:///x"}`, failed(t, "the URL names no host")},
		{`{"cmd":"http.get","url":"URL/binary"}`, failed(t, "The body of the response is not valid UTF-8 text.")},
		{`{"cmd":"http.get","url":"URL/large"}`, failed(t, "Received 131073 bytes, maximum of 131072 bytes allowed.")},
		{`{"cmd":"http.post","url":"URL/echo","data":{"a":1}}`, failed(t, "'data' must be a string.")},
		{`{"cmd":"http.post","url":"URL/echo","headers":["X"]}`, failed(t, "'headers' must be an object of lists of strings.")},
		{`{"cmd":"http.post","url":"URL/echo","headers":{"X":[1]}}`, failed(t, "'headers' must be an object of lists of strings.")},
		{`{"cmd":"http.post","url":"URL/form","files":[]}`, failed(t, "'files' must be an object.")},
		{`{"cmd":"http.post","url":"URL/form","files":{"a":1}}`, failed(t, `The file "a" must have the strings 'file_name', 'content_type' and 'data'.`)},
		{`{"cmd":"http.post","url":"URL/form","files":{"a":{"data":"%%"}}}`, failed(t, `The data of file "a" must be base64.`)},
		{`{"cmd":"http.post","url":"URL/form","files":{"a":{"content_type":"a\r\nB: c"}}}`, failed(t, `The content type of file "a" is not valid.`)},
		{`{"cmd":"http.get","url":"TLS/echo","verify_options":["VERIFY_SOMETIMES"]}`, failed(t, `There is no verify option "VERIFY_SOMETIMES".`)},
		{`{"cmd":"http.get","url":"TLS/echo","verify_options":5}`, failed(t, "'verify_options' must be a list of strings.")},
		{`{"cmd":"http.get","url":"TLS/echo","ssl_method":"SSLv3"}`, failed(t, "SSLv3 is not safe and not supported: leave ssl_method out.")},
		{`{"cmd":"http.get","url":"TLS/echo","ssl_method":"SSLv9"}`, failed(t, `There is no ssl_method "SSLv9".`)},
	} {
		c.command = strings.NewReplacer("URL", s.URL, "TLS/", tls.URL+"/").Replace(c.command)
		if got := w.reply(c.command); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.command, got, c.want)
		}
	}
	for _, options := range []string{`[]`, `["VERIFY_PEER"]`, `["VERIFY_NONE","VERIFY_PEER"]`} {
		got := w.reply(`{"cmd":"http.get","url":"` + tls.URL + `/echo","verify_options":` + options + `}`)
		if !strings.Contains(got, "certificate") {
			t.Errorf("%s: got %s, want a failure of the certificate", options, got)
		}
	}
	if got := w.reply(`{"cmd":"http.get","url":"http://[::1]:9/"}`); !strings.Contains(got, "calls to ::1 are not allowed") {
		t.Errorf("got %s", got)
	}
}

// A bot that lists its hosts reaches no others.
func TestAllowHosts(t *testing.T) {
	w := newWorld(t)
	s := service(t)
	w.probe = w.load(probeScript, bundle.Settings{AllowHosts: []string{"api.example.org"}})
	if got := w.reply(`{"cmd":"http.get","url":"` + s.URL + `/echo"}`); !strings.Contains(got, "not among the bot's allow_hosts") {
		t.Errorf("got %s", got)
	}
	w.probe = w.load(probeScript, bundle.Settings{AllowHosts: []string{"127.0.0.1"}})
	if got := w.reply(`{"cmd":"http.get","url":"` + s.URL + `/echo"}`); !strings.Contains(got, `"code":200`) {
		t.Errorf("got %s", got)
	}
}

func TestFetch(t *testing.T) {
	w := newWorld(t)
	s := service(t)
	script := `api.on_inbound_message = async function (command) {
		var URL = command.msg.content, lines = [];
		var a = await fetch(URL + '/missing');
		lines.push([a.status, a.ok, a.statusText, a.headers.get('x-why'), (await a.json()).error]);
		var b = await fetch(URL + '/echo', {method: 'POST', body: 'x', headers: {'X-Test': 'y'}});
		lines.push([b.status, b.ok, await b.text()]);
		lines.push([(await fetch(URL + '/moved')).url.replace(URL, '')]);
		try { await fetch('http://169.254.169.254/'); } catch (e) { lines.push([e.name, /not allowed/.test(e.message)]); }
		try { await fetch(URL + '/echo', {method: 'TRACE'}); } catch (e) { lines.push([e.message]); }
		api.request('outbound.reply_to', {content: JSON.stringify(lines), in_reply_to: command.msg.message_id}, function () { api.done(); });
	};`
	result := w.run(w.load(script, bundle.Settings{}), w.turn(s.URL))
	const want = `[[404,false,"Not Found","gone","none"],[200,true,"POST  [y] x"],["/echo?moved"],["TypeError",true],["fetch failed: there is no method \"TRACE\""]]`
	if got := *result.Sends[0].Content; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// Twenty calls at once are made eight at a time.
func TestCallsInFlight(t *testing.T) {
	w := newWorld(t)
	var mu sync.Mutex
	var all sync.Once
	now, most := 0, 0
	eight := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		mu.Lock()
		now++
		if most = max(most, now); now == callsPerTurn {
			all.Do(func() { close(eight) })
		}
		mu.Unlock()
		<-eight // all places are taken before the first call ends
		mu.Lock()
		now--
		mu.Unlock()
	}))
	t.Cleanup(s.Close)
	_ = w.run(w.load(`api.on_inbound_message = function (command) {
		var left = 20;
		for (var i = 0; i < 20; i++) {
			api.request('http.get', {url: command.msg.content}, function (reply) {
				if (!reply.success) { throw new Error(reply.reason); }
				if (--left === 0) { api.done(); }
			});
		}
	};`, bundle.Settings{}), w.turn(s.URL))
	if most != callsPerTurn {
		t.Errorf("%d calls were under way at once, want %d", most, callsPerTurn)
	}
}

// A call that the script does not wait for is made all the same, and does not hold the reply up.
func TestCallOutlivesTurn(t *testing.T) {
	w := newWorld(t)
	arrived, release := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		<-release
		close(arrived)
	}))
	t.Cleanup(s.Close)
	result := w.run(w.load(`api.on_inbound_message = function (command) {
		api.request('http.post', {url: command.msg.content, data: 'x'});
		api.done();
	};`, bundle.Settings{}), w.turn(s.URL))
	if result.Outcome != js.Done {
		t.Error(result.Err)
	}
	close(release)
	select {
	case <-arrived:
	case <-time.After(10 * time.Second):
		t.Error("the call was not made")
	}
}

// When a turn is cut off, so are its calls.
func TestCallsEndWithTheirTurn(t *testing.T) {
	w := newWorld(t)
	begun, gone := make(chan struct{}), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		<-r.Context().Done()
		close(gone)
	}))
	t.Cleanup(s.Close)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-begun
		cancel()
	}()
	r := w.load(`api.on_inbound_message = function (command) { api.request('http.get', {url: command.msg.content}, function () {}); };`, bundle.Settings{})
	if _, err := r.Run(ctx, w.turn(s.URL)); err == nil {
		t.Error("a turn that was cut off is to be run again")
	}
	select {
	case <-gone:
	case <-time.After(10 * time.Second):
		t.Error("the call goes on")
	}
}
