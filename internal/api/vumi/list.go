package vumi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"indaba/internal/api"
	"indaba/internal/core"
)

// streamPage is how many records a stream holds in memory at a time.
const streamPage = 250

// reader returns the records after a cursor, at most limit of them, and the cursor of those that follow, which is empty
// after the last.
type reader[T any] func(ctx context.Context, cursor string, limit int) (records []T, next string, err error)

// page is the body of an answer that is not streamed (docs/spec/vumi-http.md 2).
type page[T any] struct {
	Cursor *string `json:"cursor"`
	Data   []T     `json:"data"`
}

// list answers with a page or with the stream of all records.
func list[T any](f *face, w http.ResponseWriter, r *api.Request, read reader[T]) error {
	query, err := r.Query()
	if err != nil {
		return err
	}
	if query.Has("query") {
		return errNoQuery()
	}
	if isStream(query) {
		return stream(f, w, r, read)
	}
	limit, err := pageLimit(query, f.PageSize)
	if err != nil {
		return err
	}
	records, next, err := read(r.Context(), last(query, "cursor"), limit)
	if err != nil {
		return err
	}
	answer := page[T]{Data: records}
	if next != "" {
		answer.Cursor = &next
	}
	if answer.Data == nil {
		answer.Data = []T{}
	}
	return writeRecord(w, answer, nil)
}

// stream answers with all records, one a line. What goes wrong before the first is an error as usual; later the
// connection is cut.
func stream[T any](f *face, w http.ResponseWriter, r *api.Request, read reader[T]) error {
	leave, err := f.streams.Enter(r.Account())
	if err != nil {
		return err
	}
	defer leave()
	var lines *api.Lines
	return core.EachPage(r.Context(), true, func(ctx context.Context, cursor string) ([]T, string, error) {
		return read(ctx, cursor, streamPage)
	}, func(records []T) error {
		if lines == nil {
			lines = api.NewLines(w, jsonUTF8)
		}
		for _, record := range records {
			if err := lines.Write(record); err != nil {
				return err
			}
		}
		return lines.Flush()
	})
}

func errNoQuery() error { return invalid("query parameter not supported") }

func isStream(query url.Values) bool { return last(query, "stream") == "true" }

// last returns the value of a parameter; of several the last, as ever.
func last(query url.Values, name string) string {
	values := query[name]
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// pageLimit reads max_results. Nothing, zero, what is negative and what is more than most mean most.
func pageLimit(query url.Values, most int) (int, error) {
	text := strings.TrimSpace(last(query, "max_results"))
	if text == "" {
		return most, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, invalid("max_results must be an integer")
	}
	if n <= 0 || n > most {
		return most, nil
	}
	return n, nil
}
