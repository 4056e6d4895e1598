package bot

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// TurnRecord is what is kept of one turn.
type TurnRecord struct {
	ID        int64         `json:"id"`
	Bot       string        `json:"bot"`
	Version   int64         `json:"version"`
	Channel   string        `json:"channel"`
	Address   string        `json:"address"`
	Message   string        `json:"message"` // id of the message that it was about; empty for a trigger
	Outcome   string        `json:"outcome"`
	Err       string        `json:"error,omitempty"`
	Commands  int           `json:"commands"`
	CPU       time.Duration `json:"cpu_ns"`
	Wall      time.Duration `json:"wall_ns"`
	CreatedAt time.Time     `json:"created_at"`
}

// packRecord returns a record as it is stored. It takes long enough to be done before a transaction, which others wait for.
func (s *Store) packRecord(record *Record) ([]byte, error) {
	text, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("pack the record of a turn: %w", err)
	}
	return s.packer.EncodeAll(text, nil), nil
}

// keep stores a turn with its packed record, and the lines that it logged, as part of the transaction in ctx.
func (s *Store) keep(ctx context.Context, t *Turn, r *Result, record []byte) error {
	message := ""
	if t.Message != nil {
		message = t.Message.ID
	}
	now := s.now()
	err := s.db.ExecLater(ctx, nil, "INSERT INTO turn (account, bot, version, channel, address, message, outcome, error, commands, "+
		"cpu_us, wall_us, record, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
		t.Bot.Account, t.Bot.Key, t.Version, t.Channel, t.Address, message, string(r.Outcome), core.Storable(r.Err), r.Commands,
		r.CPU.Microseconds(), r.Wall.Microseconds(), record, now.UnixMicro())
	if err != nil {
		return fmt.Errorf("keep a turn: %w", err)
	}
	return s.Append(ctx, t.Bot.Key, r.Log...)
}

// Append adds lines to a bot's log.
func (s *Store) Append(ctx context.Context, key string, lines ...LogLine) error {
	rows := make([][]any, len(lines))
	for i, line := range lines {
		rows[i] = []any{key, int(line.Level), core.Storable(line.Text), line.At.UnixMicro()}
	}
	if err := s.db.InsertLater(ctx, "bot_log", []string{"bot", "level", "line", "at"}, rows, ""); err != nil {
		return fmt.Errorf("write a bot's log: %w", err)
	}
	return nil
}

// Log returns the newest lines of a bot's log, newest first, those with a number above after only.
func (s *Store) Log(ctx context.Context, key string, limit int, after int64) (lines []LogLine, last int64, err error) {
	lines, err = db.Collect(ctx, s.db, func(r *sql.Rows) (l LogLine, err error) {
		var id, at int64
		err = r.Scan(&id, &l.Level, &l.Text, &at)
		l.At = time.UnixMicro(at).UTC()
		last = max(last, id)
		return l, err
	}, "SELECT id, level, line, at FROM bot_log WHERE bot = $1 AND id > $2 ORDER BY id DESC LIMIT $3", key, after, limit)
	return lines, max(last, after), err
}

const selectTurn = "SELECT id, bot, version, channel, address, message, outcome, error, commands, cpu_us, wall_us, created_at FROM turn "

func scanTurn(r *sql.Rows) (t TurnRecord, err error) {
	var cpu, wall, at int64
	err = r.Scan(&t.ID, &t.Bot, &t.Version, &t.Channel, &t.Address, &t.Message, &t.Outcome, &t.Err, &t.Commands, &cpu, &wall, &at)
	t.CPU, t.Wall = time.Duration(cpu)*time.Microsecond, time.Duration(wall)*time.Microsecond
	t.CreatedAt = time.UnixMicro(at).UTC()
	return t, err
}

// Turns returns a bot's newest turns, newest first.
func (s *Store) Turns(ctx context.Context, key string, limit int) ([]TurnRecord, error) {
	return db.Collect(ctx, s.db, scanTurn, selectTurn+"WHERE bot = $1 ORDER BY id DESC LIMIT $2", key, limit)
}

// Turn returns one turn of a bot with what a replay needs.
func (s *Store) Turn(ctx context.Context, key string, id int64) (TurnRecord, Record, error) {
	var record Record
	all, err := db.Collect(ctx, s.db, scanTurn, selectTurn+"WHERE bot = $1 AND id = $2", key, id)
	if err == nil && len(all) == 0 {
		err = core.Errorf(core.NotFound, "bot %s has no recorded turn %d", key, id)
	}
	if err != nil {
		return TurnRecord{}, record, err
	}
	var packed []byte
	if err := s.db.Row(ctx, "SELECT record FROM turn WHERE id = $1", []any{id}, &packed); err != nil {
		return all[0], record, err
	}
	text, err := s.opener.DecodeAll(packed, nil)
	if err != nil {
		return all[0], record, fmt.Errorf("unpack turn %d: %w", id, err)
	}
	return all[0], record, json.Unmarshal(text, &record)
}

// Sweep deletes turns older than retention and all but the newest maxTurns of each bot, and all but its newest maxLines
// of log.
func (s *Store) Sweep(ctx context.Context, retention time.Duration, maxTurns, maxLines int) error {
	if _, err := s.db.Exec(ctx, "DELETE FROM turn WHERE created_at < $1", s.now().Add(-retention).UnixMicro()); err != nil {
		return fmt.Errorf("sweep turns: %w", err)
	}
	keys, err := db.Column[string](ctx, s.db, "SELECT key FROM bot")
	if err != nil {
		return err
	}
	for _, key := range keys {
		for table, most := range map[string]int{"turn": maxTurns, "bot_log": maxLines} {
			if _, err := s.db.Exec(ctx, "DELETE FROM "+table+" WHERE bot = $1 AND id <= "+
				"(SELECT id FROM "+table+" WHERE bot = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)", key, most); err != nil {
				return fmt.Errorf("sweep %s: %w", table, err)
			}
		}
	}
	return nil
}
