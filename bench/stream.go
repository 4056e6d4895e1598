package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// streams reads all contacts, as fast as they come and then slowly, and watches the server's memory.
func (b *book) streams(ctx context.Context) error {
	idle, err := b.resident()
	if err != nil {
		b.t.row("memory of the server", "not measured: "+err.Error(), "", "", "")
	}
	begun := time.Now()
	lines, most, err := b.stream(ctx, 0, 0)
	if err != nil {
		return err
	}
	b.t.row(fmt.Sprintf("stream of %d", lines), rateText(perSecond(lines, time.Since(begun))), "", "", "≥ 150,000/s")
	b.t.row("", memoryText(idle, most), "", "", "flat")
	lines, most, err = b.stream(ctx, 2*time.Millisecond, b.o.length)
	if err != nil {
		return err
	}
	b.t.row("stream, read slowly", fmt.Sprintf("%d in %v", lines, b.o.length), "", "", "")
	b.t.row("", memoryText(idle, most), "", "", "flat")
	return nil
}

func memoryText(idle, most int) string {
	return fmt.Sprintf("%d MB resident before, %d MB at most", idle>>20, most>>20)
}

// stream reads the stream of all contacts with a pause before each piece, to its end or for some time; 0 is no limit. It
// returns how many records came, and the most memory that the server held meanwhile.
func (b *book) stream(ctx context.Context, pause, length time.Duration) (records, most int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.server.URL()+"/api/v1/go/contacts/?stream=true", nil)
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set("Authorization", "Bearer "+b.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = answer.Body.Close() }() // what matters was read
	if answer.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("stream of contacts: %s", answer.Status)
	}
	piece := make([]byte, 64<<10)
	looked := time.Time{}
	for begun := time.Now(); length == 0 || time.Since(begun) < length; {
		time.Sleep(pause)
		n, err := answer.Body.Read(piece)
		records += bytes.Count(piece[:n], []byte("\n"))
		if now := time.Now(); now.Sub(looked) > 20*time.Millisecond {
			looked = now
			if resident, err := b.resident(); err == nil {
				most = max(most, resident)
			}
		}
		if errors.Is(err, io.EOF) {
			return records, most, nil
		}
		if err != nil {
			return records, most, err
		}
	}
	return records, most, nil
}

// resident returns the bytes of memory that the server holds now. Linux tells.
func (b *book) resident() (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.server.PID()))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(status), "VmRSS:")
	var kilobytes int
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil || !found {
		return 0, errors.New("no VmRSS in the process's status")
	}
	return kilobytes << 10, nil
}
