package simulate

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"indaba/internal/bot"
	"indaba/internal/channel"
	"indaba/internal/core"
	"indaba/internal/gateway"
	"indaba/internal/routing"
)

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
