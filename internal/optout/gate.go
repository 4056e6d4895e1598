package optout

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"indaba/internal/core"
)

// Phone is the type of opt-outs of telephone numbers, and of everybody who opts out by a keyword
// (docs/spec/vumi-http.md 11).
const Phone = "msisdn"

// Accounts tells how accounts handle opt-outs.
type Accounts interface {
	// OptoutPolicy returns whether an account has opt-outs disabled, so that nobody is held back and no word opts anybody
	// out, and the texts by which people opt out. An account that does not exist is core.NotFound.
	OptoutPolicy(ctx context.Context, account string) (disabled bool, keywords []string, err error)
}

// policy is how an account handles opt-outs.
type policy struct {
	disabled bool
	keywords []string
}

// Gate decides who is not written to, and which texts opt a person out. It is safe for concurrent use. Policies are kept
// in memory: a change by another process counts within a second.
type Gate struct {
	optouts  *Service
	accounts Accounts

	mu       sync.Mutex
	policies map[string]policy // by account; emptied when configuration changes
	changes  int               // how often they were emptied
}

// NewGate returns a gate over opt-outs.
func NewGate(optouts *Service, accounts Accounts) *Gate {
	g := &Gate{optouts: optouts, accounts: accounts, policies: map[string]policy{}}
	optouts.d.OnChange(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		clear(g.policies)
		g.changes++
	})
	return g
}

// Refusal returns why an account sends nothing to an address, taken verbatim: "Recipient with msisdn +5432 has opted
// out". It is empty when nothing stands in the way (docs/spec/vumi-http.md 9.2).
func (g *Gate) Refusal(ctx context.Context, account, addressType, address string) (string, error) {
	return g.refusal(ctx, account, address, []string{addressType}, []string{address})
}

// LastCall is Refusal for a message that is about to leave: the address may have opted out under any of the types. A
// telephone number counts however it is written.
func (g *Gate) LastCall(ctx context.Context, account, address string, types ...string) (string, error) {
	forms := []string{address}
	if slices.Contains(types, Phone) {
		forms = spellings(address)
	}
	return g.refusal(ctx, account, address, types, forms)
}

func (g *Gate) refusal(ctx context.Context, account, address string, types, forms []string) (string, error) {
	p, err := g.policy(ctx, account)
	if err != nil || p.disabled {
		return "", err
	}
	found, err := g.find(ctx, account, types, forms)
	if err != nil || found == "" {
		return "", err
	}
	return fmt.Sprintf("Recipient with %s %s has opted out", found, address), nil
}

// spellings returns how an address may stand among the opt-outs of telephone numbers: as it is, without space around it and,
// when it is a number, as people, providers and contacts write it.
func spellings(address string) []string {
	forms := []string{address, core.Phone(address)}
	if digits := core.PhoneDigits(address); digits != "" {
		forms = append(forms, "+"+digits, digits, "00"+digits)
	}
	return forms
}

// find returns a type under which one of the addresses has opted out, and "" when there is none. It is one look into the
// table's key, of at most three types and five addresses.
func (g *Gate) find(ctx context.Context, account string, types, addresses []string) (found string, err error) {
	addresses = slices.DeleteFunc(addresses, func(address string) bool {
		return OptOut{Type: types[0], Address: address}.check() != nil // nothing that is stored looks like this
	})
	if len(addresses) == 0 {
		return "", nil
	}
	args := []any{account}
	for i := range 3 {
		args = append(args, types[min(i, len(types)-1)]) // the last one fills up
	}
	for i := range 5 {
		args = append(args, addresses[min(i, len(addresses)-1)])
	}
	err = g.optouts.d.Row(ctx, "SELECT type FROM optout WHERE account = $1 AND type IN ($2, $3, $4) AND address IN ($5, $6, $7, $8, $9) LIMIT 1",
		args, &found)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look for an opt-out: %w", err)
	}
	return found, nil
}

// Keyword returns the keyword of the account that a text is, and "" when it is none or the account has opt-outs disabled.
// Blanks around the text, and whether its letters are capitals, do not count (docs/spec/vumi-http.md 11).
func (g *Gate) Keyword(ctx context.Context, account, text string) (string, error) {
	p, err := g.policy(ctx, account)
	if err != nil || p.disabled || len(p.keywords) == 0 {
		return "", err
	}
	text = strings.TrimSpace(text)
	for _, keyword := range p.keywords {
		if strings.EqualFold(keyword, text) {
			return keyword, nil
		}
	}
	return "", nil
}

// OptOut opts out the sender of a keyword, with the message that it was in, as part of the transaction in ctx.
func (g *Gate) OptOut(ctx context.Context, account, sender, messageID string) error {
	_, err := g.optouts.Set(ctx, account, Phone, sender, messageID)
	return err
}

// policy returns the policy of an account, and keeps it unless configuration changed while it was read.
func (g *Gate) policy(ctx context.Context, account string) (policy, error) {
	g.mu.Lock()
	p, ok := g.policies[account]
	changes := g.changes
	g.mu.Unlock()
	if ok {
		return p, nil
	}
	var err error
	p.disabled, p.keywords, err = g.accounts.OptoutPolicy(ctx, account)
	if err != nil && core.KindOf(err) != core.NotFound {
		return policy{}, fmt.Errorf("read how account %s handles opt-outs: %w", account, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changes == changes {
		g.policies[account] = p
	}
	return p, nil
}
