package channeltest

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
)

// provider is a server in the place of the real one that remembers what it saw.
type provider struct {
	url string

	mu    sync.Mutex
	seen  []request
	serve http.HandlerFunc
}

type request struct {
	method, uri string
	header      http.Header
	body        string
}

func startProvider(t *testing.T) *provider {
	p := &provider{}
	server := httptest.NewServer(http.HandlerFunc(p.handle))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

func (p *provider) handle(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.seen = append(p.seen, request{r.Method, r.URL.RequestURI(), r.Header, string(body)})
	serve := p.serve
	p.mu.Unlock()
	serve(w, r)
}

// behave sets what the provider does once it has read a request.
func (p *provider) behave(serve http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serve = serve
}

func (p *provider) requests() []request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]request(nil), p.seen...)
}

func answering(reply Reply) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range reply.Header {
			w.Header().Set(name, value)
		}
		if reply.Status != 0 {
			w.WriteHeader(reply.Status)
		}
		_, _ = io.WriteString(w, reply.Body) // the adapter under test will notice
	}
}

// stall keeps the caller waiting until it gives up.
func stall(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// reset breaks the connection without an answer.
func reset(w http.ResponseWriter, _ *http.Request) {
	if conn := hijack(w); conn != nil {
		_ = conn.Close()
	}
}

// breakOff promises a longer answer than it gives.
func breakOff(w http.ResponseWriter, _ *http.Request) {
	if conn := hijack(w); conn != nil {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{")
		_ = conn.Close()
	}
}

func hijack(w http.ResponseWriter) net.Conn {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return nil
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // so that closing it resets it
	}
	return conn
}
