package contact

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"indaba/internal/query"
)

// plan says how the database finds the candidates of a search: a condition on contacts, called c, in a query that has
// the book as $1 and the id to begin after as $2. When it is exact, the matcher need not look at them.
type plan struct {
	where string
	args  []any
	exact bool
	// lead, unless empty, is a condition in place of where on entries of the index, called t, that come in the order of
	// their contacts, with the same $1 and $2.
	lead string
}

// maxFew is how many index entries a word may have to count as rare.
const maxFew = 2000

// plan chooses between the ways to candidates. The compiled condition alone makes SQLite gather all entries of each word
// it asks for, the 300,000 of extras-language:zu to join them with three of surname:Mokoena, and PostgreSQL compare
// them one by one before it has statistics; so the rarest word leads alone, and the matcher does the rest. Where only
// the first matches are wanted and no word is rare, the entries of one are read in order of contacts until enough are found.
func (s *Service) plan(ctx context.Context, book int64, q *query.Query, paged bool) (plan, error) {
	and, isAnd := unboosted(q.Root()).(query.And)
	words := []query.Node{q.Root()}
	if isAnd {
		words = and.Nodes
	}
	rarest, few, err := s.rarest(ctx, book, words)
	if err != nil {
		return plan{}, err
	}
	field, token := fieldID("$3"), "$4"
	word := "FROM contact_token WHERE field = " + field + " AND token = " + token
	args := []any{rarest.field, rarest.text}
	switch {
	case rarest.field == "":
	case isAnd && (few || !paged):
		return plan{where: "c.id IN (SELECT contact " + word + ")", args: args}, nil
	case paged && !few:
		return plan{where: "EXISTS (SELECT 1 " + word + " AND contact = c.id)", args: args,
			lead: "t.field = " + field + " AND t.token = " + token + " AND " + between("t.contact")}, nil
	}
	condition := query.Compile(q, s.target, dialect(s.d), 3)
	return plan{where: condition.SQL, args: condition.Args, exact: condition.Exact}, nil
}

// rarest returns the index entry with the fewest contacts out of those that all matches must have; few says that they
// are at most maxFew. Without such an entry its field is empty.
func (s *Service) rarest(ctx context.Context, book int64, nodes []query.Node) (rarest token, few bool, err error) {
	least := maxFew + 1
	for _, node := range nodes {
		for _, t := range s.required(node) {
			var n int
			// In the order of the index: PostgreSQL would else find all entries before it takes the first.
			if err := s.d.Row(ctx, "SELECT count(*) FROM (SELECT 1 FROM contact_token WHERE field = "+fieldID("$2")+
				" AND token = $3 ORDER BY contact LIMIT $4) entries", []any{book, t.field, t.text, maxFew + 1}, &n); err != nil {
				return token{}, false, fmt.Errorf("count the entries of a word: %w", err)
			}
			if n < least || rarest.field == "" {
				rarest, least = t, n
			}
		}
	}
	return rarest, least <= maxFew, nil
}

// required returns index entries that every contact has for which the node holds; none when nothing is known.
func (s *Service) required(node query.Node) []token {
	var field, text string
	switch node := unboosted(node).(type) {
	case query.Term:
		field, text = node.Field, node.Value
	case query.Phrase:
		field, text = node.Field, node.Text
	}
	kind, known := s.schema.Kind(field)
	if !known || !isIndexed(field) || !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return nil
	}
	const enough = 8 // words of a long phrase
	var tokens []token
	for _, word := range kind.Tokens(text) {
		if len(tokens) < enough {
			tokens = append(tokens, token{field, s.target.Tokens.Cut(word)})
		}
	}
	return tokens
}

func unboosted(node query.Node) query.Node {
	for {
		boost, ok := node.(query.Boost)
		if !ok {
			return node
		}
		node = boost.Node
	}
}
