// Package message is the message log and its two queues: the mailbox, where what a member sent waits for a bot, and the
// outbox, where replies wait for a provider. It knows neither bots nor providers: it keeps order, durability and
// statuses. Both sides of the pipeline meet here.
package message

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// panicPause is how long a row rests whose handler panicked.
const panicPause = 5 * time.Second

func panicked(ctx context.Context, p any, stack []byte) {
	slog.ErrorContext(ctx, "panic while handling a queued row", "panic", fmt.Sprint(p), "stack", string(stack))
}

// Service reads and writes messages.
type Service struct {
	db      *db.DB
	now     func() time.Time
	Mailbox *Mailbox
	Outbox  *Outbox
	accept  *db.Gather[*arrival]
	refuse  *db.Gather[*refusal]
}

// New returns the service over a database. At most turns mails are dealt with at once. The queues stand still until their
// Run is called.
func New(d *db.DB, turns int, now func() time.Time) *Service {
	s := &Service{db: d, now: now, Mailbox: newMailbox(d, turns, now), Outbox: newOutbox(d, now)}
	s.accept = db.NewGather(d, s.store)
	s.refuse = db.NewGather(d, s.turnAway)
	return s
}

// details are the fields of a message that nothing searches, kept together as JSON.
type details struct {
	Group             string          `json:"group,omitempty"`
	Provider          string          `json:"provider,omitempty"`
	TransportType     string          `json:"transport_type,omitempty"`
	TransportMetadata json.RawMessage `json:"transport_metadata,omitempty"`
	HelperMetadata    json.RawMessage `json:"helper_metadata,omitempty"`
	Continuation      string          `json:"continuation,omitempty"`
	RepliesTo         string          `json:"replies_to,omitempty"`
	// ExternalID is that of a message whose provider has used it again; see Accept.
	ExternalID string `json:"external_id,omitempty"`
}

func detailsOf(m *core.Message) details {
	return details{Group: m.Group, Provider: m.Provider, TransportType: m.TransportType, TransportMetadata: m.TransportMetadata,
		HelperMetadata: m.HelperMetadata, Continuation: m.Continuation, RepliesTo: m.RepliesTo}
}

var columns = []string{"id", "account", "channel", "direction", "external_id", "address", "own_address", "content",
	"session_event", "session_id", "in_reply_to", "bot", "endpoint", "status", "status_reason", "details", "created_at"}

var selectMessage = "SELECT m." + strings.Join(columns, ", m.") + " FROM message m "

var insertOne = db.InsertText("message", columns, 1, "")

func values(m *core.Message) ([]any, error) {
	text, err := json.Marshal(detailsOf(m))
	if err != nil {
		return nil, core.Errorf(core.Invalid, "message metadata is not JSON: %v", err)
	}
	own := m.To
	if m.Direction == core.Outbound {
		own = m.From
	}
	return []any{m.ID, m.Account, m.Channel, int(m.Direction), m.ExternalID, m.Address(), own, m.Content,
		string(m.SessionEvent), m.SessionID, m.InReplyTo, m.Bot, m.Endpoint, int(m.Status), m.StatusReason, string(text),
		m.CreatedAt.UnixMicro()}, nil
}

// scanMessage reads the columns of selectMessage, followed by any others.
func scanMessage(rows *sql.Rows, more ...any) (*core.Message, error) {
	var m core.Message
	var address, own, text string
	var direction, status int
	var created int64
	dest := append([]any{&m.ID, &m.Account, &m.Channel, &direction, &m.ExternalID, &address, &own, &m.Content,
		&m.SessionEvent, &m.SessionID, &m.InReplyTo, &m.Bot, &m.Endpoint, &status, &m.StatusReason, &text, &created}, more...)
	if err := rows.Scan(dest...); err != nil {
		return nil, err
	}
	var d details
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		return nil, fmt.Errorf("details of message %s: %w", m.ID, err)
	}
	m.Group, m.Provider, m.TransportType, m.Continuation = d.Group, d.Provider, d.TransportType, d.Continuation
	m.TransportMetadata, m.HelperMetadata, m.RepliesTo = d.TransportMetadata, d.HelperMetadata, d.RepliesTo
	if d.ExternalID != "" {
		m.ExternalID = d.ExternalID
	}
	m.Direction, m.Status = core.Direction(direction), core.Status(status)
	m.From, m.To = own, address
	if m.Direction == core.Inbound {
		m.From, m.To = address, own
	}
	m.CreatedAt = time.UnixMicro(created).UTC()
	return &m, nil
}

// Lane names one member. Concurrent transactions about one member belong on one writer (db.TxOn): a redelivery beside its
// message, a status callback beside the answer that it overtook. Several such pairs in the batches of several writers
// would be a deadlock.
func Lane(channel, address string) string { return channel + "\x00" + address }

// Send stores outbound messages and puts them into the outbox, in order. It belongs into the transaction of what they
// answer.
func (s *Service) Send(ctx context.Context, messages ...*core.Message) error {
	return s.db.Tx(ctx, func(ctx context.Context) error {
		for _, m := range messages {
			m.Status = core.Queued
			if err := s.insert(ctx, m); err != nil {
				return err
			}
			if err := s.Outbox.post(ctx, m, s.now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// SendFailed stores an outbound message that cannot be sent at all, for example because nothing is routed to.
func (s *Service) SendFailed(ctx context.Context, m *core.Message, reason string) error {
	m.Status, m.StatusReason = core.Failed, reason
	return s.db.Tx(ctx, func(ctx context.Context) error {
		if err := s.insert(ctx, m); err != nil {
			return err
		}
		return s.history(ctx, m.ID, core.Failed, reason)
	})
}

func (s *Service) insert(ctx context.Context, m *core.Message) error {
	row, err := values(m)
	if err != nil {
		return err
	}
	if err = s.db.ExecLater(ctx, nil, insertOne, row...); err != nil {
		return fmt.Errorf("store an outbound message: %w", err)
	}
	return nil
}

func (s *Service) one(ctx context.Context, where string, args ...any) (*core.Message, error) {
	all, err := s.some(ctx, where+" LIMIT 1", args...)
	if err == nil && len(all) == 0 {
		err = core.Errorf(core.NotFound, "there is no such message")
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

func (s *Service) some(ctx context.Context, where string, args ...any) ([]*core.Message, error) {
	return db.Collect(ctx, s.db, func(r *sql.Rows) (*core.Message, error) { return scanMessage(r) }, selectMessage+where, args...)
}

// Get returns a message of the account.
func (s *Service) Get(ctx context.Context, account, id string) (*core.Message, error) {
	return s.one(ctx, "WHERE m.id = $1 AND m.account = $2", id, account)
}

// Replies returns the outbound messages that answer the given message, oldest first.
func (s *Service) Replies(ctx context.Context, id string) ([]*core.Message, error) {
	return s.some(ctx, "WHERE m.in_reply_to = $1 AND m.in_reply_to <> '' AND m.direction = 2 ORDER BY m.id LIMIT 100", id)
}

// Recent returns the account's newest messages with one address, newest first; an empty address means all. With an address
// it reads back through the account's messages until it has enough: an index by address would cost every webhook a third
// of its speed.
func (s *Service) Recent(ctx context.Context, account, address string, limit int) ([]*core.Message, error) {
	if address == "" {
		return s.some(ctx, "WHERE m.account = $1 ORDER BY m.id DESC LIMIT $2", account, limit)
	}
	return s.some(ctx, "WHERE m.account = $1 AND m.address = $2 ORDER BY m.id DESC LIMIT $3", account, address, limit)
}

// LastInSession returns the newest inbound message of a channel's session, by the id that the provider gives it, or a
// core.NotFound error.
func (s *Service) LastInSession(ctx context.Context, channel, session string) (*core.Message, error) {
	return s.one(ctx, "WHERE m.channel = $1 AND m.session_id = $2 AND m.session_id <> '' AND m.direction = 1 "+
		"ORDER BY m.created_at DESC, m.id DESC", channel, core.Storable(session)) // as it was stored
}

// SetBot notes which bot a message was routed to, by which endpoint.
func (s *Service) SetBot(ctx context.Context, id, bot, endpoint string) error {
	return s.db.ExecLater(ctx, nil, "UPDATE message SET bot = $2, endpoint = $3 WHERE id = $1", id, bot, endpoint)
}

// Waiting returns how many of an account's mails wait for a bot, parked ones left out, and how many of its messages wait
// for a provider. One statement looks at both, so that nothing is on its way from one to the other meanwhile.
func (s *Service) Waiting(ctx context.Context, account string) (mails, parcels int, err error) {
	err = s.db.Row(ctx, "SELECT (SELECT count(*) FROM mailbox WHERE account = $1 AND parked = ''), "+
		"(SELECT count(*) FROM outbox WHERE account = $1)", []any{account}, &mails, &parcels)
	return mails, parcels, err
}

// orphanLife is how long a status callback waits for the message that it is about.
const orphanLife = 7 * 24 * time.Hour

// Sweep deletes status callbacks about messages that never were.
func (s *Service) Sweep(ctx context.Context) error {
	_, err := s.db.Exec(ctx, "DELETE FROM status_orphan WHERE at < $1", s.now().Add(-orphanLife).UnixMicro())
	return err
}

// errNoRow says that a row which was about to be settled had been settled before.
var errNoRow = errors.New("the row is gone")
