package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"indaba/internal/config"
	"indaba/internal/db"
)

// OpenDatabase opens the database that the configuration names. It does not migrate.
func OpenDatabase(ctx context.Context, c *config.Config, o db.Options) (*db.DB, error) {
	if c.Database != "" {
		return db.Open(ctx, c.Database, o)
	}
	path := filepath.Join(c.Data, "indaba.db")
	for _, file := range []string{path, path + "-wal", path + "-shm"} {
		if err := takeFromOthers(ctx, file); err != nil {
			return nil, fmt.Errorf("open database: %w", err)
		}
	}
	return db.Open(ctx, path, o)
}

// Lock keeps servers off the database until release is called. While one runs it is core.Conflict.
func (a *App) Lock(ctx context.Context) (release func() error, err error) {
	return a.DB.Lock(ctx, lockPath(a.Config.Data))
}

// takeFromOthers makes a file of the database readable by its owner only, as it was made. A backup that was put back may
// not be so.
func takeFromOthers(ctx context.Context, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("others may read it: %w", err)
	}
	slog.WarnContext(ctx, "others could read the database: now only its owner can", "file", path)
	return nil
}
