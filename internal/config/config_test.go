package config_test

import (
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"

	"indaba/internal/config"
)

// inDirectory runs the test in an empty working directory that holds the given indaba.yaml, if any.
func inDirectory(t *testing.T, yaml string) {
	t.Helper()
	t.Chdir(t.TempDir())
	if yaml == "" {
		return
	}
	if err := os.WriteFile("indaba.yaml", []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestPrecedence(t *testing.T) {
	const yaml = "bot_turns: 3\n"
	env := []string{"INDABA_BOT_TURNS=4"}
	flag := []string{"--bot-turns=5"}
	tests := []struct {
		name   string
		yaml   string
		env    []string
		args   []string
		want   int
		origin string
	}{
		{name: "default", want: 256, origin: "default"},
		{name: "file", yaml: yaml, want: 3, origin: "indaba.yaml:1"},
		{name: "file section", yaml: "bot:\n  turns: 3\n", want: 3, origin: "indaba.yaml:2"},
		{name: "environment over file", yaml: yaml, env: env, want: 4, origin: "INDABA_BOT_TURNS"},
		{name: "flag over all", yaml: yaml, env: env, args: flag, want: 5, origin: "--bot-turns"},
		{name: "empty variable is not set", yaml: yaml, env: []string{"INDABA_BOT_TURNS="}, want: 3,
			origin: "indaba.yaml:1"},
		{name: "variables of others", env: []string{"BOT_TURNS=4", "INDABA_TEST_POSTGRES=x", "=",
			"INDABA_PORT=tcp://10.0.0.1:80", "INDABA_PORT_80_TCP=x", "INDABA_SERVICE_HOST=10.0.0.1", "INDABA_SERVICE_PORT_HTTP=80"}, want: 256,
			origin: "default"},
		{name: "empty file", yaml: "# nothing yet\n", want: 256, origin: "default"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inDirectory(t, test.yaml)
			c, sources, err := config.Parse(test.args, test.env)
			if err != nil {
				t.Fatal(err)
			}
			if c.Bot.Turns != test.want || sources.Origin("bot_turns") != test.origin {
				t.Errorf("got %d from %s, want %d from %s",
					c.Bot.Turns, sources.Origin("bot_turns"), test.want, test.origin)
			}
		})
	}
}

func TestEveryKindOfValueFromEverySource(t *testing.T) {
	want := config.Default()
	want.Bot.CPU = 90 * time.Second
	want.Bot.Wall = 36 * time.Hour
	want.MaxBody = 5 << 20
	want.Egress.AllowHosts = []string{"10.1.0.0/16", "intranet.example.org"}
	want.PublicURL = "https://chat.example.org"
	want.Log.Level = -4
	want.TrustProxy = true
	want.API.ConversationRequests = -1
	tests := map[string]struct {
		yaml      string
		env, args []string
	}{
		"file": {yaml: `
bot: {cpu: 1m30s, wall: 1d12h}
max_body: 5MiB
egress_allow_hosts: [10.1.0.0/16, intranet.example.org]
public_url: https://chat.example.org
log:
  level: debug
trust_proxy: true
api: {conversation_requests: -1}
`},
		"environment": {env: []string{"INDABA_BOT_CPU=90s", "INDABA_BOT_WALL=36h", "INDABA_MAX_BODY=5242880",
			"INDABA_EGRESS_ALLOW_HOSTS=10.1.0.0/16,intranet.example.org", "INDABA_PUBLIC_URL=https://chat.example.org",
			"INDABA_LOG_LEVEL=DEBUG", "INDABA_TRUST_PROXY=true", "INDABA_API_CONVERSATION_REQUESTS=-1"}},
		"flags": {args: []string{"--bot-cpu", "90s", "--bot-wall=1d12h", "--max-body=5120 KiB",
			"--egress-allow-hosts=10.1.0.0/16", "--egress-allow-hosts=intranet.example.org",
			"--public-url=https://chat.example.org", "--log-level=debug", "--trust-proxy",
			"--api-conversation-requests=-1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inDirectory(t, test.yaml)
			got, _, err := config.Parse(test.args, test.env)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestMistakesAreNamed(t *testing.T) {
	tests := []struct {
		name string
		yaml string
		env  []string
		args []string
		want []string // all of them must be in the error
	}{
		{name: "unknown key", yaml: "\npublik_url: x\n", want: []string{"indaba.yaml:2", "did you mean public_url?"}},
		{name: "unknown key in a section", yaml: "bot:\n  cpus: 2s\n", want: []string{"indaba.yaml:2", "bot_cpu?"}},
		{name: "nothing near", yaml: "zzzzzzzzzz: 1\n", want: []string{"there is no setting zzzzzzzzzz"}},
		{name: "unknown variable", env: []string{"INDABA_LISTN=:1"}, want: []string{"did you mean INDABA_LISTEN?"}},
		{name: "all unknown at once", yaml: "lisen: a\ndatta: b\n", env: []string{"INDABA_KVQUOTA=1"},
			want: []string{"listen?", "data?", "INDABA_KV_QUOTA?"}},
		{name: "bad duration in the environment", env: []string{"INDABA_BOT_CPU=soon"},
			want: []string{"INDABA_BOT_CPU: bot_cpu: ", `"soon"`, "1m30s"}},
		{name: "bad duration in the file", yaml: "bot_cpu: 2\n", want: []string{"indaba.yaml:1: bot_cpu: ", "length of time"}},
		{name: "days do not overflow", args: []string{"--retention-turns=99999999d"}, want: []string{"length of time"}},
		{name: "bad size", args: []string{"--max-body=1MB"}, want: []string{"--max-body", "KiB"}},
		{name: "size overflows", args: []string{"--max-body=99999999999GiB"}, want: []string{"--max-body"}},
		{name: "bad number", yaml: "kv_quota: many\n", want: []string{"indaba.yaml:1: kv_quota: "}},
		{name: "bad level", yaml: "log_level: loud\n", want: []string{"indaba.yaml:1", "loud"}},
		{name: "list for one value", yaml: "listen: [a, b]\n", want: []string{"indaba.yaml:1", "not a list"}},
		{name: "list of lists", yaml: "egress_allow_hosts: [[a]]\n", want: []string{"plain values"}},
		{name: "no value", yaml: "listen:\n", want: []string{"indaba.yaml:1", "no value"}},
		{name: "twice in two spellings", yaml: "bot_cpu: 2s\nbot: {cpu: 3s}\n", want: []string{"indaba.yaml:2", "line 1"}},
		{name: "not settings", yaml: "- a\n", want: []string{"expected settings"}},
		{name: "not YAML", yaml: "a: [\n", want: []string{"indaba.yaml"}},
		{name: "two documents", yaml: "listen: :1\n---\nlisten: :2\n", want: []string{"one YAML document"}},
		{name: "aliases", yaml: "data: &a x\nlisten: *a\n", want: []string{"indaba.yaml:2", "aliases"}},
		{name: "file inside the file", yaml: "config: other.yaml\n", want: []string{"cannot stand"}},
		{name: "named file must exist", args: []string{"--config=no.yaml"}, want: []string{"no.yaml"}},
		{name: "named file must exist, environment", env: []string{"INDABA_CONFIG=no.yaml"}, want: []string{"no.yaml"}},
		{name: "unknown flag", args: []string{"--lisen=x"}, want: []string{"--listen"}},
		{name: "checked", args: []string{"--listen=nowhere"}, want: []string{"listen:", "HOST:PORT"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inDirectory(t, test.yaml)
			_, _, err := config.Parse(test.args, test.env)
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error does not say %q: %v", want, err)
				}
			}
		})
	}
}

func TestNamedFile(t *testing.T) {
	inDirectory(t, "bot_turns: 3\n")
	other := filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(other, []byte("kv_quota: 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ args, env []string }{
		"flag":                  {args: []string{"--config", other}},
		"environment":           {env: []string{"INDABA_CONFIG=" + other}},
		"flag over environment": {args: []string{"--config=" + other}, env: []string{"INDABA_CONFIG=gone.yaml"}},
	} {
		got, sources, err := config.Parse(c.args, c.env)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.KV.Quota != 7 || got.Bot.Turns != 256 {
			t.Errorf("%s: quota %d, workers %d: want the named file and only that", name, got.KV.Quota, got.Bot.Turns)
		}
		if origin := sources.Origin("kv_quota"); origin != other+":1" {
			t.Errorf("%s: origin %s", name, origin)
		}
	}
}

// Whoever has made a mistake in a file reads first which file it is in, and not a flag that nobody gave.
func TestMistakesBeginWithTheirPlace(t *testing.T) {
	inDirectory(t, "")
	for name, test := range map[string]struct{ yaml, begin string }{
		"unknown":  {"listn: a\n", "x.yaml:1: there is no setting listn"},
		"value":    {"kv_quota: 7\nbot_cpu: 2\n", "x.yaml:2: bot_cpu: "},
		"list":     {"data: [a]\n", "x.yaml:1: data: is one value"},
		"not YAML": {"a: [\n", "x.yaml: "},
	} {
		if err := os.WriteFile("x.yaml", []byte(test.yaml), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := config.Parse([]string{"--config=x.yaml"}, nil); err == nil || !strings.HasPrefix(err.Error(), test.begin) {
			t.Errorf("%s: %v does not begin with %q", name, err, test.begin)
		}
	}
	if _, _, err := config.Parse(nil, []string{"INDABA_BOT_CPU=soon"}); err == nil || !strings.HasPrefix(err.Error(), "INDABA_BOT_CPU: ") {
		t.Error(err)
	}
}

// In the folder of a bot, indaba.yaml is the bot's manifest. What names a setting is still read as settings, whatever else is
// in it: nobody loses a file of settings by a slip.
func TestManifestOfABotIsNoSettings(t *testing.T) {
	for name, manifest := range map[string]string{
		"one script": "name: hello\nscript: app.js\nconfig: {greeting: Hello}\nlimits: {cpu_ms: 5}\n",
		"several":    "scripts: [a.js, 'b/*.js']\nconfig: config.json\nendpoints: &e {sms: {delivery_class: sms}}\nconfigs: {x: *e}\n",
	} {
		inDirectory(t, manifest)
		c, sources, err := config.Parse(nil, nil)
		if err != nil || c.Data != "./data" || sources.Origin("data") != "default" {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		if _, _, err := config.Parse([]string{"--config=indaba.yaml"}, nil); err == nil || !strings.Contains(err.Error(), "no setting script") {
			t.Errorf("%s: a file that was named is settings: %v", name, err)
		}
	}
	for name, settings := range map[string]string{"beside settings": "script: app.js\nlisten: :80\n", "beside a section": "script: a\nbot: {cpu: 1s}\n",
		"without a script": "name: hello\n"} {
		inDirectory(t, settings)
		if _, _, err := config.Parse(nil, nil); err == nil || !strings.Contains(err.Error(), "there is no setting") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A zero that was asked for is a mistake to report, not a default to put in its place.
func TestZeroIsNotReplacedByTheDefault(t *testing.T) {
	inDirectory(t, "kv_quota: 0\nlisten: \"\"\n")
	_, _, err := config.Parse([]string{"--bot-log-lines=0"}, []string{"INDABA_BOT_TURNS=0"})
	for _, want := range []string{"kv_quota: is 0", "bot_log_lines: is 0", "bot_turns: is 0", `listen: is ""`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q in: %v", want, err)
		}
	}
}

// A command that has nothing to do with settings does not fail because of them.
func TestCommandsWithoutSettingsIgnoreThem(t *testing.T) {
	inDirectory(t, "nonsense: 1\n")
	var cli struct {
		Serve struct {
			config.Config `embed:""`
		} `cmd:""`
		Version struct {
			Short bool
		} `cmd:""`
	}
	parse := func(args ...string) error {
		options := config.NewSources([]string{"INDABA_NONSENSE=1"}).Options()
		parser, err := kong.New(&cli, options...)
		if err != nil {
			t.Fatal(err)
		}
		_, err = parser.Parse(args)
		return err
	}
	if err := parse("version"); err != nil {
		t.Error(err)
	}
	if err := parse("serve"); err == nil || !strings.Contains(err.Error(), "INDABA_NONSENSE") {
		t.Errorf("serve: %v", err)
	}
}

func TestHelpNamesTheVariables(t *testing.T) {
	var out strings.Builder
	var c config.Config
	options := append(config.NewSources(nil).Options(), kong.Name("indaba"), kong.Writers(&out, &out),
		kong.Exit(func(int) { panic("help") }))
	parser, err := kong.New(&c, options...)
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() { _ = recover() }()
		_, err = parser.Parse([]string{"--help"})
	}()
	words := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{"--bot-memory=64MiB", "($INDABA_BOT_MEMORY)", "--retention-turns=30d", "($INDABA_DATA)"} {
		if !strings.Contains(words, want) {
			t.Errorf("help does not have %q (error %v):\n%s", want, err, out.String())
		}
	}
}

func TestBaseURL(t *testing.T) {
	for _, test := range []struct{ public, listen, want string }{
		{"https://chat.example.org/", "127.0.0.1:80", "https://chat.example.org"},
		{"https://example.org/indaba", "127.0.0.1:80", "https://example.org/indaba"},
		{"", "127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"", "0.0.0.0:8080", "http://localhost:8080"},
		{"", "[::]:8080", "http://localhost:8080"},
		{"", "[::1]:8080", "http://[::1]:8080"},
	} {
		address, err := net.ResolveTCPAddr("tcp", test.listen)
		if err != nil {
			t.Fatal(err)
		}
		c := &config.Config{PublicURL: test.public}
		if got := c.BaseURL(address); got != test.want {
			t.Errorf("%q, %q: got %q, want %q", test.public, test.listen, got, test.want)
		}
	}
}
