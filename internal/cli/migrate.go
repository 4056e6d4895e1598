package cli

import (
	"errors"

	"indaba/internal/app"
	"indaba/internal/core"
	"indaba/internal/db"
)

type migrateCommand struct {
	Check bool `help:"Change nothing: fail when the database needs to be migrated."`
}

// Run migrates the database, or says whether it needs it.
func (m *migrateCommand) Run(i *invocation) (err error) {
	if err := i.config.Check(); err != nil {
		return err
	}
	if err := i.needDatabase(); err != nil {
		return err
	}
	d, err := app.OpenDatabase(i.ctx, i.config, db.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	if m.Check { // which would make the table of versions
		if err := app.NeedBegun(i.ctx, d); err != nil {
			return err
		}
	}
	from, newest, err := db.SchemaVersion(i.ctx, d)
	if err != nil {
		return err
	}
	view := map[string]int64{"from": from, "to": newest}
	switch {
	case m.Check && from != newest:
		return core.Errorf(core.Conflict, "the database has schema version %d, this program wants %d", from, newest)
	case m.Check || from == newest:
		return i.say(view, "The database has schema version %d, which is this program's.", from)
	}
	if view["to"], err = db.Migrate(i.ctx, d); err != nil {
		return err
	}
	return i.say(view, "The database was migrated from schema version %d to %d.", from, view["to"])
}
