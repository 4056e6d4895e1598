package demo

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"indaba/internal/bot/bundle"
	"indaba/internal/core"
)

//go:embed registration feedback
var botFiles embed.FS

// BotFolder is the folder in the data directory where the sources of the sample bots are put, to be read and changed.
const BotFolder = "bots"

// bots makes the sample bots that are not there yet.
func (s *sampler) bots(ctx context.Context) (missing error, err error) {
	if missing, err = s.programs(ctx); err != nil {
		return nil, err
	}
	for _, c := range conversations() {
		if err := s.conversation(ctx, c); err != nil {
			return nil, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return missing, nil
}

// programs makes the bots that are programs. A program that was built without the packages that they need makes
// none and says so in missing.
func (s *sampler) programs(ctx context.Context) (missing error, err error) {
	for _, name := range []string{registrationBot, feedbackBot} {
		dir := filepath.Join(s.app.Config.Data, BotFolder, name)
		if err := unpack(name, dir); err != nil {
			return nil, err
		}
		if s.facts.bot(name) != nil {
			continue
		}
		set, err := bundle.BuiltinSet()
		if core.KindOf(err) == core.NotFound {
			return err, nil
		}
		if err != nil {
			return nil, err
		}
		program, err := bundle.Read(dir, bundle.Options{Set: set})
		if err == nil {
			err = s.app.Runtime.Check(program)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		facts, err := s.add(ctx, name, program)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		s.facts = facts
	}
	return nil, nil
}

// unpack writes the sources of a sample bot to a folder that does not exist yet. A folder that is there may have been
// changed and is left alone.
func unpack(name, dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(parent, name+".*")
	if err != nil {
		return err
	}
	files, err := fs.Sub(botFiles, name)
	if err == nil {
		err = os.CopyFS(temporary, files)
	}
	if err == nil {
		err = os.Rename(temporary, dir)
	}
	if err != nil {
		_ = os.RemoveAll(temporary) // half a folder is of no use; the first error is the one to tell
		return fmt.Errorf("write the sources of the sample bot %s: %w", name, err)
	}
	return nil
}
