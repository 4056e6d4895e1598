package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"indaba/internal/app"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/transfer"
)

type contactImport struct {
	File         string   `arg:"" type:"existingfile" help:"The file. Its first line names the columns, unless it is JSON lines."`
	Mode         string   `enum:",new,existing-wins,upload-wins" default:"" placeholder:"MODE" help:"new: make a contact of every row. existing-wins: fill in what contacts lack. upload-wins: replace what contacts have."`
	Map          []string `sep:"none" placeholder:"COLUMN=TARGET" help:"Where a column goes if not where its name says: a field such as msisdn, extra.NAME, subscription.NAME, groups, key or ignore; with :dmy, :mdy, :phone, :lower, :text or :exact behind it for how it is written."`
	Match        string   `default:"msisdn" placeholder:"FIELD" help:"The field that contacts are found by: msisdn, another address, email_address, extra.NAME or key."`
	CountryCode  string   `placeholder:"27" help:"Calling code of telephone numbers that are written without one."`
	Group        []string `sep:"none" placeholder:"KEY|NAME" help:"A group that every contact joins."`
	CreateGroups bool     `help:"Make the groups that there are not."`
	Encoding     string   `placeholder:"NAME" help:"utf-8, windows-1252, latin-1 or utf-16, if the file does not say."`
	Delimiter    string   `placeholder:"NAME" help:"comma, semicolon or tab, if the heading does not tell."`
	Format       string   `enum:",csv,jsonl" default:"" placeholder:"csv|jsonl" help:"What the file is, if its beginning does not tell."`
	Strict       bool     `help:"Stop at the first bad row, instead of skipping it."`
	DryRun       bool     `help:"Say what would become of the rows, and change nothing."`
	Resume       bool     `help:"Go on with an import of this file that was interrupted, as it was begun."`
	Again        bool     `help:"Begin again although an import of this file is unfinished."`
	Yes          bool     `short:"y" help:"Do not ask."`
}

// Run imports a file and says how it went.
func (c *contactImport) Run(i *invocation) error {
	if c.Mode == "" && !c.Resume {
		return misused("choose a mode: --mode new makes a contact of every row, --mode existing-wins fills in what contacts lack, " +
			"--mode upload-wins replaces what they have")
	}
	return i.inAccount(func(ctx context.Context, a *app.App, account string) (err error) {
		file, err := os.Open(c.File)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		im, err := c.begin(ctx, i, a, account, file)
		if err != nil || im == nil {
			return err
		}
		progress := i.newProgress()
		rest := restFor(ctx, a)
		im, err = a.Transfer.Work(ctx, account, im.Key, file, func(im *transfer.Import) {
			progress.tell(im)
			rest()
		})
		progress.end()
		if err != nil && ctx.Err() != nil {
			return fmt.Errorf("interrupted after row %d of %d: go on with \"indaba contact import %s --resume\"", im.Position, im.Total, c.File)
		}
		if err != nil {
			return err
		}
		return i.showOutcome(im)
	})
}

// restFor returns what to do after each commit: nothing, or wait a moment where a server may wait to write into the same
// SQLite file, which knows no queue: whoever asks again at once would be first every time.
func restFor(ctx context.Context, a *app.App) func() {
	const pause = 50 * time.Millisecond
	if _, err := app.ReadRunning(a.Config.Data); err != nil || a.DB.Dialect() != db.SQLite {
		return func() {}
	}
	return func() {
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// begin returns a new import, or the one to go on with; nil when somebody thought better of it.
func (c *contactImport) begin(ctx context.Context, i *invocation, a *app.App, account string, file *os.File) (*transfer.Import, error) {
	targets, err := transfer.ParseMap(c.Map)
	if err != nil {
		return nil, misused("%s", core.SafeMessage(err))
	}
	spec := transfer.Spec{Name: filepath.Base(c.File), Format: c.Format, Encoding: c.Encoding, Delimiter: c.Delimiter, Mode: transfer.Mode(c.Mode),
		Match: c.Match, Map: targets, CountryCode: c.CountryCode, Groups: c.Group, CreateGroups: c.CreateGroups, Strict: c.Strict,
		DryRun: c.DryRun, Again: c.Again}
	if c.Resume {
		return c.resume(ctx, i, a, account, file)
	}
	source, err := transfer.Inspect(ctx, file, spec)
	if err != nil {
		return nil, err
	}
	if agreed, err := i.confirmPlan(source, c.Yes || c.DryRun); !agreed || err != nil {
		return nil, err
	}
	return a.Transfer.Begin(ctx, account, source, spec)
}

func (c *contactImport) resume(ctx context.Context, i *invocation, a *app.App, account string, file io.ReadSeeker) (*transfer.Import, error) {
	hash, err := transfer.Fingerprint(file)
	if err != nil {
		return nil, err
	}
	im, err := a.Transfer.FindUnfinished(ctx, account, filepath.Base(c.File), hash)
	if err != nil {
		return nil, err
	}
	if im, err = a.Transfer.Resume(ctx, account, im.Key, true); err == nil && !i.json {
		_, err = fmt.Fprintf(i.w, "Going on with import %s after row %d of %d.\n", im.Key, im.Position, im.Total)
	}
	return im, err
}

// confirmPlan shows where the columns go and lets a person at a terminal think again.
func (i *invocation) confirmPlan(source transfer.Source, agreed bool) (bool, error) {
	if i.json {
		return true, nil
	}
	rows := make([][]string, len(source.Columns))
	for n, c := range source.Columns {
		rows[n] = []string{c.Name, c.Target.String(), c.Sample}
	}
	if err := writeTable(i.w, []string{"COLUMN", "GOES TO", "FOR EXAMPLE"}, rows); err != nil {
		return false, err
	}
	if _, err := fmt.Fprintf(i.w, "\n%d rows of %s in %s.\n", source.Total, source.Format, source.Encoding); err != nil {
		return false, err
	}
	file, ok := i.stdin.(*os.File)
	if agreed || !ok || !term.IsTerminal(int(file.Fd())) {
		return true, nil
	}
	_, _ = fmt.Fprint(i.stderr, "Import them? [y/N] ")
	answer, err := bufio.NewReader(file).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	if answer = strings.ToLower(strings.TrimSpace(answer)); answer != "y" && answer != "yes" {
		return false, errors.New("nothing was imported: change where columns go with --map COLUMN=TARGET")
	}
	return true, nil
}

// showOutcome says how an import went. One that stopped is an error.
func (i *invocation) showOutcome(im *transfer.Import) error {
	would := ""
	if im.Spec.DryRun {
		would = "This was a dry run: nothing was changed. "
	}
	err := i.say(im, "%s%d created, %d updated, %d unchanged, %d skipped.", would, im.Created, im.Updated, im.Unchanged, im.Skipped)
	if err == nil && im.Skipped > 0 && !i.json {
		_, err = fmt.Fprintf(i.w, "See why with \"indaba contact imports report %s --only skipped\".\n", im.Key)
	}
	if err == nil && im.State == transfer.Failed {
		return fmt.Errorf("stopped: %s\nAll rows before it are in. With --resume, bad rows are skipped", im.Problem)
	}
	return err
}

// progress shows how far an import has come: as a bar on a terminal, else in a line for every tenth.
type progress struct {
	w     io.Writer // nil: nobody looks
	bar   bool
	shown int64 // thousandths
}

func (i *invocation) newProgress() *progress {
	if i.json {
		return &progress{}
	}
	file, ok := i.stderr.(*os.File)
	return &progress{w: i.stderr, bar: ok && term.IsTerminal(int(file.Fd())), shown: -1}
}

func (p *progress) tell(im *transfer.Import) {
	now := im.Position * 1000 / max(im.Total, 1)
	if p.w == nil || now == p.shown || !p.bar && now/100 == max(p.shown, 0)/100 {
		return
	}
	p.shown = now
	state := fmt.Sprintf("%d of %d rows, %d skipped", im.Position, im.Total, im.Skipped)
	if !p.bar {
		_, _ = fmt.Fprintf(p.w, "%3d %%  %s\n", now/10, state) // there is no other place to tell it
		return
	}
	const width = 40
	full := int(now * width / 1000)
	_, _ = fmt.Fprintf(p.w, "\r[%s%s] %3d %%  %s\x1b[K", strings.Repeat("#", full), strings.Repeat(".", width-full), now/10, state)
}

// end leaves the bar's line.
func (p *progress) end() {
	if p.bar && p.shown >= 0 {
		_, _ = fmt.Fprintln(p.w)
	}
}
