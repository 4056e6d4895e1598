package channel

import (
	"net/netip"
	"strings"

	"indaba/internal/core"
)

// Guard protects the webhooks of providers that sign nothing: by a secret in the path, by the addresses they call
// from, or by both (docs/spec/channels.md 12).
type Guard struct {
	secret  string
	allowed []netip.Prefix
}

// GuardSettings returns the settings that NewGuard reads: path_secret and allow.
func GuardSettings() []Setting {
	return []Setting{
		{Name: "path_secret", Title: "Secret path", Kind: Text, Secret: true,
			Help: "A long random word without slashes. It follows the channel's address in the callback URLs that you " +
				"give the provider, and only requests with it are taken."},
		{Name: "allow", Title: "Allowed addresses", Kind: Text,
			Help: "IP addresses or networks (196.201.214.0/24), separated by commas, that callbacks may come from."},
	}
}

// NewGuard makes the guard of a channel. It returns a core.Invalid error when neither setting is given, or one is
// malformed.
func NewGuard(c Config) (*Guard, error) {
	g := &Guard{secret: c.Settings["path_secret"]}
	if strings.ContainsAny(g.secret, "/?#%") {
		return nil, core.Errorf(core.Invalid, "path_secret must not contain / ? # or %%")
	}
	for _, text := range strings.FieldsFunc(c.Settings["allow"], isSeparator) {
		prefix, err := parsePrefix(text)
		if err != nil {
			return nil, core.Errorf(core.Invalid, "allow must list IP addresses or networks: %q is neither", text)
		}
		g.allowed = append(g.allowed, prefix)
	}
	if g.secret == "" && len(g.allowed) == 0 {
		return nil, core.Errorf(core.Invalid, "path_secret or allow is required: this provider signs nothing, so "+
			"without one of them anybody could send messages in its name")
	}
	return g, nil
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }

func parsePrefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		prefix, err := netip.ParsePrefix(text)
		return prefix.Masked(), err
	}
	addr, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Prefix{}, err
	}
	return addr.Prefix(addr.BitLen())
}

// Check returns what follows the secret in the request's path, or a core.Unauthenticated error.
func (g *Guard) Check(r *Request) (path string, err error) {
	if len(g.allowed) > 0 && !g.allows(r.RemoteIP) {
		return "", core.Errorf(core.Unauthenticated, "callbacks are not allowed from %s", r.RemoteIP)
	}
	if g.secret == "" {
		return r.Path, nil
	}
	first, rest, _ := strings.Cut(r.Path, "/")
	if !SameSecret(g.secret, first) {
		return "", core.Errorf(core.Unauthenticated, "the callback URL lacks the channel's secret path")
	}
	return rest, nil
}

func (g *Guard) allows(addr netip.Addr) bool {
	for _, prefix := range g.allowed {
		if prefix.Contains(addr.Unmap()) {
			return true
		}
	}
	return false
}
