// Package query holds one filter tree with its readers: a parser and a printer for Lucene text, an exact matcher in
// memory, and a compiler to an SQL condition that narrows what the matcher has to look at. The matcher is the truth;
// the compiler may let through too much and never too little, and says when it is exact.
//
// It is not a search engine and not a store: it keeps no index, ranks nothing and runs no SQL. A feature that wants
// fast queries keeps the columns and the token table that a [Target] describes.
//
// # The language
//
// Classic Lucene query syntax (docs/spec/vumi-http.md 4.4):
//
//	name:Arthur              a token of the field          name:"of Camelot"       consecutive tokens
//	Arthur                   in any default field          name:"a b"~2            tokens up to two places off
//	msisdn:\+27*             prefix                        name:A?th*r             wildcards, also leading
//	dob:[1980 TO 1989-06]    range, ends included          dob:{1980 TO *}         ends excluded, open end
//	name:Artur~1             up to 1 edit (default 2)      name:/Art(h|)ur/        whole token, RE2 syntax
//	name:*                   the field has a value         *:*                     everything
//	name:(a OR b)            field for a group             a^2                     boost: kept, ranks nothing
//
// AND, && join; OR, || and mere neighbourhood offer alternatives; NOT, ! and - exclude; + requires. The signs and NOT
// bind tightest, then AND, then OR and neighbourhood: "a AND b c" is "(a AND b) OR c". In a row of neighbours, required
// clauses make the optional ones irrelevant (they only ranked in Lucene) and excluded ones are taken away from the
// rest: "a b -c" is "(a OR b) AND NOT c". Next to a written OR, NOT is an alternative: "a OR NOT b".
//
// Where this differs from Lucene on purpose: a query with nothing but exclusions matches everything else instead of
// nothing; "*" alone is "*:*"; after "field:" a sign or a further colon belongs to the value, so that
// msisdn:+27821234567 and created_at:2014-07-25T12:44 work unescaped. The empty query matches nothing, as in Lucene.
//
// # Values
//
// A [Text] field is split into tokens at Unicode white space; matching is case-sensitive. Terms are split the same way,
// so a term with escaped blanks is a phrase. A [Keyword] value is one token. Ranges compare code points, except that a
// [Time] field compares times when all ends of the range are times; see [Time].
//
// What a match can cost is bounded; see [MaxCost]. Phrases of several tokens, wildcards, regular expressions and fuzzy
// terms look at the beginning of a field only; see [BeginningBytes].
package query

// Query is a parsed query: a tree whose fields are known to its schema. It is immutable and safe for concurrent use.
type Query struct {
	root   Node
	schema Schema
	match  predicate
	cost   int
}

// Root returns the tree. It must not be changed.
func (q *Query) Root() Node { return q.root }

// String returns canonical text: parsing it gives the same tree, unless that text is longer than [MaxBytes].
func (q *Query) String() string { return printTree(q.root) }

// newQuery makes the tree ready for matching.
func newQuery(root Node, schema Schema, cost int) (*Query, error) {
	match, err := schema.predicate(root)
	if err != nil {
		return nil, err
	}
	return &Query{root: root, schema: schema, match: match, cost: cost}, nil
}
