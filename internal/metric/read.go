package metric

import (
	"context"
	"fmt"
	"time"

	"indaba/internal/core"
)

// Request asks for the values of a series in a stretch of time.
type Request struct {
	Name        string        // in full; its last part says how values are put together
	From, Until time.Time     // both included; whole seconds count
	Interval    time.Duration // of one bucket; whole seconds, at least one
	AlignToFrom bool          // buckets begin at From, and not at multiples of Interval since 1970
}

// Bucket is one value of an answer.
type Bucket struct {
	Start time.Time // UTC
	Value *float64  // nil when nothing was fired in the bucket
}

// Buckets returns how many buckets the answer will have (docs/spec/vumi-http.md 6.3). It is not positive when From is
// later than Until.
func (r Request) Buckets() int64 {
	_, _, count := r.grid()
	return count
}

// grid returns the start of the first bucket and the width of all, in seconds, and their number.
func (r Request) grid() (start, width, count int64) {
	width = max(1, int64(r.Interval/time.Second))
	from, until := r.From.Unix(), r.Until.Unix()
	if r.AlignToFrom {
		return from, width, (until - from + width - 1) / width
	}
	start = floor(from, width)
	return start, width, (floor(until, width)-start)/width + 1
}

// Read returns the buckets of a series, ascending. found is false when nothing was ever fired under the name. Points
// count that lie in the time asked for; those that were folded into minutes or hours count as fired at their beginning.
// A name without an aggregator, an interval under a second and more than [MaxBuckets] are core.Invalid.
func (s *Service) Read(ctx context.Context, account string, r Request) (buckets []Bucket, found bool, err error) {
	aggregator, err := Aggregator(r.Name)
	if err != nil {
		return nil, false, err
	}
	if r.Interval < time.Second {
		return nil, false, core.Errorf(core.Invalid, "an interval has at least one second")
	}
	start, width, count := r.grid()
	if count > MaxBuckets {
		return nil, false, core.Errorf(core.Invalid, "%d buckets requested, at most %d are allowed", count, MaxBuckets)
	}
	if (Point{Name: r.Name}).check() != nil {
		return nil, false, nil // nothing that is stored looks like this
	}
	id, found, err := s.find(ctx, seriesName{account, r.Name})
	if err != nil || !found {
		return nil, false, err
	}
	slots := make([]slot, max(0, count))
	if err := s.gather(ctx, account, id, r, func(stored slot) {
		if i := (stored.at - start) / width; i < count {
			slots[i].add(stored)
		}
	}); err != nil {
		return nil, false, err
	}
	buckets = make([]Bucket, len(slots))
	for i := range slots {
		buckets[i].Start = time.Unix(start+int64(i)*width, 0).UTC()
		if slots[i].count > 0 {
			buckets[i].Value = new(slots[i].value(aggregator))
		}
	}
	return buckets, true, nil
}

// gather calls add for the slots in the time asked for, of all widths: the wider, the older. It is one statement, so that
// nothing is missed or seen twice while it is being folded.
func (s *Service) gather(ctx context.Context, account string, series int64, r Request, add func(slot)) error {
	rows, err := s.d.Query(ctx, "SELECT at, count, sum, min, max, last FROM metric_slot WHERE account = $1 "+
		"AND series = $2 AND width IN (1, 60, 3600) AND at >= $3 AND at <= $4 ORDER BY width DESC, at",
		account, series, r.From.Unix(), r.Until.Unix())
	if err != nil {
		return fmt.Errorf("read a metric: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		stored, err := scan(rows)
		if err != nil {
			return fmt.Errorf("read a metric: %w", err)
		}
		add(stored)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read a metric: %w", err)
	}
	return nil
}
