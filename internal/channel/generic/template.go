package generic

import (
	"encoding/json"
	"encoding/xml"
	"net/url"
	"strings"
	text "text/template"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// template renders a request's URL or body. Values are escaped for where they stand before they are put in.
type template struct {
	parsed *text.Template
	escape func(string) string
}

// values are what a template can use.
type values struct{ To, From, Text, ID string }

func parseTemplate(setting, source string, escape func(string) string) (*template, error) {
	parsed, err := text.New(setting).Option("missingkey=error").Parse(source)
	if err != nil {
		return nil, core.Errorf(core.Invalid, "%s is not a template: check its {{ }}", setting)
	}
	t := &template{parsed: parsed, escape: escape}
	if _, err := t.render(&channel.Outbound{}); err != nil {
		return nil, core.Errorf(core.Invalid, "%s: a template can use .To, .From, .Text and .ID only", setting)
	}
	return t, nil
}

// escapes returns how values are escaped in a body.
func escapes(contentType string) func(string) string {
	switch contentType {
	case formType:
		return url.QueryEscape
	case jsonType:
		return escapeJSON
	case xmlType:
		return escapeXML
	default:
		return func(value string) string { return value }
	}
}

// escapeURL escapes a text for the path of a URL and for its query alike: a space is %20 in both, and a plus only in one.
func escapeURL(value string) string { return strings.ReplaceAll(url.QueryEscape(value), "+", "%20") }

// escapeJSON escapes a text for between quotation marks.
func escapeJSON(value string) string {
	quoted, err := json.Marshal(value)
	if err != nil { // a string can always be written
		return ""
	}
	return string(quoted[1 : len(quoted)-1])
}

func escapeXML(value string) string {
	var b strings.Builder
	if xml.EscapeText(&b, []byte(value)) != nil { // a builder takes everything
		return ""
	}
	return b.String()
}

func (t *template) render(m *channel.Outbound) (string, error) {
	var b strings.Builder
	err := t.parsed.Execute(&b, values{t.escape(m.To), t.escape(m.From), t.escape(m.Content), t.escape(m.ID)})
	return b.String(), err
}
