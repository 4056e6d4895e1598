package transfer

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"indaba/internal/core"
	"indaba/internal/db"
)

// plan is what an import is to do, as it is stored.
type plan struct {
	Spec      Spec     `json:"spec"`
	Source    Source   `json:"source"`
	GroupKeys []string `json:"group_keys,omitempty"`
}

// errElsewhere is the cause of the error of a worker that lost its import.
var errElsewhere = errors.New("it is not where it was left")

var importColumns = []string{"account", "key", "name", "state", "uploaded", "plan", "size", "hash", "total", "position",
	"created", "updated", "unchanged", "skipped", "problem", "created_at", "updated_at"}

const selectImport = "SELECT account, key, state, uploaded, plan, size, hash, total, position, created, updated, unchanged, " +
	"skipped, problem, created_at, updated_at FROM contact_import "

func (s *Service) insertImport(ctx context.Context, im *Import) error {
	text, err := json.Marshal(plan{im.Spec, im.Source, im.GroupKeys})
	if err != nil {
		return err
	}
	uploaded := 0
	if im.Uploaded {
		uploaded = 1
	}
	_, err = s.d.InsertMany(ctx, "contact_import", importColumns, [][]any{{im.Account, im.Key, im.Spec.Name, int(im.State),
		uploaded, string(text), im.Size, im.Hash, im.Total, 0, 0, 0, 0, 0, "", im.CreatedAt.UnixMicro(), im.UpdatedAt.UnixMicro()}}, "")
	return err
}

func scanImport(rows *sql.Rows) (*Import, error) {
	var im Import
	var p plan
	var text, hash string
	var size, total, uploaded, createdAt, updatedAt int64
	if err := rows.Scan(&im.Account, &im.Key, &im.State, &uploaded, &text, &size, &hash, &total, &im.Position, &im.Created,
		&im.Updated, &im.Unchanged, &im.Skipped, &im.Problem, &createdAt, &updatedAt); err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		return nil, fmt.Errorf("read the plan of import %s: %w", im.Key, err)
	}
	im.Spec, im.Source, im.GroupKeys = p.Spec, p.Source, p.GroupKeys
	im.Size, im.Hash, im.Total, im.Uploaded = size, hash, total, uploaded == 1
	im.CreatedAt, im.UpdatedAt = time.UnixMicro(createdAt).UTC(), time.UnixMicro(updatedAt).UTC()
	return &im, nil
}

func (s *Service) findImports(ctx context.Context, rest string, args ...any) ([]*Import, error) {
	found, err := db.Collect(ctx, s.d, scanImport, selectImport+rest, args...)
	if err != nil {
		return nil, fmt.Errorf("read imports: %w", err)
	}
	return found, nil
}

// advance notes that an import has come from one position to another, in the transaction of ctx. When it is no longer
// where its worker left it, somebody else works on it, or has ended it: core.Conflict.
func (s *Service) advance(ctx context.Context, im *Import, from int64) error {
	n, err := s.d.Exec(ctx, "UPDATE contact_import SET state = $3, position = $4, created = $5, updated = $6, unchanged = $7, "+
		"skipped = $8, problem = $9, updated_at = $10 WHERE account = $1 AND key = $2 AND position = $11 AND state = $12",
		im.Account, im.Key, int(im.State), im.Position, im.Created, im.Updated, im.Unchanged, im.Skipped, im.Problem,
		im.UpdatedAt.UnixMicro(), from, int(Unfinished))
	if err != nil {
		return fmt.Errorf("note how far an import has come: %w", err)
	}
	if n == 0 {
		return &core.Error{Kind: core.Conflict, Message: "import " + im.Key + " was ended, or another process is working on it", Cause: errElsewhere}
	}
	return nil
}

func (s *Service) insertRows(ctx context.Context, im *Import, report []Row) error {
	rows := make([][]any, len(report))
	for i, r := range report {
		rows[i] = []any{im.Account, im.Key, r.Number, r.Line, int(r.Outcome), r.Contact, r.Reason}
	}
	_, err := s.d.InsertMany(ctx, "contact_import_row", []string{"account", "import", "number", "line", "outcome", "contact", "reason"},
		rows, "")
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

const reportPage = 1000

// Report calls yield for the rows of an import that have the outcome, or all when it is 0, in their order, and ends with
// yield's first error.
func (s *Service) Report(ctx context.Context, account, key string, only Outcome, yield func(Row) error) error {
	if _, err := s.Get(ctx, account, key); err != nil {
		return err
	}
	for after := int64(0); ; {
		condition, args := "", []any{account, key, after, reportPage}
		if only != 0 {
			condition, args = "AND outcome = $5 ", append(args, int(only))
			if only == Skipped {
				condition += "AND outcome = 4 " // spelt out for the index over them
			}
		}
		page, err := db.Collect(ctx, s.d, func(rows *sql.Rows) (r Row, err error) {
			return r, rows.Scan(&r.Number, &r.Line, &r.Outcome, &r.Contact, &r.Reason)
		}, "SELECT number, line, outcome, contact, reason FROM contact_import_row WHERE account = $1 AND import = $2 "+
			"AND number > $3 "+condition+"ORDER BY number LIMIT $4", args...)
		if err != nil {
			return fmt.Errorf("read the report: %w", err)
		}
		for _, r := range page {
			if err := yield(r); err != nil {
				return err
			}
			after = r.Number
		}
		if len(page) < reportPage {
			return nil
		}
	}
}

// forget removes the report of an import, some rows in each commit.
func (s *Service) forget(ctx context.Context, account, key string) error {
	for {
		n, err := s.d.Exec(ctx, "DELETE FROM contact_import_row WHERE account = $1 AND import = $2 AND number IN (SELECT number "+
			"FROM contact_import_row WHERE account = $1 AND import = $2 LIMIT $3)", account, key, reportPage)
		if err != nil {
			return fmt.Errorf("remove the report of an import: %w", err)
		}
		if n < reportPage {
			return nil
		}
	}
}

// rewritePlan stores a failed import as unfinished, with its plan as it now is.
func (s *Service) rewritePlan(ctx context.Context, im *Import) error {
	text, err := json.Marshal(plan{im.Spec, im.Source, im.GroupKeys})
	if err != nil {
		return err
	}
	if _, err := s.d.Exec(ctx, "UPDATE contact_import SET state = $3, plan = $4, problem = '', updated_at = $5 WHERE account = $1 AND key = $2 "+
		"AND state = $6", im.Account, im.Key, int(Unfinished), string(text), s.now().UnixMicro(), int(Failed)); err != nil {
		return fmt.Errorf("resume an import: %w", err)
	}
	return nil
}
