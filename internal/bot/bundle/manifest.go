package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"time"

	"gopkg.in/yaml.v3"

	"indaba/internal/core"
)

// A Manifest is what stands in indaba.json or indaba.yaml. Every field but one of Script and Scripts is optional; a field
// that is not listed here is an error. Paths are relative to the folder, with forward slashes.
//
//	name: clinic
//	scripts: [src/index.js, "src/clinic/*.js", src/init.js]
//	config: config/clinic.json
//	configs:
//	  translation.sw: translations/sw.json
//	delivery_class: ussd
//	time_zone: Africa/Johannesburg
type Manifest struct {
	Name string `json:"name"` // the bot's name; "" = the folder's
	Kind string `json:"kind"` // "sandbox", which is also the default
	// Script is the app script; TypeScript and ES modules are bundled with the files that they import.
	Script string `json:"script"`
	// Scripts are joined in this order with "\n" between them, as grunt-contrib-concat does. An entry may be a pattern
	// with *, **, ? and {a,b}; its files come in order of their paths, each file once. "!" before a pattern takes files out.
	Scripts []string `json:"scripts"`
	// Config is the value of the configuration key "config" (docs/spec/vumi-sandbox.md 8). A string names a file whose
	// text is the value; anything else is stored as its JSON text. Name, delivery_class and endpoints are added to an
	// object that lacks them.
	Config  json.RawMessage            `json:"config"`
	Configs map[string]json.RawMessage `json:"configs"` // the other keys, such as "translation.sw", by the same rule

	DeliveryClass string              `json:"delivery_class"` // "" = what config says, or ussd
	Endpoints     map[string]Endpoint `json:"endpoints"`      // besides "default"
	// AppContext gives the script's further globals (docs/spec/vumi-sandbox.md 4): a JavaScript object literal, which
	// begins with "{" or "(", or the name of a file that holds one.
	AppContext string `json:"app_context"`
	// NodeModules lists the only packages and built-in modules that the script may require; require returns null for any
	// other, as production sandboxes do. Not together with AppContext.
	NodeModules []string `json:"node_modules"`
	TimeZone    string   `json:"time_zone"`   // IANA name for the script's local time; "" = UTC
	Limits      Limits   `json:"limits"`      // of one turn
	Isolation   string   `json:"isolation"`   // "pooled", "fresh" or "process"; "" = the server's choice
	Libraries   string   `json:"libraries"`   // "original" keeps q, lodash and the toolkit as they are published; "" or "fast" = faster
	AllowHosts  []string `json:"allow_hosts"` // hosts that the script may call over HTTP; empty = the server's rule
}

// An Endpoint is a further place that the bot sends from and receives at.
type Endpoint struct {
	DeliveryClass string `json:"delivery_class,omitempty"`
}

// Limits bound one turn (docs/spec/vumi-sandbox.md 13). Zero = the server's default; the server may set lower ones.
type Limits struct {
	CPUMillis  int `json:"cpu_ms,omitempty"`
	WallMillis int `json:"wall_ms,omitempty"`
	MemoryMiB  int `json:"memory_mib,omitempty"`
	OutputKiB  int `json:"output_kib,omitempty"`
	Commands   int `json:"commands,omitempty"`
}

// manifestNames are tried in this order.
var manifestNames = [...]string{"indaba.json", "indaba.yaml", "indaba.yml"}

// readManifest returns the folder's manifest and its file name, or nil when there is none.
func readManifest(folder *tree) (*Manifest, string, error) {
	for _, name := range manifestNames {
		text, err := folder.readText(name, maxConfigBytes)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, "", err
		}
		m, err := parseManifest(name, text)
		return m, name, err
	}
	return nil, "", nil
}

// parseManifest reads a manifest strictly: an unknown field is an error that names it.
func parseManifest(name, text string) (*Manifest, error) {
	data := []byte(text)
	if name != "indaba.json" {
		var tree any
		if err := yaml.Unmarshal(data, &tree); err != nil {
			return nil, core.Errorf(core.Invalid, "%s: %v", name, err)
		}
		var err error
		if data, err = json.Marshal(tree); err != nil {
			return nil, core.Errorf(core.Invalid, "%s: %v", name, err)
		}
	}
	m := new(Manifest)
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(m); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			line, column := lineColumn(data, int(syntax.Offset)-1)
			return nil, core.Errorf(core.Invalid, "%s:%d:%d: %v", name, line, column, err)
		}
		return nil, core.Errorf(core.Invalid, "%s: %v", name, err)
	}
	if decoder.More() {
		return nil, core.Errorf(core.Invalid, "%s: there is text after the end of the object", name)
	}
	return m, m.check(name)
}

// check refuses values that cannot mean anything.
func (m *Manifest) check(name string) error {
	refuse := func(format string, args ...any) error {
		return core.Errorf(core.Invalid, "%s: %s", name, fmt.Sprintf(format, args...))
	}
	switch {
	case m.Kind != "" && m.Kind != "sandbox":
		return refuse("kind is %q; a folder holds a bot of kind \"sandbox\"", m.Kind)
	case m.Script != "" && len(m.Scripts) > 0:
		return refuse("give script or scripts, not both")
	case m.Script == "" && len(m.Scripts) == 0:
		return refuse("script (one file) or scripts (a list of files) is missing")
	case m.AppContext != "" && len(m.NodeModules) > 0:
		return refuse("give app_context or node_modules, not both")
	case m.Script != "" && !fs.ValidPath(path.Clean(m.Script)):
		return refuse("%v", escapes(m.Script))
	}
	return m.checkSettings(refuse)
}

// checkSettings checks the fields that stand for themselves.
func (m *Manifest) checkSettings(refuse func(string, ...any) error) error {
	switch m.Isolation {
	case "", "pooled", "fresh", "process":
	default:
		return refuse("isolation is %q; it is one of pooled, fresh and process", m.Isolation)
	}
	switch m.Libraries {
	case "", "fast", originalLibraries:
	default:
		return refuse("libraries is %q; it is one of fast and original", m.Libraries)
	}
	if _, err := time.LoadLocation(m.TimeZone); err != nil || m.TimeZone == "Local" {
		return refuse("time_zone %q is not an IANA time zone, such as Africa/Johannesburg", m.TimeZone)
	}
	l := m.Limits
	if min(l.CPUMillis, l.WallMillis, l.MemoryMiB, l.OutputKiB, l.Commands) < 0 {
		return refuse("limits must not be negative")
	}
	if _, both := m.Configs["config"]; both && len(m.Config) > 0 {
		return refuse("the key config stands both in config and in configs")
	}
	return nil
}

// lineColumn returns the position of an offset in bytes; both count from 1.
func lineColumn(data []byte, offset int) (line, column int) {
	before := data[:max(0, min(offset, len(data)))]
	return bytes.Count(before, []byte("\n")) + 1, len(before) - bytes.LastIndexByte(before, '\n')
}
