package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"indaba/internal/core"
)

const (
	atOnce       = 2                // imports of different accounts under way
	pollInterval = 30 * time.Second // looks for work that was left behind
	retryDelay   = time.Second
	gentleBatch  = 100                    // rows in one commit: those who have a conversation wait for it
	maxRest      = 100 * time.Millisecond // between two commits
)

// Run does the imports of uploaded files, those first that came first, until ctx ends. It is for the one server of a
// database.
func (s *Service) Run(ctx context.Context) error {
	var working sync.WaitGroup
	defer working.Wait()
	busy, ended := map[string]bool{}, make(chan string)
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		next, err := s.waiting(ctx, busy)
		if err != nil && ctx.Err() == nil {
			s.options.Log.ErrorContext(ctx, "cannot look for imports, trying again", "error", err)
		}
		for _, im := range next {
			busy[im.Account] = true
			working.Go(func() {
				s.serve(ctx, im)
				select {
				case ended <- im.Account:
				case <-ctx.Done():
				}
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case account := <-ended:
			delete(busy, account)
		case <-s.wake:
		case <-ticker.C:
		}
	}
}

// waiting returns the imports to begin with now, at most one of an account.
func (s *Service) waiting(ctx context.Context, busy map[string]bool) ([]*Import, error) {
	free := atOnce - len(busy)
	if free == 0 {
		return nil, nil
	}
	first, err := s.findImports(ctx, "WHERE state = 1 AND key IN (SELECT min(key) FROM contact_import WHERE state = 1 "+
		"AND uploaded = 1 GROUP BY account) ORDER BY key")
	var next []*Import
	for _, im := range first {
		if len(next) < free && !busy[im.Account] {
			next = append(next, im)
		}
	}
	return next, err
}

// serve works on an import until it is done, or cannot go on.
func (s *Service) serve(ctx context.Context, im *Import) {
	for {
		err := s.workOnFile(ctx, im)
		switch {
		case err == nil, ctx.Err() != nil, s.ended(ctx, im):
			return
		case core.KindOf(err) == core.Unavailable, errors.Is(err, errElsewhere):
			s.options.Log.WarnContext(ctx, "an import cannot go on, trying again", "import", im.Key, "error", err)
		default:
			s.fail(ctx, im, err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(retryDelay):
		}
		if s.ended(ctx, im) {
			return
		}
	}
}

// ended reports whether an import has come to its end elsewhere: most likely it was discarded.
func (s *Service) ended(ctx context.Context, im *Import) bool {
	now, err := s.Get(ctx, im.Account, im.Key)
	return err == nil && now.State != Unfinished || err != nil && core.KindOf(err) == core.NotFound
}

func (s *Service) workOnFile(ctx context.Context, im *Import) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("an import panicked: %v", p)
		}
	}()
	file, err := os.Open(s.path(im.Key))
	if err != nil {
		return &core.Error{Kind: core.Invalid, Message: "the uploaded file cannot be read: discard this import and upload it again", Cause: err}
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = s.work(ctx, im.Account, im.Key, file, min(s.options.Batch, gentleBatch), s.rest(ctx))
	return err
}

// rest returns what an import does between commits beside the work of a server: it leaves as much time as it took.
func (s *Service) rest(ctx context.Context) func(*Import) {
	last := s.now()
	return func(*Import) {
		if took := s.now().Sub(last); took > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(min(took, maxRest)):
			}
		}
		last = s.now()
	}
}

// fail notes why an import cannot go on. It can be resumed.
func (s *Service) fail(ctx context.Context, im *Import, cause error) {
	now, err := s.Get(ctx, im.Account, im.Key)
	if err != nil || now.State != Unfinished {
		return // it was discarded, or is with somebody else
	}
	s.options.Log.ErrorContext(ctx, "an import failed", "account", im.Account, "import", im.Key, "error", cause)
	now.State, now.Problem, now.UpdatedAt = Failed, reasonOf(cause), s.now().UTC()
	if err := s.advance(ctx, now, now.Position); err != nil && core.KindOf(err) != core.Conflict {
		s.options.Log.ErrorContext(ctx, "cannot note that an import failed", "import", im.Key, "error", err)
	}
}
