package vumi

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"indaba/internal/bot"
	"indaba/internal/bot/httpbot"
	"indaba/internal/gateway"
	"indaba/internal/routing"
)

// The objects of the account API (docs/spec/vumi-http.md 7.1), with exactly these members. An endpoint's uuid is a
// connector, two colons and a name (8); nothing here takes one apart again: what is known is looked up.
type (
	endpoint struct {
		UUID string `json:"uuid"`
		Name string `json:"name"`
	}
	conversation struct {
		UUID        string     `json:"uuid"`
		Type        string     `json:"type"`
		Name        string     `json:"name"`
		Status      string     `json:"status"`
		Description string     `json:"description"`
		Endpoints   []endpoint `json:"endpoints"`
	}
	channel struct {
		UUID        string     `json:"uuid"`
		Tag         [2]string  `json:"tag"`
		Name        string     `json:"name"`
		Description string     `json:"description"`
		Endpoints   []endpoint `json:"endpoints"`
	}
	router struct {
		UUID                  string     `json:"uuid"`
		Type                  string     `json:"type"`
		Name                  string     `json:"name"`
		Status                string     `json:"status"`
		Description           string     `json:"description"`
		ChannelEndpoints      []endpoint `json:"channel_endpoints"`
		ConversationEndpoints []endpoint `json:"conversation_endpoints"`
	}
	entry struct {
		Source reference `json:"source"`
		Target reference `json:"target"`
	}
	reference struct {
		UUID string `json:"uuid"`
	}
)

// network is all that an account's messages can be routed through, in Vumi's words.
type network struct {
	conversations []conversation
	channels      []channel
	routers       []router
	entries       []entry

	known  map[string]routing.Endpoint // by uuid
	uuids  map[routing.Endpoint]string
	routed map[owner][]string // names of endpoints that the table has
}

// owner is what endpoints belong to.
type owner struct {
	kind routing.Kind
	key  string
}

// network reads the account's channels, bots and routers and its routing table.
func (f *face) network(ctx context.Context, account string) (*network, error) {
	table, err := f.Routes.Table(ctx, account)
	if err != nil {
		return nil, err
	}
	n := &network{
		conversations: []conversation{}, channels: []channel{}, routers: []router{}, entries: []entry{},
		known: map[string]routing.Endpoint{}, uuids: map[routing.Endpoint]string{}, routed: map[owner][]string{},
	}
	for _, e := range table {
		n.note(e.Source)
		n.note(e.Target)
	}
	channels, err := f.Channels.List(ctx, account)
	if err != nil {
		return nil, err
	}
	n.addChannels(channels)
	bots, err := f.Bots.List(ctx, account)
	if err != nil {
		return nil, err
	}
	for _, b := range bots {
		names, err := f.endpoints.of(ctx, b)
		if err != nil {
			return nil, err
		}
		n.addConversation(b, names)
	}
	routers, err := f.Routes.Routers(ctx, account)
	if err != nil {
		return nil, err
	}
	for _, r := range routers {
		n.addRouter(r)
	}
	n.addEntries(table)
	return n, nil
}

func (n *network) note(e routing.Endpoint) {
	o := owner{e.Kind, e.Key}
	n.routed[o] = append(n.routed[o], e.Name)
}

// ends returns the endpoints of one connector: default, then those it is known to have, then others that the table
// already has, so that a table that was read can always be written back.
func (n *network) ends(o owner, connector string, names ...string) []endpoint {
	routed := slices.Clone(n.routed[o])
	slices.Sort(routed)
	list := []endpoint{}
	for _, name := range slices.Concat([]string{routing.Default}, names, routed) {
		e := routing.Endpoint{Kind: o.kind, Key: o.key, Name: name}
		if _, done := n.uuids[e]; done {
			continue
		}
		uuid := connector + "::" + name
		n.known[uuid], n.uuids[e] = e, uuid
		list = append(list, endpoint{uuid, name})
	}
	return list
}

func (n *network) addConversation(b *bot.Bot, names []string) {
	kind, status := conversationType(b), "running"
	if !b.Running() {
		status = "stopped"
	}
	n.conversations = append(n.conversations, conversation{
		UUID: b.Key, Type: kind, Name: b.Name, Status: status,
		Endpoints: n.ends(owner{routing.Bot, b.Key}, "CONVERSATION:"+kind+":"+b.Key, names...),
	})
}

// conversationType returns what Vumi called a bot's kind.
func conversationType(b *bot.Bot) string {
	if b.Kind == bot.HTTP {
		settings, _ := httpbot.ReadSettings(b.Config) // the type is told also for settings that do not parse
		return settings.Type
	}
	return "jsbox"
}

func (n *network) addRouter(r *routing.Router) {
	connector := "ROUTER:" + r.Type + ":" + r.Key
	n.routers = append(n.routers, router{
		UUID: r.Key, Type: r.Type, Name: r.Name, Status: "running",
		ChannelEndpoints:      n.ends(owner{routing.RouterIn, r.Key}, connector+":INBOUND"),
		ConversationEndpoints: n.ends(owner{routing.RouterOut, r.Key}, connector+":OUTBOUND", r.Endpoints()...),
	})
}

func (n *network) addChannels(channels []*gateway.Channel) {
	tags := tagsOf(channels)
	for _, c := range channels {
		tag := tags[c.Key]
		uuid := tag[0] + ":" + tag[1]
		n.channels = append(n.channels, channel{
			UUID: uuid, Tag: tag, Name: tag[1], Description: title(strings.ReplaceAll(tag[0], "_", " ")) + ": " + tag[1],
			Endpoints: n.ends(owner{routing.Channel, c.Key}, "TRANSPORT_TAG:"+uuid),
		})
	}
}

// addEntries shows the table. An entry whose ends are gone leads nowhere and is left out.
func (n *network) addEntries(table []routing.Entry) {
	for _, e := range table {
		source, target := n.uuids[e.Source], n.uuids[e.Target]
		if source != "" && target != "" {
			n.entries = append(n.entries, entry{reference{source}, reference{target}})
		}
	}
}

func (n *network) conversationList() any { return n.conversations }
func (n *network) channelList() any      { return n.channels }
func (n *network) routerList() any       { return n.routers }
func (n *network) entryList() any        { return n.entries }

// table is the four lists in one.
func (n *network) table() any {
	return map[string]any{
		"channels": n.channels, "routers": n.routers, "conversations": n.conversations, "routing_entries": n.entries,
	}
}

// title writes every run of letters with a capital, as Python's str.title does: vumi4u is Vumi4U.
func title(text string) string {
	inside := false
	return strings.Map(func(r rune) rune {
		defer func() { inside = unicode.IsLetter(r) }()
		if inside {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, text)
}
