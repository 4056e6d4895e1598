package main

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// peer is the provider at the other end of the channel. It takes everything at once and tells whoever waits.
type peer struct {
	url    string
	server *http.Server
	ended  chan error
	taken  atomic.Int64

	mu      sync.Mutex
	waiting map[string]chan string // by address
}

func newPeer() *peer {
	p := &peer{waiting: map[string]chan string{}, ended: make(chan error, 1)}
	p.server = &http.Server{Handler: p}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.ended <- err
		return p
	}
	p.url = "http://" + l.Addr().String()
	go func() { p.ended <- p.server.Serve(l) }()
	return p
}

func (p *peer) close() error {
	err := p.server.Close()
	if ended := <-p.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}

// expect returns where the replies to an address come in.
func (p *peer) expect(address string) <-chan string {
	p.mu.Lock()
	defer p.mu.Unlock()
	replies := make(chan string, 16)
	p.waiting[address] = replies
	return replies
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Contact struct{ ID string } `json:"contact"`
		Text    string              `json:"text"`
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &m)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	p.taken.Add(1)
	p.mu.Lock()
	replies := p.waiting[m.Contact.ID]
	p.mu.Unlock()
	if replies != nil {
		replies <- m.Text
	}
}
