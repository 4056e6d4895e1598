package query

// Dialect is an SQL engine.
type Dialect uint8

// The engines.
const (
	SQLite Dialect = iota
	PostgreSQL
)

// Target says where SQL finds the values of a schema's fields. The texts in it are SQL, written by the caller, never by
// users. All text columns compare by bytes (in PostgreSQL COLLATE "C") and hold valid UTF-8.
type Target struct {
	// Document is the document's key in the query that the condition will stand in, such as "c.key".
	Document string

	// Scope restricts the documents where a column is asked for, as the indexes over columns begin with it: "c.account = $1",
	// with a placeholder of the surrounding query, which restricts them likewise everywhere. May be empty.
	Scope string

	// Columns gives the column that holds a field, such as "msisdn": "c.msisdn". For a Keyword field it is text with the
	// whole value; for a Time field an integer, microseconds since 1970 UTC. It is null when the document has no value;
	// fields that can have several values have no column. Text fields cannot be served from a column.
	Columns map[string]string

	// Tokens is the side table with the tokens of Text and Keyword fields, or nil when there is none.
	Tokens *TokenTable
}

// TokenTable is an inverted index: a row for each different token (see [Kind.Tokens]) of each field of each document.
type TokenTable struct {
	Table    string // name of the table, such as "contact_token"
	Document string // column: the document's key, never null
	Field    string // column: the field, by its name or what FieldID makes of it
	Token    string // column: the token, cut by Cut

	// Scope restricts the rows, such as "account = $1" with a placeholder of the surrounding query. May be empty.
	Scope string

	// FieldID, where the column holds something shorter than the name, returns the SQL that leads from the name to it: a
	// subquery, null for a name that no row has. The name is given as a placeholder.
	FieldID func(name string) string

	// MaxRunes is the length to which tokens are cut, because indexes limit the size of a row; 0 means not at all.
	MaxRunes int

	// Has says which fields are kept in the table; nil means all Text and Keyword fields.
	Has func(field string) bool
}

// Cut returns a token as it stands in the table.
func (t *TokenTable) Cut(token string) string {
	if t.MaxRunes == 0 || len(token) <= t.MaxRunes {
		return token
	}
	runes := 0
	for i := range token {
		if runes == t.MaxRunes {
			return token[:i]
		}
		runes++
	}
	return token
}

// Condition is an SQL condition that holds for every document that matches the query.
type Condition struct {
	SQL   string // never empty; TRUE when there is nothing to narrow by
	Args  []any  // for the placeholders in SQL, in order
	Exact bool   // it holds for no other document, so that the matcher need not look

	narrow bool
}

// Unindexed reports whether no index narrows the rows that the engine has to read: it reads at least all documents, or
// all tokens of a field. The caller may want to cap that.
func (c Condition) Unindexed() bool { return !c.narrow }

// Limits of one condition. What goes beyond is left to the matcher.
const (
	maxConjuncts  = 8    // more narrowing costs more planning than it saves reading
	maxSubqueries = 64   // of the whole condition
	maxArgs       = 1000 // of the whole condition; a list of values is one
)

// Compile returns the condition for a query. Its placeholders are $argStart, $argStart+1 and so on. It may hold for
// documents that do not match, never the other way round, for documents as the target describes them.
func Compile(q *Query, target Target, dialect Dialect, argStart int) Condition {
	c := compiler{schema: q.schema, target: target, dialect: dialect}
	f, ok := c.compile(q.root)
	if !ok {
		return Condition{SQL: "TRUE"}
	}
	return Condition{SQL: number(f.sql, argStart), Args: f.args, Exact: f.exact, narrow: f.narrow}
}
