package message

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// Mail is one thing that a bot has to deal with: a message from a member, or an event about a message to it.
type Mail struct {
	ID       int64
	Account  string
	Channel  string
	Address  string
	Message  *core.Message // the inbound message, or the outbound one that Event is about; nil for a Trigger
	Event    *core.Event   // nil for an inbound message
	Trigger  *Trigger      // set when an operator asks a bot to begin a conversation
	Attempts int           // failed tries so far
	Since    time.Time
}

// Trigger asks a bot to begin a conversation with a member (docs/spec/vumi-sandbox.md 5, "Push trigger").
type Trigger struct {
	Bot string `json:"bot"`
}

// notice is what stands in the column "event".
type notice struct {
	Event   *core.Event `json:"event,omitempty"`
	Trigger *Trigger    `json:"trigger,omitempty"`
}

// Mailbox is the queue of mail. Each account has one of its own, so that the slow bots of one hold up no other, and in it
// each person has a lane, which keeps the order of each member.
type Mailbox struct {
	db      *db.DB
	now     func() time.Time
	turns   int // at the same time, in one account
	handle  Handler
	queues  *queues[Mail] // by account
	settled func(Mail, bool)

	mu     sync.Mutex
	failed map[int64]int // how often the mails that this process tries again have failed
}

// How many mails of an account are kept in memory, and how often a turn is tried again when a part of the server failed it.
const (
	mailLimit    = 20_000
	mailAttempts = 5
	scanEvery    = 10 * time.Second
	stopPause    = time.Second
)

func newMailbox(d *db.DB, turns int, now func() time.Time) *Mailbox {
	m := &Mailbox{db: d, now: now, turns: turns, settled: func(Mail, bool) {}, failed: map[int64]int{}}
	m.queues = newQueues(m.open, func(ctx context.Context) ([]string, error) {
		return distinct(ctx, d, "mailbox", "account", "parked = ''")
	})
	d.OnChange(m.queues.look)
	return m
}

func (m *Mailbox) open(account string) *lanes[Mail] {
	l := newLanes[Mail](mailLimit, m.turns)
	l.id = func(mail Mail) int64 { return mail.ID }
	// Not by channel: a bot that meets one person on two channels keeps one record of them, and two turns at once would
	// overwrite each other's (docs/spec/vumi-sandbox.md 17).
	l.lane = func(mail Mail) string { return mail.Address }
	l.load = func(ctx context.Context, limit int) ([]Mail, error) { return m.load(ctx, account, limit) }
	l.handle = m.attempt
	return l
}

// OnSettled sets what is told, after the commit, that a mail has left the queue, and whether there is a reply to it, or may
// still be. It must be set before Run and must be quick.
func (m *Mailbox) OnSettled(fn func(mail Mail, reply bool)) { m.settled = fn }

// Handler deals with one mail. It commits its effects together with Done. An error means that nothing was committed:
// the mail is tried again later, at most a few times, and parked then; a [*Poison] error parks it at once.
type Handler func(context.Context, Mail) error

// Poison is an error that would come again: the mail is parked for an operator, with the reason.
type Poison struct{ Reason string }

// Error returns the reason.
func (p *Poison) Error() string { return p.Reason }

// Run hands mail to the handler until ctx ends, then waits for the handlers under way.
func (m *Mailbox) Run(ctx context.Context, handle Handler) error {
	m.handle = handle
	return m.queues.run(ctx)
}

// Post puts a mail into the queue as part of the transaction in ctx.
func (m *Mailbox) Post(ctx context.Context, mail Mail) error {
	text := ""
	if mail.Event != nil || mail.Trigger != nil {
		b, err := json.Marshal(notice{mail.Event, mail.Trigger})
		if err != nil {
			return err
		}
		text = string(b)
	}
	id := ""
	if mail.Message != nil {
		id = mail.Message.ID
	}
	mail.Since = m.now()
	return m.db.Tx(ctx, func(ctx context.Context) error {
		err := m.db.Insert(ctx, &mail.ID, "INSERT INTO mailbox (account, channel, address, message, event, attempts, parked, created_at) "+
			"VALUES ($1, $2, $3, $4, $5, 0, '', $6)", mail.Account, mail.Channel, mail.Address, id, text, mail.Since.UnixMicro())
		if err != nil {
			return fmt.Errorf("post mail: %w", err)
		}
		m.db.AfterCommit(ctx, func() { m.queues.post(mail.Account, mail) })
		return nil
	})
}

var mailRow = []string{"account", "channel", "address", "message", "event", "attempts", "parked", "created_at"}

// postMessages puts inbound messages into the queue, in order, as part of the transaction in ctx.
func (m *Mailbox) postMessages(ctx context.Context, mails []*Mail) error {
	now := m.now()
	rows, byMessage := make([][]any, len(mails)), make(map[string]*Mail, len(mails))
	for i, mail := range mails {
		mail.Since = now
		rows[i] = []any{mail.Account, mail.Channel, mail.Address, mail.Message.ID, "", 0, "", now.UnixMicro()}
		byMessage[mail.Message.ID] = mail
	}
	err := m.db.InsertEachLater(ctx, "mailbox", mailRow, rows, "RETURNING id, message", func(r db.Row) error {
		var id int64
		var message string
		err := r.Scan(&id, &message)
		if err == nil {
			byMessage[message].ID = id
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("post mail: %w", err)
	}
	m.db.AfterCommit(ctx, func() {
		for _, mail := range mails {
			m.queues.post(mail.Account, *mail)
		}
	})
	return nil
}

// notParked is the condition for rows that are looked up by id. For an equality, PostgreSQL may read the whole index of rows
// that are not parked.
const notParked = "parked <= ''"

// Done takes a mail out of the queue as part of the transaction that holds its effects. reply says that a message was sent
// in answer to it, or that one may still be: without either, nobody need wait for one.
func (m *Mailbox) Done(ctx context.Context, mail Mail, reply bool) error {
	err := m.db.ExecLater(ctx, func(n int64) error {
		if n == 0 {
			return errNoRow // the effects of this transaction have been committed before
		}
		return nil
	}, "DELETE FROM mailbox WHERE id = $1 AND "+notParked, mail.ID)
	if err != nil {
		return err
	}
	m.db.AfterCommit(ctx, func() { m.settled(mail, reply) })
	return nil
}

func (m *Mailbox) attempt(ctx context.Context, mail Mail) time.Duration {
	mail.Attempts = m.attempts(mail)
	err := m.guarded(ctx, mail)
	if err == nil || errors.Is(err, errNoRow) {
		m.forget(mail)
		return 0
	}
	if ctx.Err() != nil {
		return stopPause // stopping: the row stays for the next start
	}
	poison, isPoison := errors.AsType[*Poison](err)
	if isPoison || mail.Attempts+1 >= mailAttempts {
		reason := err.Error()
		if isPoison {
			reason = poison.Reason
		}
		if err = m.park(ctx, mail, reason); err == nil {
			m.forget(mail)
			return 0
		}
	} else if failed := m.fail(ctx, mail); failed != nil {
		err = errors.Join(err, failed)
	}
	slog.WarnContext(ctx, "mail will be tried again", "mail", mail.ID, "channel", mail.Channel, "error", err)
	return 250 * time.Millisecond << (2 * min(mail.Attempts, 4))
}

// guarded is the handler with a panic turned into an error, so that a mail that breaks it is parked like any other poison.
func (m *Mailbox) guarded(ctx context.Context, mail Mail) (err error) {
	defer func() {
		if p := recover(); p != nil {
			panicked(ctx, p, debug.Stack())
			err = fmt.Errorf("a fault of the server: %v", p)
		}
	}()
	return m.handle(ctx, mail)
}

// attempts returns how often a mail has failed, as its row tells: in this process or, when it was read from the table, in
// an earlier one.
func (m *Mailbox) attempts(mail Mail) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(mail.Attempts, m.failed[mail.ID])
}

// fail notes one more failure of a mail.
func (m *Mailbox) fail(ctx context.Context, mail Mail) error {
	if _, err := m.db.Exec(ctx, "UPDATE mailbox SET attempts = attempts + 1 WHERE id = $1", mail.ID); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failed[mail.ID] = mail.Attempts + 1
	return nil
}

// forget drops what is known of a mail that has left the queue.
func (m *Mailbox) forget(mail Mail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.failed, mail.ID)
}

// park takes a mail out of the running queue and leaves it for an operator.
func (m *Mailbox) park(ctx context.Context, mail Mail, reason string) error {
	slog.ErrorContext(ctx, "mail parked", "mail", mail.ID, "channel", mail.Channel, "reason", reason)
	return m.db.Tx(ctx, func(ctx context.Context) error {
		_, err := m.db.Exec(ctx, "UPDATE mailbox SET parked = $2, attempts = attempts + 1 WHERE id = $1", mail.ID, reason)
		m.db.AfterCommit(ctx, func() { m.settled(mail, false) })
		return err
	})
}

// Parked is a mail that waits for an operator.
type Parked struct {
	Mail
	Reason string
}

const mailColumns = "SELECT b.id, b.account, b.channel, b.address, b.message, b.event, b.attempts, b.parked, b.created_at FROM mailbox b "

// Parked returns the parked mail of an account, oldest first, at most limit.
func (m *Mailbox) Parked(ctx context.Context, account string, limit int) ([]Parked, error) {
	return m.read(ctx, "WHERE b.account = $1 AND b.parked <> '' ORDER BY b.id LIMIT $2", account, limit)
}

// ParkedNumbers returns the ids of all parked mail of an account, oldest first.
func (m *Mailbox) ParkedNumbers(ctx context.Context, account string) ([]int64, error) {
	return db.Column[int64](ctx, m.db, "SELECT id FROM mailbox WHERE account = $1 AND parked <> '' ORDER BY id", account)
}

// Retry puts a parked mail of the account back into the queue.
func (m *Mailbox) Retry(ctx context.Context, account string, id int64) error {
	return m.unpark(ctx, "UPDATE mailbox SET parked = '', attempts = 0 WHERE id = $1 AND account = $2 AND parked <> ''", account, id)
}

// Drop deletes a parked mail of the account. The message itself stays in the log.
func (m *Mailbox) Drop(ctx context.Context, account string, id int64) error {
	return m.unpark(ctx, "DELETE FROM mailbox WHERE id = $1 AND account = $2 AND parked <> ''", account, id)
}

func (m *Mailbox) unpark(ctx context.Context, text, account string, id int64) error {
	return m.db.Tx(ctx, func(ctx context.Context) error {
		n, err := m.db.Exec(ctx, text, id, account)
		if err == nil && n == 0 {
			err = core.Errorf(core.NotFound, "no parked mail has the number %d", id)
		}
		if err != nil {
			return err
		}
		return m.db.Changed(ctx) // the server that works off the queue may be another process
	})
}

// load returns the oldest rows of an account that wait for a bot.
func (m *Mailbox) load(ctx context.Context, account string, limit int) ([]Mail, error) {
	parked, err := m.read(ctx, "WHERE b.account = $1 AND b.parked = '' ORDER BY b.id LIMIT $2", account, limit)
	if err != nil {
		return nil, err
	}
	mail := make([]Mail, len(parked))
	for i, p := range parked {
		mail[i] = p.Mail
	}
	return mail, nil
}

func (m *Mailbox) read(ctx context.Context, where string, args ...any) ([]Parked, error) {
	ids := map[string][]int{}
	all := []Parked{}
	rows, err := m.db.Query(ctx, mailColumns+where, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err below tells what matters
	for rows.Next() {
		var p Parked
		var message, text string
		var since int64
		if err := rows.Scan(&p.ID, &p.Account, &p.Channel, &p.Address, &message, &text, &p.Attempts, &p.Reason, &since); err != nil {
			return nil, err
		}
		p.Since = time.UnixMicro(since).UTC()
		if text != "" {
			var n notice
			if err := json.Unmarshal([]byte(text), &n); err != nil {
				return nil, fmt.Errorf("mail %d: %w", p.ID, err)
			}
			p.Event, p.Trigger = n.Event, n.Trigger
		}
		if message != "" {
			ids[message] = append(ids[message], len(all))
		}
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	return all, eachMessage(ctx, m.db, ids, func(i int, msg *core.Message) { all[i].Message = msg })
}

// eachMessage reads messages by id, some hundred at a time, and hands them out to the places that asked for them.
func eachMessage(ctx context.Context, d *db.DB, places map[string][]int, give func(int, *core.Message)) error {
	const chunk = 256
	text := selectMessage + "WHERE m.id IN (" + db.Places(1, chunk) + ")"
	for keys := range slices.Chunk(slices.Collect(maps.Keys(places)), chunk) {
		found, err := db.Collect(ctx, d, func(r *sql.Rows) (*core.Message, error) { return scanMessage(r) }, text, db.Filled(keys, chunk)...)
		if err != nil {
			return err
		}
		for _, m := range found {
			for _, place := range places[m.ID] {
				give(place, m)
			}
		}
	}
	return nil
}
