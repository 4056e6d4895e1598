package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"

	"indaba/internal/account"
	"indaba/internal/bot"
	"indaba/internal/bot/js"
	"indaba/internal/channel"
	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/gateway"
	"indaba/internal/routing"
)

// A scene is one conversation's part of a stage: an account with a bot, a simulated channel for each of the bot's
// endpoints, and what the bot has done so far.
type scene struct {
	account, bot string
	seed         string // of the bot's randomness
	class        string // delivery class of the bot's app
	from, to     string
	phones       map[string]*phone // by endpoint

	mu     sync.Mutex
	turns  []seen
	count  int
	events map[string]bool // ids of the events that the conversation sent
}

// seen is one turn that was run.
type seen struct {
	turn   *bot.Turn
	result bot.Result
	err    error // of the server
}

// enter counts a turn and tells whether it is to be run.
func (c *scene) enter(t *bot.Turn) (number int, wanted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.Event != nil && !c.events[t.Event.ID] {
		return 0, false
	}
	c.count++
	return c.count, true
}

func (c *scene) saw(s seen) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s.err == nil && (s.result.Outcome == js.Evicted || s.result.Outcome == js.Canceled) {
		return // it will be run again
	}
	c.turns = append(c.turns, s)
}

// take returns the turns since the last call.
func (c *scene) take() []seen {
	c.mu.Lock()
	defer c.mu.Unlock()
	turns := c.turns
	c.turns = nil
	return turns
}

// fault returns what the server could not do for the bot.
func (c *scene) fault() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.turns {
		if t.err != nil {
			return t.err
		}
	}
	return nil
}

// begin makes the scene of a conversation in one commit.
func (s *stage) begin(ctx context.Context, path string, c *conversation) (*scene, error) {
	s.clock.turn(c.now)
	s.net.begin(c.http)
	sc := &scene{seed: path + " " + c.name, phones: map[string]*phone{}, events: map[string]bool{}}
	err := s.app.DB.Tx(ctx, func(ctx context.Context) error {
		a, err := s.app.Accounts.Create(ctx, c.name, "")
		if err != nil {
			return err
		}
		sc.account = a.Key
		flags := account.Flags{CanManageOptouts: c.noOptouts == nil || !*c.noOptouts}
		if err := s.app.Accounts.SetFlags(ctx, a.Key, flags); err != nil {
			return err
		}
		endpoints, err := s.deploy(ctx, sc, c)
		if err != nil {
			return err
		}
		if err := s.connect(ctx, sc, c, endpoints); err != nil {
			return err
		}
		return s.fill(ctx, sc, c)
	})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.scenes[sc.account] = sc
	s.mu.Unlock()
	return sc, nil
}

// deploy makes the bot and returns its endpoints with their delivery classes.
func (s *stage) deploy(ctx context.Context, sc *scene, c *conversation) (map[string]string, error) {
	b, err := s.app.Bots.Create(ctx, sc.account, s.program.Name, bot.Sandbox)
	if err != nil {
		return nil, err
	}
	sc.bot = b.Key
	if _, err := s.app.Bots.Deploy(ctx, sc.account, b.Key, s.program); err != nil {
		return nil, err
	}
	values, err := configValues(s.program.Config, c.config)
	if err != nil {
		return nil, err
	}
	if len(values) > 0 {
		if err := s.app.Bots.SetConfig(ctx, sc.account, b.Key, values); err != nil {
			return nil, err
		}
	}
	text := s.program.Config["config"]
	if own := values["config"]; own != nil {
		text = *own
	}
	app := readApp(text)
	sc.class = app.class
	return app.endpoints, nil
}

// configValues lays a conversation's values over those of the program. Objects are joined; a text stands as it is.
func configValues(own map[string]string, over map[string]any) (map[string]*string, error) {
	values := map[string]*string{}
	for key, value := range over {
		if text, ok := value.(string); ok {
			values[key] = &text
			continue
		}
		if upper, ok := value.(map[string]any); ok {
			var lower map[string]any
			decoder := json.NewDecoder(bytes.NewReader([]byte(own[key])))
			decoder.UseNumber()
			if decoder.Decode(&lower) == nil {
				value = overlaid(lower, upper)
			}
		}
		text, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("configuration key %s: %w", key, err)
		}
		values[key] = new(string(text))
	}
	return values, nil
}

// appConfig is what the configuration key "config" says of channels (docs/spec/vumi-sandbox.md 8).
type appConfig struct {
	class     string
	endpoints map[string]string // name → delivery class
}

// readApp reads the text of the key. What has another shape counts as absent, as it does for the server.
func readApp(text string) appConfig {
	app := appConfig{class: "ussd", endpoints: map[string]string{}}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &members) != nil {
		return app
	}
	var class string
	if json.Unmarshal(members["delivery_class"], &class) == nil && class != "" {
		app.class = class
	}
	var endpoints map[string]json.RawMessage
	if json.Unmarshal(members["endpoints"], &endpoints) == nil {
		for name, value := range endpoints {
			var e struct {
				Class string `json:"delivery_class"`
			}
			if json.Unmarshal(value, &e) != nil || e.Class == "" {
				e.Class = "sms"
			}
			app.endpoints[name] = e.Class
		}
	}
	var tag []string
	if json.Unmarshal(members["sms_tag"], &tag) == nil && len(tag) == 2 {
		app.endpoints[tag[0]+":"+tag[1]] = "sms"
	}
	return app
}

// kindOf returns the kind of channel that people of a delivery class use.
func kindOf(class string) string {
	if class == "ussd" || class == "sms" {
		return class
	}
	return "chat"
}

// connect makes a channel for each endpoint and links both ways.
func (s *stage) connect(ctx context.Context, sc *scene, c *conversation, endpoints map[string]string) error {
	kind := c.channel
	if kind == "" {
		kind = kindOf(sc.class)
	}
	sc.from, sc.to = channel.Phone(c.from), c.to
	first(&sc.from, "+27821234567")
	first(&sc.to, map[string]string{"ussd": "*120*8864#"}[kind])
	first(&sc.to, "55555")
	if err := s.plug(ctx, sc, routing.Default, kind, sc.to); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(endpoints)) {
		if name == routing.Default {
			continue
		}
		if err := s.plug(ctx, sc, name, kindOf(endpoints[name]), name); err != nil {
			return err
		}
	}
	return nil
}

// plug makes a simulator channel for one endpoint of the bot.
func (s *stage) plug(ctx context.Context, sc *scene, endpoint, kind, address string) error {
	c := &gateway.Channel{Account: sc.account, Type: simulatorType, Name: endpoint, Address: address,
		Settings: map[string]string{"kind": kind, "secret": core.NewSecret()}}
	if err := s.app.Channels.Create(ctx, c); err != nil {
		return err
	}
	sc.phones[endpoint] = newPhone(s.app.URL(), c)
	outside := routing.Endpoint{Kind: routing.Channel, Key: c.Key, Name: routing.Default}
	inside := routing.Endpoint{Kind: routing.Bot, Key: sc.bot, Name: endpoint}
	return s.app.Routes.Link(ctx, sc.account, routing.Entry{Source: outside, Target: inside}, routing.Entry{Source: inside, Target: outside})
}

// simulatorType is the channel type that people are played on.
const simulatorType = "simulator"

// fill stores the contacts, groups, keys and opt-outs that are there before.
func (s *stage) fill(ctx context.Context, sc *scene, c *conversation) error {
	for _, g := range c.groups {
		if _, err := s.app.Contacts.CreateGroup(ctx, sc.account, g.name, g.query); err != nil {
			return fmt.Errorf("group %s: %w", g.name, err)
		}
	}
	people := c.contacts
	if c.contact != nil {
		own := maps.Clone(c.contact)
		name, err := contact.ClassField(sc.class)
		if err != nil {
			return fmt.Errorf("the person's contact: %w", err)
		}
		if own[name] == nil {
			own[name], _ = json.Marshal(sc.from) // a text always encodes
		}
		people = append([]map[string]json.RawMessage{own}, people...)
	}
	for _, record := range people {
		if err := s.meet(ctx, sc, record); err != nil {
			return fmt.Errorf("contact %s: %w", shortJSON(record), err)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.kv)) {
		if _, err := s.app.KV.Set(ctx, sc.account, key, c.kv[key], 0); err != nil {
			return fmt.Errorf("kv %s: %w", key, err)
		}
	}
	for _, number := range c.optouts {
		if _, err := s.app.Optouts.Set(ctx, sc.account, "msisdn", number, ""); err != nil {
			return fmt.Errorf("opt-out of %s: %w", number, err)
		}
	}
	return nil
}

// meet stores a contact. Its groups are named; those that are not there are made.
func (s *stage) meet(ctx context.Context, sc *scene, record map[string]json.RawMessage) error {
	record = maps.Clone(record)
	if unknown := contact.UnknownFields(record); len(unknown) > 0 {
		return core.Errorf(core.Invalid, "contacts have no field %q", unknown[0])
	}
	if text, ok := record["groups"]; ok {
		var groups []string
		if err := json.Unmarshal(text, &groups); err != nil {
			return core.Errorf(core.Invalid, "groups must be a list of names")
		}
		keys := []string{}
		for _, name := range groups {
			g, _, err := s.app.Contacts.GetOrCreateGroupByName(ctx, sc.account, name)
			if err != nil {
				return err
			}
			keys = append(keys, g.Key)
		}
		record["groups"], _ = json.Marshal(keys) // texts always encode
	}
	changes, err := contact.ParseChanges(record)
	if err != nil {
		return err
	}
	_, err = s.app.Contacts.Create(ctx, sc.account, changes.NewWithMsisdn(contact.UnknownMsisdn))
	return err
}

// shortJSON shows a record in a message.
func shortJSON(record map[string]json.RawMessage) string {
	text, err := json.Marshal(record)
	if err != nil {
		return "?"
	}
	return shorten(string(text), 80)
}

func shorten(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "…"
}
