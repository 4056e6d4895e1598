package httpbot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

// listen opens a stream whose pushes come out of the channel.
func (w *world) listen(ctx context.Context, kind Kind) (got chan string, ended chan error) {
	got, ended = make(chan string, 1000), make(chan error, 1)
	before := w.queue.Streams()
	go func() {
		ended <- w.queue.Stream(ctx, w.bot.Key, kind, func(bodies []string) error {
			for _, body := range bodies {
				got <- body
			}
			return nil
		})
	}()
	for w.queue.Streams() == before { // it opens in a moment
		select {
		case err := <-ended:
			w.t.Fatalf("the stream ended: %v", err)
		default:
		}
	}
	return got, ended
}

func TestBacklog(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		var ids []string
		for i := range maxHeld + 7 {
			ids = append(ids, fmt.Sprintf("m%03d", i))
		}
		w.post(Messages, Held, "+1", ids...)
		w.post(Events, Held, "+1", "e1")
		got, ended := w.listen(t.Context(), Messages)
		for _, id := range ids[7:] {
			if body := receive(t, got); body != `{"id":"`+id+`"}` {
				t.Fatalf("got %s, want %s", body, id)
			}
		}
		w.post(Messages, Held, "+1", "late")
		if body := receive(t, got); body != `{"id":"late"}` {
			t.Errorf("got %s", body)
		}
		w.queue.StopStreams()
		if err := receive(t, ended); err != nil {
			t.Error(err)
		}
		if n := w.rows(Held); n != 1 {
			t.Errorf("%d are held, want the event only", n)
		}
		if err := w.queue.Stream(t.Context(), w.bot.Key, Events, nil); core.KindOf(err) != core.Unavailable {
			t.Errorf("a stream after the end: %v", err)
		}
	})
}

// Every push comes to exactly one of several streams.
func TestStreamsShare(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	one, endOne := w.listen(t.Context(), Messages)
	two, endTwo := w.listen(t.Context(), Messages)
	var got []string
	for i := range 200 {
		w.post(Messages, Held, "+1", fmt.Sprintf("m%03d", i))
		select {
		case body := <-one:
			got = append(got, body)
		case body := <-two:
			got = append(got, body)
		}
	}
	w.queue.StopStreams()
	if err := errors.Join(receive(t, endOne), receive(t, endTwo)); err != nil {
		t.Error(err)
	}
	if slices.Sort(got); len(slices.Compact(got)) != 200 || len(one)+len(two) != 0 || w.rows(Held) != 0 {
		t.Errorf("%d different ones came, %d more, %d are held", len(slices.Compact(got)), len(one)+len(two), w.rows(Held))
	}
}

// A client that takes nothing holds up what it was given, and nothing else.
func TestStuckStream(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	var ids []string
	for i := range 2*streamBatch + 3 {
		ids = append(ids, fmt.Sprintf("m%03d", i))
	}
	w.post(Messages, Held, "+1", ids...)
	stuck, release, ended := make(chan int), make(chan struct{}), make(chan error, 1)
	broken := errors.New("the client took nothing")
	go func() {
		ended <- w.queue.Stream(t.Context(), w.bot.Key, Messages, func(bodies []string) error {
			if len(bodies) == 0 {
				return nil
			}
			stuck <- len(bodies)
			<-release
			return broken
		})
	}()
	if n := receive(t, stuck); n != streamBatch {
		t.Fatalf("%d in a batch", n)
	}
	got, endOther := w.listen(t.Context(), Messages)
	for _, id := range ids[streamBatch:] {
		if body := receive(t, got); body != `{"id":"`+id+`"}` {
			t.Fatalf("of what was waiting %s came, want %s", body, id)
		}
	}
	for i := range 50 {
		id := fmt.Sprintf("n%03d", i)
		w.post(Messages, Held, "+1", id)
		if body := receive(t, got); body != `{"id":"`+id+`"}` {
			t.Fatalf("%s came, want %s", body, id)
		}
	}
	close(release)
	if err := receive(t, ended); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	for _, id := range ids[:streamBatch] {
		if body := receive(t, got); body != `{"id":"`+id+`"}` {
			t.Fatalf("of what was stuck %s came, want %s", body, id)
		}
	}
	w.queue.StopStreams()
	if err := receive(t, endOther); err != nil || w.rows(Held) != 0 {
		t.Errorf("%v, %d are held", err, w.rows(Held))
	}
}

// When all streams are busy, the first that is done takes what came meanwhile.
func TestBusyStreams(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	const streams = 8
	busy, got, ended := make(chan chan struct{}), make(chan string, 100), make(chan error, streams)
	for range streams {
		go func() {
			ended <- w.queue.Stream(t.Context(), w.bot.Key, Messages, func(bodies []string) error {
				for _, body := range bodies {
					got <- body
				}
				if len(bodies) > 0 {
					done := make(chan struct{})
					busy <- done
					<-done
				}
				return nil
			})
		}()
	}
	var writing []chan struct{}
	for i := range streams {
		w.post(Messages, Held, "+1", fmt.Sprintf("m%d", i))
		receive(t, got)
		writing = append(writing, receive(t, busy))
	}
	w.post(Messages, Held, "+1", "late")
	close(writing[0])
	if body := receive(t, got); body != `{"id":"late"}` {
		t.Errorf("got %s", body)
	}
	for _, done := range append(writing[1:], receive(t, busy)) {
		close(done)
	}
	w.queue.StopStreams()
	for range streams {
		if err := receive(t, ended); err != nil {
			t.Error(err)
		}
	}
}

// What a stream could not take goes to the next one.
func TestStreamThatBreaks(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.post(Messages, Held, "+1", "m1", "m2")
	broken := errors.New("the client is gone")
	err := w.queue.Stream(t.Context(), w.bot.Key, Messages, func(bodies []string) error {
		if len(bodies) > 0 {
			return broken
		}
		return nil
	})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	ctx, leave := context.WithCancel(t.Context())
	got, ended := w.listen(ctx, Messages)
	if a, b := receive(t, got), receive(t, got); a != `{"id":"m1"}` || b != `{"id":"m2"}` {
		t.Errorf("got %s and %s", a, b)
	}
	leave()
	if err := receive(t, ended); err != nil {
		t.Error(err)
	}
	if w.queue.Streams() != 0 || w.rows(Held) != 0 {
		t.Errorf("%d streams are open, %d are held", w.queue.Streams(), w.rows(Held))
	}
}
