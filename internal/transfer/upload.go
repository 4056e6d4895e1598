package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// Upload keeps a file that arrives, looks at it and begins an import of it, which [Service.Run] does. What is left of an
// interrupted upload goes with [Service.Sweep]. A file over the limit is core.TooLarge.
func (s *Service) Upload(ctx context.Context, account string, spec Spec, body io.Reader) (im *Import, err error) {
	if _, err := spec.filled(); err != nil {
		return nil, err // before the file has come for nothing
	}
	if err := s.checkRoom(ctx, account); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.options.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("keep an uploaded file: %w", err)
	}
	key := core.NewMessageID(s.now())
	file, err := os.OpenFile(s.path(key)+partial, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("keep an uploaded file: %w", err)
	}
	defer func() {
		err = errors.Join(err, file.Close())
		if im == nil && !db.InDoubt(err) { // else its import may be there
			err = errors.Join(err, removeAll(file.Name(), s.path(key)))
		}
	}()
	if err := s.receive(file, body); err != nil {
		return nil, err
	}
	source, err := Inspect(ctx, file, spec)
	if err != nil {
		return nil, err
	}
	if err := os.Rename(file.Name(), s.path(key)); err != nil {
		return nil, fmt.Errorf("keep an uploaded file: %w", err)
	}
	if err := syncDir(s.options.Dir); err != nil {
		return nil, fmt.Errorf("keep an uploaded file: %w", err)
	}
	if im, err = s.begin(ctx, account, key, source, spec, true); err == nil {
		s.wakeUp()
	}
	return im, err
}

// maxKept is how many files of one account wait on the disk.
const maxKept = 20

// checkRoom keeps one account from filling the disk.
func (s *Service) checkRoom(ctx context.Context, account string) error {
	var kept int
	if err := s.d.Row(ctx, "SELECT count(*) FROM contact_import WHERE account = $1 AND uploaded = 1 AND state IN (1, 3)", []any{account},
		&kept); err != nil {
		return fmt.Errorf("count imports: %w", err)
	}
	if kept >= maxKept {
		return core.Errorf(core.Limited, "%d imports are unfinished or failed: wait for them, resume or discard them", kept)
	}
	return nil
}

// receive writes an upload to the disk, to stay there.
func (s *Service) receive(file *os.File, body io.Reader) error {
	n, err := io.Copy(file, io.LimitReader(body, s.options.MaxFileBytes+1))
	switch {
	case isDisk(err):
		return &core.Error{Kind: core.Unavailable, Message: "the file cannot be kept on the disk", Cause: err}
	case err != nil:
		return &core.Error{Kind: core.Invalid, Message: "the file did not arrive whole", Cause: err}
	case n > s.options.MaxFileBytes:
		return core.Errorf(core.TooLarge, "the file has more than %d bytes: split it", s.options.MaxFileBytes)
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("keep an uploaded file: %w", err)
	}
	return nil
}

func isDisk(err error) bool {
	_, ok := errors.AsType[*fs.PathError](err)
	return ok
}

// partial ends the names of files that have not arrived whole.
const partial = ".part"

func (s *Service) path(key string) string { return filepath.Join(s.options.Dir, key) }

func (s *Service) dropFile(im *Import) error {
	if !im.Uploaded {
		return nil
	}
	return removeAll(s.path(im.Key))
}

// lostAfter is how long nothing has been written to a file that nobody can still be receiving or beginning an import of.
const lostAfter = time.Hour

// dropLost removes files that no unfinished or failed import names: the server ended while one arrived, or between the file
// and its import, or between the end of the import and that of its file.
func (s *Service) dropLost(ctx context.Context) error {
	old, err := s.oldFiles()
	if err != nil || len(old) == 0 {
		return err
	}
	needed, err := db.Column[string](ctx, s.d, "SELECT key FROM contact_import WHERE uploaded = 1 AND state IN (1, 3)")
	if err != nil {
		return fmt.Errorf("find the imports that need their files: %w", err)
	}
	for _, name := range old {
		if !slices.Contains(needed, name) {
			err = errors.Join(err, removeAll(s.path(name)))
		}
	}
	return err
}

// oldFiles returns the names of files of imports, whole or not, to which nothing has been written for a while.
func (s *Service) oldFiles() (names []string, err error) {
	files, err := os.ReadDir(s.options.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for files that are left over: %w", err)
	}
	for _, file := range files {
		ours := groupKey.MatchString(strings.TrimSuffix(file.Name(), partial))
		if info, err := file.Info(); err == nil && ours && s.now().Sub(info.ModTime()) > lostAfter {
			names = append(names, file.Name())
		}
	}
	return names, nil
}

func removeAll(paths ...string) error {
	for _, path := range paths {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove an uploaded file: %w", err)
		}
	}
	return nil
}

// syncDir makes the names in a directory durable, where the system can.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	_ = dir.Sync() // some systems cannot
	return dir.Close()
}
