package sandbox

import (
	"strings"
	"testing"

	"indaba/internal/core"
)

func TestCheckConfig(t *testing.T) {
	for _, test := range []struct{ key, text, want string }{
		{"config", `{"name": "clinic"}`, ""},
		{"config", " {}\n", ""},
		{"config", ``, "config must be JSON: unexpected end"},
		{"config", `name`, "in line 1, character 2"},
		{"config", "{\n \"ж\": x}", "in line 2, character 7"},
		{"config", `{"name": "clinic"`, "unexpected end of JSON input"},
		{"config", `{} {}`, "line 1, character 4"},
		{"config", `[1]`, "must be a JSON object"},
		{"config", `null`, "must be a JSON object"},
		{"translation.zu", `{"": {}}`, ""},
		{"translation.zu", `msgid "x"`, "translation.zu must be JSON"},
		{"services", `{"url": "x"}`, ""},
		{"services", `{"url"`, "services must be JSON"},
		{"services", "\n[1,]", "line 2, character 4"},
		{"password", `hunter2`, ""},
		{"password", ``, ""},
		{"port", `80`, ""},
	} {
		err := CheckConfig(test.key, test.text)
		if (err == nil) != (test.want == "") || err != nil && (!strings.Contains(err.Error(), test.want) || core.KindOf(err) != core.Invalid) {
			t.Errorf("%s=%s: %v, want %q", test.key, test.text, err, test.want)
		}
	}
}
