package vumi

import (
	"errors"
	"net/http"

	"indaba/internal/api"
	"indaba/internal/bot"
	"indaba/internal/bot/httpbot"
	"indaba/internal/core"
)

// Commands on a bot's configuration (docs/spec/vumi-http.md 9.9). They are asked for like HTTP API conversations, with
// the account and a token of the bot, whatever its kind.

// conversationAPI is the first segment of their paths.
const conversationAPI = "conversation_api"

// configRoutes lists the paths. As with conversations there may be two slashes before the key, and credentials are asked
// for before anything is told.
func (f *face) configRoutes() (routes []api.Route) {
	for _, path := range []string{"/{conversation}/config/{command}", "//{conversation}/config/{command}",
		"/{conversation}/{resource}", "//{conversation}/{resource}"} {
		routes = append(routes, everyMethod(conversationAPI+path, f.configure)...)
	}
	return routes
}

// configure lets a request in and does what it commands.
func (f *face) configure(w http.ResponseWriter, r *api.Request) error {
	t, err := f.identify(r, func(b *bot.Bot, settings httpbot.Settings) bool {
		return b.Kind == bot.HTTP || settings.Type == httpbot.Streaming // the tokens of bots with a program are under that key
	})
	if err != nil {
		return err
	}
	leave, err := f.enter(t.bot.Account)
	if err != nil {
		return err
	}
	defer leave()
	command := r.Param("command")
	switch {
	case command == "":
		return core.Errorf(core.NotFound, "the conversation has no resource %q", r.Param("resource"))
	case r.Method != http.MethodPost:
		return &api.NoMethod{Allow: []string{http.MethodPost}}
	}
	handle := f.configCommands()[command]
	if handle == nil {
		return invalid("there is no command %q: use postcommit", command)
	}
	return handle(w, t)
}

func (f *face) configCommands() map[string]talkHandler {
	return map[string]talkHandler{"postcommit": f.reload}
}

// reload fetches a bot's script and configuration anew. What stands in the way is 400 with the reason, and changes
// nothing.
func (f *face) reload(w http.ResponseWriter, t *talk) error {
	_, err := f.Sources.Reload(t.Context(), t.bot.Account, t.bot.Key)
	if err != nil && core.KindOf(err) == core.Conflict {
		return as(core.Invalid, err)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusOK)
	return nil
}

// writeConfigError answers a command that failed: as conversations do when it was not let in, and else with the reason as
// text.
func writeConfigError(w http.ResponseWriter, status int, reason string, err error) {
	if errors.Is(err, errCrowded) || core.KindOf(err) == core.Unauthenticated {
		writeConversationError(w, status, reason, err)
		return
	}
	writeText(w, status, "text/plain; charset=utf-8", reason)
}
