package contact

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"indaba/internal/db"
	"indaba/internal/query"
)

// A build finds the members of a smart group whose query is new. It walks the contacts of the account in ascending order
// of keys, some per commit, and keeps in the row of the group how far it has come: it resumes there after a crash, and
// several nodes can take turns. Changes of contacts keep the members right from the first moment on, before the build has
// come to a contact and after; new contacts have keys at the end. While a build is under way, reads search.

const (
	pollInterval = 30 * time.Second // looks for work that another node, or an earlier run, left behind
	retryDelay   = time.Second
)

// startBuild gives a group of a locked account its members: at once in a small account, else when Run comes to it.
func (s *Service) startBuild(ctx context.Context, b *book, g Group) error {
	if err := s.newVersion(ctx, g.Account); err != nil {
		return err
	}
	build := b.version + 1 // which no other group has: the account is locked
	building, atOnce := 0, false
	if g.Query != nil {
		if q, err := query.Parse(*g.Query, s.schema); err == nil {
			building, atOnce = 1, b.contacts <= min(s.options.InlineBuild, int64(MaxSmartSteps/q.Cost()))
		}
	}
	if _, err := s.d.Exec(ctx, "UPDATE contact_group SET build = $3, building = $4, built_to = '', smart_size = 0 "+
		"WHERE account = $1 AND key = $2", g.Account, g.Key, build, building); err != nil {
		return fmt.Errorf("start a build: %w", err)
	}
	if building == 0 {
		return nil
	}
	if !atOnce {
		s.d.AfterCommit(ctx, s.wakeUp)
		return nil
	}
	for {
		if done, err := s.buildStep(ctx, g.Account, g.Key); done || err != nil {
			return err
		}
	}
}

// endBuild drops the members that a group of a locked account has by its query.
func (s *Service) endBuild(ctx context.Context, g groupRow, b *book) error {
	if _, err := s.d.Exec(ctx, "INSERT INTO smart_leftover (account, build) VALUES ($1, $2) ON CONFLICT DO NOTHING",
		g.Account, g.build); err != nil {
		return fmt.Errorf("end a build: %w", err)
	}
	if b.contacts <= s.options.InlineBuild {
		for {
			if done, err := s.cleanStep(ctx, g.Account, g.build); done || err != nil {
				return err
			}
		}
	}
	s.d.AfterCommit(ctx, s.wakeUp)
	return nil
}

func (s *Service) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default: // it has been told
	}
}

// Run finds the members of smart groups in large accounts, until ctx ends. Every node may run it.
func (s *Service) Run(ctx context.Context) error {
	for {
		worked, err := s.work(ctx)
		wait := pollInterval
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			s.options.OnError(fmt.Errorf("build smart groups: %w", err))
			wait = retryDelay
		case worked:
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-time.After(wait):
		}
	}
}

// work does one step for each build and each left-over that there is, so that a large one does not hold up a small one.
func (s *Service) work(ctx context.Context) (worked bool, err error) {
	groups, err := s.findGroups(ctx, "WHERE building = 1 LIMIT 100")
	if err != nil {
		return false, err
	}
	for _, g := range groups {
		if _, err := s.buildStep(ctx, g.Account, g.Key); err != nil {
			return false, err
		}
	}
	leftovers, err := db.Collect(ctx, s.d, func(rows *sql.Rows) (g groupRow, err error) {
		return g, rows.Scan(&g.Account, &g.build)
	}, "SELECT account, build FROM smart_leftover LIMIT 100")
	if err != nil {
		return false, fmt.Errorf("find left-over members: %w", err)
	}
	for _, g := range leftovers {
		if _, err := s.cleanStep(ctx, g.Account, g.build); err != nil {
			return false, err
		}
	}
	return len(groups)+len(leftovers) > 0, nil
}

// buildStep looks at the next contacts for a group; done says that there are no more.
func (s *Service) buildStep(ctx context.Context, account, key string) (done bool, err error) {
	err = s.d.TxOn(ctx, account, func(ctx context.Context) error {
		b, err := s.lock(ctx, account)
		if err != nil {
			return err
		}
		found, err := s.findGroups(ctx, "WHERE account = $1 AND key = $2 AND building = 1", account, key)
		if err != nil || len(found) == 0 {
			done = true
			return err
		}
		done, err = s.buildSome(ctx, b, found[0])
		return err
	})
	return done, err
}

// buildSome adds the members among the next contacts of a locked account.
func (s *Service) buildSome(ctx context.Context, b *book, g groupRow) (done bool, err error) {
	q, err := query.Parse(*g.Query, s.schema)
	if err != nil { // this version refuses it: then it matches nothing
		_, err := s.d.Exec(ctx, "UPDATE contact_group SET building = 0 WHERE account = $1 AND key = $2", g.Account, g.Key)
		return true, err
	}
	after, err := s.after(ctx, b.id, g.builtTo)
	if err != nil {
		return false, err
	}
	// A query that costs much looks at few contacts in a commit: others wait for it.
	batch := min(s.options.BuildBatch, max(1, MaxSmartSteps/q.Cost()))
	next, err := s.list(ctx, g.Account, b.id, after, batch)
	if err != nil {
		return false, err
	}
	var rows [][]any
	for i := range next {
		if q.Match(&next[i]) {
			rows = append(rows, []any{b.id, g.build, next[i].id})
		}
		g.builtTo = next[i].Key
	}
	n, err := s.d.InsertMany(ctx, "smart_member", []string{"book", "build", "contact"}, rows,
		"ON CONFLICT DO NOTHING")
	if err != nil {
		return false, fmt.Errorf("write members: %w", err)
	}
	done, building := len(next) < batch, 1
	if done {
		building = 0
	}
	if _, err := s.d.Exec(ctx, "UPDATE contact_group SET smart_size = smart_size + $3, building = $4, built_to = $5 "+
		"WHERE account = $1 AND key = $2", g.Account, g.Key, n, building, g.builtTo); err != nil {
		return false, fmt.Errorf("note how far a build has come: %w", err)
	}
	return done, nil
}

// cleanStep removes some rows of a build that no group refers to; done says that there are no more.
func (s *Service) cleanStep(ctx context.Context, account string, build int64) (done bool, err error) {
	err = s.d.TxOn(ctx, account, func(ctx context.Context) error {
		b, err := s.lock(ctx, account) // two that chose the same rows would take the second one's nothing for the end
		if err != nil {
			return err
		}
		n, err := s.d.Exec(ctx, "DELETE FROM smart_member WHERE book = $1 AND build = $2 AND contact IN "+
			"(SELECT contact FROM smart_member WHERE book = $1 AND build = $2 LIMIT $3)", b.id, build, s.options.BuildBatch)
		if err != nil {
			return fmt.Errorf("remove left-over members: %w", err)
		}
		if done = n < int64(s.options.BuildBatch); !done {
			return nil
		}
		_, err = s.d.Exec(ctx, "DELETE FROM smart_leftover WHERE account = $1 AND build = $2", account, build)
		return err
	})
	return done, err
}
