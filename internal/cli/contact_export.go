package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"indaba/internal/app"
	"indaba/internal/transfer"
)

type contactExport struct {
	Output  string   `short:"o" type:"path" placeholder:"FILE" help:"The file to write. Otherwise standard output."`
	Format  string   `enum:",csv,jsonl" default:"" placeholder:"csv|jsonl" help:"Otherwise what the name of the file ends in, or csv."`
	Group   given    `placeholder:"KEY|NAME" help:"Only the members of this group."`
	Query   given    `placeholder:"QUERY" help:"Only contacts that this query matches."`
	Columns []string `placeholder:"NAME,..." help:"The columns of a CSV file, such as msisdn,name,extra.city. Otherwise all that there are."`
}

// Run exports contacts. A file appears under its name when it is whole.
func (c *contactExport) Run(i *invocation) error {
	format := c.Format
	if format == "" {
		format = transfer.CSV
		if strings.EqualFold(filepath.Ext(c.Output), ".jsonl") {
			format = transfer.JSONL
		}
	}
	if format == transfer.CSV && c.Output == "" && i.json {
		return errNotJSON
	}
	if c.Columns != nil && len(c.Columns) == 0 {
		return misused("--columns: it is empty: give it a value, or leave the flag away")
	}
	if format == transfer.JSONL && c.Columns != nil {
		return misused("--columns is for CSV: JSON lines hold whole records")
	}
	return i.inAccount(func(ctx context.Context, a *app.App, account string) (err error) {
		e, err := a.Transfer.Export(ctx, account, transfer.Selection{Group: string(c.Group), Query: string(c.Query)}, c.Columns)
		if err != nil {
			return err
		}
		write := e.CSV
		if format == transfer.JSONL {
			write = e.JSONL
		}
		if c.Output == "" {
			_, err := write(ctx, i.w)
			return err
		}
		n, err := writeWhole(c.Output, func(w io.Writer) (int64, error) { return write(ctx, w) })
		if err != nil {
			return err
		}
		return i.say(map[string]any{"contacts": n, "file": c.Output}, "%d contacts are in %s.", n, c.Output)
	})
}

// writeWhole writes a file, readable by its owner only, that appears under its name when all of it is there. What is no
// file, such as /dev/stdout or a pipe, is written to as it is and never replaced.
func writeWhole(path string, write func(io.Writer) (int64, error)) (n int64, err error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return writeInto(path, write)
	}
	if _, err := os.Lstat(path); err == nil { // a link stays, and what it leads to is replaced
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return 0, err
		}
	}
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.part")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name()) // half a file is no use to anybody
		}
	}()
	if n, err = write(file); err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return n, err
	}
	return n, os.Rename(file.Name(), path)
}

func writeInto(path string, write func(io.Writer) (int64, error)) (int64, error) {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	n, err := write(file)
	return n, errors.Join(err, file.Close())
}
