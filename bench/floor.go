package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// floors measures what the machine gives: syncs of the disk, and requests to the server's health probe.
func floors(ctx context.Context, o *options) (*table, error) {
	t := &table{}
	for _, size := range []int{512, 64 << 10} {
		n, took, err := syncs(filepath.Join(o.dir, "sync"), size, o.length/2)
		if err != nil {
			return nil, err
		}
		if size == 512 {
			o.syncs = perSecond(n, took)
		}
		t.row(fmt.Sprintf("append %d bytes and sync", size), rateText(perSecond(n, took)), "", "", "")
	}
	l, err := open(ctx, o, "floor", nil)
	if err != nil {
		return nil, err
	}
	for _, n := range crowds {
		var requests atomic.Int64
		begun := time.Now()
		end := begun.Add(o.length / 2)
		err := everybody(ctx, l.address(), n, func(ctx context.Context, _ int, c *conn) error {
			request := []byte("GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n")
			for time.Now().Before(end) {
				if status, err := c.do(request); err != nil || status != 200 {
					return fmt.Errorf("health probe: %d %w", status, err)
				}
				requests.Add(1)
			}
			return nil
		})
		if err != nil {
			return nil, errors.Join(err, l.close())
		}
		figure := perSecond(int(requests.Load()), time.Since(begun))
		o.empty = max(o.empty, figure)
		t.row(fmt.Sprintf("empty HTTP handler, %d at once", n), rateText(figure), "", "", "")
	}
	return t, l.close()
}

// syncs appends and syncs for some time.
func syncs(path string, size int, length time.Duration) (n int, took time.Duration, err error) {
	f, err := os.Create(path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(path)) }()
	data := make([]byte, size)
	begun := time.Now()
	for time.Since(begun) < length {
		if _, err := f.Write(data); err != nil {
			return 0, 0, err
		}
		if err := f.Sync(); err != nil {
			return 0, 0, err
		}
		n++
	}
	return n, time.Since(begun), nil
}
