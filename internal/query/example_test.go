package query_test

import (
	"fmt"
	"strings"

	"indaba/internal/query"
)

// person is a document with one value for each field.
type person map[string]string

func (p person) Values(field string) []string {
	if value, ok := p[field]; ok {
		return []string{value}
	}
	return nil
}

var people = query.Schema{
	Fields:   map[string]query.Kind{"name": query.Text, "msisdn": query.Keyword, "created_at": query.Time},
	Prefixes: map[string]query.Kind{"extras-": query.Text},
	Default:  []string{"name", "msisdn"},
}

func Example() {
	q, err := query.Parse(`name:(Arthur OR Lancelot) -extras-city:Joburg`, people)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(q)
	fmt.Println(q.Match(person{"name": "Arthur Pendragon", "extras-city": "Cape Town"}))
	fmt.Println(q.Match(person{"name": "Lancelot", "extras-city": "Joburg"}))
	// Output:
	// (name:Arthur OR name:Lancelot) AND NOT extras-city:Joburg
	// true
	// false
}

func ExampleParse_error() {
	_, err := query.Parse(`name:Arthur AND`, people)
	fmt.Println(err)
	_, err = query.Parse(`nmae:Arthur`, people)
	fmt.Println(err)
	// Output:
	// query, character 16: expected a term, a phrase or a group, found the end of the query
	// query, character 1: there is no field "nmae"
}

func ExampleCompile() {
	q, err := query.Parse(`name:Arthur AND msisdn:\+27*`, people)
	if err != nil {
		fmt.Println(err)
		return
	}
	condition := query.Compile(q, query.Target{
		Document: "c.key",
		Columns:  map[string]string{"msisdn": "c.msisdn"},
		Tokens: &query.TokenTable{
			Table: "contact_token", Document: "contact", Field: "field", Token: "token", Scope: "account = $1",
		},
	}, query.PostgreSQL, 2)
	fmt.Println(strings.ReplaceAll(condition.SQL, " WHERE ", "\n  WHERE "))
	fmt.Printf("%q exact: %v\n", condition.Args, condition.Exact)
	// Output:
	// (c.key IN (SELECT contact FROM contact_token
	//   WHERE account = $1 AND (field = $2 AND token = $3)) AND c.msisdn >= $4 AND c.msisdn < $5)
	// ["name" "Arthur" "+27" "+28"] exact: true
}
