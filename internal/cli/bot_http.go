package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/bot/httpbot"
	"indaba/internal/core"
)

// Bots of kind http: HTTP API conversations (docs/spec/vumi-http.md 9).

type botCreate struct {
	Name string `arg:"" help:"Its name, for people and in other commands."`
	Kind string `enum:"sandbox,http" default:"sandbox" help:"sandbox: JavaScript, which is deployed then; http: an application elsewhere, which speaks the HTTP API."`
	conversationFlags
}

// conversationFlags are the settings that a bot of kind http begins with. One that is not given stays nil.
type conversationFlags struct {
	Streaming      *bool   `help:"Of kind http: let the application read messages and events as streams, too."`
	PushMessageURL *string `name:"push-message-url" placeholder:"URL" help:"Of kind http: where messages from people are posted to. May hold USER:PASSWORD@."`
	PushEventURL   *string `name:"push-event-url" placeholder:"URL" help:"Of kind http: where acks, nacks and delivery reports are posted to."`
	MetricStore    *string `placeholder:"NAME" help:"Of kind http: the store of metrics that it fires, if not default."`
	IgnoreMessages *bool   `help:"Of kind http: drop messages from people."`
	IgnoreEvents   *bool   `help:"Of kind http: drop acks, nacks and delivery reports."`
	ContentLimit   *string `name:"content-length-limit" placeholder:"N" help:"Of kind http: most characters of one message that it sends."`
}

// given returns the flags that were given, by the names of the settings.
func (f *conversationFlags) given() map[string]string {
	given := map[string]string{}
	for name, text := range map[string]*string{"push_message_url": f.PushMessageURL, "push_event_url": f.PushEventURL,
		"metric_store": f.MetricStore, "content_length_limit": f.ContentLimit} {
		if text != nil {
			given[name] = *text
		}
	}
	for name, on := range map[string]*bool{"streaming": f.Streaming, "ignore_messages": f.IgnoreMessages,
		"ignore_events": f.IgnoreEvents} {
		if on != nil {
			given[name] = fmt.Sprint(*on)
		}
	}
	return given
}

func (c *botCreate) Run(i *invocation) error {
	given := c.given()
	if c.Kind != bot.HTTP && len(given) > 0 {
		return misused("%s: only a bot of kind http has that: add --kind http",
			strings.Join(slices.Sorted(maps.Keys(given)), ", "))
	}
	return i.inAccount(func(ctx context.Context, a *app.App, account string) error {
		if c.Kind == bot.HTTP {
			return i.createConversation(ctx, a, account, c.Name, given)
		}
		b, err := a.Bots.Create(ctx, account, c.Name, c.Kind)
		if err != nil {
			return err
		}
		return i.say(viewBot(b), "Bot %s has the key %s.", b.Name, b.Key)
	})
}

// createConversation makes a bot of kind http with its first token.
func (i *invocation) createConversation(ctx context.Context, a *app.App, account, name string, given map[string]string) error {
	settings, err := edited(httpbot.DefaultSettings(), given)
	if err != nil {
		return err
	}
	token, entry := httpbot.NewToken()
	settings.APITokens = []string{entry}
	var b *bot.Bot
	if err := a.DB.Tx(ctx, func(ctx context.Context) (err error) {
		if b, err = a.Bots.Create(ctx, account, name, bot.HTTP); err != nil {
			return err
		}
		return saveSettings(ctx, a, b, settings)
	}); err != nil {
		return err
	}
	view := viewBot(b)
	view.Type, view.URL, view.Token = settings.Type, i.conversationURL(b, settings), token
	if !settings.Streaming() && settings.PushMessageURL == "" && !settings.IgnoreMessages {
		_, _ = fmt.Fprintln(i.stderr, "note: messages from people are dropped until push_message_url is set: see indaba bot config set --help")
	}
	return i.fields(view, field{"key", b.Key}, field{"type", view.Type}, field{"url", view.URL}, field{"user", account},
		field{"token", token + "  (not shown again)"})
}

// edited returns settings with changes that make sense together.
func edited(s httpbot.Settings, changes map[string]string) (httpbot.Settings, error) {
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		if err := s.Set(name, changes[name]); err != nil {
			return s, err
		}
	}
	return s, s.Check()
}

func saveSettings(ctx context.Context, a *app.App, b *bot.Bot, s httpbot.Settings) error {
	values, err := s.Values()
	if err != nil {
		return err
	}
	return a.Bots.SetConfig(ctx, b.Account, b.Key, values)
}

// conversationURL is where an application reaches its conversation, without messages.json and the like.
func (i *invocation) conversationURL(b *bot.Bot, s httpbot.Settings) string {
	return i.baseURL() + "/api/v1/go/" + s.Type + "/" + b.Key
}

// conversationFields are what indaba bot show adds for a bot of kind http.
func (i *invocation) conversationFields(b *bot.Bot, view *botView) ([]field, error) {
	settings, err := httpbot.ReadSettings(b.Config)
	if err != nil {
		return nil, err
	}
	view.Type, view.URL = settings.Type, i.conversationURL(b, settings)
	fields := []field{{"type", view.Type}, {"url", view.URL}}
	for _, s := range settings.List() {
		if s.Value != "" && s.Name != "streaming" {
			fields = append(fields, field{s.Name, s.Redacted()})
		}
	}
	return append(fields, field{"tokens", strings.Join(tokenNames(settings), ", ")}), nil
}

func tokenNames(s httpbot.Settings) []string {
	names := make([]string, len(s.APITokens))
	for n, entry := range s.APITokens {
		names[n] = httpbot.TokenName(entry)
	}
	return names
}

func (i *invocation) listSettings(b *bot.Bot) error {
	settings, err := httpbot.ReadSettings(b.Config)
	if err != nil {
		return err
	}
	views, rows := map[string]string{}, [][]string{}
	for _, s := range settings.List() {
		views[s.Name] = s.Redacted()
		rows = append(rows, []string{s.Name, s.Redacted(), s.Help})
	}
	return i.table(views, []string{"SETTING", "VALUE", "WHAT IT IS"}, rows)
}

func (i *invocation) showSetting(b *bot.Bot, name string, reveal bool) error {
	settings, err := httpbot.ReadSettings(b.Config)
	if err != nil {
		return err
	}
	for _, s := range settings.List() {
		if s.Name != name {
			continue
		}
		value := s.Redacted()
		if reveal {
			value = s.Value
		}
		return i.say(map[string]string{"value": value}, "%s", value)
	}
	return settings.Set(name, "") // says that there is none, and which is near
}

// changeSettings changes settings of a bot of kind http: all, or none if one makes no sense. The whole object may be given
// under the key that is the conversation's type, as in its configuration.
func (i *invocation) changeSettings(ctx context.Context, a *app.App, b *bot.Bot, changes map[string]string) error {
	if err := a.DB.TxOn(ctx, b.Account, func(ctx context.Context) error {
		current, err := a.Bots.Get(ctx, b.Account, b.Key)
		if err != nil {
			return err
		}
		settings, err := httpbot.ReadSettings(current.Config)
		single := maps.Clone(changes)
		for _, kind := range []string{httpbot.NoStreaming, httpbot.Streaming} {
			if text := single[kind]; text != "" {
				settings, err = wholeSettings(kind, text)
				delete(single, kind)
			}
		}
		if err != nil {
			return err
		}
		if settings, err = edited(settings, single); err != nil {
			return err
		}
		return saveSettings(ctx, a, current, settings)
	}); err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(changes))
	return i.say(map[string]any{"changed": names}, "Bot %s: %s changed.", b.Name, strings.Join(names, ", "))
}

func wholeSettings(kind, text string) (httpbot.Settings, error) {
	settings := httpbot.DefaultSettings()
	if err := decodeStrictly(text, &settings); err != nil {
		return settings, core.Errorf(core.Invalid, "the value of %s cannot be read: %v", kind, err)
	}
	settings.Type = kind
	return settings, nil
}
