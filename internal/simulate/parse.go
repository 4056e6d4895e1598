package simulate

import (
	"encoding/json"
	"maps"
	"slices"

	"gopkg.in/yaml.v3"

	"indaba/internal/core"
)

// parse reads a script. path is its name in messages.
func parse(path, text string) (*script, error) {
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		return nil, core.Errorf(core.Invalid, "%s: %v", path, err)
	}
	if len(document.Content) == 0 {
		return nil, core.Errorf(core.Invalid, "%s is empty: it needs a list of conversations", path)
	}
	r := &reader{file: path}
	s := &script{path: path, text: text}
	root := resolved(document.Content[0])
	var common setting
	known := r.settingFields(&common)
	var list *yaml.Node
	known["app"] = func(n *yaml.Node) { s.app = r.text(n, "app") }
	known["conversations"] = func(n *yaml.Node) { list = n }
	r.fields(root, "the file", known)
	if list == nil {
		r.fail(root, "the file has no conversations")
		return nil, r.err()
	}
	r.list(list, "conversations", func(n *yaml.Node) { s.conversations = append(s.conversations, r.conversation(n, common)) })
	r.distinct(list, s.conversations)
	return s, r.err()
}

// distinct refuses two conversations of one name: nobody could tell which of them failed.
func (r *reader) distinct(n *yaml.Node, all []*conversation) {
	lines := map[string]int{}
	for _, c := range all {
		if line, twice := lines[c.name]; twice {
			r.fail(&yaml.Node{Line: c.line}, "the conversation %q is there already, in line %d", c.name, line)
		}
		lines[c.name] = c.line
	}
	if len(all) == 0 {
		r.fail(n, "there are no conversations in the list")
	}
}

func (r *reader) conversation(n *yaml.Node, common setting) *conversation {
	c := &conversation{line: n.Line}
	known := r.settingFields(&c.setting)
	known["name"] = func(n *yaml.Node) { c.name = r.text(n, "name") }
	known["steps"] = func(n *yaml.Node) { c.steps = r.steps(n) }
	known["after"] = func(n *yaml.Node) { c.after = r.after(n) }
	r.fields(n, "a conversation", known)
	if c.name == "" {
		r.fail(n, "the conversation has no name")
	}
	if len(c.steps) == 0 {
		r.fail(n, "the conversation has no steps")
	}
	for _, f := range c.http {
		f.required = f.times > 0
	}
	c.setting = c.over(common)
	return c
}

// settingFields reads what may stand at the top of a file and in a conversation.
func (r *reader) settingFields(s *setting) map[string]field {
	return map[string]field{
		"channel":  func(n *yaml.Node) { s.channel = r.choice(n, "channel", "ussd", "sms", "chat") },
		"limit":    func(n *yaml.Node) { s.limit = r.whole(n, "limit", 1) },
		"from":     func(n *yaml.Node) { s.from = r.text(n, "from") },
		"to":       func(n *yaml.Node) { s.to = r.text(n, "to") },
		"now":      func(n *yaml.Node) { s.now = r.time(n, "now") },
		"config":   func(n *yaml.Node) { s.config = r.config(n) },
		"contact":  func(n *yaml.Node) { s.contact = r.object(n, "contact") },
		"contacts": func(n *yaml.Node) { s.contacts = r.objects(n, "contacts") },
		"groups":   func(n *yaml.Node) { s.groups = r.groups(n) },
		"kv":       func(n *yaml.Node) { s.kv = r.object(n, "kv") },
		"optouts":  func(n *yaml.Node) { s.optouts = r.texts(n, "optouts") },
		"http":     func(n *yaml.Node) { s.http = r.fixtures(n) },
		"can_manage_optouts": func(n *yaml.Node) {
			s.mayOptOut = new(r.boolean(n, "can_manage_optouts"))
		},
	}
}

func (r *reader) config(n *yaml.Node) map[string]any {
	values, ok := r.value(n, "config").(map[string]any)
	if !ok {
		r.fail(n, "config must be a mapping of configuration keys, such as config: {config: {name: clinic}}")
	}
	return values
}

func (r *reader) objects(n *yaml.Node, what string) []map[string]json.RawMessage {
	var all []map[string]json.RawMessage
	r.list(n, what, func(item *yaml.Node) { all = append(all, r.object(item, what)) })
	return all
}

// groups reads names, or mappings of name and query.
func (r *reader) groups(n *yaml.Node) []groupFixture {
	var all []groupFixture
	r.list(n, "groups", func(item *yaml.Node) {
		if item.Kind == yaml.ScalarNode {
			all = append(all, groupFixture{name: r.text(item, "a group's name")})
			return
		}
		var g groupFixture
		r.fields(item, "a group", map[string]field{
			"name":  func(n *yaml.Node) { g.name = r.text(n, "name") },
			"query": func(n *yaml.Node) { g.query = new(r.text(n, "query")) },
		})
		all = append(all, g)
	})
	return all
}

// over returns the setting of a conversation with what stands at the top of its file.
func (s setting) over(common setting) setting {
	first(&s.channel, common.channel)
	first(&s.limit, common.limit)
	first(&s.from, common.from)
	first(&s.to, common.to)
	first(&s.mayOptOut, common.mayOptOut)
	if s.now.IsZero() {
		s.now = common.now
	}
	s.config = overlaid(common.config, s.config)
	s.contact = joined(common.contact, s.contact)
	s.contacts = slices.Concat(common.contacts, s.contacts)
	s.groups = slices.Concat(common.groups, s.groups)
	s.kv = joined(common.kv, s.kv)
	s.optouts = slices.Concat(common.optouts, s.optouts)
	s.http = slices.Concat(s.http, common.http) // the first that fits answers
	return s
}

func first[T comparable](value *T, fallback T) {
	var zero T
	if *value == zero {
		*value = fallback
	}
}

func joined[V any](below, above map[string]V) map[string]V {
	if below == nil && above == nil {
		return nil
	}
	all := map[string]V{}
	maps.Copy(all, below)
	maps.Copy(all, above)
	return all
}

// overlaid lays an object over another: objects are joined at every depth, anything else is replaced.
func overlaid(below, above map[string]any) map[string]any {
	all := joined(below, nil)
	for key, value := range above {
		if all == nil {
			all = map[string]any{}
		}
		lower, ok := all[key].(map[string]any)
		upper, also := value.(map[string]any)
		if ok && also {
			value = overlaid(lower, upper)
		}
		all[key] = value
	}
	return all
}
