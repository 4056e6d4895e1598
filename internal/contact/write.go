package contact

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"indaba/internal/core"
)

// Create stores a new contact and returns it as stored. Key and Account of c are ignored; a zero CreatedAt becomes now.
// Nothing of a contact has to be unique. A contact that breaks a limit is core.Invalid with the text of
// docs/spec/vumi-http.md 3.2, or core.TooLarge.
func (s *Service) Create(ctx context.Context, account string, c Contact) (Contact, error) {
	created, err := s.CreateMany(ctx, account, []Contact{c})
	if bad, ok := errors.AsType[*RecordError](err); ok {
		err = bad.Cause
	}
	if err != nil {
		return Contact{}, err
	}
	return created[0], nil
}

// CreateMany is Create for up to [MaxBulk] contacts in one commit: all are stored, or none. The error about one that
// breaks a limit is a [*RecordError].
func (s *Service) CreateMany(ctx context.Context, account string, contacts []Contact) ([]Contact, error) {
	if len(contacts) > MaxBulk {
		return nil, core.Errorf(core.TooLarge, "%d contacts at once, at most %d are allowed", len(contacts), MaxBulk)
	}
	n := &creation{account: account, created: make([]Contact, len(contacts)), changes: make([]change, len(contacts))}
	for i, c := range contacts {
		var err error
		if n.created[i], err = s.fresh(account, c); err != nil {
			return nil, &RecordError{i, err}
		}
		n.changes[i] = change{after: &n.created[i], tokens: n.created[i].tokens(s.schema, s.target.Tokens)}
	}
	if err := s.submit(ctx, n); err != nil {
		return nil, err
	}
	return n.created, nil
}

// RecordError says which of several records is at fault. Its kind is that of its cause.
type RecordError struct {
	Index int // from 0
	Cause error
}

// Error counts records from 1, as people do.
func (e *RecordError) Error() string { return fmt.Sprintf("record %d: %v", e.Index+1, e.Cause) }

// Unwrap returns the cause.
func (e *RecordError) Unwrap() error { return e.Cause }

// creation is what one caller wants created.
type creation struct {
	account string
	created []Contact
	changes []change
}

// maxShared is how many contacts a caller may create together with others: their statements are shared, and so is the
// failure that makes all of them start again.
const maxShared = 100

func (s *Service) submit(ctx context.Context, n *creation) error {
	if len(n.created) <= maxShared {
		return s.creations.Do(ctx, n.account, n)
	}
	return s.d.TxOn(ctx, n.account, func(ctx context.Context) error { return s.create(ctx, []*creation{n}) })
}

// create stores what several callers want created, each account's with as few statements as one of them alone.
func (s *Service) create(ctx context.Context, creations []*creation) error {
	for len(creations) > 0 {
		account := creations[0].account
		var changes []change
		var others []*creation
		for _, n := range creations {
			if n.account == account {
				changes = append(changes, n.changes...)
			} else {
				others = append(others, n)
			}
		}
		b, err := s.lock(ctx, account)
		if err != nil {
			return err
		}
		for _, ch := range changes {
			if err := b.enter(ch.after, s.stamp()); err != nil {
				return err
			}
		}
		if err := s.apply(ctx, account, b, changes...); err != nil {
			return err
		}
		creations = others
	}
	return nil
}

// fresh returns c as it can be stored once it has been entered into the book.
func (s *Service) fresh(account string, c Contact) (Contact, error) {
	c = c.clone()
	c.Account = account
	if c.CreatedAt.IsZero() {
		c.CreatedAt = s.stamp()
	}
	return c, c.prepare()
}

// GetOrCreateByAddress is GetByAddress that creates a contact with the address, normalised, when there is none. Of
// concurrent callers with one address, one creates. The contact of a class without telephone numbers has the number
// [UnknownMsisdn].
func (s *Service) GetOrCreateByAddress(ctx context.Context, account, class, address string) (
	c Contact, created bool, err error) {
	field, err := ClassField(class)
	if err != nil {
		return Contact{}, false, err
	}
	c, err = s.GetByAddress(ctx, account, class, address)
	if core.KindOf(err) != core.NotFound {
		return c, false, err
	}
	fresh := Contact{Msisdn: UnknownMsisdn}
	fresh.setAddress(field, NormaliseAddress(field, address))
	if fresh, err = s.fresh(account, fresh); err != nil {
		return Contact{}, false, err
	}
	err = s.d.TxOn(ctx, account, func(ctx context.Context) error {
		created = false
		b, err := s.lock(ctx, account)
		if err != nil {
			return err
		}
		// Only now can nobody else create it.
		if c, err = s.GetByAddress(ctx, account, class, address); core.KindOf(err) != core.NotFound {
			return err
		}
		if err := b.enter(&fresh, s.stamp()); err != nil {
			return err
		}
		c, created = fresh, true
		return s.apply(ctx, account, b, change{after: &fresh})
	})
	if err != nil {
		return Contact{}, false, err
	}
	return c, created, nil
}

// modify changes one contact in a commit: edit gets it as it is. Nothing is written when edit or the limits refuse.
func (s *Service) modify(ctx context.Context, account, key string, edit func(*Contact)) (Contact, error) {
	var after Contact
	err := s.d.TxOn(ctx, account, func(ctx context.Context) error {
		b, err := s.lock(ctx, account)
		if err != nil {
			return err
		}
		before, err := s.Get(ctx, account, key)
		if err != nil {
			return err
		}
		after = before.clone()
		edit(&after)
		after.id, after.Key, after.Account = before.id, before.Key, before.Account
		if err := after.prepare(); err != nil {
			return err
		}
		return s.apply(ctx, account, b, change{before: &before, after: &after})
	})
	if err != nil {
		return Contact{}, err
	}
	return after, nil
}

// Save replaces the whole contact with the key c.Key: what c does not have is gone afterwards, a zero CreatedAt becomes
// now (docs/spec/vumi-sandbox.md 9.7).
func (s *Service) Save(ctx context.Context, account string, c Contact) (Contact, error) {
	c = c.clone()
	if c.CreatedAt.IsZero() {
		c.CreatedAt = s.stamp()
	}
	return s.modify(ctx, account, c.Key, func(to *Contact) { *to = c.clone() })
}

// Update makes changes to a contact; see [Changes.Apply].
func (s *Service) Update(ctx context.Context, account, key string, changes Changes) (Contact, error) {
	return s.modify(ctx, account, key, changes.Apply)
}

// UpdateExtra sets the named extras of a contact and keeps the others.
func (s *Service) UpdateExtra(ctx context.Context, account, key string, extra map[string]string) (Contact, error) {
	return s.modify(ctx, account, key, func(to *Contact) { to.Extra = merged(to.Extra, extra) })
}

// UpdateSubscription sets the named subscriptions of a contact and keeps the others.
func (s *Service) UpdateSubscription(ctx context.Context, account, key string, texts map[string]string) (Contact, error) {
	return s.modify(ctx, account, key, func(to *Contact) { to.Subscription = merged(to.Subscription, texts) })
}

func merged(old, set map[string]string) map[string]string {
	all := maps.Clone(old)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, set)
	return all
}

// ReplaceGroups makes a contact a member of these static groups and no others.
func (s *Service) ReplaceGroups(ctx context.Context, account, key string, groups []string) (Contact, error) {
	return s.modify(ctx, account, key, func(to *Contact) { to.Groups = slices.Clone(groups) })
}

// LeaveGroup takes a contact out of a static group. It is no error when the contact was not in it.
func (s *Service) LeaveGroup(ctx context.Context, account, key, group string) (Contact, error) {
	return s.modify(ctx, account, key, func(to *Contact) {
		to.Groups = slices.DeleteFunc(to.Groups, func(g string) bool { return g == group })
	})
}

// Delete removes a contact and returns it as it was.
func (s *Service) Delete(ctx context.Context, account, key string) (Contact, error) {
	var before Contact
	err := s.d.TxOn(ctx, account, func(ctx context.Context) error {
		b, err := s.lock(ctx, account)
		if err != nil {
			return err
		}
		if before, err = s.Get(ctx, account, key); err != nil {
			return err
		}
		return s.apply(ctx, account, b, change{before: &before})
	})
	if err != nil {
		return Contact{}, err
	}
	return before, nil
}
