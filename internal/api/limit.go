package api

import (
	"net"
	"net/http"
	"strings"
	"sync"

	"golang.org/x/time/rate"

	"indaba/internal/core"
)

// Limits keeps clumsy clients from taking the server away from the others. Each token and each address has a number of
// requests per second, and may save up those of one second.
type Limits struct {
	tokens, addresses buckets
	trustProxy        bool
}

// NewLimits returns limits of so many requests per second. trustProxy takes addresses from X-Forwarded-For, for servers
// behind a proxy that sets it.
func NewLimits(perToken, perAddress int, trustProxy bool) *Limits {
	return &Limits{buckets{rate: perToken}, buckets{rate: perAddress}, trustProxy}
}

func (l *Limits) token(key string) bool { return l.tokens.take(key) }

func (l *Limits) address(r *http.Request) bool { return l.addresses.take(Address(r, l.trustProxy)) }

// Address returns where a request came from, without a port. trustProxy is that of [NewLimits].
func Address(r *http.Request, trustProxy bool) string {
	if forwarded := core.Forwarded(r.Header, "X-Forwarded-For"); trustProxy && forwarded != "" {
		return forwarded
	}
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

// Encrypted reports whether nobody between the client and the server, or the proxy before it, could read a request.
// trustProxy is that of [NewLimits].
func Encrypted(r *http.Request, trustProxy bool) bool {
	return r.TLS != nil || trustProxy && strings.EqualFold(core.Forwarded(r.Header, "X-Forwarded-Proto"), "https")
}

// maxBuckets bounds the memory that callers can make a limit use.
const maxBuckets = 10_000

// buckets are token buckets by key.
type buckets struct {
	rate int

	mu    sync.Mutex
	byKey map[string]*rate.Limiter
}

func (b *buckets) take(key string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	limiter := b.byKey[key]
	if limiter == nil {
		if len(b.byKey) >= maxBuckets || b.byKey == nil {
			b.byKey = map[string]*rate.Limiter{} // everybody starts anew: for a second, at most
		}
		limiter = rate.NewLimiter(rate.Limit(b.rate), b.rate)
		b.byKey[key] = limiter
	}
	return limiter.Allow()
}

// Gate lets so many through at a time for each key.
type Gate struct {
	max int

	mu     sync.Mutex
	inside map[string]int
}

// NewGate returns a gate for max at a time.
func NewGate(max int) *Gate { return &Gate{max: max, inside: map[string]int{}} }

// Enter lets one through, or is [core.Limited]. Whoever is through calls leave once.
func (g *Gate) Enter(key string) (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.inside[key] >= g.max {
		return nil, core.Errorf(core.Limited, "%d of these are open already: end one first", g.max)
	}
	g.inside[key]++
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.inside[key]--; g.inside[key] == 0 {
			delete(g.inside, key)
		}
	}, nil
}
