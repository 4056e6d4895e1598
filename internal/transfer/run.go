package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
)

// run is one go at an import.
type run struct {
	s      *Service
	im     *Import
	batch  int // rows in one commit
	rows   rows
	in     *interpreter
	field  string            // that contacts are found by, as queries call it
	groups map[string]string // keys by name
	made   int               // groups that rows brought into being
	seen   map[string]bool   // of a dry run: what the contacts that it would have created are found by
}

// Work does an import from where it stopped, with its file, and returns it as it then is: done, failed at a bad row if it
// is strict, or unfinished with an error, after which it can be resumed. progress is told after every commit. A file that
// is not the one that the import was begun with is core.Conflict; so is an import that another process works on.
func (s *Service) Work(ctx context.Context, account, key string, file io.ReadSeeker, progress func(*Import)) (*Import, error) {
	return s.work(ctx, account, key, file, s.options.Batch, progress)
}

func (s *Service) work(ctx context.Context, account, key string, file io.ReadSeeker, batch int, progress func(*Import)) (*Import, error) {
	im, err := s.Get(ctx, account, key)
	if err != nil {
		return nil, err
	}
	if im.State != Unfinished {
		return im, core.Errorf(core.Conflict, "import %s is %s", key, im.State)
	}
	if err := im.verify(file); err != nil {
		return im, err
	}
	if err := s.beginAnew(ctx, im); err != nil {
		return im, err
	}
	r := &run{s: s, im: im, batch: batch, in: newInterpreter(im), groups: map[string]string{}, seen: map[string]bool{}}
	if r.field, err = matchField(im.Spec.Match); err != nil {
		return im, err
	}
	if r.rows, err = im.open(file); err != nil {
		return im, err
	}
	for n := int64(0); n < im.Position; n++ {
		if _, err := r.rows.next(); err != nil {
			return im, fmt.Errorf("find the row to go on with: %w", err)
		}
	}
	progress(im)
	for im.State == Unfinished {
		if err := ctx.Err(); err != nil {
			return im, err
		}
		if err := r.step(ctx); err != nil {
			return im, err
		}
		progress(im)
	}
	return im, s.dropDone(im)
}

func (s *Service) dropDone(im *Import) error {
	if im.State != Done {
		return nil
	}
	return s.dropFile(im)
}

// beginAnew takes a dry run back to its beginning: what it has seen is not stored.
func (s *Service) beginAnew(ctx context.Context, im *Import) error {
	if !im.Spec.DryRun || im.Position == 0 {
		return nil
	}
	if err := s.forget(ctx, im.Account, im.Key); err != nil {
		return err
	}
	from := im.Position
	im.Position, im.Counts = 0, Counts{}
	return s.advance(ctx, im, from)
}

// entry is a row on its way into a batch.
type entry struct {
	row
	values
	keys []string // of the groups it joins
	err  error    // why it is skipped
}

// step takes the next rows in. A strict import takes those before a bad one, and stops.
func (r *run) step(ctx context.Context) error {
	batch, last, err := r.read(ctx)
	if err != nil {
		return err
	}
	after := *r.im
	if last {
		after.State = Done
	}
	after.Position += int64(len(batch))
	err = r.commit(ctx, &after, batch)
	if bad, stopped := errors.AsType[*badRow](err); stopped {
		after = *r.im
		after.State, after.Problem = Failed, fmt.Sprintf("line %d: %s", bad.line, bad.reason)
		after.Position += int64(bad.at)
		err = r.commit(ctx, &after, batch[:bad.at])
	}
	if err == nil {
		*r.im = after
	}
	return err
}

// badRow stops a strict import.
type badRow struct {
	at     int // in the batch
	line   int64
	reason string
}

func (b *badRow) Error() string { return b.reason }

// read returns the next rows with their values; last says that no others follow.
func (r *run) read(ctx context.Context) (batch []entry, last bool, err error) {
	for room := maxValues; len(batch) < r.batch && room > 0; {
		next, err := r.rows.next()
		if errors.Is(err, io.EOF) {
			return batch, true, nil
		}
		if err != nil {
			return nil, false, err
		}
		e := entry{row: next}
		if e.values, e.err = r.in.read(next); e.err == nil {
			if e.keys, err = r.groupKeys(ctx, e.groups); err != nil && core.KindOf(err) != core.Invalid {
				return nil, false, err
			}
			e.err = err
		}
		e.cells = nil
		room -= len(e.all)
		batch = append(batch, e)
	}
	return batch, false, nil
}

// groupKeys returns the keys of the groups that a row names. In JSON lines they are keys already, as in the records of the
// HTTP API.
func (r *run) groupKeys(ctx context.Context, names []string) ([]string, error) {
	if r.im.Format == JSONL {
		return names, nil
	}
	var keys []string
	for _, name := range names {
		key, known := r.groups[name]
		switch {
		case known:
		case groupKey.MatchString(name):
			key = name
		case r.made >= maxNewGroups:
			return nil, core.Errorf(core.Invalid, "the rows name more than %d groups that are new", maxNewGroups)
		default:
			var err error
			if key, err = r.s.groupKey(ctx, r.im.Account, name, r.im.Spec.CreateGroups, r.im.Spec.DryRun); err != nil {
				return nil, err
			}
			if r.im.Spec.CreateGroups {
				r.made++
			}
			r.groups[name] = key
		}
		keys = append(keys, key)
	}
	return keys, nil
}

var errDry = errors.New("a dry run changes nothing")

// commit stores the contacts of a batch, what became of its rows, and how far the import has come: together, or not at all.
func (r *run) commit(ctx context.Context, after *Import, batch []entry) error {
	var report []Row
	counts := after.Counts
	after.UpdatedAt = r.s.now().UTC().Truncate(time.Microsecond)
	save := func(ctx context.Context) error {
		return r.s.contacts.Change(ctx, after.Account, func(ctx context.Context, b *contact.Batch) (err error) {
			report, err = r.save(ctx, b, batch)
			return err
		})
	}
	if r.im.Spec.DryRun {
		err := r.s.d.TxOn(ctx, after.Account, func(ctx context.Context) error {
			if err := save(ctx); err != nil {
				return err
			}
			return errDry
		})
		if !errors.Is(err, errDry) {
			return err
		}
		for i, e := range batch {
			if report[i].Outcome == Created {
				r.seen[e.match] = e.match != ""
				report[i].Contact = "" // it was never there
			}
		}
		save = func(context.Context) error { return nil }
	}
	return r.s.d.TxOn(ctx, after.Account, func(ctx context.Context) error {
		if err := save(ctx); err != nil {
			return err
		}
		after.Counts = counts
		for _, row := range report {
			after.add(row.Outcome)
		}
		if err := r.s.advance(ctx, after, r.im.Position); err != nil {
			return err
		}
		return r.s.insertRows(ctx, after, report)
	})
}

// save puts the rows of a batch into their contacts and returns what became of each.
func (r *run) save(ctx context.Context, b *contact.Batch, batch []entry) ([]Row, error) {
	known, err := r.find(ctx, b, batch)
	if err != nil {
		return nil, err
	}
	report := make([]Row, len(batch))
	for i := range batch {
		e := &batch[i]
		report[i] = Row{Number: e.number, Line: e.line}
		err := e.err
		if err == nil {
			report[i].Outcome, report[i].Contact, err = r.saveOne(b, e, known)
		}
		if err == nil {
			continue
		}
		switch core.KindOf(err) {
		case core.Invalid, core.TooLarge, core.NotFound:
		default:
			return nil, err
		}
		reason := reasonOf(err)
		if r.im.Spec.Strict {
			return nil, &badRow{i, e.line, reason}
		}
		report[i].Outcome, report[i].Reason = Skipped, reason
	}
	return report, nil
}

// find returns the contacts that rows of the batch are about, by the value that they are found by.
func (r *run) find(ctx context.Context, b *contact.Batch, batch []entry) (map[string]contact.Contact, error) {
	if r.im.Spec.Mode == AlwaysNew {
		return nil, nil
	}
	var wanted []string
	for i := range batch {
		if e := &batch[i]; e.err == nil && e.match != "" {
			if err := r.checkMatch(e.match); err != nil {
				e.err = err
				continue
			}
			wanted = append(wanted, addresses(r.im.Spec.Match, e.match)...)
		}
	}
	stored, err := b.Find(ctx, r.field, wanted)
	if err != nil {
		return nil, err
	}
	known := map[string]contact.Contact{}
	for i := range batch {
		match := batch[i].match
		for _, address := range addresses(r.im.Spec.Match, match) {
			c, ok := stored[address]
			if before, is := known[r.same(match)]; ok && (!is || c.CreatedAt.After(before.CreatedAt)) {
				known[r.same(match)] = c
			}
		}
	}
	return known, nil
}

// same returns one text for all the ways in which the store may hold a value.
func (r *run) same(match string) string { return contact.NormaliseAddress(r.im.Spec.Match, match) }

// saveOne puts one row into its contact.
func (r *run) saveOne(b *contact.Batch, e *entry, known map[string]contact.Contact) (Outcome, string, error) {
	merging := r.im.Spec.Mode != AlwaysNew
	if merging && e.match == "" {
		return 0, "", core.Errorf(core.Invalid, "the row has no %s to find its contact by", r.im.Spec.Match)
	}
	c, exists := known[r.same(e.match)]
	switch {
	case !merging || !exists && r.im.Spec.Match != "key":
		c, exists = contact.Contact{Msisdn: contact.UnknownMsisdn}, false
	case !exists:
		return 0, "", core.Errorf(core.NotFound, "there is no contact with the key %s", e.match)
	}
	mode := UploadWins
	if exists {
		mode = r.im.Spec.Mode
	}
	e.put(&c, mode)
	join(&c, e.keys, r.im.GroupKeys)
	stored, changed, err := b.Save(c)
	if err != nil {
		return 0, "", err
	}
	if merging {
		known[r.same(e.match)] = stored
	}
	switch {
	case !exists && !r.seen[e.match]:
		return Created, stored.Key, nil
	case changed:
		return Updated, stored.Key, nil
	}
	return Unchanged, stored.Key, nil
}

// checkMatch refuses values that the store cannot find a contact by.
func (r *run) checkMatch(match string) error {
	if r.field == "email_address" || r.im.Spec.Match != r.field {
		return oneWord(match)
	}
	return nil
}

// oneWord refuses a text with white space in it: an index by words finds others faster than it finds this one.
func oneWord(text string) error {
	if strings.Join(strings.Fields(text), "") != text {
		return core.Errorf(core.Invalid, "%q has white space in it: a contact cannot be found by it", shortened(text, maxSample))
	}
	return nil
}
