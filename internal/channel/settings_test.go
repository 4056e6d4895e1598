package channel_test

import (
	"maps"
	"net/netip"
	"strings"
	"testing"
	"time"

	"indaba/internal/channel"
	"indaba/internal/core"
)

var sample = channel.Type{
	Name: "sample",
	Settings: []channel.Setting{
		{Name: "secret", Kind: channel.Text, Required: true, Secret: true},
		{Name: "base_url", Kind: channel.URL, Default: "https://a.example/"},
		{Name: "rate", Kind: channel.Number},
		{Name: "open", Kind: channel.Bool},
		{Name: "timeout", Kind: channel.Duration, Default: "10s"},
		{Name: "kind", Kind: channel.Choice, Choices: []string{"sms", "ussd"}, Default: "sms"},
		{Name: "extra", Kind: channel.JSON, Secret: true},
	},
	New: func(c channel.Config) (channel.Adapter, error) { return nil, nil },
}

func TestCheckFillsDefaults(t *testing.T) {
	got, err := sample.Check(map[string]string{"secret": " s ", "timeout": "", "rate": "2.5", "extra": "{}"})
	want := map[string]string{"secret": "s", "base_url": "https://a.example/", "rate": "2.5", "open": "",
		"timeout": "10s", "kind": "sms", "extra": "{}"}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	c := channel.Config{Settings: got}
	if c.Duration("timeout") != 10*time.Second || c.Number("rate") != 2.5 || c.Bool("open") || c.Base("base_url") != "https://a.example" {
		t.Errorf("read back: %v %v %v %v", c.Duration("timeout"), c.Number("rate"), c.Bool("open"), c.Base("base_url"))
	}
}

func TestCheckReportsEverythingAtOnce(t *testing.T) {
	_, err := sample.Check(map[string]string{"secrte": "my password", "base_url": "ftp://a", "rate": "-1", "open": "yes",
		"timeout": "10", "kind": "mms", "extra": "[my password]", "zzzzzz": "1"})
	if core.KindOf(err) != core.Invalid {
		t.Fatalf("got %v", err)
	}
	text := core.SafeMessage(err)
	for _, part := range []string{`unknown setting "secrte", did you mean "secret"?`, `unknown setting "zzzzzz"`,
		"secret is required", "base_url must", "rate must", "open must", "timeout must", "kind must be one of sms, ussd",
		"extra must be a JSON object"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in %q", part, text)
		}
	}
	if strings.Contains(text, "password") || strings.Contains(text, `"zzzzzz", did`) {
		t.Errorf("too much is said: %q", text)
	}
}

func TestValuesThatDoNotFit(t *testing.T) {
	for name, values := range map[string][]string{
		"secret":   {channel.Masked, "  "},
		"base_url": {"a.example", "https://", "//a", "javascript:alert(1)", "http://a b"},
		"rate":     {"NaN", "Inf", "1e10", "ten"},
		"timeout":  {"0s", "-1s", "5 minutes"},
		"extra":    {"null", "1", "{", "{}{}"},
	} {
		for _, value := range values {
			settings := map[string]string{"secret": "s"}
			settings[name] = value
			if _, err := sample.Check(settings); core.KindOf(err) != core.Invalid || !strings.Contains(err.Error(), name) {
				t.Errorf("%s = %q: %v", name, value, err)
			}
		}
	}
}

func TestRedacted(t *testing.T) {
	got := sample.Redacted(map[string]string{"secret": "s", "extra": "", "kind": "sms", "old_password": "p"})
	want := map[string]string{"secret": channel.Masked, "extra": "", "kind": "sms", "old_password": channel.Masked}
	if !maps.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}

func TestGuard(t *testing.T) {
	guard := func(secret, allow string) *channel.Guard {
		g, err := channel.NewGuard(channel.Config{Settings: map[string]string{"path_secret": secret, "allow": allow}})
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	both, path, network := guard("s", "10.0.0.0/8,\n192.0.2.1"), guard("s", ""), guard("", "10.1.2.3/8 ::1")
	for _, c := range []struct {
		guard      *channel.Guard
		path, from string
		rest       string
		ok         bool
	}{
		{both, "s", "10.1.1.1", "", true},
		{both, "s/status", "192.0.2.1", "status", true},
		{both, "s/status", "::ffff:10.1.1.1", "status", true},
		{both, "s", "192.0.2.2", "", false},
		{both, "x", "10.1.1.1", "", false},
		{path, "s/a/b", "192.0.2.2", "a/b", true},
		{path, "", "192.0.2.2", "", false},
		{path, "status/s", "192.0.2.2", "", false},
		{path, "ss", "192.0.2.2", "", false},
		{network, "status", "10.9.9.9", "status", true},
		{network, "", "::1", "", true},
		{network, "", "11.0.0.0", "", false},
	} {
		rest, err := c.guard.Check(&channel.Request{Path: c.path, RemoteIP: netip.MustParseAddr(c.from)})
		if rest != c.rest || (err == nil) != c.ok || err != nil && core.KindOf(err) != core.Unauthenticated {
			t.Errorf("%q from %s: %q, %v", c.path, c.from, rest, err)
		}
	}
	if _, err := network.Check(&channel.Request{}); err == nil {
		t.Error("a caller without an address is let in")
	}
}

func TestSignatures(t *testing.T) {
	// RFC 4231, test case 2.
	mac := channel.HMACSHA256("Jefe", []byte("what do ya want "), []byte("for nothing?"))
	for text, same := range map[string]bool{
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843": true,
		"5BDCC146BF60754E6A042426089575C75A003F089D2739839DEC58B964EC3843": true,
		"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3842": false,
		"5bdcc146": false, "": false, "zz": false,
	} {
		if channel.SameHex(mac, text) != same {
			t.Errorf("%q: want %v", text, same)
		}
	}
	if !channel.SameSecret("a", "a") || channel.SameSecret("a", "b") || channel.SameSecret("", "") || channel.SameSecret("a", "") {
		t.Error("SameSecret")
	}
	now := time.Unix(1_800_000_000, 0)
	for timestamp, fresh := range map[string]bool{"1800000000": true, "1799999700": true, "1799999699": false,
		"1800000300": true, "1800000301": false, "": false, "now": false, "-9223372036854775808": false,
		"9223372036854775807": false, "-9223372035054775808": false, "1800000000.5": false} {
		err := channel.CheckFresh(timestamp, now)
		if (err == nil) != fresh || err != nil && core.KindOf(err) != core.Unauthenticated {
			t.Errorf("%q: %v", timestamp, err)
		}
	}
}
