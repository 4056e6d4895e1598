package config_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"indaba/internal/config"
)

func TestPrintReadsBackToTheSameSettings(t *testing.T) {
	changed := config.Default()
	changed.Data = "a dir: with # and \" and\nnewline"
	changed.Bot.CPU = 1500 * time.Millisecond
	changed.Bot.Wall = 10 * time.Hour
	changed.ShutdownGrace = 0
	changed.Retention.Turns = 36*time.Hour + 10*time.Minute
	changed.MaxBody = 1000
	changed.TrustProxy = true
	changed.API.ConversationRequests = -1
	changed.Egress.AllowHosts = []string{"a", "::1"}
	changed.Database = "postgres://localhost/x?sslmode=disable"
	for name, want := range map[string]*config.Config{"default": config.Default(), "changed": changed} {
		t.Run(name, func(t *testing.T) {
			var printed strings.Builder
			if err := want.Print(&printed, config.NewSources(nil)); err != nil {
				t.Fatal(err)
			}
			inDirectory(t, printed.String())
			got, _, err := config.Parse(nil, nil)
			if err != nil {
				t.Fatalf("%v in:\n%s", err, printed.String())
			}
			if len(got.Egress.AllowHosts) == 0 {
				got.Egress.AllowHosts = nil
			}
			if len(got.Bot.HelperMetadata) == 0 {
				got.Bot.HelperMetadata = nil
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v\nfrom:\n%s", got, want, printed.String())
			}
		})
	}
}

func TestPrintHidesSecretsAndShowsOrigins(t *testing.T) {
	inDirectory(t, "database: postgres://user:hunter2@db/indaba?sslmode=disable\n")
	key := strings.Repeat("ab", 32)
	c, sources, err := config.Parse([]string{"--log-format=json"}, []string{"INDABA_SECRET_KEY=" + key})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := c.Print(&out, sources); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"hunter2", key} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("shows %s:\n%s", secret, out.String())
		}
	}
	for _, line := range []string{"# secret_key: (hidden) # INDABA_SECRET_KEY", "log_format: json # --log-format",
		"listen: 127.0.0.1:8080 # default", "# indaba.yaml:1", "# database: postgres://user:xxxxx@db/indaba?sslmode=disable # "} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("lacks %q:\n%s", line, out.String())
		}
	}
}

// However somebody has mistaken the form of the address, the password in it is neither printed nor told in a complaint.
func TestPasswordOfTheDatabaseIsNeverShown(t *testing.T) {
	for _, address := range []string{"host=h user=u password=sekret dbname=x", "postgres:u:sekret@h/x", "u:sekret@h/x", "postgres//u:sekret@h/x",
		"postgres://h/x?user=u;password=sekret", "postgres://h/x?a=%zz&password=sekret", "postgres://h/x#password=sekret",
		"postgres://h/x?password=sekret", "postgres://u@h/x?sslpassword=sekret", "postgres://h/x?pass%77ord=sekret", "mysql://u:sekret@h/x",
		"postgres:///x?user=u&password=sekret", "postgres:sekret", "//u:sekret@h/x", "postgres://u:12/sekret@h/x", "postgres://u:12?sekret@h/x",
		"postgres://u%3Asekret@h/x", "postgres://u:sekret%@h/x", "sekret", "postgres://u:sekret@h/x", "POSTGRES://u:sekret@h/x", "postgres://u:sek@sekret@h/x"} {
		c := config.Default()
		c.Database = address
		var out strings.Builder
		if err := c.Print(&out, nil); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(out.String(), "sekret") || !strings.Contains(out.String(), "\n# database: ") {
			t.Errorf("%s: printed\n%s", address, out.String())
		}
		if err := c.Check(); err != nil && strings.Contains(err.Error(), "sekret") {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestSecretKeyComesFromTheSettingOrTheDataDirectory(t *testing.T) {
	c := &config.Config{Data: t.TempDir()}
	made, err := c.LoadSecretKey(false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(c.Data, "secret.key")); err != nil {
		t.Error(err)
	}
	if again, err := c.LoadSecretKey(false); err != nil || string(again) != string(made) {
		t.Errorf("got %x, %v; want %x", again, err, made)
	}
	if again, err := c.LoadSecretKey(true); err != nil || string(again) != string(made) {
		t.Errorf("got %x, %v; want %x", again, err, made)
	}
	lost := &config.Config{Data: t.TempDir()}
	if _, err := lost.LoadSecretKey(true); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("got %v for a lost key", err)
	}
	if files, err := os.ReadDir(lost.Data); err != nil || len(files) > 0 {
		t.Errorf("a lost key was replaced: %v, %v", files, err)
	}
	c.SecretKey = strings.Repeat("0f", 32)
	if set, err := c.LoadSecretKey(false); err != nil || string(set) != strings.Repeat("\x0f", 32) {
		t.Errorf("got %x, %v", set, err)
	}
	c.SecretKey = "hunter2"
	if _, err := c.LoadSecretKey(false); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
}
