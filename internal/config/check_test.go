package config_test

import (
	"strings"
	"testing"
	"time"

	"indaba/internal/config"
)

func TestDefaultsPassTheCheck(t *testing.T) {
	if err := config.Default().Check(); err != nil {
		t.Error(err)
	}
}

func TestCheckReportsEverythingAtOnce(t *testing.T) {
	err := (&config.Config{}).Check()
	if err == nil {
		t.Fatal("an empty Config passes")
	}
	for _, setting := range []string{"data", "listen", "max_body", "log_format", "bot_cpu", "bot_wall", "bot_memory",
		"bot_isolation", "bot_turns", "bot_log_lines", "kv_quota", "egress_max_body", "egress_timeout",
		"delivery_give_up_after", "import_max_file", "import_keep", "retention_turns", "api_page_size", "api_max_points", "api_downloads",
		"api_conversation_requests", "api_conversation_messages", "session_life", "api_token_rate", "api_address_rate",
		"retention_turns_per_bot"} {
		if !strings.Contains("\n"+err.Error(), "\n"+setting+": ") {
			t.Errorf("nothing about %s in:\n%v", setting, err)
		}
	}
}

func TestCheck(t *testing.T) {
	key := strings.Repeat("0f", 32)
	tests := []struct {
		name string
		set  func(c *config.Config)
		want string // start of the complaint; empty: none
	}{
		{"key", func(c *config.Config) { c.SecretKey = key }, ""},
		{"short key", func(c *config.Config) { c.SecretKey = key[2:] }, "secret_key:"},
		{"key that is not hex", func(c *config.Config) { c.SecretKey = "zz" + key[2:] }, "secret_key:"},
		{"postgres", func(c *config.Config) { c.Database = "postgres://u:p@h:5432/d?sslmode=disable" }, ""},
		{"postgres over a socket", func(c *config.Config) { c.Database = "postgresql:///d?host=/run/postgresql" }, ""},
		{"postgres without a name", func(c *config.Config) { c.Database = "postgres://u:p@h/" }, "database:"},
		{"other engine", func(c *config.Config) { c.Database = "mysql://u:hunter2@h/d" }, "database:"},
		{"password that breaks the URL", func(c *config.Config) { c.Database = "postgres://u:hunter2%@h/d" }, "database:"},
		{"query with a semicolon", func(c *config.Config) { c.Database = "postgres://h/d?user=u;password=hunter2" }, "database:"},
		{"password that ends the URL", func(c *config.Config) { c.Database = "postgres://u@h/d?password=x#hunter2" }, "database:"},
		{"password that ends the host", func(c *config.Config) { c.Database = "postgres://u:12/hunter2@h/d" }, "database:"},
		{"postgres in capitals", func(c *config.Config) { c.Database = "POSTGRES://u:hunter2@h/d" }, "database:"},
		{"postgres without slashes", func(c *config.Config) { c.Database = "postgres:/d" }, "database:"},
		{"every address", func(c *config.Config) { c.Listen = ":0" }, ""},
		{"IPv6", func(c *config.Config) { c.Listen = "[::1]:80" }, ""},
		{"no port", func(c *config.Config) { c.Listen = "localhost" }, "listen:"},
		{"port out of range", func(c *config.Config) { c.Listen = ":65536" }, "listen:"},
		{"port by name", func(c *config.Config) { c.Listen = ":http" }, "listen:"},
		{"public URL below a path", func(c *config.Config) { c.PublicURL = "https://a.example/indaba" }, ""},
		{"public URL without scheme", func(c *config.Config) { c.PublicURL = "a.example" }, "public_url:"},
		{"public URL with query", func(c *config.Config) { c.PublicURL = "https://a.example?x" }, "public_url:"},
		{"public URL with password", func(c *config.Config) { c.PublicURL = "https://u:hunter2@a.example" }, "public_url:"},
		{"no grace", func(c *config.Config) { c.ShutdownGrace = 0 }, ""},
		{"negative grace", func(c *config.Config) { c.ShutdownGrace = -1 }, "shutdown_grace:"},
		{"hosts", func(c *config.Config) {
			c.Egress.AllowHosts = []string{"db", "a-b.example", "10.0.0.1", "fd00::/8", "::1"}
		}, ""},
		{"host with port", func(c *config.Config) { c.Egress.AllowHosts = []string{"db:80"} }, "egress_allow_hosts:"},
		{"URL as host", func(c *config.Config) { c.Egress.AllowHosts = []string{"http://db"} }, "egress_allow_hosts:"},
		{"empty host", func(c *config.Config) { c.Egress.AllowHosts = []string{""} }, "egress_allow_hosts:"},
		{"any host", func(c *config.Config) { c.Egress.AllowHosts = []string{"*"} }, "egress_allow_hosts:"},
		{"label with hyphen at its end", func(c *config.Config) { c.Egress.AllowHosts = []string{"a-.b"} }, "egress_allow_hosts:"},
		{"wall below CPU", func(c *config.Config) { c.Bot.Wall = time.Second }, "bot_wall:"},
		{"any number of requests", func(c *config.Config) { c.API.ConversationRequests = -1 }, ""},
		{"no requests", func(c *config.Config) { c.API.ConversationRequests = 0 }, "api_conversation_requests:"},
		{"any number of messages", func(c *config.Config) { c.API.ConversationMessages = -1 }, ""},
		{"no messages", func(c *config.Config) { c.API.ConversationMessages = 0 }, "api_conversation_messages:"},
		{"sessions of no time", func(c *config.Config) { c.SessionLife = 0 }, "session_life:"},
		{"page too large", func(c *config.Config) { c.API.PageSize = 1001 }, "api_page_size:"},
		{"isolation", func(c *config.Config) { c.Bot.Isolation = "strict" }, "bot_isolation:"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := config.Default()
			test.set(c)
			err := c.Check()
			if test.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Fatalf("got %v, want a complaint about %s", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), key[2:]) {
				t.Errorf("the complaint tells a secret: %v", err)
			}
		})
	}
}
