package transfer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"indaba/internal/core"
)

// Source is what is known of a file once all of it has been read.
type Source struct {
	Format    string   `json:"format"`
	Encoding  string   `json:"encoding"`
	Delimiter string   `json:"delimiter,omitempty"`
	Columns   []Column `json:"columns"`
	Total     int64    `json:"-"` // rows
	Size      int64    `json:"-"` // bytes
	Hash      string   `json:"-"` // SHA-256, as hex digits
}

// Column is a column of a file and where it goes.
type Column struct {
	Name   string `json:"name"`
	Target Target `json:"target"`
	Sample string `json:"sample,omitempty"` // the first value there is, shortened
}

const maxSample = 60 // characters

// The encodings of files.
const (
	utf8Name   = "utf-8"
	utf16Name  = "utf-16"
	latin1Name = "latin-1"
	cp1252Name = "windows-1252"
)

// Encodings returns the encodings that files may have.
func Encodings() []string { return []string{utf8Name, cp1252Name, latin1Name, utf16Name} }

// Inspect reads a file to its end and says what an import would make of it. It refuses, as core.Invalid or
// core.TooLarge and with the line, what cannot be read at all; single rows that are bad are no matter here.
func Inspect(ctx context.Context, file io.ReadSeeker, s Spec) (Source, error) {
	s, err := s.filled()
	if err != nil {
		return Source{}, err
	}
	if err := rewind(file); err != nil {
		return Source{}, err
	}
	sum := sha256.New()
	raw := &counted{r: io.TeeReader(file, sum)}
	source, text, err := recognise(raw, s)
	if err != nil {
		return Source{}, err
	}
	rows, err := newRows(text, source.Format, source.Delimiter)
	if err != nil {
		return Source{}, err
	}
	names, samples, err := source.survey(ctx, rows, s)
	if err != nil {
		return Source{}, err
	}
	if source.Columns, err = assign(names, samples, s, source.Format); err != nil {
		return Source{}, err
	}
	source.Size, source.Hash = raw.n, hex.EncodeToString(sum.Sum(nil))
	return source, nil
}

// survey reads all rows, counts them and collects the names of columns in the order in which they come. In JSON lines,
// extra and subscription have as many members as anybody likes: those beyond MaxColumns are not listed, and neither is
// one without a name, unless the spec speaks of them.
func (src *Source) survey(ctx context.Context, rows rows, s Spec) (names []string, samples map[string]string, err error) {
	names, samples = slices.Clone(rows.heading()), map[string]string{}
	seen, members := map[string]bool{}, 0
	for _, name := range names {
		seen[name] = true
	}
	for {
		r, err := rows.next()
		if errors.Is(err, io.EOF) {
			return names, samples, nil
		}
		if err == nil && src.Total%1024 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return nil, nil, err
		}
		src.Total++
		for _, c := range r.cells {
			if !seen[c.column] {
				t, member := ownPlace(c.column)
				_, mapped := s.Map[c.column]
				switch member = member && src.Format == JSONL; {
				case !member && len(names)-members == MaxColumns:
					return nil, nil, core.Errorf(core.TooLarge, "line %d: the file has more than %d columns", r.line, MaxColumns)
				case member && (members >= MaxColumns || t.Name == "") && !mapped && c.column != s.Match:
					continue
				case member:
					members++
				}
				seen[c.column] = true
				names = append(names, c.column)
			}
			if samples[c.column] == "" {
				samples[c.column] = shortened(strings.TrimSpace(c.text), maxSample)
			}
		}
	}
}

func shortened(text string, n int) string {
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// Fingerprint returns the SHA-256 of a file as hex digits.
func Fingerprint(file io.ReadSeeker) (string, error) {
	if err := rewind(file); err != nil {
		return "", err
	}
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("read the file: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// verify makes sure that a file is still the one that an import was begun with.
func (src *Source) verify(file io.ReadSeeker) error {
	hash, err := Fingerprint(file)
	if err != nil {
		return err
	}
	if hash != src.Hash {
		return core.Errorf(core.Conflict, "the file has changed since the import began: rows would be lost or taken twice. "+
			"Go on with the file as it was, or discard this import and begin a new one")
	}
	return rewind(file)
}

func rewind(file io.Seeker) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("read the file: %w", err)
	}
	return nil
}

// open returns the rows of a file that was inspected.
func (src *Source) open(file io.Reader) (rows, error) {
	_, text, err := recognise(file, Spec{Format: src.Format, Encoding: src.Encoding, Delimiter: src.Delimiter})
	if err != nil {
		return nil, err
	}
	return newRows(text, src.Format, src.Delimiter)
}

// recognise finds out encoding, format and delimiter, and returns the text in UTF-8 without byte order mark.
func recognise(raw io.Reader, s Spec) (Source, *bufio.Reader, error) {
	encoding, decoded, err := decode(bufio.NewReader(raw), s.Encoding)
	if err != nil {
		return Source{}, nil, err
	}
	text := bufio.NewReaderSize(&utf8Only{r: decoded, line: 1}, 64<<10)
	head, err := text.Peek(text.Size())
	if err != nil && !errors.Is(err, io.EOF) {
		return Source{}, nil, err
	}
	source := Source{Encoding: encoding, Format: s.Format, Delimiter: s.Delimiter}
	start := bytes.TrimLeft(head, " \t\r\n")
	if len(start) == 0 {
		return Source{}, nil, core.Errorf(core.Invalid, "the file is empty")
	}
	switch source.Format {
	case CSV, JSONL:
	case "":
		if list := bytes.TrimLeft(start[1:], " \t\r\n"); start[0] == '[' && len(list) > 0 && list[0] == '{' {
			return Source{}, nil, core.Errorf(core.Invalid, "the file is one JSON list: write each of its objects on a line of its own, "+
				"as jq -c '.[]' does")
		}
		source.Format = CSV
		if start[0] == '{' {
			source.Format = JSONL
		}
	default:
		return Source{}, nil, core.Errorf(core.Invalid, "there is no format %q: choose csv or jsonl", s.Format)
	}
	if source.Format == JSONL {
		source.Delimiter = ""
	} else if source.Delimiter == "" {
		source.Delimiter = guessDelimiter(start)
	}
	if character, ok := delimiters[source.Delimiter]; ok {
		source.Delimiter = character
	}
	switch source.Delimiter {
	case "", ",", ";", "\t":
		return source, text, nil
	}
	return Source{}, nil, core.Errorf(core.Invalid, "a file cannot be delimited by %q: choose a comma, a semicolon or a tab", source.Delimiter)
}

// delimiters are what is easier to write on a command line or in an address.
var delimiters = map[string]string{"comma": ",", "semicolon": ";", "tab": "\t"}

// guessDelimiter returns what the first line has most of, outside of quotes.
func guessDelimiter(head []byte) string {
	counts, quoted := map[byte]int{}, false
	for _, c := range head {
		if c == '"' {
			quoted = !quoted
		}
		if !quoted && c == '\n' {
			break
		}
		if !quoted {
			counts[c]++
		}
	}
	best := byte(',')
	for _, c := range []byte{';', '\t'} {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return string(best)
}

// decode returns the text in UTF-8, and what it was encoded in.
func decode(raw *bufio.Reader, name string) (string, io.Reader, error) {
	mark, err := raw.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", nil, fmt.Errorf("read the file: %w", err)
	}
	name = strings.ToLower(name)
	if name == "" {
		name = utf8Name
		if bytes.HasPrefix(mark, []byte{0xff, 0xfe}) || bytes.HasPrefix(mark, []byte{0xfe, 0xff}) {
			name = utf16Name
		}
	}
	switch name {
	case utf8Name, "utf8":
		if bytes.HasPrefix(mark, []byte{0xef, 0xbb, 0xbf}) {
			_, _ = raw.Discard(3) // they were just seen
		}
		return utf8Name, raw, nil
	case utf16Name, "utf16":
		return utf16Name, transform.NewReader(raw, unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder()), nil
	case latin1Name, "latin1", "iso-8859-1":
		return latin1Name, transform.NewReader(raw, charmap.ISO8859_1.NewDecoder()), nil
	case cp1252Name, "cp1252":
		return cp1252Name, transform.NewReader(raw, charmap.Windows1252.NewDecoder()), nil
	}
	return "", nil, core.Errorf(core.Invalid, "there is no encoding %q: choose one of %s", name, strings.Join(Encodings(), ", "))
}

// utf8Only hands text on and stops at the first byte that is no UTF-8, naming its line.
type utf8Only struct {
	r      io.Reader
	line   int64
	cut    []byte // the beginning of a character that came in parts
	failed error
}

func (u *utf8Only) Read(p []byte) (int, error) {
	if u.failed != nil {
		return 0, u.failed
	}
	n, err := u.r.Read(p)
	text := p[:n]
	if len(u.cut) > 0 {
		text = append(u.cut, text...)
	}
	u.cut = u.cut[:0]
	for i := 0; i < len(text); {
		if text[i] < utf8.RuneSelf {
			if text[i] == '\n' {
				u.line++
			}
			i++
			continue
		}
		if err == nil && !utf8.FullRune(text[i:]) {
			u.cut = slices.Clone(text[i:])
			break
		}
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			u.failed = core.Errorf(core.Invalid, "line %d: the text is not UTF-8 (byte 0x%02x). Save the file as UTF-8, or name its "+
				"encoding: windows-1252 is what Excel on Windows mostly writes", u.line, text[i])
			return 0, u.failed
		}
		i += size
	}
	if err != nil && !errors.Is(err, io.EOF) && core.KindOf(err) == core.Internal {
		err = fmt.Errorf("read the file: %w", err)
	}
	u.failed = err
	return n, err
}

// counted counts what is read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
