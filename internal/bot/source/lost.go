package source

import (
	"context"
	"database/sql"

	"indaba/internal/db"
	"indaba/internal/secret"
)

// Lost is a source whose URL the secret key does not open.
type Lost struct{ Account, Bot, Target string }

// Sealed returns the sealed URLs of up to limit sources, to see what a key opens.
func Sealed(ctx context.Context, d *db.DB, limit int) ([]secret.Text, error) {
	return db.Collect(ctx, d, func(r *sql.Rows) (secret.Text, error) {
		_, text, err := scanSealed(r)
		return text, err
	}, selectSealed+"LIMIT $1", limit)
}

// Lost returns the sources of the bots of all accounts whose URL the secret key does not open. They can be set anew, or
// unset.
func (s *Service) Lost(ctx context.Context) (lost []Lost, err error) {
	_, err = db.Collect(ctx, s.DB, func(r *sql.Rows) (none struct{}, err error) {
		of, text, err := scanSealed(r)
		if err != nil {
			return none, err
		}
		if _, unopened := s.Seal.Open(text.Sealed, text.Context); unopened != nil {
			lost = append(lost, of)
		}
		return none, nil
	}, selectSealed)
	return lost, err
}

const selectSealed = "SELECT account, bot, target, url FROM bot_source ORDER BY account, bot, target "

func scanSealed(r *sql.Rows) (of Lost, text secret.Text, err error) {
	err = r.Scan(&of.Account, &of.Bot, &of.Target, &text.Sealed)
	text.Context = sealedAs(of.Bot, of.Target)
	return of, text, err
}
