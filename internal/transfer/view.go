package transfer

import (
	"encoding/json"
	"time"
)

// MarshalJSON writes an import as programs see it (docs/spec/admin.md 2.3).
func (im *Import) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Key       string    `json:"key"`
		File      string    `json:"file"`
		State     string    `json:"state"`
		Problem   string    `json:"problem,omitempty"`
		Mode      Mode      `json:"mode"`
		Match     string    `json:"match"`
		Country   string    `json:"country_code,omitempty"`
		Strict    bool      `json:"strict"`
		DryRun    bool      `json:"dry_run"`
		Uploaded  bool      `json:"uploaded"`
		Groups    []string  `json:"groups"`
		Format    string    `json:"format"`
		Encoding  string    `json:"encoding"`
		Delimiter string    `json:"delimiter,omitempty"`
		Columns   []Column  `json:"columns"`
		Bytes     int64     `json:"bytes"`
		Hash      string    `json:"sha256"`
		Rows      int64     `json:"rows"`
		Position  int64     `json:"position"`
		Counts              // created, updated, unchanged, skipped
		CreatedAt time.Time `json:"created_at"`
		UpdatedAt time.Time `json:"updated_at"`
	}{im.Key, im.Spec.Name, im.State.String(), im.Problem, im.Spec.Mode, im.Spec.Match, im.Spec.CountryCode, im.Spec.Strict,
		im.Spec.DryRun, im.Uploaded, append([]string{}, im.GroupKeys...), im.Format, im.Encoding, im.Delimiter, im.Columns, im.Size,
		im.Hash, im.Total, im.Position, im.Counts, im.CreatedAt, im.UpdatedAt})
}

// MarshalJSON writes a line of a report (docs/spec/admin.md 2.4).
func (r Row) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Row     int64  `json:"row"`
		Line    int64  `json:"line"`
		Outcome string `json:"outcome"`
		Contact string `json:"contact,omitempty"`
		Reason  string `json:"reason,omitempty"`
	}{r.Number, r.Line, r.Outcome.String(), r.Contact, r.Reason})
}

// ParseOutcome reads the name of an outcome; ok is false when there is none of that name.
func ParseOutcome(name string) (o Outcome, ok bool) {
	for o := Created; o <= Skipped; o++ {
		if o.String() == name {
			return o, true
		}
	}
	return 0, false
}
