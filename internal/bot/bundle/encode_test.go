package bundle

import (
	"bytes"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"indaba/internal/bot/js"
	"indaba/internal/core"
)

func sample() *Bundle {
	return &Bundle{
		Settings: Settings{Name: "sample", Config: map[string]string{"config": `{"name":"sample"}`}, TimeZone: "UTC",
			Endpoints: map[string]Endpoint{"sms": {DeliveryClass: "sms"}}, Limits: Limits{Commands: 5}, AllowHosts: []string{"example.org"}},
		Script: "require('a');\napi;", ScriptName: "app.js", Segments: []Segment{{"src/a.js", 1, 1}, {"src/b.js", 2, 1}},
		Modules:  []js.Module{{ID: "node_modules/a/index.js", Source: "\u2028 x", Requires: map[string]string{"util": "builtin:util"}}, {ID: "b.json", Source: "{}", JSON: true}},
		Roots:    map[string]string{"a": "node_modules/a/index.js", "b": "b.json"},
		Packages: []Package{{Name: "a", Version: "1.0.0", Path: "node_modules/a"}}, Warnings: []string{"careful"},
	}
}

func encode(t *testing.T, b *Bundle) []byte {
	t.Helper()
	data, err := b.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Everything of a bundle survives being stored.
func TestRoundTrip(t *testing.T) {
	want := sample()
	got, err := Decode(encode(t, want))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("stored %+v, got back %+v", want, got)
	}
}

// The hash is part of what is stored elsewhere: it changes only with the format.
func TestHash(t *testing.T) {
	hash, err := sample().Hash()
	if err != nil {
		t.Fatal(err)
	}
	const want = "4394efa6d29997b3e72797b7e9c4dd43a61f9c98aea610acd53b7e8dd92fd409"
	if hash != want {
		t.Errorf("the hash is %s, want %s", hash, want)
	}
	quiet, renamed := sample(), sample()
	quiet.Warnings, renamed.Name = nil, "other"
	if again, err := quiet.Hash(); err != nil || again != want {
		t.Errorf("without warnings the hash is %s, %v", again, err)
	}
	if other, err := renamed.Hash(); err != nil || other == want {
		t.Errorf("another name gives the same hash, %v", err)
	}
}

// frame makes an encoded bundle of JSON text.
func frame(t *testing.T, plain []byte) []byte {
	t.Helper()
	writer, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return writer.EncodeAll(plain, append([]byte(magic), encodingVersion))
}

// Bytes that are no bundle are refused.
func TestDecodeRefuses(t *testing.T) {
	good := encode(t, sample())
	dangling, twice, unknown := sample(), sample(), sample()
	dangling.Modules[0].Requires["x"] = "nowhere.js"
	twice.Modules = append(twice.Modules, twice.Modules[0])
	unknown.Roots["y"] = "nowhere.js"
	long := sample()
	long.Script = strings.Repeat("x", MaxScriptBytes+1)
	newer := bytes.Clone(good)
	newer[len(magic)]++
	cases := map[string]struct {
		data []byte
		kind core.Kind
		want string
	}{
		"empty":        {nil, core.Invalid, "not an encoded bundle"},
		"other file":   {[]byte("PK\x03\x04 something"), core.Invalid, "not an encoded bundle"},
		"magic only":   {[]byte(magic), core.Invalid, "not an encoded bundle"},
		"newer":        {newer, core.Invalid, "has format 2; this server reads format 1"},
		"cut off":      {good[:len(good)-5], core.Invalid, "damaged"},
		"no JSON":      {frame(t, []byte("hello")), core.Invalid, "damaged"},
		"wrong types":  {frame(t, []byte(`{"modules": 5}`)), core.Invalid, "damaged"},
		"bomb":         {frame(t, make([]byte, maxEncodedJSON+1)), core.Invalid, "damaged or too large"},
		"dangling":     {encode(t, dangling), core.Invalid, `lacks "nowhere.js"`},
		"unknown root": {encode(t, unknown), core.Invalid, `lacks "nowhere.js"`},
		"same module":  {encode(t, twice), core.Invalid, "two modules"},
		"long script":  {encode(t, long), core.TooLarge, "5242881 bytes"},
	}
	for name, c := range cases {
		if _, err := Decode(c.data); core.KindOf(err) != c.kind || !strings.Contains(core.SafeMessage(err), c.want) {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// Damaged bytes never do worse than an error.
func TestDecodeDamaged(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	good := encode(t, sample())
	for range 2000 {
		data := bytes.Clone(good)
		for range 1 + random.IntN(4) {
			data[random.IntN(len(data))] = byte(random.Uint32())
		}
		b, err := Decode(data)
		if err == nil && b.checkLinks() != nil {
			t.Fatalf("a damaged bundle was taken: %x", data)
		}
	}
}

func FuzzDecode(f *testing.F) {
	data, err := sample().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		if b, err := Decode(data); err == nil {
			if _, err := b.Encode(); err != nil {
				t.Errorf("what was decoded does not encode: %v", err)
			}
		}
	})
}
