package transfer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/db"
)

// Options tune a Service; a zero value means what is said at it.
type Options struct {
	// Dir keeps uploaded files until their imports are done. It is made when the first one comes.
	Dir          string
	MaxFileBytes int64         // of an uploaded file; 1 GiB
	Keep         time.Duration // how long imports and their reports are kept; 30 days
	// Batch is how many rows one commit holds at most; 500. Fewer make imports slow, more keep other writers waiting.
	Batch int
	Log   *slog.Logger // [slog.Default]
}

// Service imports and exports contacts. It is safe for concurrent use. Nothing of an account but the given one is ever
// seen or changed.
type Service struct {
	d        *db.DB
	contacts *contact.Service
	audit    core.Auditor
	now      func() time.Time
	options  Options
	wake     chan struct{} // tells Run that there is work
}

// New returns a Service on d.
func New(d *db.DB, contacts *contact.Service, audit core.Auditor, now func() time.Time, o Options) *Service {
	if o.MaxFileBytes == 0 {
		o.MaxFileBytes = 1 << 30
	}
	if o.Keep == 0 {
		o.Keep = 30 * 24 * time.Hour
	}
	if o.Batch == 0 {
		o.Batch = 500
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return &Service{d: d, contacts: contacts, audit: audit, now: now, options: o, wake: make(chan struct{}, 1)}
}

// Begin stores an import of a file that [Inspect] has looked at. [Service.Work] does it. An import of the same file that is
// unfinished is core.Conflict, unless the spec says to begin again: its rows would be taken twice.
func (s *Service) Begin(ctx context.Context, account string, source Source, spec Spec) (*Import, error) {
	return s.begin(ctx, account, core.NewMessageID(s.now()), source, spec, false)
}

func (s *Service) begin(ctx context.Context, account, key string, source Source, spec Spec, uploaded bool) (*Import, error) {
	spec, err := spec.filled()
	if err != nil {
		return nil, err
	}
	if source.Total == 0 {
		return nil, core.Errorf(core.Invalid, "the file has no rows")
	}
	now := s.now().UTC().Truncate(time.Microsecond)
	im := &Import{Key: key, Account: account, Source: source, Spec: spec, State: Unfinished, Uploaded: uploaded,
		CreatedAt: now, UpdatedAt: now}
	err = s.d.TxOn(ctx, account, func(ctx context.Context) error {
		if !spec.Again && !spec.DryRun {
			same, err := s.findImports(ctx, "WHERE account = $1 AND hash = $2 AND state = $3 ORDER BY key DESC", account, source.Hash, int(Unfinished))
			if err != nil {
				return err
			}
			if same = slices.DeleteFunc(same, func(im *Import) bool { return im.Spec.DryRun }); len(same) > 0 {
				return core.Errorf(core.Conflict, "this file was begun before and is unfinished, at row %d of %d: resume import %s, discard it, or ask to begin again",
					same[0].Position, same[0].Total, same[0].Key)
			}
		}
		if im.GroupKeys, err = s.groupKeys(ctx, account, spec); err != nil {
			return err
		}
		if err := s.insertImport(ctx, im); err != nil {
			return fmt.Errorf("begin an import: %w", err)
		}
		return s.audit.Audit(ctx, account, "contacts.import", key, map[string]any{"file": spec.Name, "rows": source.Total,
			"mode": spec.Mode, "dry_run": spec.DryRun})
	})
	if err != nil {
		return nil, err
	}
	return im, nil
}

// groupKeys returns the keys of the groups that every contact is to join.
func (s *Service) groupKeys(ctx context.Context, account string, spec Spec) ([]string, error) {
	var keys []string
	for _, name := range spec.Groups {
		key, err := s.groupKey(ctx, account, name, spec.CreateGroups, spec.DryRun)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// groupKey returns the key of a group that is called by its key or its name. On a dry run none is created, and its name
// stands for its key.
func (s *Service) groupKey(ctx context.Context, account, name string, create, dry bool) (string, error) {
	g, err := s.contacts.GetGroup(ctx, account, name)
	if core.KindOf(err) == core.NotFound {
		g, err = s.contacts.GetGroupByName(ctx, account, name)
	}
	switch kind := core.KindOf(err); {
	case err == nil && g.Query != nil:
		return "", core.Errorf(core.Invalid, "the group %q is a smart one: its query says who is in it, nobody joins", name)
	case err == nil:
		return g.Key, nil
	case kind == core.Conflict:
		return "", core.Errorf(core.Invalid, "several groups are called %q: name one by its key", name)
	case kind != core.NotFound:
		return "", err
	case !create:
		return "", core.Errorf(core.Invalid, "there is no group %q: create it, or ask for groups to be created", name)
	case dry:
		return name, nil
	}
	g, _, err = s.contacts.GetOrCreateGroupByName(ctx, account, name)
	return g.Key, err
}

// Get returns an import. One that is not there, was discarded, or belongs to another account, is core.NotFound.
func (s *Service) Get(ctx context.Context, account, key string) (*Import, error) {
	var found []*Import
	if groupKey.MatchString(key) { // nothing else is a key, and not every text can be sent to the database
		var err error
		if found, err = s.findImports(ctx, "WHERE account = $1 AND key = $2 AND state < $3", account, key, int(Discarded)); err != nil {
			return nil, err
		}
	}
	if len(found) == 0 {
		return nil, core.Errorf(core.NotFound, "there is no import %q", shortened(key, 40))
	}
	return found[0], nil
}

// MaxPage is how many imports List returns at most.
const MaxPage = 500

// List returns the imports of an account, newest first, from before the one with the key; empty begins with the newest.
func (s *Service) List(ctx context.Context, account, before string, limit int) ([]*Import, error) {
	if before == "" {
		before = "g" // after every key
	} else if !groupKey.MatchString(before) {
		return nil, core.Errorf(core.Invalid, "%q is no key of an import", shortened(before, 40))
	}
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	return s.findImports(ctx, "WHERE account = $1 AND key < $2 AND state < $3 ORDER BY key DESC LIMIT $4", account, before,
		int(Discarded), limit)
}

// FindUnfinished returns the newest unfinished or failed import of the file with a [Fingerprint], or else of one with its
// name, which [Service.Work] will then refuse. None is core.NotFound.
func (s *Service) FindUnfinished(ctx context.Context, account, name, fingerprint string) (*Import, error) {
	for _, by := range []struct{ what, value string }{{"hash", fingerprint}, {"uploaded = 0 AND name", name}} {
		found, err := s.findImports(ctx, "WHERE account = $1 AND "+by.what+" = $2 AND state IN (1, 3) ORDER BY key DESC LIMIT 20",
			account, by.value)
		if err != nil {
			return nil, err
		}
		if found = slices.DeleteFunc(found, func(im *Import) bool { return im.Spec.DryRun }); len(found) > 0 {
			return found[0], nil
		}
	}
	return nil, core.Errorf(core.NotFound, "no import of %s is unfinished", name)
}

// Resume lets an import go on that failed or that nobody works on. One that stopped at a bad row skips bad rows from then
// on. An import of a file that the server does not have is core.Conflict unless the caller has it.
func (s *Service) Resume(ctx context.Context, account, key string, haveFile bool) (*Import, error) {
	im, err := s.Get(ctx, account, key)
	if err != nil {
		return nil, err
	}
	switch {
	case im.State == Done:
		return nil, core.Errorf(core.Conflict, "import %s is done: there is nothing to resume", key)
	case !haveFile && !im.Uploaded:
		return nil, core.Errorf(core.Conflict, "import %s was begun on the command line: resume it there, with its file", key)
	}
	if im.State == Failed {
		err = s.d.TxOn(ctx, account, func(ctx context.Context) error {
			im.Spec.Strict = false
			if err := s.rewritePlan(ctx, im); err != nil {
				return err
			}
			return s.audit.Audit(ctx, account, "contacts.import.resume", key, nil)
		})
		im.State, im.Problem = Unfinished, ""
	}
	s.wakeUp()
	return im, err
}

// Discard ends an import and forgets it. The contacts that it brought in stay.
func (s *Service) Discard(ctx context.Context, account, key string) error {
	im, err := s.Get(ctx, account, key)
	if err != nil {
		return err
	}
	err = s.d.TxOn(ctx, account, func(ctx context.Context) error {
		if _, err := s.d.Exec(ctx, "UPDATE contact_import SET state = $3, updated_at = $4 WHERE account = $1 AND key = $2", account, key,
			int(Discarded), s.now().UnixMicro()); err != nil {
			return fmt.Errorf("discard an import: %w", err)
		}
		return s.audit.Audit(ctx, account, "contacts.import.discard", key, nil)
	})
	if err != nil {
		return err
	}
	return errors.Join(s.dropFile(im), s.forget(ctx, account, key))
}

func (s *Service) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default: // it has been told
	}
}

// Sweep forgets the imports that have not changed for as long as imports are kept, with their files, and removes files that
// belong to none.
func (s *Service) Sweep(ctx context.Context) error {
	before := s.now().Add(-s.options.Keep).UnixMicro()
	old, err := s.findImports(ctx, "WHERE updated_at < $1 ORDER BY updated_at LIMIT 100", before)
	if err != nil {
		return err
	}
	for _, im := range old {
		n, err := s.d.Exec(ctx, "UPDATE contact_import SET state = $3 WHERE account = $1 AND key = $2 AND updated_at < $4", im.Account,
			im.Key, int(Discarded), before)
		if err != nil {
			return fmt.Errorf("forget an import: %w", err)
		}
		if n == 0 {
			continue // somebody has resumed it meanwhile
		}
		if err := errors.Join(s.dropFile(im), s.forget(ctx, im.Account, im.Key)); err != nil {
			return err
		}
		if _, err := s.d.Exec(ctx, "DELETE FROM contact_import WHERE account = $1 AND key = $2", im.Account, im.Key); err != nil {
			return fmt.Errorf("forget an import: %w", err)
		}
	}
	return s.dropLost(ctx)
}
