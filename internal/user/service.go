package user

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// MaxPage is the most that a list returns at once.
const MaxPage = 1000

// Service keeps users, checks their passwords and keeps their sessions. It is safe for concurrent use.
type Service struct {
	db     *db.DB
	audit  core.Auditor
	now    func() time.Time
	life   time.Duration // of a session
	hasher *hasher
	door   *door
}

// Options tune the service; a zero value means what is said at it.
type Options struct {
	SessionLife time.Duration // how long a session lasts; 12 hours
}

// New returns the service over a migrated database.
func New(d *db.DB, audit core.Auditor, now func() time.Time, o Options) *Service {
	return &Service{db: d, audit: audit, now: now, life: cmp.Or(o.SessionLife, 12*time.Hour),
		hasher: newHasher(runtime.GOMAXPROCS(0)), door: newDoor(now)}
}

// Create makes a user. An e-mail address that a user has already is [core.Conflict]. The caller has checked that the
// account exists.
func (s *Service) Create(ctx context.Context, spec Spec) (*User, error) {
	spec, err := spec.check()
	if err != nil {
		return nil, err
	}
	hash := ""
	if spec.Password != "" {
		if hash, err = s.hasher.hash(ctx, spec.Password); err != nil {
			return nil, fmt.Errorf("hash password: %w", err)
		}
	}
	u := &User{Account: spec.Account, Email: spec.Email, Name: spec.Name, Nick: spec.Nick, Role: spec.Role,
		CreatedAt: s.now().UTC().Truncate(time.Microsecond)}
	err = s.db.Tx(ctx, func(ctx context.Context) error {
		if err := s.insert(ctx, u, hash); err != nil {
			return err
		}
		return s.audit.Audit(ctx, u.Account, "user.create", object(u.ID),
			map[string]any{"email": u.Email, "name": u.Name, "role": u.Role})
	})
	if err != nil {
		return nil, fmt.Errorf("create user: %w", err)
	}
	return u, nil
}

// Get returns a user of an account, or [core.NotFound].
func (s *Service) Get(ctx context.Context, account string, id int64) (*User, error) {
	return s.selectByID(ctx, account, id)
}

// List returns the users of an account in ascending order of their ids, from behind the given one; 0 begins with the
// first.
func (s *Service) List(ctx context.Context, account string, after int64, limit int) ([]*User, error) {
	if limit <= 0 || limit > MaxPage {
		limit = MaxPage
	}
	return s.selectPage(ctx, account, after, limit)
}

// SetPassword gives a user a password in place of any earlier one, and ends his sessions.
func (s *Service) SetPassword(ctx context.Context, account string, id int64, password string) error {
	if err := checkPassword(password); err != nil {
		return err
	}
	hash, err := s.hasher.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("hash password: %w", err)
	}
	err = s.db.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.selectByID(ctx, account, id); err != nil {
			return err
		}
		if err := s.updateHash(ctx, id, hash); err != nil { // before the sessions: see StartSession
			return err
		}
		if err := s.deleteSessions(ctx, id); err != nil {
			return err
		}
		return s.audit.Audit(ctx, account, "user.set_password", object(id), nil)
	})
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	return nil
}

// Remove takes a user away, with his sessions.
func (s *Service) Remove(ctx context.Context, account string, id int64) error {
	err := s.db.Tx(ctx, func(ctx context.Context) error {
		u, err := s.selectByID(ctx, account, id)
		if err != nil {
			return err
		}
		if err := s.delete(ctx, id); err != nil { // before the sessions: see StartSession
			return err
		}
		if err := s.deleteSessions(ctx, id); err != nil {
			return err
		}
		return s.audit.Audit(ctx, account, "user.remove", object(id), map[string]string{"email": u.Email})
	})
	if err != nil {
		return fmt.Errorf("remove user: %w", err)
	}
	return nil
}

// Login is a user who has just given the right password.
type Login struct {
	*User
	hash string // of the password
	from string // network
}

// refused is the one answer to everything that is wrong with a login.
func refused() error {
	return core.Errorf(core.Unauthenticated, "the e-mail address or the password is wrong")
}

// Authenticate returns the user with that e-mail address and password. Address is where the request came from, as
// net/http has it. Whatever is wrong, user or password, is the same [core.Unauthenticated] after the same time. After
// too many failures it is [core.Limited], right or wrong, until some time has passed (docs/decisions/0019).
func (s *Service) Authenticate(ctx context.Context, email, password, address string) (*Login, error) {
	if len(password) > maxPassword {
		return nil, refused() // no password is that long, and nobody's time is spent on it
	}
	email, err := normalEmail(email)
	if err != nil {
		email = "" // no user has it; the time is spent all the same
	}
	from := network(address)
	t, wait, err := s.door.knock(ctx, email, from)
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	if wait > 0 {
		wait = (wait + time.Second - 1).Truncate(time.Second)
		return nil, &core.Error{Kind: core.Limited, Message: fmt.Sprintf("too many failed logins: wait %s and try again", wait), Wait: wait}
	}
	end := undecided
	defer func() { t.end(end) }()
	u, hash, err := s.selectByEmail(ctx, email)
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	ok, upToDate, err := s.hasher.matches(ctx, password, hash)
	if err != nil {
		return nil, fmt.Errorf("log in: %w", err)
	}
	if !ok || u == nil {
		end = wrong
		return nil, refused()
	}
	end = right
	if !upToDate {
		hash = s.renew(ctx, u.ID, password, hash)
	}
	return &Login{u, hash, from}, nil
}

// renew hashes a password again at the current cost and returns the hash that is kept now. The login is good without it,
// so a failure is only logged.
func (s *Service) renew(ctx context.Context, id int64, password, old string) string {
	hash, err := s.hasher.hash(ctx, password)
	replaced := false
	if err == nil {
		replaced, err = s.replaceHash(ctx, id, old, hash)
	}
	if err != nil {
		slog.WarnContext(ctx, "cannot renew a password hash, will try at the next login", "user", id, "error", err)
	}
	if replaced {
		return hash
	}
	return old
}
