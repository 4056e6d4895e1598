package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

// fileValue is one setting as the file has it.
type fileValue struct {
	text string // list items are joined by commas, as a flag would have them
	list bool
	line int
}

// readFile reads the settings in a YAML file by name. Sections are joined to their members: cpu inside bot is bot_cpu. What
// could be read is returned beside an error.
func readFile(path string) (map[string]fileValue, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("settings file: %w", err)
	}
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := decoder.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: must be one YAML document, without another one behind ---", path)
	}
	f := flattener{path: path, values: map[string]fileValue{}}
	f.mapping("", document.Content[0])
	return f.values, errors.Join(f.problems...)
}

// flattener walks the tree of a settings file and collects every problem on its way.
type flattener struct {
	path     string
	values   map[string]fileValue
	problems []error
}

func (f *flattener) complain(node *yaml.Node, format string, args ...any) {
	f.problems = append(f.problems, fmt.Errorf("%s:%d: %s", f.path, node.Line, fmt.Sprintf(format, args...)))
}

func (f *flattener) mapping(prefix string, node *yaml.Node) {
	if node.Kind != yaml.MappingNode {
		f.complain(node, "expected settings, one to a line, such as listen: 127.0.0.1:8080")
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		f.setting(prefix+key.Value, key, value)
	}
}

func (f *flattener) setting(name string, key, value *yaml.Node) {
	v := fileValue{line: key.Line}
	switch value.Kind {
	case yaml.MappingNode:
		f.mapping(name+"_", value)
		return
	case yaml.SequenceNode:
		items := make([]string, 0, len(value.Content))
		for _, item := range value.Content {
			if item.Kind != yaml.ScalarNode {
				f.complain(item, "%s: list items must be plain values", name)
				return
			}
			items = append(items, item.Value)
		}
		v.text, v.list = strings.Join(items, ","), true
	case yaml.ScalarNode:
		if value.Tag == "!!null" {
			f.complain(key, "%s: has no value: give one, \"\" for an empty one, or remove the line", name)
			return
		}
		v.text = value.Value
	default:
		f.complain(value, "%s: aliases are not supported: write the value out", name)
		return
	}
	if earlier, twice := f.values[name]; twice {
		f.complain(key, "%s: stands already in line %d", name, earlier.line)
		return
	}
	f.values[name] = v
}
