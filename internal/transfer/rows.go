package transfer

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"indaba/internal/core"
)

// row is one record of a file.
type row struct {
	number int64 // the first after the heading is 1
	line   int64 // where it begins
	cells  []cell
	bad    error // why it cannot be read
}

// cell is one value of a row.
type cell struct {
	column string
	text   string
	null   bool     // JSON null: the value is to be none
	list   []string // of a JSON list
}

// rows reads a file row by row. It never holds more than one of them, of at most [MaxRecordBytes].
type rows interface {
	heading() []string // the names of the columns; none when rows name their columns themselves
	next() (row, error)
}

func newRows(text *bufio.Reader, format, delimiter string) (rows, error) {
	if format == JSONL {
		return &jsonRows{text: text}, nil
	}
	return newCSV(text, rune(delimiter[0]))
}

// csvRows reads CSV (RFC 4180) whose first row is the heading. Line feeds may stand in quotes; short rows lack their last
// values; blank lines are nothing.
type csvRows struct {
	allowance *allowance
	csv       *csv.Reader
	columns   []string
	number    int64
}

func newCSV(text io.Reader, delimiter rune) (*csvRows, error) {
	r := &csvRows{allowance: &allowance{r: text}}
	r.csv = csv.NewReader(r.allowance)
	r.csv.Comma, r.csv.FieldsPerRecord, r.csv.ReuseRecord = delimiter, -1, true
	heading, err := r.read()
	if err != nil {
		var parse *csv.ParseError
		if errors.As(err, &parse) {
			err = core.Errorf(core.Invalid, "line %d: the heading cannot be read: %s", parse.StartLine, quoteProblem(parse))
		}
		return nil, err
	}
	if len(heading) > MaxColumns {
		return nil, core.Errorf(core.TooLarge, "the file has %d columns, at most %d are allowed", len(heading), MaxColumns)
	}
	for _, name := range heading {
		name = strings.TrimSpace(name)
		if name != "" && slices.Contains(r.columns, name) {
			return nil, core.Errorf(core.Invalid, "two columns are called %q: give them names of their own", name)
		}
		r.columns = append(r.columns, name)
	}
	return r, nil
}

// read reads a record within the limit of bytes.
func (r *csvRows) read() ([]string, error) {
	r.allowance.left = MaxRecordBytes
	values, err := r.csv.Read()
	if errors.Is(err, errLong) {
		err = core.Errorf(core.TooLarge, "row %d after the heading has more than %d bytes: perhaps a quote is never closed", r.number+1, MaxRecordBytes)
		if r.columns == nil {
			err = core.Errorf(core.TooLarge, "the heading has more than %d bytes: is this a CSV file?", MaxRecordBytes)
		}
	}
	return values, err
}

func (r *csvRows) heading() []string {
	return slices.DeleteFunc(slices.Clone(r.columns), func(name string) bool { return name == "" })
}

func (r *csvRows) next() (row, error) {
	values, err := r.read()
	next := row{number: r.number + 1}
	if err != nil {
		parse, ok := errors.AsType[*csv.ParseError](err)
		switch {
		case !ok:
			return row{}, err
		case parse.Line > parse.StartLine:
			// Nobody knows how many rows the quote has swallowed.
			return row{}, core.Errorf(core.Invalid, "line %d: a quote is opened and not closed properly by line %d", parse.StartLine, parse.Line)
		}
		next.line, next.bad = int64(parse.StartLine), core.Errorf(core.Invalid, "%s", quoteProblem(parse))
		r.number++
		return next, nil
	}
	r.number++
	line, _ := r.csv.FieldPos(0)
	next.line = int64(line)
	for i, value := range values {
		switch {
		case i >= len(r.columns):
			if strings.TrimSpace(value) != "" {
				next.bad = core.Errorf(core.Invalid, "the row has %d values, the heading names %d columns", len(values), len(r.columns))
				return next, nil
			}
		case r.columns[i] != "":
			next.cells = append(next.cells, cell{column: r.columns[i], text: core.UnguardFormula(value)})
		}
	}
	return next, nil
}

func quoteProblem(err *csv.ParseError) string {
	if errors.Is(err.Err, csv.ErrBareQuote) {
		return `a quote (") stands inside a value that does not begin with one: write the value in quotes, and the quote twice`
	}
	return `a value in quotes goes on after its last quote, or has none: write quotes inside of it twice`
}

var errLong = errors.New("the record is too long")

// allowance hands on so many bytes.
type allowance struct {
	r    io.Reader
	left int
}

func (a *allowance) Read(p []byte) (int, error) {
	if a.left <= 0 {
		return 0, errLong
	}
	n, err := a.r.Read(p)
	a.left -= n
	return n, err
}

// jsonRows reads one JSON object per line. Members of objects in it are columns called OBJECT.MEMBER.
type jsonRows struct {
	text         *bufio.Reader
	number, line int64
}

func (*jsonRows) heading() []string { return nil }

func (r *jsonRows) next() (row, error) {
	for {
		line, err := r.readLine()
		if err != nil {
			return row{}, err
		}
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		r.number++
		next := row{number: r.number, line: r.line}
		next.cells, next.bad = flatten(line)
		return next, nil
	}
}

func (r *jsonRows) readLine() (string, error) {
	r.line++
	var line []byte
	for {
		part, err := r.text.ReadSlice('\n')
		if line = append(line, part...); len(line) > MaxRecordBytes {
			return "", core.Errorf(core.TooLarge, "line %d has more than %d bytes", r.line, MaxRecordBytes)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) > 0, err == nil:
			return string(line), nil
		}
		return "", err
	}
}

// flatten returns the values of a JSON object, sorted by column.
func flatten(line string) ([]cell, error) {
	var record map[string]json.RawMessage
	if err := json.Unmarshal([]byte(line), &record); err != nil || record == nil {
		return nil, core.Errorf(core.Invalid, "the line is no JSON object: %s", jsonProblem(err))
	}
	var cells []cell
	for _, name := range slices.Sorted(maps.Keys(record)) {
		value := record[name]
		if value[0] != '{' {
			c, err := scalar(name, value)
			if err != nil {
				return nil, err
			}
			cells = append(cells, c)
			continue
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(value, &members); err != nil {
			return nil, core.Errorf(core.Invalid, "%s: %s", name, err)
		}
		for _, member := range slices.Sorted(maps.Keys(members)) {
			c, err := scalar(name+"."+member, members[member])
			if err != nil {
				return nil, err
			}
			cells = append(cells, c)
		}
	}
	columns := 0
	for _, c := range cells {
		if _, member := ownPlace(c.column); !member {
			columns++
		}
	}
	if columns > MaxColumns {
		return nil, core.Errorf(core.TooLarge, "the line has %d values, at most %d are allowed", columns, MaxColumns)
	}
	return cells, nil
}

func jsonProblem(err error) string {
	if err == nil {
		return "it is null"
	}
	return err.Error()
}

// scalar reads a text, a number or a truth value as text, null, or a list of texts.
func scalar(column string, value json.RawMessage) (cell, error) {
	c := cell{column: column, text: string(value)}
	var err error
	switch value[0] {
	case '"':
		err = json.Unmarshal(value, &c.text)
	case 'n':
		c.text, c.null = "", true
	case '[':
		c.text, c.list = "", []string{}
		err = json.Unmarshal(value, &c.list)
	case '{':
		err = errors.New("an object inside an object")
	}
	if err != nil {
		return cell{}, core.Errorf(core.Invalid, "%s: the value is neither a text nor a list of texts", column)
	}
	return c, nil
}

func (c cell) String() string { return fmt.Sprintf("%s=%q", c.column, c.text) }
