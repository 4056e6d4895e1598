package api

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"
)

// usualPatience is the [Face.Patience] of faces that say nothing.
const usualPatience = 30 * time.Second

// patienceOf returns the patience of the face that an answer is given by.
func patienceOf(w http.ResponseWriter) time.Duration {
	for w != nil {
		if r, ok := w.(*recorder); ok && r.patience > 0 {
			return r.patience
		}
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		w = outer.Unwrap()
	}
	return usualPatience
}

// Lines writes an answer of any length as one JSON value per line. It holds a few kilobytes at a time. Nothing is sent,
// not even the status, before the first Write or Flush.
type Lines struct {
	w       http.ResponseWriter
	control *http.ResponseController
	buffer  *bufio.Writer
	header  http.Header // of the answer
	wait    time.Duration
}

// NewLines returns the writer of an answer with status 200.
func NewLines(w http.ResponseWriter, contentType string) *Lines {
	header := http.Header{"Content-Type": {contentType}, "X-Accel-Buffering": {"no"}}
	return &Lines{w: w, control: http.NewResponseController(w), buffer: bufio.NewWriterSize(w, 32<<10), header: header,
		wait: patienceOf(w)}
}

// begin writes the header once.
func (l *Lines) begin() {
	if l.header == nil {
		return
	}
	maps.Copy(l.w.Header(), l.header)
	l.header = nil
	l.w.WriteHeader(http.StatusOK)
}

// Write adds a line. A value that is a json.Marshaler writes itself without a line feed: what it writes is not read again.
func (l *Lines) Write(value any) error {
	text, err := encode(value)
	if err != nil {
		return fmt.Errorf("encode a line: %w", err)
	}
	return l.Line(append(text, '\n'))
}

// Line adds a line that is written already, with its line feed.
func (l *Lines) Line(text []byte) error {
	l.begin()
	if l.buffer.Available() < len(text) {
		if err := l.extend(); err != nil {
			return err
		}
	}
	if _, err := l.buffer.Write(text); err != nil {
		return fmt.Errorf("write a line: %w", err)
	}
	return nil
}

// encode saves the standard encoder's second look at what a value has written of itself, which takes as long as the first.
func encode(value any) ([]byte, error) {
	if m, ok := value.(json.Marshaler); ok {
		return m.MarshalJSON()
	}
	return json.Marshal(value)
}

// Flush sends what was written.
func (l *Lines) Flush() error {
	l.begin()
	if err := l.extend(); err != nil {
		return err
	}
	if err := l.buffer.Flush(); err != nil {
		return fmt.Errorf("send lines: %w", err)
	}
	if err := l.control.Flush(); err != nil {
		return fmt.Errorf("send lines: %w", err)
	}
	return nil
}

// extend gives the client its time for the next piece. It replaces the server's own limit on the whole answer.
func (l *Lines) extend() error {
	if err := l.control.SetWriteDeadline(time.Now().Add(l.wait)); err != nil {
		return fmt.Errorf("set the time for writing lines: %w", err)
	}
	return nil
}
