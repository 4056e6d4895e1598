package db

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"testing/fstest"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"

	"indaba/internal/core"
)

//go:embed migration/*.sql
var migrationFiles embed.FS

// words are the few things that the engines spell differently. Migrations write them in braces. {fail} behind the rules of
// a table spares SQLite a copy of each page that a statement of many rows changes, in case it has to undo that statement: a
// broken rule then undoes the transaction only, which is enough where nobody goes on after one. {filled object} is a JSON
// object of names and values until {end}, without those that are null. Migrations read whole tables, as nothing else
// does: see sessionSettings.
var words = map[Dialect]*strings.Replacer{
	SQLite: strings.NewReplacer("{serial}", "INTEGER PRIMARY KEY AUTOINCREMENT", "{integer}", "INTEGER", "{bytes}", "BLOB",
		"{text}", "TEXT", "{float}", "REAL", "{rowless}", "WITHOUT ROWID",
		"{fail}", "ON CONFLICT FAIL", "{filled object}", "json_patch('{}', json_object(", "{end}", "))",
		"{parsed}", "json(", "{as JSON}", ")"),
	Postgres: strings.NewReplacer("{serial}", "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY", "{integer}", "BIGINT",
		"{bytes}", "BYTEA", "{text}", `TEXT COLLATE "C"`, "{float}", "DOUBLE PRECISION", " {rowless}", "", " {fail}", "",
		"{filled object}", "json_strip_nulls(json_build_object(", "{end}", "))", "{parsed}", "CAST(", "{as JSON}", "AS JSON)",
		"-- +goose Up\n", "-- +goose Up\nSELECT set_config(name, 'on', true) FROM pg_settings WHERE name = 'enable_seqscan';\n"),
}

// Migrate brings the database to this binary's schema and returns the version it then has. Migrations are numbered and
// go forward only; each is one transaction. A database that a newer binary has migrated is refused with
// [core.Conflict], unchanged.
func Migrate(ctx context.Context, d *DB) (int64, error) {
	return migrateTo(ctx, d, 0)
}

// migrateTo stops after the given version; 0 means the newest.
func migrateTo(ctx context.Context, d *DB, version int64) (int64, error) {
	p, err := d.migrations()
	if err != nil {
		return 0, err
	}
	have, newest, err := p.GetVersions(ctx)
	if err != nil {
		return 0, fmt.Errorf("read the schema's version: %w", err)
	}
	if have > newest {
		return have, core.Errorf(core.Conflict,
			"the database has schema version %d and this binary knows %d: run the newer binary, or restore the backup made before it ran",
			have, newest)
	}
	if version == 0 {
		version = newest
	}
	if _, err := p.UpTo(ctx, version); err != nil {
		return have, fmt.Errorf("migrate: %w", err)
	}
	return version, nil
}

// SchemaVersion returns the version that the database has and the newest that this binary knows.
func SchemaVersion(ctx context.Context, d *DB) (have, newest int64, err error) {
	p, err := d.migrations()
	if err != nil {
		return 0, 0, err
	}
	return p.GetVersions(ctx)
}

func (d *DB) migrations() (*goose.Provider, error) {
	texts := fstest.MapFS{}
	files, err := fs.Glob(migrationFiles, "migration/*.sql")
	if err != nil {
		return nil, err
	}
	for _, name := range files {
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			return nil, err
		}
		texts[strings.TrimPrefix(name, "migration/")] = &fstest.MapFile{Data: []byte(words[d.dialect].Replace(string(text)))}
	}
	dialect := database.DialectSQLite3
	if d.dialect == Postgres {
		dialect = database.DialectPostgres
	}
	return goose.NewProvider(dialect, d.pool, texts)
}

// NotFoundAs turns [sql.ErrNoRows] into a [core.NotFound] with the given message and leaves other errors alone.
func NotFoundAs(err error, format string, args ...any) error {
	if errors.Is(err, sql.ErrNoRows) {
		return core.Errorf(core.NotFound, format, args...)
	}
	return err
}
