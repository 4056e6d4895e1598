// Package egress makes the HTTP calls that scripts and webhooks ask for, and decides which hosts they may reach: none that
// is local or private, unless the operator allows it (docs/spec/vumi-sandbox.md 9.4). It knows neither bots nor webhooks.
// Calls to messaging providers, which operators configure, do not go through it.
package egress

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"

	"indaba/internal/core"
)

// Defaults of [Options].
const (
	DefaultTimeout      = 30 * time.Second
	DefaultMaxBodyBytes = 128 << 10
)

const (
	maxRedirects   = 10
	maxHeaderBytes = 64 << 10
)

// Options configure a [Guard]. A zero field takes its default.
type Options struct {
	// AllowHosts are what may be called although it is private: names (intranet.example.org, *.example.org), addresses and
	// networks (10.1.0.0/16), a name or address also with a port (localhost:9000). None by default.
	AllowHosts   []string
	Timeout      time.Duration // for one call: redirects and the body included
	MaxBodyBytes int64         // of a response, after decompression
	Resolver     *net.Resolver // of names; nil = the system's
	// Transport takes the place of the network, for simulations: no address is checked then. nil = the network.
	Transport http.RoundTripper
}

// A Guard makes guarded calls. It is safe for concurrent use.
type Guard struct {
	allowed  Hosts
	options  Options
	verified http.RoundTripper
	trusting http.RoundTripper // takes any certificate
}

// New returns a guard. An entry of AllowHosts that means nothing is core.Invalid.
func New(o Options) (*Guard, error) {
	allowed, err := ParseHosts(o.AllowHosts)
	if err != nil {
		return nil, err
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.MaxBodyBytes <= 0 {
		o.MaxBodyBytes = DefaultMaxBodyBytes
	}
	g := &Guard{allowed: allowed, options: o, verified: o.Transport, trusting: o.Transport}
	if o.Transport != nil {
		return g, nil
	}
	g.verified = g.transport(&tls.Config{MinVersion: tls.VersionTLS12})
	g.trusting = g.transport(&tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true})
	return g, nil
}

// Close closes the connections that are kept for further calls.
func (g *Guard) Close() {
	for _, transport := range []http.RoundTripper{g.verified, g.trusting} {
		if t, ok := transport.(*http.Transport); ok {
			t.CloseIdleConnections()
		}
	}
}

// transport has no proxy: a proxy would resolve names itself, where nothing can be checked.
func (g *Guard) transport(config *tls.Config) *http.Transport {
	return &http.Transport{
		DialContext: g.dial, TLSClientConfig: config, TLSHandshakeTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		MaxIdleConns: 100, MaxIdleConnsPerHost: 4, MaxConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
		MaxResponseHeaderBytes: maxHeaderBytes, DisableCompression: true, // undone in Do, whether asked for or not
	}
}

// A refusal says that the guard did not let a connection be made.
type refusal struct{ message string }

func (r *refusal) Error() string { return r.message }

// dial connects to host:port. The address is checked when the socket is about to connect, after the name was resolved,
// so that a name cannot mean one address when it is looked at and another when it is called.
func (g *Guard) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	dialer := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second, Resolver: g.options.Resolver}
	if !g.allowed.name(host, port) {
		dialer.ControlContext = func(_ context.Context, _, target string, _ rawConn) error {
			return g.check(host, target)
		}
	}
	return dialer.DialContext(ctx, network, address)
}

// check refuses an address that is not public and not allowed.
func (g *Guard) check(host, target string) error {
	at, err := netip.ParseAddrPort(target)
	if err != nil {
		return &refusal{"the address of " + host + " cannot be read"}
	}
	if g.allowed.address(at) || public(at.Addr()) {
		return nil
	}
	if ip := at.Addr().String(); ip != host {
		host += " (" + ip + ")"
	}
	return &refusal{"calls to " + host + " are not allowed: the address is local, private or reserved. " +
		"The operator can allow it with egress_allow_hosts"}
}

// classify puts the failure of a call into an error with a kind and words that hold no URL: paths and queries may hold
// secrets.
func (g *Guard) classify(ctx context.Context, err error) error {
	if e, ok := errors.AsType[*core.Error](err); ok {
		return e
	}
	if r, ok := errors.AsType[*refusal](err); ok {
		return core.Errorf(core.Forbidden, "%s", r.message)
	}
	if ctx.Err() != nil && errors.Is(context.Cause(ctx), errTimeout) {
		return core.Errorf(core.Timeout, "no complete answer within %v", g.options.Timeout)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if e, ok := errors.AsType[*net.DNSError](err); ok {
		text := e.Err
		if e.IsNotFound {
			text = "there is no such host"
		}
		return core.Errorf(core.Unavailable, "looking up %s: %s", e.Name, text)
	}
	return core.Errorf(core.Unavailable, "%s", innermost(err))
}

var errTimeout = errors.New("the time for the call is over")
