package vumi

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"indaba/internal/contact"
)

// method is one method of the JSON-RPC.
type method struct {
	name     string
	help     string
	returns  string // type of the result in the words of signatures
	params   []param
	campaign bool // the first parameter must be the caller's own account
	changes  bool // it is not for everybody who may look
	do       func(ctx context.Context, account string, params []json.RawMessage) (any, error)
}

// param is one parameter of a method. One that is optional may be null, or left out at the end.
type param struct {
	kind     string // in the words of signatures
	shape    shape
	optional bool
}

// check refuses a wrong number or shape of parameters.
func (m *method) check(params []json.RawMessage) error {
	least := len(m.params)
	for least > 0 && m.params[least-1].optional {
		least--
	}
	if len(params) < least || len(params) > len(m.params) {
		return failed(fmt.Sprintf("error: %s() takes %d parameters, %d given", m.name, len(m.params), len(params)))
	}
	for i, value := range params {
		if m.params[i].optional && string(value) == "null" {
			continue
		}
		if err := m.params[i].shape(fmt.Sprintf("parameter %d of %s()", i+1, m.name), value); err != nil {
			return err
		}
	}
	return nil
}

// signature lists the type of the result and those of the parameters, as introspection shows them.
func (m *method) signature() []string {
	types := []string{m.returns}
	for _, p := range m.params {
		types = append(types, p.kind)
	}
	return types
}

// methods are all methods (docs/spec/vumi-http.md 7.1).
func (f *face) methods() []method {
	key := param{kind: "string", shape: isText}
	campaign, named := []param{key}, []param{key}
	action := []param{key, key, {kind: "object", shape: isObject(nil), optional: true}}
	table := []param{key, {kind: "object", shape: tableShape()}}
	return []method{
		{name: "campaigns", returns: "array", do: f.campaigns,
			help: "List the campaigns a user has access to."},
		{name: "conversations", returns: "array", params: campaign, campaign: true, do: f.part((*network).conversationList),
			help: "List the active conversations under a particular campaign."},
		{name: "channels", returns: "array", params: campaign, campaign: true, do: f.part((*network).channelList),
			help: "List the active channels under a particular campaign."},
		{name: "routers", returns: "array", params: campaign, campaign: true, do: f.part((*network).routerList),
			help: "List the active routers under a particular campaign."},
		{name: "routing_entries", returns: "array", params: campaign, campaign: true, do: f.part((*network).entryList),
			help: "List the routing entries from a particular campaign's routing table."},
		{name: "routing_table", returns: "object", params: campaign, campaign: true, do: f.part((*network).table),
			help: "List the channels, conversations, routers and routing table entries that make up a campaign's routing."},
		{name: "update_routing_table", returns: "null", params: table, campaign: true, changes: true,
			do: f.updateRoutingTable, help: "Replace the routing table of a campaign by the entries of another."},
		{name: "conversation.dialogue.get_poll", returns: "object", params: action, campaign: true, do: noDialogue,
			help: "Return the poll of a dialogue."},
		{name: "conversation.dialogue.save_poll", returns: "object", params: action, campaign: true, changes: true, do: noDialogue,
			help: "Replace the poll of a dialogue."},
		{name: "system.listMethods", returns: "array", do: f.listMethods, help: "List the names of all methods."},
		{name: "system.methodHelp", returns: "string", params: named, do: f.methodHelp,
			help: "Return what a method does."},
		{name: "system.methodSignature", returns: "array", params: named, do: f.methodSignature,
			help: "Return a list of signatures of a method: the type of its result and those of its parameters."},
	}
}

// campaigns always has the one campaign that is the account.
func (f *face) campaigns(_ context.Context, account string, _ []json.RawMessage) (any, error) {
	return []map[string]string{{"key": account, "name": "Your Campaign"}}, nil
}

// part returns a method that shows a part of the account's network.
func (f *face) part(show func(*network) any) func(context.Context, string, []json.RawMessage) (any, error) {
	return func(ctx context.Context, account string, _ []json.RawMessage) (any, error) {
		n, err := f.network(ctx, account)
		if err != nil {
			return nil, err
		}
		return show(n), nil
	}
}

// noDialogue answers the actions on dialogues: no bot is one, and no key leads to one.
func noDialogue(_ context.Context, _ string, params []json.RawMessage) (any, error) {
	return nil, failed("error: there is no dialogue " + contact.PythonRepr(params[1]))
}

func (f *face) listMethods(context.Context, string, []json.RawMessage) (any, error) {
	names := []string{}
	for _, m := range f.methods() {
		names = append(names, m.name)
	}
	slices.Sort(names)
	return names, nil
}

func (f *face) methodHelp(_ context.Context, _ string, params []json.RawMessage) (any, error) {
	m, err := f.methodNamed(params[0])
	if err != nil {
		return nil, err
	}
	return m.help, nil
}

func (f *face) methodSignature(_ context.Context, _ string, params []json.RawMessage) (any, error) {
	m, err := f.methodNamed(params[0])
	if err != nil {
		return nil, err
	}
	return [][]string{m.signature()}, nil
}

func (f *face) methodNamed(param json.RawMessage) (*method, error) {
	var name string
	if err := json.Unmarshal(param, &name); err != nil {
		return nil, err
	}
	m, wrong := f.method(name)
	if wrong != nil {
		return nil, wrong
	}
	return m, nil
}
