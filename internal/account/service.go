package account

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"indaba/internal/core"
	"indaba/internal/db"
)

// MaxPage is the most that any list here returns at once.
const MaxPage = 1000

// Service keeps accounts, apps, tokens and the audit log. It is safe for concurrent use. What changes something writes
// its own entry into the audit log, in the same transaction.
type Service struct {
	db    *db.DB
	now   func() time.Time
	asked db.Inquiry[string, *Token] // by hash: requests with one token that come together are one look-up
}

// New returns the service over a migrated database.
func New(d *db.DB, now func() time.Time) *Service { return &Service{db: d, now: now} }

// Create makes an account and its default app. Parent is the key of the account above it, or empty.
func (s *Service) Create(ctx context.Context, name, parent string) (*Account, error) {
	name, err := core.CheckName("account", name)
	if err != nil {
		return nil, err
	}
	a := &Account{Key: core.NewKey(), Name: name, Parent: parent, OptoutKeywords: []string{}, CreatedAt: s.moment()}
	err = s.db.Tx(ctx, func(ctx context.Context) error {
		if parent != "" {
			if _, err := s.Get(ctx, parent); err != nil {
				return err
			}
		}
		if err := s.insertAccount(ctx, a); err != nil {
			return err
		}
		if err := s.insertApp(ctx, &App{Key: a.Key, Account: a.Key, Name: name, CreatedAt: a.CreatedAt}); err != nil {
			return err
		}
		return s.Audit(ctx, a.Key, "account.create", a.Key, map[string]string{"name": name, "parent": parent})
	})
	if err != nil {
		return nil, fmt.Errorf("create account: %w", err)
	}
	return a, nil
}

// Get returns an account, or [core.NotFound].
func (s *Service) Get(ctx context.Context, key string) (*Account, error) {
	return s.selectAccount(ctx, key)
}

// List returns accounts in ascending order of their keys, from behind the given key; empty for the first page.
func (s *Service) List(ctx context.Context, after string, limit int) ([]*Account, error) {
	if err := checkCursor(after); err != nil {
		return nil, err
	}
	return s.selectAccounts(ctx, after, pageSize(limit))
}

// SetFlags replaces the flags of an account.
func (s *Service) SetFlags(ctx context.Context, key string, flags Flags) error {
	err := s.db.TxOn(ctx, key, func(ctx context.Context) error {
		if err := s.updateFlags(ctx, key, flags); err != nil {
			return err
		}
		if err := s.db.Changed(ctx); err != nil {
			return err
		}
		return s.Audit(ctx, key, "account.set_flags", key, flags)
	})
	if err != nil {
		return fmt.Errorf("set flags: %w", err)
	}
	return nil
}

// OptoutPolicy returns whether an account has opt-outs disabled, and the texts by which people opt out.
func (s *Service) OptoutPolicy(ctx context.Context, key string) (disabled bool, keywords []string, err error) {
	a, err := s.Get(ctx, key)
	if err != nil {
		return false, nil, err
	}
	return a.Flags.DisableOptouts, a.OptoutKeywords, nil
}

// Limits of the keywords of an account.
const (
	maxKeywords      = 100
	maxKeywordLength = 160 // characters: what a person types into one message
)

// SetOptoutKeywords replaces the texts by which people opt out of an account's messages; none switches that off. Blanks
// around them, and whether letters are capitals, do not count.
func (s *Service) SetOptoutKeywords(ctx context.Context, key string, keywords []string) error {
	keywords, err := checkKeywords(keywords)
	if err != nil {
		return err
	}
	err = s.db.TxOn(ctx, key, func(ctx context.Context) error {
		if err := s.updateKeywords(ctx, key, keywords); err != nil {
			return err
		}
		if err := s.db.Changed(ctx); err != nil {
			return err
		}
		return s.Audit(ctx, key, "account.set_optout_keywords", key, keywords)
	})
	if err != nil {
		return fmt.Errorf("set opt-out keywords: %w", err)
	}
	return nil
}

// checkKeywords returns keywords as they are kept: each once, trimmed and in lower case, in order.
func checkKeywords(given []string) ([]string, error) {
	kept := []string{}
	for _, keyword := range given {
		if core.Storable(keyword) != keyword {
			return nil, core.Errorf(core.Invalid, "an opt-out keyword is not valid text")
		}
		keyword = strings.ToLower(strings.TrimSpace(keyword))
		switch {
		case keyword == "":
			return nil, core.Errorf(core.Invalid, "an opt-out keyword is empty")
		case utf8.RuneCountInString(keyword) > maxKeywordLength:
			return nil, core.Errorf(core.TooLarge, "an opt-out keyword is longer than %d characters", maxKeywordLength)
		}
		kept = append(kept, keyword)
	}
	slices.Sort(kept)
	if kept = slices.Compact(kept); len(kept) > maxKeywords {
		return nil, core.Errorf(core.TooLarge, "%d opt-out keywords: at most %d are allowed", len(kept), maxKeywords)
	}
	return kept, nil
}

// CreateApp makes another app in an account.
func (s *Service) CreateApp(ctx context.Context, account, name string) (*App, error) {
	name, err := core.CheckName("app", name)
	if err != nil {
		return nil, err
	}
	a := &App{Key: core.NewKey(), Account: account, Name: name, CreatedAt: s.moment()}
	err = s.db.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.Get(ctx, account); err != nil {
			return err
		}
		if err := s.insertApp(ctx, a); err != nil {
			return err
		}
		return s.Audit(ctx, account, "app.create", a.Key, map[string]string{"name": name})
	})
	if err != nil {
		return nil, fmt.Errorf("create app: %w", err)
	}
	return a, nil
}

// Apps returns the apps of an account in ascending order of their keys, from behind the given key. An account that does
// not exist has none.
func (s *Service) Apps(ctx context.Context, account, after string, limit int) ([]*App, error) {
	if err := checkCursor(after); err != nil {
		return nil, err
	}
	return s.selectApps(ctx, account, after, pageSize(limit))
}

// pageSize turns what a caller asked for into what a list returns at once.
func pageSize(limit int) int {
	if limit <= 0 || limit > MaxPage {
		return MaxPage
	}
	return limit
}

// moment returns the time as the database keeps it.
func (s *Service) moment() time.Time { return s.now().UTC().Truncate(time.Microsecond) }
