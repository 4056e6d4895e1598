package simulate

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// An internet answers the HTTP requests of bots from the fixtures of the conversation that is being played. Nothing
// leaves the process.
type internet struct {
	mu       sync.Mutex
	fixtures []*fixture
	used     []int    // how often each has answered
	strays   []string // requests that no fixture answers
}

// begin forgets what was asked before.
func (i *internet) begin(fixtures []*fixture) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fixtures, i.used, i.strays = fixtures, make([]int, len(fixtures)), nil
}

// complaints tells what was asked in vain, and which fixtures were not used as often as they say.
func (i *internet) complaints(atEnd bool) []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	all := append([]string(nil), i.strays...)
	for at, f := range i.fixtures {
		if atEnd && f.required && i.used[at] != f.times {
			all = append(all, fmt.Sprintf("line %d: %s %s was asked for %s, expected: %s", f.line, f.method, f.url, times(i.used[at]), times(f.times)))
		}
	}
	return all
}

func times(n int) string {
	switch n {
	case 0:
		return "never"
	case 1:
		return "once"
	}
	return fmt.Sprint(n, " times")
}

// RoundTrip answers a request with the first fixture that fits and is not used up.
func (i *internet) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		if err := req.Body.Close(); err != nil {
			return nil, err
		}
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	var near []string
	for at, f := range i.fixtures {
		why, far := f.refuses(req, string(body))
		switch {
		case why == "" && f.times > 0 && i.used[at] == f.times:
			near = append(near, fmt.Sprintf("line %d would fit, but it is used up: it says times: %d", f.line, f.times))
		case why == "":
			i.used[at]++
			return f.reply.answer(req)
		case !far:
			near = append(near, fmt.Sprintf("line %d does not fit: %s", f.line, why))
		}
	}
	i.strays = append(i.strays, stray(req, string(body), near))
	return nil, errors.New("no fixture answers this request")
}

// stray describes a request so that a fixture can be written from it.
func stray(req *http.Request, body string, near []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "the bot asked %s %s, which no fixture under http answers", req.Method, req.URL)
	if body != "" {
		fmt.Fprintf(&b, "\nbody: %s", body)
	}
	for _, why := range near {
		b.WriteString("\n" + why)
	}
	return b.String()
}

func (r fixtureReply) answer(req *http.Request) (*http.Response, error) {
	if r.err != "" {
		return nil, errors.New(r.err)
	}
	header := http.Header{}
	for name, value := range r.headers {
		header.Set(name, value)
	}
	body := r.body
	if req.Method == http.MethodHead {
		body = ""
	}
	return &http.Response{
		Status: fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)), StatusCode: r.status, Proto: "HTTP/1.1", ProtoMajor: 1,
		ProtoMinor: 1, Header: header, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		Request: req,
	}, nil
}
