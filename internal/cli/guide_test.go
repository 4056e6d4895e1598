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

// TestGettingStarted does what the page says, in order, in an empty directory.
func TestGettingStarted(t *testing.T) {
	if _, err := bundle.BuiltinSet(); core.KindOf(err) == core.NotFound && os.Getenv("CI") == "" {
		t.Skip("the built-in packages are missing: run make toolkit")
	}
	for _, program := range []string{"bash", "curl", "awk"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("the page needs %s", program)
		}
	}
	page, err := os.ReadFile(filepath.Join(guide, "getting-started.md"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	wrapper := fmt.Sprintf("#!/bin/sh\nexec env %s=1 INDABA_LISTEN=127.0.0.1:0 %q \"$@\"\n", reexec, os.Args[0])
	if err := os.WriteFile(filepath.Join(dir, "indaba"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	// A slow machine gets more time than a provider would give it.
	const setting = "--set path_secret=a-long-random-word"
	patientPage := strings.Replace(string(page), setting, setting+" --set budget=1m", 1)
	if patientPage == string(page) {
		t.Fatalf("the page no longer has %q", setting)
	}
	var server *process
	var printed strings.Builder
	for _, block := range regexp.MustCompile("(?s)\n```sh( background)?\n(.*?)\n```\n").FindAllStringSubmatch(patientPage, -1) {
		if block[1] != "" {
			server = begin(t, filepath.Join(dir, "data"), "--listen", "127.0.0.1:0", "serve")
			server.await("listening")
			continue
		}
		command := exec.Command("bash", "-euo", "pipefail", "-c", block[2])
		command.Dir = dir
		command.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%v in\n%s\n%s", err, block[2], output)
		}
		printed.Write(output)
	}
	for _, want := range []string{"CON What is your name?", "END Hello Thandi!", "Bot hello", "1 conversation",
		`"content":"Your order is ready."`, `"name":"Thandi"`, "phone", "token.create"} {
		if !strings.Contains(printed.String(), want) {
			t.Errorf("the page's commands do not print %q but\n%s", want, printed.String())
		}
	}
	server.signal(syscall.SIGTERM)
	if status := server.end(); status != 0 {
		t.Errorf("the server ends with %d", status)
	}
}
