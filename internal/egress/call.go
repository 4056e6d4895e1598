package egress

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"indaba/internal/core"
)

type rawConn = syscall.RawConn

// A Request is one call.
type Request struct {
	Method       string // in capitals
	URL          string // absolute, http or https
	Header       http.Header
	Body         []byte
	Follow       bool  // follow redirects, up to ten; otherwise the redirect is the response
	Unverified   bool  // take any certificate
	MaxBodyBytes int64 // 0 = the guard's; never more than that
	Discard      bool  // nobody wants the body: the status is the answer, whatever comes after it
	Only         Hosts // the only hosts that this call may go to; empty = all that the guard allows
}

// A Response is the answer to a call, whatever its status.
type Response struct {
	Status     int
	StatusText string // such as "Not Found"
	Header     http.Header
	Body       []byte // decompressed
	URL        string // where the answer came from, after redirects
}

// Do makes a call and reads the answer. An answer of any status is no error. Errors have a message for the author of the
// script, of kind core.Invalid (the request makes no sense), core.Forbidden (the guard refused), core.Timeout,
// core.TooLarge (the body) or core.Unavailable (no answer); when ctx ends it is that error.
func (g *Guard) Do(ctx context.Context, r Request) (*Response, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, g.options.Timeout, errTimeout)
	defer cancel()
	req, err := r.build(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.permit(req.URL); err != nil {
		return nil, err
	}
	client := http.Client{Transport: g.verified, CheckRedirect: r.redirect}
	if r.Unverified {
		client.Transport = g.trusting
	}
	answer, err := client.Do(req)
	if err != nil {
		return nil, g.classify(ctx, err)
	}
	defer func() { _ = answer.Body.Close() }() // read as far as it is wanted
	text := strings.TrimPrefix(answer.Status, fmt.Sprintf("%d ", answer.StatusCode))
	response := &Response{answer.StatusCode, text, answer.Header, nil, answer.Request.URL.String()}
	if r.Discard {
		_, _ = io.CopyN(io.Discard, answer.Body, maxDiscarded) // a connection is used again when its answer was read
		return response, nil
	}
	limit := g.options.MaxBodyBytes
	if r.MaxBodyBytes > 0 {
		limit = min(limit, r.MaxBodyBytes)
	}
	if response.Body, err = readBody(answer, limit); err != nil {
		return nil, g.classify(ctx, err)
	}
	return response, nil
}

// maxDiscarded is how much is read of a body that nobody wants.
const maxDiscarded = 64 << 10

func (r *Request) build(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, core.Errorf(core.Invalid, "the URL cannot be read: %v", err)
	}
	if len(r.Body) == 0 {
		req.Body, req.ContentLength = nil, 0
	}
	for name, values := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
		req.Header.Del("Host")
	}
	if req.Header.Get("Accept-Encoding") == "" {
		req.Header.Set("Accept-Encoding", "gzip")
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "Indaba")
	}
	return req, nil
}

// permit refuses URLs that no call may have. Addresses are checked when a connection is made.
func (r *Request) permit(u *url.URL) error {
	port := u.Port()
	switch u.Scheme {
	case "http":
		port = orText(port, "80")
	case "https":
		port = orText(port, "443")
	default:
		return core.Errorf(core.Invalid, "only http and https URLs can be called, not %q", u.Scheme)
	}
	if u.Hostname() == "" {
		return core.Errorf(core.Invalid, "the URL names no host")
	}
	if !r.Only.Empty() && !r.Only.has(u.Hostname(), port) {
		return core.Errorf(core.Forbidden, "calls to %s are not allowed: it is not among the bot's allow_hosts", u.Hostname())
	}
	return nil
}

func (r *Request) redirect(req *http.Request, via []*http.Request) error {
	if !r.Follow {
		return http.ErrUseLastResponse
	}
	if len(via) > maxRedirects {
		return core.Errorf(core.Unavailable, "more than %d redirects", maxRedirects)
	}
	if via[0].Header.Get("Referer") == "" {
		req.Header.Del("Referer") // net/http puts the URL before it there, whose query may hold secrets
	}
	return r.permit(req.URL)
}

// readBody reads a body of at most limit bytes and undoes gzip. What the server announces is believed first, except for
// HEAD, which announces a body that it does not send.
func readBody(answer *http.Response, limit int64) ([]byte, error) {
	head := answer.Request.Method == http.MethodHead
	if answer.ContentLength > limit && !head {
		return nil, tooLarge(answer.ContentLength, limit)
	}
	var body io.Reader = answer.Body
	if strings.EqualFold(answer.Header.Get("Content-Encoding"), "gzip") && !head {
		unzipped, err := gzip.NewReader(body)
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		if err != nil {
			return nil, core.Errorf(core.Unavailable, "the body is not what its Content-Encoding says: %v", err)
		}
		body = unzipped
	}
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("reading the body: %w", err)
	}
	if int64(len(data)) > limit {
		return nil, tooLarge(int64(len(data)), limit)
	}
	return data, nil
}

func tooLarge(received, limit int64) error {
	return core.Errorf(core.TooLarge, "Received %d bytes, maximum of %d bytes allowed.", received, limit)
}

func orText(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

// innermost returns the words of an error without the URL that net/http puts around it.
func innermost(err error) string {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	return err.Error()
}
