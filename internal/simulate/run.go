package simulate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"indaba/internal/bot/bundle"
	"indaba/internal/core"
)

// TestOptions say which conversations are played.
type TestOptions struct {
	Dir     string // the bot's folder
	App     string // only scripts of this app, of a folder that builds several; "" = all
	Filter  string // only conversations whose "FILE: NAME" contains this; "" = all
	Update  bool   // write what the bot now says into the scripts, in the place of what it was expected to say
	Verbose bool   // show conversations that pass, too
}

// Report is what came of a run.
type Report struct {
	Files         int
	Conversations int
	Failed        int
	Updated       int // texts that were rewritten
	Elapsed       time.Duration
}

// OK reports whether every conversation passed.
func (r Report) OK() bool { return r.Failed == 0 }

// Test plays the conversation scripts of a bot's folder against the bot in it, each on an account of its own, and writes
// a report. Scripts are the files *.conv.yaml in the folder itself and anywhere below its folders test and tests. An
// error means that they could not be played: the bot does not bundle or load, or a script makes no sense (core.Invalid), or there
// are none (core.NotFound). That a conversation fails is no error: see the report.
func Test(ctx context.Context, o TestOptions, w io.Writer) (report Report, err error) {
	started := time.Now()
	scripts, err := readScripts(o)
	if err != nil {
		return report, err
	}
	t := &testRun{options: o, out: w, report: &report}
	defer func() {
		err = errors.Join(err, t.leave())
		report.Elapsed = time.Since(started)
	}()
	for _, s := range scripts {
		if err := t.play(ctx, s); err != nil {
			return report, err
		}
	}
	if report.Conversations == 0 {
		return report, core.Errorf(core.NotFound, "no conversation's name contains %q", o.Filter)
	}
	_, err = fmt.Fprintf(w, "%s in %s, %d failed (%.2fs)\n", counted(report.Conversations, "conversation"),
		counted(report.Files, "file"), report.Failed, time.Since(started).Seconds())
	if err == nil && report.Updated > 0 {
		_, err = fmt.Fprintf(w, "%s rewritten: look at the changes before you keep them\n", counted(report.Updated, "text"))
	}
	return report, err
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprint(n, " ", what, "s")
}

// A testRun is one call of Test.
type testRun struct {
	options TestOptions
	out     io.Writer
	report  *Report
	stage   *stage
	app     string // that the stage is for
	set     *bundle.Set
}

// play plays one file.
func (t *testRun) play(ctx context.Context, s *script) error {
	var edits []edit
	played := false
	for _, c := range s.conversations {
		if !strings.Contains(s.path+": "+c.name, t.options.Filter) {
			continue
		}
		played = true
		t.report.Conversations++
		if err := t.enter(ctx, s.app, c.now); err != nil {
			return err
		}
		started := time.Now()
		p, err := t.stage.play(ctx, s.path, c, t.options.Update)
		if err != nil {
			return err
		}
		edits = append(edits, p.edits...)
		if err := t.tell(s, p, time.Since(started)); err != nil {
			return err
		}
	}
	if played {
		t.report.Files++
	}
	return t.update(s, edits)
}

// enter makes a stage ready for an app. A stage is used again unless its clock would have to go back by more than an
// instant: what is stamped with ascending times would then come out wrong.
func (t *testRun) enter(ctx context.Context, app string, now time.Time) error {
	if now.IsZero() {
		now = time.Now()
	}
	const instant = time.Minute
	if t.stage != nil && t.app == app && t.stage.clock.now().Sub(now) < instant {
		return nil
	}
	if err := t.leave(); err != nil {
		return err
	}
	program, err := t.read(app)
	if err != nil {
		return err
	}
	t.app = app
	t.stage, err = newStage(ctx, program)
	return err
}

// read bundles the bot.
func (t *testRun) read(app string) (*bundle.Bundle, error) {
	if t.set == nil {
		set, err := bundle.BuiltinSet()
		if err != nil && core.KindOf(err) != core.NotFound {
			return nil, err
		}
		t.set = set // without one, the folder has to bring all that it requires
	}
	return bundle.Read(t.options.Dir, bundle.Options{App: app, Set: t.set})
}

func (t *testRun) leave() error {
	if t.stage == nil {
		return nil
	}
	err := t.stage.close()
	t.stage = nil
	return err
}

// tell writes how a conversation went.
func (t *testRun) tell(s *script, p *player, took time.Duration) error {
	verdict, place := "ok  ", p.conv.line
	if p.failure != nil {
		t.report.Failed++
		verdict, place = "FAIL", p.failure.line
	} else if !t.options.Verbose {
		return nil
	}
	if _, err := fmt.Fprintf(t.out, "%s %s:%d %s (%.2fs)\n", verdict, s.path, place, p.conv.name, took.Seconds()); err != nil {
		return err
	}
	if err := writeTranscript(t.out, p.lines); err != nil {
		return err
	}
	if p.failure == nil {
		_, err := fmt.Fprintln(t.out)
		return err
	}
	text := "  " + strings.ReplaceAll(p.failure.text, "\n", "\n  ") + "\n"
	if len(p.failure.log) > 0 {
		text += "  the bot's log:\n"
		for _, l := range p.failure.log {
			text += "    " + strings.ReplaceAll(l, "\n", "\n    ") + "\n"
		}
	}
	_, err := fmt.Fprintln(t.out, core.Printable(text))
	return err
}

// update writes the texts of a file anew.
func (t *testRun) update(s *script, edits []edit) error {
	if len(edits) == 0 {
		return nil
	}
	text, err := rewrite(s.text, edits)
	if err != nil {
		return fmt.Errorf("%s: %w", s.path, err)
	}
	if _, err := parse(s.path, text); err != nil {
		return core.Errorf(core.Internal, "%s was left as it is: rewritten it would not read: %v", s.path, err)
	}
	t.report.Updated += len(edits)
	return os.WriteFile(filepath.Join(t.options.Dir, s.path), []byte(text), 0o644)
}
