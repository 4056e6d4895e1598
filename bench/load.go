package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"time"
)

// secret is shared with the custom channel.
const secret = "a secret for the bench"

// conn is one connection to the server. Requests are written by hand: a full HTTP client would take more of the machine
// than what is measured.
type conn struct {
	net.Conn
	in *bufio.Reader
}

func dial(ctx context.Context, address string) (*conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &conn{c, bufio.NewReader(c)}, nil
}

// do sends a request and returns the status of the answer, which it reads to its end.
func (c *conn) do(request []byte) (status int, err error) {
	status, length, err := c.begin(request)
	if err == nil {
		err = c.body(io.Discard, length)
	}
	return status, err
}

// ask sends a request and returns the body of the answer, whose status must be 200.
func (c *conn) ask(request []byte) ([]byte, error) {
	status, length, err := c.begin(request)
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer
	if err = c.body(&body, length); err == nil && status != 200 {
		err = fmt.Errorf("answer %d: %s", status, body.Bytes())
	}
	return body.Bytes(), err
}

// body reads a body of some length, or in chunks.
func (c *conn) body(to io.Writer, length int64) error {
	if length != chunked {
		_, err := io.CopyN(to, c.in, length)
		return err
	}
	if _, err := io.Copy(to, httputil.NewChunkedReader(c.in)); err != nil {
		return err
	}
	_, err := c.in.ReadSlice('\n') // no trailers come
	return err
}

// chunked stands for the length of an answer that comes in chunks.
const chunked = -1

// begin sends a request and reads the answer up to its body.
func (c *conn) begin(request []byte) (status int, length int64, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, 0, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 {
		return 0, 0, fmt.Errorf("strange answer %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, err
	}
	length = -2
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return 0, 0, err
		}
		if line = bytes.TrimRight(line, "\r\n"); len(line) == 0 {
			break
		}
		name, value, _ := strings.Cut(string(line), ":")
		switch {
		case strings.EqualFold(name, "transfer-encoding"):
			length = chunked
		case strings.EqualFold(name, "content-length"):
			if length, err = strconv.ParseInt(strings.TrimSpace(value), 10, 64); err != nil {
				return 0, 0, err
			}
		}
	}
	if length < chunked {
		return 0, 0, errors.New("an answer without a length")
	}
	return status, length, nil
}

// webhook makes the request with which the custom channel's peer says something.
func webhook(path, id, from, text string) []byte {
	body := fmt.Sprintf(`{"id":%q,"from":%q,"text":%q}`, id, from, text)
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write([]byte(stamp + "." + body)) // a hash never fails
	return fmt.Appendf(nil, "POST %s/receive HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nX-Timestamp: %s\r\n"+
		"X-Signature: v1=%s\r\nContent-Length: %d\r\n\r\n%s", path, stamp, hex.EncodeToString(mac.Sum(nil)), len(body), body)
}

// everybody runs one function on each of n connections side by side and returns the first error.
func everybody(ctx context.Context, address string, n int, do func(ctx context.Context, i int, c *conn) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for i := range n {
		c, err := dial(ctx, address)
		if err != nil {
			cancel(err)
			break
		}
		all.Go(func() {
			defer func() { _ = c.Close() }() // all was read
			if err := do(ctx, i, c); err != nil {
				cancel(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// timed is everybody for functions that note how long things took. It returns what those noted that came to their end.
func timed(ctx context.Context, address string, n int,
	do func(ctx context.Context, i int, c *conn, note func(time.Duration)) error) (sample []time.Duration, err error) {
	var mu sync.Mutex
	err = everybody(ctx, address, n, func(ctx context.Context, i int, c *conn) error {
		var own []time.Duration
		if err := do(ctx, i, c, func(took time.Duration) { own = append(own, took) }); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		sample = append(sample, own...)
		return nil
	})
	return sample, err
}
