package fake

import (
	"context"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Message is one message that a provider took.
type Message struct {
	Seq        int    // in the order of arrival, from 1
	ID         string // Indaba's id, where the protocol carries it
	ProviderID string // the id that the provider gave it
	To, From   string
	Text       string
	Key        string // idempotency key, where the protocol has one
	Repeats    int    // how many further requests with the same key were dropped
	At         time.Time
}

// Reply is an HTTP answer.
type Reply struct {
	Status      int // 0 for 200
	ContentType string
	Body        string
}

// Exchange is one request in the provider's words.
type Exchange struct {
	Accept func() Reply           // take the message
	Refuse func() Reply           // refuse the recipient
	Fail   func(status int) Reply // fail with an HTTP status
}

// Desk is the part of a fake where messages arrive. The zero value is ready; it is safe for concurrent use.
type Desk struct {
	Faults

	mu      sync.Mutex
	taken   []Message
	byKey   map[string]int // index in taken
	arrival chan struct{}  // closed by the next message; nil when nobody waits
}

// Take remembers a message and gives it its Seq. When the key is not empty and was there before, it counts a repeat and
// returns the first message.
func (d *Desk) Take(m Message) (taken Message, repeated bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if i, ok := d.byKey[m.Key]; ok && m.Key != "" {
		d.taken[i].Repeats++
		return d.taken[i], true
	}
	m.Seq, m.At = len(d.taken)+1, time.Now()
	if m.Key != "" {
		if d.byKey == nil {
			d.byKey = map[string]int{}
		}
		d.byKey[m.Key] = len(d.taken)
	}
	d.taken = append(d.taken, m)
	if d.arrival != nil {
		close(d.arrival)
		d.arrival = nil
	}
	return m, false
}

// Accepted returns every message that was taken, in the order of arrival.
func (d *Desk) Accepted() []Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Message(nil), d.taken...)
}

// WaitAccepted returns once n messages were taken, with all that were.
func (d *Desk) WaitAccepted(ctx context.Context, n int) ([]Message, error) {
	for {
		d.mu.Lock()
		if len(d.taken) >= n {
			d.mu.Unlock()
			return d.Accepted(), nil
		}
		if d.arrival == nil {
			d.arrival = make(chan struct{})
		}
		arrival := d.arrival
		d.mu.Unlock()
		select {
		case <-arrival:
		case <-ctx.Done():
			return d.Accepted(), ctx.Err()
		}
	}
}

// Serve handles one request with which Indaba hands over a message, and fails at it as the faults want.
func (d *Desk) Serve(w http.ResponseWriter, r *http.Request, read func(body []byte) Exchange) {
	fault := d.draw()
	if fault == ResetBefore {
		breakConnection(w, "")
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return // the caller is gone
	}
	exchange := read(body)
	if !fault.Takes() {
		d.fail(w, fault, exchange)
		return
	}
	reply := exchange.Accept()
	switch fault {
	case ResetAfter:
		breakConnection(w, "")
	case Cut:
		breakConnection(w, reply.Body[:len(reply.Body)/2])
	case Hang:
		<-r.Context().Done()
	case Garbage:
		Write(w, Reply{Status: reply.Status, ContentType: "text/html", Body: "<html>welcome</html>"})
	case Slow:
		wait(r.Context(), d.Delay)
		Write(w, reply)
	default:
		Write(w, reply)
	}
}

func (d *Desk) fail(w http.ResponseWriter, fault Fault, exchange Exchange) {
	if fault == Refuse {
		Write(w, exchange.Refuse())
		return
	}
	status, err := strconv.Atoi(string(fault))
	if err != nil {
		http.Error(w, "unknown fault "+string(fault), http.StatusInternalServerError)
		return
	}
	if seconds := int(d.RetryAfter.Seconds()); seconds > 0 && (status == 429 || status == 503) {
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	Write(w, exchange.Fail(status))
}

// Write writes an answer.
func Write(w http.ResponseWriter, reply Reply) {
	w.Header().Set("Content-Type", reply.ContentType)
	if reply.Status != 0 {
		w.WriteHeader(reply.Status)
	}
	_, _ = io.WriteString(w, reply.Body) // a caller that is gone is its own problem
}

// breakConnection resets the connection, after the head of an answer and a part of its body when there is a part.
func breakConnection(w http.ResponseWriter, part string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: this resets the stream
	}
	if part != "" {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"+part) // it breaks anyway
	} else if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the caller would see an end instead of a reset
	}
	_ = conn.Close()
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
