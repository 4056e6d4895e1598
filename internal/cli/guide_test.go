package cli_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"indaba/internal/bot/bundle"
	"indaba/internal/channel"
	"indaba/internal/channel/all"
	"indaba/internal/core"
)

const guide = "../../docs/guide"

// TestGuideOfChannels compares what the guide says of channel types with what they say of themselves.
func TestGuideOfChannels(t *testing.T) {
	path := filepath.Join(guide, "channels.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var generated strings.Builder
	for _, channelType := range all.Types() {
		fmt.Fprintf(&generated, "\n### %s\n\n%s. %s\n\n| setting | value | what it is for |\n|---|---|---|\n",
			channelType.Name, channelType.Title, channelType.Help)
		for _, s := range channelType.Settings {
			fmt.Fprintf(&generated, "| `%s` | %s | %s |\n", s.Name, inTable(settingValue(s)), inTable(s.Help))
		}
	}
	section := regexp.MustCompile(`(?s)(<!-- generated [^\n]*-->\n).*(<!-- end -->)`)
	want := section.ReplaceAllString(string(text), "${1}"+strings.ReplaceAll(generated.String(), "$", "$$")+"\n${2}")
	if want == string(text) {
		return
	}
	if !*update {
		t.Fatalf("%s is out of date: run the test with -update", path)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func settingValue(s channel.Setting) string {
	value := string(s.Kind)
	if s.Kind == channel.Choice {
		value = strings.Join(s.Choices, ", ")
	}
	if s.Required {
		value += "; required"
	}
	if s.Secret {
		value += "; secret"
	}
	if s.Default != "" {
		value += "; otherwise " + s.Default
	}
	return value
}

func inTable(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// follow does what a page of the guide says, in order, in an empty directory, and returns what its commands print. change
// may adapt the page. A server that the page starts is at an address of its own, and ends in order.
func follow(t *testing.T, name string, change func(dir, page string) string) string {
	t.Helper()
	for _, program := range []string{"bash", "curl", "awk"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the page needs %s", program)
		}
	}
	page, err := os.ReadFile(filepath.Join(guide, name))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	wrapper := fmt.Sprintf("#!/bin/sh\nexec env %s=1 INDABA_LISTEN=127.0.0.1:0 %q \"$@\"\n", reexec, os.Args[0])
	if err := os.WriteFile(filepath.Join(dir, "indaba"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	var server *process
	var printed strings.Builder
	const usual = "http://localhost:8080"
	address := usual
	for _, block := range regexp.MustCompile("(?s)\n```sh( background)?\n(.*?)\n```\n").FindAllStringSubmatch(change(dir, string(page)), -1) {
		if block[1] != "" {
			server = begin(t, filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "serve")
			address = serverURL(server.await("listening"))
			continue
		}
		command := exec.Command("bash", "-euo", "pipefail", "-c", strings.ReplaceAll(block[2], usual, address))
		command.Dir = dir
		command.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v in\n%s\n%s", err, block[2], output)
		}
		printed.Write(output)
	}
	if server == nil {
		t.Fatal("the page starts no server")
	}
	server.signal(syscall.SIGTERM)
	if status := server.end(); status != 0 {
		t.Errorf("the server ends with %d", status)
	}
	return printed.String()
}

func TestGettingStarted(t *testing.T) {
	if _, err := bundle.BuiltinSet(); core.KindOf(err) == core.NotFound && os.Getenv("CI") == "" {
		t.Skip("the built-in packages are missing: run make toolkit")
	}
	printed := follow(t, "getting-started.md", func(_, page string) string {
		// A slow machine gets more time than a provider would give it.
		const setting = "--set path_secret=a-long-random-word"
		patient := strings.Replace(page, setting, setting+" --set budget=1m", 1)
		if patient == page {
			t.Fatalf("the page no longer has %q", setting)
		}
		return patient
	})
	for _, want := range []string{"CON What is your name?", "END Hello Thandi!", "Bot hello", "1 conversation",
		`"content":"Your order is ready."`, `"name":"Thandi"`, "phone", "token.create"} {
		if !strings.Contains(printed, want) {
			t.Errorf("the page's commands do not print %q but\n%s", want, printed)
		}
	}
}

// The page of contacts shows what its commands print, where it shows anything.
func TestGuideOfContacts(t *testing.T) {
	var shown string
	printed := follow(t, "contacts.md", func(dir, page string) string {
		indaba{t, filepath.Join(dir, "data")}.must("account", "create", "Clinic")
		shown = regexp.MustCompile("(?s)\n```\n(COLUMN .*?\n\n[^\n]*\n)").FindStringSubmatch(page)[1]
		return page
	})
	for _, want := range []string{shown, "nothing was changed. 2 created, 0 updated, 0 unchanged, 1 skipped.", "2 created, 0 updated, 0 unchanged, 1 skipped.", "2 contacts are in ", "1 contacts are in ",
		"+27831234567,Thandi,Durban\n", `"mode":"upload-wins"`, "group       "} {
		if !strings.Contains(printed, want) {
			t.Errorf("the page's commands do not print %q but\n%s", want, printed)
		}
	}
}
