// Package account keeps tenants: accounts, their apps, the API tokens that act for them, and the log of what was
// changed by whom. It is not about people who log in, which is package user, and it does not decide what a request may
// do: faces ask a [Token] whether it allows a scope.
//
// Everything below an account is named together with it, and what belongs to another account is [core.NotFound], like
// what does not exist.
package account

import (
	"strings"
	"time"

	"indaba/internal/core"
)

// Account is a tenant. Everything else belongs to one.
type Account struct {
	Key    string // 32 hex digits
	Name   string
	Parent string // key of the account above it; empty for a main account
	Flags  Flags
	// OptoutKeywords are the texts by which people opt out, lower case (docs/spec/vumi-http.md 11). A new account has none.
	OptoutKeywords []string
	CreatedAt      time.Time
}

// Flags are what an account may do beyond the usual. All are off in a new account.
type Flags struct {
	CanManageOptouts bool `json:"can_manage_optouts"` // its bots may use opt-outs (docs/spec/vumi-sandbox.md 9.9)
	DisableOptouts   bool `json:"disable_optouts"`    // messages go out although their receiver opted out, and no keyword opts anybody out
	IsDeveloper      bool `json:"is_developer"`       // it is for trying things out
}

// App is a workspace inside an account. Each account has a default one with the account's own key.
type App struct {
	Key       string
	Account   string
	Name      string
	CreatedAt time.Time
}

// isKey reports whether text can be a key. What cannot is not looked for: engines differ in what they do with bytes
// that are no text.
func isKey(text string) bool {
	return len(text) == 32 && strings.Trim(text, "0123456789abcdef") == ""
}

// checkCursor refuses a place in a list that no list has given out.
func checkCursor(after string) error {
	if after != "" && !isKey(after) {
		return core.Errorf(core.Invalid, "the cursor %q is not one: give back what the last page ended with", after)
	}
	return nil
}
