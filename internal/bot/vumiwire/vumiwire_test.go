package vumiwire

import (
	"bytes"
	"encoding/csv"
	"slices"
	"testing"
	"time"

	"indaba/internal/core"
)

func TestEndpoints(t *testing.T) {
	for text, want := range map[string][]string{
		``: nil, `[]`: nil, `{}`: nil, `{"endpoints": 5, "sms_tag": ["a"]}`: nil,
		`{"endpoints": {"sms": {}, "email": {}}}`:                {"email", "sms"},
		`{"endpoints": {"p:t": {}}, "sms_tag": ["p", "t"]}`:      {"p:t"},
		`{"endpoints": {"sms": null}, "sms_tag": ["pool", "é"]}`: {"pool:é", "sms"},
	} {
		if got := Endpoints(text); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
}

// What people write comes through CSV to the byte, and nothing that they write is a column or a line of its own.
func TestCSV(t *testing.T) {
	at := time.Date(2026, 3, 4, 5, 6, 7, 89_000, time.UTC)
	for _, content := range []string{"", "hello", "a,b", `say "hi"`, "two\nlines", "two\r\nlines", "\r", "Ж 👋", " blank ", `"`, "x\"y,\"\n"} {
		m := NewMessage(&core.Message{ID: "m1", To: "+1", From: "+2", Content: &content, SessionEvent: core.SessionNew,
			CreatedAt: at}, nil)
		rows, err := csv.NewReader(bytes.NewReader(append([]byte(MessageHeader), line(m.cells())...))).ReadAll()
		if err != nil || len(rows) != 2 {
			t.Errorf("%q: %v, %v", content, rows, err)
			continue
		}
		want := []string{"2026-03-04 05:06:07.000089", "m1", "+1", "+2", "", "new", content, ""}
		want[6] = string(bytes.ReplaceAll([]byte(content), []byte("\r\n"), []byte("\n"))) // the reader makes it so
		if !slices.Equal(rows[1], want) {
			t.Errorf("got %q, want %q", rows[1], want)
		}
		if !bytes.Contains(line(m.cells()), bytes.ReplaceAll([]byte(content), []byte(`"`), []byte(`""`))) {
			t.Errorf("%q was changed: %q", content, line(m.cells()))
		}
	}
	reason := "no route"
	for _, test := range []struct {
		event Event
		want  string
	}{
		{NewEvent(&core.Event{ID: "e", Type: core.Ack, MessageID: "m", SentMessageID: "x", At: at}, "", nil), "ack,m,\r\n"},
		{NewEvent(&core.Event{ID: "e", Type: core.Nack, MessageID: "m", Reason: reason, At: at}, "", nil), "nack,m,no route\r\n"},
		{NewEvent(&core.Event{ID: "e", Type: core.DeliveryReport, Delivery: core.DeliveryFailed, MessageID: "m", At: at}, "", nil),
			"delivery_report.failed,m,\r\n"},
	} {
		if got := string(line(test.event.cells())); got != "2026-03-04 05:06:07.000089,e,"+test.want {
			t.Errorf("got %q", got)
		}
	}
}
