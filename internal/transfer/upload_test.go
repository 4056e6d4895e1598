package transfer_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/transfer"
)

// store is a service whose files are in a directory that a test looks into.
type store struct {
	*house
	dir string
}

func newStore(t *testing.T, d *db.DB, o transfer.Options) store {
	t.Helper()
	o.Dir = filepath.Join(t.TempDir(), "imports")
	contacts := contact.New(d, time.Now, contact.Options{})
	return store{&house{t, d, contacts, transfer.New(d, contacts, ledger{}, time.Now, o)}, o.Dir}
}

func (s store) upload(spec transfer.Spec) (*transfer.Import, error) {
	spec.Mode = transfer.AlwaysNew
	return s.Upload(s.t.Context(), "a", spec, strings.NewReader(people))
}

// files returns the names of the files that are kept.
func (s store) files() (names []string) {
	s.t.Helper()
	all, err := os.ReadDir(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, file := range all {
		names = append(names, file.Name())
	}
	return names
}

// age makes all files that are kept as old.
func (s store) age(by time.Duration) {
	s.t.Helper()
	for _, name := range s.files() {
		at := time.Now().Add(-by)
		if err := os.Chtimes(filepath.Join(s.dir, name), at, at); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s store) sweep() {
	s.t.Helper()
	if err := s.Sweep(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// A file that no import needs goes when it is certain that none will: the server was killed while the file arrived, before there was an
// import, or when it was done. One that arrives while the server starts stays. Files of others are none of our business.
func TestLostFilesAreSwept(t *testing.T) {
	s := newStore(t, dbtest.SQLite(t), transfer.Options{})
	unfinished, err := s.upload(transfer.Spec{})
	if err != nil {
		t.Fatal(err)
	}
	done, err := s.upload(transfer.Spec{DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Work(t.Context(), "a", done.Key, strings.NewReader(people), func(*transfer.Import) {}); err != nil {
		t.Fatal(err)
	}
	lost, arriving, notes := core.NewMessageID(time.Now()), core.NewMessageID(time.Now())+".part", "notes.txt"
	for _, name := range []string{lost, arriving, done.Key, notes} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(people), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.age(time.Hour - time.Minute)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := s.Run(ctx); err != nil {
		t.Fatal(err)
	}
	s.sweep()
	if files := s.files(); len(files) != 5 {
		t.Errorf("young files: %q", files)
	}
	s.age(time.Hour + time.Minute)
	s.sweep()
	if files := s.files(); !slices.Equal(files, []string{unfinished.Key, notes}) {
		t.Errorf("left are %q, want that of %s", files, unfinished.Key)
	}
}

// An upload whose import may be there or not keeps its file until it is known.
func TestUploadInDoubt(t *testing.T) {
	d, err := db.Open(t.Context(), dbtest.PostgresURL(t), db.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }() // one of its connections is broken on purpose
	if _, err := db.Migrate(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	s := newStore(t, d, transfer.Options{})
	for _, text := range []string{
		"CREATE FUNCTION hang_up() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'",
		"CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON contact_import DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hang_up()",
	} {
		if _, err := d.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.upload(transfer.Spec{}); !db.InDoubt(err) {
		t.Fatalf("a connection lost in the commit: %v", err)
	}
	if files := s.files(); len(files) != 1 {
		t.Errorf("kept are %q", files)
	}
	s.age(2 * time.Hour)
	s.sweep()
	if files := s.files(); len(files) != 0 {
		t.Errorf("left are %q", files)
	}
}

// An import that is resumed at the moment when it would be forgotten is not.
func TestResumedWhileSwept(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		d, other := dbtest.Open(t, url), dbtest.Open(t, url)
		s := newStore(t, d, transfer.Options{})
		sweeper := transfer.New(other, s.contacts, ledger{}, func() time.Time { return time.Now().Add(48 * time.Hour) },
			transfer.Options{Dir: s.dir, Keep: 24 * time.Hour})
		im, err := s.upload(transfer.Spec{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Exec(t.Context(), "UPDATE contact_import SET state = 3, updated_at = 0"); err != nil {
			t.Fatal(err)
		}
		swept := make(chan error, 1)
		if err := d.Tx(t.Context(), func(ctx context.Context) error {
			if _, err := s.Resume(ctx, "a", im.Key, false); err != nil {
				return err
			}
			if _, err := d.Exec(ctx, "UPDATE contact_import SET updated_at = $1", time.Now().Add(48*time.Hour).UnixMicro()); err != nil {
				return err
			}
			go func() { swept <- sweeper.Sweep(t.Context()) }()
			return dbtest.UntilBlocked(ctx, d)
		}); err != nil {
			t.Fatal(err)
		}
		if err := <-swept; err != nil {
			t.Fatal(err)
		}
		if now, err := s.Get(t.Context(), "a", im.Key); err != nil || now.State != transfer.Unfinished {
			t.Errorf("it is %+v, %v", now, err)
		}
		if files := s.files(); len(files) != 1 {
			t.Errorf("kept are %q", files)
		}
	})
}
