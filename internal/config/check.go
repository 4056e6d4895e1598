package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"indaba/internal/secret"
)

// Check reports everything that is wrong with the settings at once, one line each: the setting, what is wrong and
// what to do. No secret appears in what it says.
func (c *Config) Check() error {
	var k checker
	k.require("data", c.Data != "", "is empty: name a directory")
	k.database(c.Database)
	if c.SecretKey != "" {
		_, err := secret.ParseKey(c.SecretKey)
		k.require("secret_key", err == nil, "%v", err)
	}
	k.listen(c.Listen)
	k.publicURL(c.PublicURL)
	k.positive("max_body", int64(c.MaxBody))
	k.duration("session_life", c.SessionLife)
	k.require("shutdown_grace", c.ShutdownGrace >= 0, "is negative: 0s stops at once")
	k.api(&c.API)
	k.oneOf("log_format", c.Log.Format, "text", "json")
	k.bot(&c.Bot)
	k.positive("kv_quota", int64(c.KV.Quota))
	k.hosts("egress_allow_hosts", c.Egress.AllowHosts)
	k.positive("egress_max_body", int64(c.Egress.MaxBody))
	k.duration("egress_timeout", c.Egress.Timeout)
	k.duration("delivery_give_up_after", c.Delivery.GiveUpAfter)
	k.positive("import_max_file", int64(c.Import.MaxFile))
	k.duration("import_keep", c.Import.Keep)
	k.duration("retention_turns", c.Retention.Turns)
	k.positive("retention_turns_per_bot", int64(c.Retention.TurnsPerBot))
	return errors.Join(k.problems...)
}

type checker struct{ problems []error }

func (k *checker) require(setting string, ok bool, format string, args ...any) {
	if !ok {
		k.problems = append(k.problems, fmt.Errorf("%s: %s", setting, fmt.Sprintf(format, args...)))
	}
}

func (k *checker) positive(setting string, n int64) {
	k.require(setting, n > 0, "is %d: must be 1 or more", n)
}

func (k *checker) duration(setting string, d time.Duration) {
	k.require(setting, d > 0, "is %s: must be more than 0s", formatDuration(d))
}

func (k *checker) oneOf(setting, value string, allowed ...string) {
	k.require(setting, slices.Contains(allowed, value), "is %q: must be %s", value, strings.Join(allowed, " or "))
}

func (k *checker) api(a *API) {
	k.require("api_page_size", a.PageSize >= 1 && a.PageSize <= 1000, "is %d: must be 1 to 1000", a.PageSize)
	k.positive("api_max_points", int64(a.MaxPoints))
	k.positive("api_downloads", int64(a.Downloads))
	k.require("api_conversation_requests", a.ConversationRequests != 0,
		"is 0, with which nobody could send: write -1 for any number")
	k.require("api_conversation_messages", a.ConversationMessages != 0,
		"is 0, with which all messages would wait for ever: write -1 for any number")
	k.positive("api_token_rate", int64(a.TokenRate))
	k.positive("api_address_rate", int64(a.AddressRate))
}

func (k *checker) bot(b *Bot) {
	k.duration("bot_cpu", b.CPU)
	k.duration("bot_wall", b.Wall)
	k.require("bot_wall", b.Wall >= b.CPU, "is %s, less than bot_cpu (%s): make it longer",
		formatDuration(b.Wall), formatDuration(b.CPU))
	k.require("bot_memory", b.Memory >= 8<<20, "is %s: the toolkit alone needs 8MiB", b.Memory)
	k.oneOf("bot_isolation", b.Isolation, "pooled", "fresh", "process")
	k.positive("bot_turns", int64(b.Turns))
	k.positive("bot_log_lines", int64(b.LogLines))
}

func (k *checker) database(text string) {
	if text == "" {
		return
	}
	_, ok := parseAddress(text) // the text is never quoted: it may hold the password
	k.require("database", ok, "is not a PostgreSQL address: write postgres://USER:PASSWORD@HOST/NAME with special "+
		"characters in the password as %%XX, or leave it empty for SQLite")
}

// parseAddress reads the address of a PostgreSQL database. It is not ok where special characters are not written as %XX:
// then a part of the password may stand where nobody looks for one, such as in the name of the database.
func parseAddress(text string) (u *url.URL, ok bool) {
	u, err := url.Parse(text)
	if err != nil || !strings.HasPrefix(text, "postgres://") && !strings.HasPrefix(text, "postgresql://") {
		return nil, false
	}
	_, err = url.ParseQuery(u.RawQuery)
	return u, err == nil && strings.Trim(u.Path, "/") != "" && !strings.Contains(u.EscapedPath(), "@") && u.Fragment == ""
}

func (k *checker) listen(text string) {
	_, port, err := net.SplitHostPort(text)
	n, portErr := strconv.ParseUint(port, 10, 16)
	k.require("listen", err == nil && portErr == nil && n <= 65535,
		"is %q: write HOST:PORT, such as 127.0.0.1:8080, or :8080 for every address", text)
}

func (k *checker) publicURL(text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	ok := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil &&
		u.RawQuery == "" && u.Fragment == ""
	k.require("public_url", ok, "is not an address to be reached by: write https://HOST, without user, ? or #")
}

func (k *checker) hosts(setting string, hosts []string) {
	for _, host := range hosts {
		_, addrErr := netip.ParseAddr(host)
		_, netErr := netip.ParsePrefix(host)
		k.require(setting, addrErr == nil || netErr == nil || isHostName(host),
			"%q is not a host: write a name, an address or a network such as 10.1.0.0/16, without port", host)
	}
}

// isHostName reports whether text is a DNS name: labels of letters, digits, _ and inner hyphens.
func isHostName(text string) bool {
	if text == "" || len(text) > 253 {
		return false
	}
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || len(label) > 63 || strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
			return false
		}
		for _, r := range label {
			if r != '-' && r != '_' && !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z') {
				return false
			}
		}
	}
	return true
}
