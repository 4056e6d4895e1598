package vumi

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"indaba/internal/bot/httpbot"
)

// The URL map of docs/spec/vumi-http.md 1 has every route with its scope, and no other.
func TestRoutesAreTheURLMap(t *testing.T) {
	text, err := os.ReadFile("../../../docs/spec/vumi-http.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed, served []string
	for _, row := range regexp.MustCompile("(?m)^\\| `/([^`]+)` \\| ([A-Z, ]+) \\| (?:`(\\w+)`)?").FindAllStringSubmatch(string(text), -1) {
		for method := range strings.SplitSeq(row[2], ", ") {
			listed = append(listed, strings.TrimSpace(method)+" "+row[1]+" "+row[3])
		}
	}
	f := &face{}
	for _, r := range slices.Concat(f.routes(), f.messageRoutes()) {
		if r.Scope == "" {
			t.Errorf("%s %s is open to everybody", r.Method, r.Path)
		}
		served = append(served, r.Method+" "+r.Path+" "+r.Scope)
	}
	for _, r := range slices.Concat(f.conversationRoutes(), f.configRoutes()) {
		if r.Scope != "" {
			t.Errorf("%s %s asks for a scope: conversations have tokens of their own", r.Method, r.Path)
		}
	}
	for _, kind := range []string{httpbot.NoStreaming, httpbot.Streaming} {
		for _, resource := range []string{"messages.json", "events.json", "metrics.json"} {
			for method := range f.handlers(httpbot.Settings{Type: kind}, resource) {
				served = append(served, method+" "+kind+"/{conversation}/"+resource+" ")
			}
		}
	}
	for command := range f.configCommands() {
		served = append(served, "POST "+conversationAPI+"/{conversation}/config/"+command+" ")
	}
	slices.Sort(listed)
	slices.Sort(served)
	if !slices.Equal(listed, served) {
		t.Errorf("listed\n%s\nserved\n%s", strings.Join(listed, "\n"), strings.Join(served, "\n"))
	}
}
