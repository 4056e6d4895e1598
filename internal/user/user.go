// Package user keeps the people who can log in: who they are, what role they have in their account, their passwords and
// their sessions. Cookies are the business of the faces, and API tokens that of package account.
package user

import (
	"net/mail"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"indaba/internal/core"
)

// User is someone who can log in.
type User struct {
	ID        int64 // positive, below 2^53
	Account   string
	Email     string // lower case; no two users have the same, on the whole server
	Name      string
	Nick      string // empty: none
	Role      Role
	CreatedAt time.Time
}

// Role is a user's place in the account. What each may do is decided by the faces.
type Role string

// The roles, from the mightiest down.
const (
	Owner  Role = "owner"
	Admin  Role = "admin"
	Editor Role = "editor"
	Agent  Role = "agent"
	Viewer Role = "viewer"
)

// Roles returns all roles, from the mightiest down.
func Roles() []Role { return []Role{Owner, Admin, Editor, Agent, Viewer} }

// Spec says whom to create.
type Spec struct {
	Account  string
	Email    string
	Name     string
	Nick     string // may be empty
	Role     Role
	Password string // empty: cannot log in until a password is set
}

const (
	maxEmail = 254 // RFC 5321 4.5.3.1.3, without the angle brackets
	maxName  = 255
)

// check refuses what is wrong with a spec and returns it as it is kept.
func (s Spec) check() (Spec, error) {
	email, err := normalEmail(s.Email)
	if err != nil {
		return s, err
	}
	s.Email = email
	s.Name, s.Nick = strings.TrimSpace(s.Name), strings.TrimSpace(s.Nick)
	if s.Name == "" {
		return s, core.Errorf(core.Invalid, "the user has no name: give one")
	}
	for _, text := range []string{s.Name, s.Nick} {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return s, core.Errorf(core.Invalid, "%q has characters that a name cannot have", text)
		}
		if utf8.RuneCountInString(text) > maxName {
			return s, core.Errorf(core.TooLarge, "a name is longer than %d characters", maxName)
		}
	}
	if !slices.Contains(Roles(), s.Role) {
		return s, core.Errorf(core.Invalid, "there is no role %q: choose from owner, admin, editor, agent, viewer", s.Role)
	}
	if s.Password != "" {
		return s, checkPassword(s.Password)
	}
	return s, nil
}

// normalEmail returns the address in lower case, without blanks around it.
func normalEmail(text string) (string, error) {
	valid := utf8.ValidString(text) // ToLower would hide that it is not
	text = strings.ToLower(strings.TrimSpace(text))
	parsed, err := mail.ParseAddress(text)
	if !valid || err != nil || parsed.Address != text || len(text) > maxEmail || strings.ContainsFunc(text, unicode.IsControl) {
		return "", core.Errorf(core.Invalid, "%q is not an e-mail address: write it as name@example.org", text)
	}
	return text, nil
}
