package transfer_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"indaba/internal/core"
	"indaba/internal/transfer"
)

func TestInspect(t *testing.T) {
	for _, test := range []struct {
		name, file string
		spec       transfer.Spec
		want       string // columns and targets, or the error
	}{
		{"semicolons and a mark", "\ufeffCell;E-Mail;Town;;Team\n1;2;3;4;5\n", transfer.Spec{},
			"csv utf-8 ; Cell→msisdn:phone E-Mail→email_address:text Town→extra.town:text Team→extra.team:text"},
		{"tabs", "Date of Birth\tMobile Number\n\t\n", transfer.Spec{}, "csv utf-8 \t Date of Birth→dob:date Mobile Number→msisdn:phone"},
		{"a delimiter in quotes", "\"a;b;c\",phone\n", transfer.Spec{}, "csv utf-8 , a;b;c→extra.a_b_c:text phone→msisdn:phone"},
		{"Windows", "phone,Stra\xdfe\n1,M\xfcller\n", transfer.Spec{Encoding: "windows-1252"}, "csv windows-1252 , phone→msisdn:phone Straße→extra.straße:text"},
		{"UTF-16", "\xff\xfep\x00h\x00o\x00n\x00e\x00\n\x001\x00\n\x00", transfer.Spec{}, "csv utf-16 , phone→msisdn:phone"},
		{"JSON lines", `{"msisdn":"1","extra":{"a":"b"},"key":"k","$VERSION":2}` + "\n\n" + `{"subscription":{"x":"y"},"surname":null}`, transfer.Spec{},
			"jsonl utf-8  $VERSION→ignore extra.a→extra.a:exact key→ignore msisdn→msisdn:exact subscription.x→subscription.x:exact surname→surname:exact"},
		{"members before their likes", `{"Town":"a","extra":{"town":"b"}}`, transfer.Spec{}, "jsonl utf-8  Town→extra.town_2:exact extra.town→extra.town:exact"},
		{"asked for", "phone,Town,x\n", transfer.Spec{Map: map[string]string{"Town": "extra.city:lower", "x": "ignore"}},
			"csv utf-8 , phone→msisdn:phone Town→extra.city:lower x→ignore"},
		{"two phones", "phone,mobile,cell\n", transfer.Spec{}, "csv utf-8 , phone→msisdn:phone mobile→extra.mobile:text cell→extra.cell:text"},
		{"asked for first", "phone,mobile\n", transfer.Spec{Map: map[string]string{"mobile": "msisdn"}}, "csv utf-8 , phone→extra.phone:text mobile→msisdn:phone"},

		{"nothing", "", transfer.Spec{}, "invalid: the file is empty"},
		{"blank", " \n\r\n", transfer.Spec{}, "invalid: the file is empty"},
		{"a JSON list", "[\n  {\"msisdn\": \"1\"}\n]", transfer.Spec{}, "invalid: the file is one JSON list"},
		{"cut JSON", "{\n", transfer.Spec{}, "invalid: no row of the file can be read"},
		{"JSON of nothing", "{}\n{}\n", transfer.Spec{}, "invalid: no row of the file can be read"},
		{"a heading of nothing", ",,\n1,2,3\n", transfer.Spec{}, "invalid: no row of the file can be read"},
		{"Latin-1 unnamed", "phone,name\n1,ok\n2,M\xfcller\n", transfer.Spec{}, "invalid: line 3: the text is not UTF-8 (byte 0xfc)"},
		{"cut character", "phone,name\n1,M\xc3", transfer.Spec{}, "invalid: line 2: the text is not UTF-8"},
		{"same names", "a, a\n", transfer.Spec{}, `invalid: two columns are called "a"`},
		{"same place", "a,b\n", transfer.Spec{Map: map[string]string{"a": "msisdn", "b": "msisdn"}}, `invalid: the columns "a" and "b" both go to msisdn`},
		{"no such column", "a,b\n", transfer.Spec{Map: map[string]string{"c": "msisdn"}}, `invalid: the file has no column "c": it has "a", "b"`},
		{"no such target", "a,b\n", transfer.Spec{Map: map[string]string{"a": "msisdm"}}, `invalid: there is no target "msisdm"`},
		{"nothing to find by", "name\n", transfer.Spec{Mode: transfer.UploadWins}, "invalid: no column goes to msisdn"},
		{"all ignored", "name\n", transfer.Spec{Map: map[string]string{"name": "ignore"}}, "invalid: no column of the file goes anywhere"},
		{"no mode", "a\n", transfer.Spec{Mode: "merge"}, `invalid: there is no mode "merge"`},
		{"no delimiter", "a\n", transfer.Spec{Delimiter: "|"}, "invalid: a file cannot be delimited by"},
		{"no encoding", "a\n", transfer.Spec{Encoding: "ebcdic"}, `invalid: there is no encoding "ebcdic"`},
		{"no country", "a\n", transfer.Spec{CountryCode: "ZA"}, `invalid: "ZA" is no calling code`},
		{"match by a name", "a\n", transfer.Spec{Match: "name"}, "invalid: contacts cannot be found by"},
		{"an open quote", "phone,name\n1,\"a\n2,b\n3,c\n", transfer.Spec{}, "invalid: line 2: a quote is opened and not closed properly by line"},
		{"an open quote in the heading", "phone,\"name\n1,a\n", transfer.Spec{}, "invalid: line 1: the heading cannot be read"},
	} {
		if test.spec.Mode == "" {
			test.spec.Mode = transfer.AlwaysNew
		}
		source, err := transfer.Inspect(t.Context(), strings.NewReader(test.file), test.spec)
		got := source.Format + " " + source.Encoding + " " + source.Delimiter
		for _, c := range source.Columns {
			got += " " + c.Name + "→" + c.Target.String()
		}
		if err != nil {
			got = core.KindOf(err).String() + ": " + err.Error()
		}
		if got != test.want && (err == nil || !strings.HasPrefix(got, test.want)) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// endless is a file that never ends and takes no memory itself.
type endless struct {
	head string
	body byte
	at   int64
}

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = e.body
		if e.at < int64(len(e.head)) {
			p[i] = e.head[e.at]
		}
		e.at++
	}
	if e.at > 2<<30 {
		return 0, errors.New("somebody reads on")
	}
	return len(p), nil
}

func (e *endless) Seek(offset int64, _ int) (int64, error) {
	e.at = offset
	return offset, nil
}

// Hostile files are refused after some megabytes, however long they are.
func TestHostileFiles(t *testing.T) {
	for name, file := range map[string]io.ReadSeeker{
		"a heading without end":   &endless{body: 'x'},
		"columns without end":     &endless{body: ','},
		"a line without end":      &endless{head: "msisdn\n", body: 'x'},
		"values without end":      &endless{head: "msisdn\n", body: ','},
		"a quote without end":     &endless{head: "msisdn\n\"", body: '\n'},
		"an object without end":   &endless{head: `{"a":"`, body: 'x'},
		"nested JSON without end": &endless{head: `{"a":`, body: '['},
		"many columns":            strings.NewReader(strings.Repeat("x,", 500_000)),
		"many names": strings.NewReader(func() string {
			var b bytes.Buffer
			for i := range 2000 {
				b.WriteString(`{"name` + strings.Repeat("x", i) + `":1}` + "\n")
			}
			return b.String()
		}()),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := transfer.Inspect(t.Context(), file, transfer.Spec{Mode: transfer.AlwaysNew})
		runtime.ReadMemStats(&after)
		if kind := core.KindOf(err); kind != core.TooLarge && kind != core.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		if spent := after.TotalAlloc - before.TotalAlloc; spent > 100<<20 {
			t.Errorf("%s: %d MiB were allocated", name, spent>>20)
		}
	}
}

func FuzzInspect(f *testing.F) {
	for _, seed := range []string{people, "a\n\"", "{\"a\":[1]}\n{", "\ufeffa;b\n;;;\n", "a\r\n\r\n\"x\"\"\"\r\n", "\xff\xfe\x00", "{\"a\":{\"b\":{}}}", "a,\x00\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		spec := transfer.Spec{Mode: transfer.AlwaysNew}
		source, err := transfer.Inspect(t.Context(), bytes.NewReader(file), spec)
		if err != nil {
			if kind := core.KindOf(err); kind != core.Invalid && kind != core.TooLarge {
				t.Fatalf("%v is nobody's fault", err)
			}
			return
		}
		again, err := transfer.Inspect(t.Context(), bytes.NewReader(file), spec)
		if err != nil || again.Total != source.Total || again.Hash != source.Hash || source.Size != int64(len(file)) {
			t.Fatalf("read again: %+v, before: %+v, %v", again, source, err)
		}
		places := map[string]bool{}
		for _, c := range source.Columns {
			text := c.Target.String()
			parsed, err := transfer.ParseTarget(text)
			if err != nil || parsed != c.Target {
				t.Fatalf("%q reads as %+v, %v", text, parsed, err)
			}
			if c.Target.Field != "ignore" && c.Target.Field != "groups" && places[text] {
				t.Fatalf("two columns go to %s", text)
			}
			places[text] = true
		}
	})
}
