package channel

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	defaultTimeout   = 10 * time.Second
	maxResponseBytes = 1 << 20
	maxExcerptBytes  = 200
	idleConnsPerHost = 64
	// What names a longer time than this is not believed: unless a setting says otherwise, the message is given up by then.
	maxRetryAfter = 24 * time.Hour
	// A request on a connection that the provider is just closing for want of use may have arrived or not. Providers
	// close after a minute or so; we close before they do.
	idleConnTimeout    = 15 * time.Second
	shortestHiddenText = 4
)

// Client makes the requests of adapters to providers: with a time limit, a limit on what it reads, errors without
// secrets, and one rule for what a failure means (docs/spec/channels.md 0). It follows no redirects and repeats no
// request that may have reached the provider. It is safe for concurrent use; all channels can share its connections.
type Client struct {
	http    *http.Client
	timeout time.Duration
	now     func() time.Time
	hidden  *strings.Replacer
}

// NewClient returns a client over transport, and over one of its own when transport is nil. Its requests take ten
// seconds at most.
func NewClient(transport http.RoundTripper) *Client {
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = idleConnsPerHost
		t.IdleConnTimeout = idleConnTimeout
		transport = t
	}
	return &Client{
		http:    &http.Client{Transport: transport, CheckRedirect: stayHere},
		timeout: defaultTimeout,
		now:     time.Now,
		hidden:  strings.NewReplacer(),
	}
}

// A redirected POST would become a GET, or hand message and credentials to another host.
func stayHere(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// ForChannel returns a client on the same connections with the time limit of the setting "timeout", whose errors do
// not show the values of secret settings.
func (c *Client) ForChannel(t Type, settings map[string]string) *Client {
	own := *c
	if d, err := time.ParseDuration(settings["timeout"]); err == nil && d > 0 {
		own.timeout = d
	}
	var pairs []string
	for _, s := range t.Settings {
		if value := settings[s.Name]; s.Secret && len(value) >= shortestHiddenText {
			pairs = append(pairs, value, "***", url.QueryEscape(value), "***", url.PathEscape(value), "***")
		}
	}
	own.hidden = strings.NewReplacer(pairs...)
	return &own
}

// CloseIdleConnections closes connections that no request uses.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// Response is a provider's answer.
type Response struct {
	Status   int
	Header   http.Header
	Body     []byte
	TooLarge bool // the body is the beginning of one that is larger than 1 MiB
	// Repeated says that the request was made more than once, as it may be when it has an idempotency key, and that the
	// first one may have arrived.
	Repeated bool
}

// Do sends a request and reads the answer. The error is nil for a 2xx answer and else a *SendError whose class says
// what to do. When an answer cannot be read to its end the class is UnknownResult, unless its status already says that it
// was refused. Whenever there was an answer it returns the response too: for what the provider writes in it, and for those
// to whom the status of a broken one says enough.
func (c *Client) Do(ctx context.Context, req *http.Request) (*Response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	var sent watch
	req = req.WithContext(httptrace.WithClientTrace(ctx, sent.trace(req)))
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "Indaba")
	}
	answer, err := c.http.Do(req)
	if err != nil {
		return nil, c.failed(req, sent.mayHaveArrived(), err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read; there is nothing to do about an error
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxResponseBytes+1))
	tooLarge := len(body) > maxResponseBytes
	if tooLarge {
		err = errors.New("the answer is larger than 1 MiB")
	}
	response := &Response{Status: answer.StatusCode, Header: answer.Header, Body: body, TooLarge: tooLarge, Repeated: sent.repeated()}
	if refusal := c.Classify(response); refusal != nil {
		if refusal.Class == Retry && response.Repeated {
			refusal.Class = UnknownResult // of the try before this one, which the transport repeated
		}
		return response, refusal
	}
	if err != nil {
		return response, c.failed(req, true, err)
	}
	return response, nil
}

// Classify returns nil for a 2xx answer and else what its status means: 408, 425, 429, 500, 502, 503 and 504 Retry, not
// before what Retry-After says; 401 and 403 AccountFault; all others Permanent.
func (c *Client) Classify(r *Response) *SendError {
	e := &SendError{Code: strconv.Itoa(r.Status), Message: c.Hide(excerpt(r.Body))}
	if e.Message == "" {
		e.Message = strings.ToLower(http.StatusText(r.Status))
	}
	switch s := r.Status; {
	case s >= 200 && s < 300:
		return nil
	case s == 408, s == 425, s == 429, s == 500, s == 502, s == 503, s == 504:
		e.Class, e.After = Retry, RetryAfter(r.Header, c.now())
	case s == 401, s == 403:
		e.Class = AccountFault
	case s >= 300 && s < 400:
		e.Class, e.Message = Permanent, "the provider redirects elsewhere, which is not followed: check base_url"
	default:
		e.Class = Permanent
	}
	return e
}

// Hide replaces the channel's secrets in a text.
func (c *Client) Hide(text string) string { return c.hidden.Replace(text) }

// failed names the request by method and host only: paths and queries may hold secrets.
func (c *Client) failed(req *http.Request, mayHaveArrived bool, err error) *SendError {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	text := err.Error()
	if errors.Is(err, context.DeadlineExceeded) {
		text = "no answer within " + c.timeout.String()
	}
	class := Retry
	if mayHaveArrived {
		class = UnknownResult
	}
	return &SendError{Class: class, Message: c.Hide(req.Method + " " + req.URL.Host + ": " + text)}
}

// watch knows whether a request may have reached the provider: only when its headers were written to the end.
type watch struct{ written atomic.Int32 } // how often

func (w *watch) mayHaveArrived() bool { return w.written.Load() > 0 }

// repeated reports whether the transport made more than one try that may have arrived.
func (w *watch) repeated() bool { return w.written.Load() > 1 }

func (w *watch) trace(req *http.Request) *httptrace.ClientTrace {
	// The transport takes another connection for a request when it wrote no byte of it to the first one. Requests that
	// name themselves idempotent, or are by their method, it repeats also when they may have arrived.
	repeatable := req.Header.Get("Idempotency-Key") != "" || req.Header.Get("X-Idempotency-Key") != "" ||
		req.Method == http.MethodGet || req.Method == http.MethodHead
	return &httptrace.ClientTrace{
		GetConn: func(string) {
			if !repeatable {
				w.written.Store(0)
			}
		},
		WroteHeaders: func() { w.written.Add(1) },
	}
}

// RetryAfter reads a Retry-After header, seconds or a date (RFC 9110 10.2.3). It returns at most 24 hours, and 0
// when there is none or it lies in the past.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseFloat(value, 64); err == nil && seconds > 0 {
		return time.Duration(min(seconds, maxRetryAfter.Seconds()) * float64(time.Second))
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// excerpt returns the beginning of a provider's words as one line.
func excerpt(body []byte) string {
	text := strings.Join(strings.Fields(string(bytes.ToValidUTF8(body, []byte("?")))), " ")
	if len(text) > maxExcerptBytes {
		text = strings.ToValidUTF8(text[:maxExcerptBytes], "") + "…"
	}
	return text
}
