// Package transfer brings contacts in from files and out to files: CSV and JSON lines (docs/spec/admin.md 2). An import is
// a durable piece of work: each commit holds some rows together with how far the import has come, so that an import that
// was killed goes on where it stopped, and no row is lost or taken twice.
//
// It knows no wire and no terminal, and no rule about contacts that package contact does not have.
package transfer

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"indaba/internal/core"
)

// Limits of one file. A file over one of them is refused before anything is changed.
const (
	MaxRecordBytes = 512 << 10 // one row, in UTF-8: a contact has 64 KiB at most, which JSON may write six times as long
	MaxColumns     = 1000      // but for the members of extra and subscription in JSON lines
	maxNameBytes   = 255       // of a file's name
	maxReason      = 500       // characters of the reason that a row was skipped for
	maxValues      = 100_000   // in one commit, more or less
	maxNewGroups   = 1000      // groups that the rows of one run may bring into being
)

// The formats of files.
const (
	CSV   = "csv"
	JSONL = "jsonl"
)

// Mode says what becomes of a row whose contact is known already.
type Mode string

// The three modes of Vumi Go (docs/spec/admin.md 2.2).
const (
	// AlwaysNew makes a contact of every row and looks for none.
	AlwaysNew Mode = "new"
	// ExistingWins fills in what a contact lacks and leaves alone what it has.
	ExistingWins Mode = "existing-wins"
	// UploadWins lets the row's values take the place of the contact's. What the row does not have stays.
	UploadWins Mode = "upload-wins"
)

// Modes returns the modes there are.
func Modes() []string { return []string{string(AlwaysNew), string(ExistingWins), string(UploadWins)} }

// Spec says what a caller wants of an import. Only Mode is needed.
type Spec struct {
	Name      string            `json:"name,omitempty"`      // of the file, for people and for finding the import again
	Format    string            `json:"format,omitempty"`    // CSV or JSONL; empty: by the first character of the file
	Encoding  string            `json:"encoding,omitempty"`  // one of [Encodings]; empty: UTF-8, or UTF-16 with a byte order mark
	Delimiter string            `json:"delimiter,omitempty"` // , ; or a tab, or comma, semicolon, tab; empty: what the heading has most of
	Mode      Mode              `json:"mode"`
	Match     string            `json:"match,omitempty"` // the field by which contacts are found, one of a [Target]'s; empty: msisdn
	Map       map[string]string `json:"map,omitempty"`   // column -> target, as [ParseTarget] reads it; other columns go by their names
	// CountryCode is the calling code, such as 27, of telephone numbers that are written without one.
	CountryCode  string   `json:"country_code,omitempty"`
	Groups       []string `json:"groups,omitempty"` // keys or names of groups that every contact joins
	CreateGroups bool     `json:"create_groups,omitempty"`
	Strict       bool     `json:"strict,omitempty"`  // stop at the first bad row, instead of skipping it
	DryRun       bool     `json:"dry_run,omitempty"` // count and report, and change nothing
	Again        bool     `json:"-"`                 // begin although an import of the same file is unfinished
}

// filled returns the spec with what was left out, or core.Invalid.
func (s Spec) filled() (Spec, error) {
	switch s.Mode {
	case AlwaysNew, ExistingWins, UploadWins:
	case "":
		return s, core.Errorf(core.Invalid, "the mode is missing: choose new, existing-wins or upload-wins")
	default:
		return s, core.Errorf(core.Invalid, "there is no mode %q: choose new, existing-wins or upload-wins", string(s.Mode))
	}
	if s.Match == "" {
		s.Match = "msisdn"
	}
	if len(s.Name) > maxNameBytes {
		return s, core.Errorf(core.Invalid, "the name of the file is longer than %d bytes", maxNameBytes)
	}
	if !isStorable(s.Name) {
		return s, core.Errorf(core.Invalid, "the name of the file is no text")
	}
	if slices.ContainsFunc(s.Groups, func(name string) bool { return strings.TrimSpace(name) == "" }) {
		return s, core.Errorf(core.Invalid, "a group has no name: give its key or its name")
	}
	if _, err := matchField(s.Match); err != nil {
		return s, err
	}
	return s, checkCountryCode(s.CountryCode)
}

// isStorable reports whether both engines take a text.
func isStorable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// reasonOf returns the text of an error as it is stored. It may repeat whatever stands in a file.
func reasonOf(err error) string {
	text := strings.ReplaceAll(strings.ToValidUTF8(core.SafeMessage(err), "\ufffd"), "\x00", "\ufffd")
	return shortened(text, maxReason)
}

// State is where an import stands.
type State uint8

// The states.
const (
	Unfinished State = 1 + iota // under way, or waiting for somebody to go on with it
	Done
	Failed // stopped by Problem; [Service.Resume] lets it go on
	Discarded
)

var stateNames = [...]string{Unfinished: "unfinished", Done: "done", Failed: "failed", Discarded: "discarded"}

// String returns the state's name.
func (s State) String() string { return stateNames[s] }

// Outcome is what became of one row.
type Outcome uint8

// The outcomes.
const (
	Created Outcome = 1 + iota
	Updated
	Unchanged // the contact was there and had all of it
	Skipped
)

var outcomeNames = [...]string{Created: "created", Updated: "updated", Unchanged: "unchanged", Skipped: "skipped"}

// String returns the outcome's name.
func (o Outcome) String() string { return outcomeNames[o] }

// Counts are the rows by outcome.
type Counts struct {
	Created   int64 `json:"created"`
	Updated   int64 `json:"updated"`
	Unchanged int64 `json:"unchanged"`
	Skipped   int64 `json:"skipped"`
}

func (c *Counts) add(o Outcome) {
	switch o {
	case Created:
		c.Created++
	case Updated:
		c.Updated++
	case Unchanged:
		c.Unchanged++
	case Skipped:
		c.Skipped++
	}
}

// Import is one file on its way in.
type Import struct {
	Key      string // 32 hex digits; ascending with time
	Account  string
	Source   // of what file
	Spec     Spec
	State    State
	Problem  string // why it failed
	Uploaded bool   // the server has the file and does the work
	Position int64  // rows that are dealt with
	Counts
	GroupKeys []string // what Spec.Groups are
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Row is what the report says of one row.
type Row struct {
	Number  int64 // the first after the heading is 1
	Line    int64 // where it begins in the file
	Outcome Outcome
	Contact string // key; empty when there is none
	Reason  string // why it was skipped
}
