package vumi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"indaba/internal/account"
	"indaba/internal/api"
	"indaba/internal/bot"
	"indaba/internal/bot/httpbot"
	"indaba/internal/core"
)

// HTTP API conversations (docs/spec/vumi-http.md 9): an application sends messages, fires metrics and reads streams for
// one bot, whose account and one of whose tokens it gives as user and password.

// talk is a request for a conversation that has been let in.
type talk struct {
	*api.Request
	bot      *bot.Bot
	settings httpbot.Settings
}

// conversationRoutes lists the paths of both types of conversations. Clients that are given a URL with a slash at its end
// write two before the key. All methods come to one handler, which asks for credentials before it tells what there is.
func (f *face) conversationRoutes() (routes []api.Route) {
	for _, kind := range []string{httpbot.NoStreaming, httpbot.Streaming} {
		for _, path := range []string{"/{conversation}/{resource}", "//{conversation}/{resource}"} {
			routes = append(routes, everyMethod(kind+path, f.converse(kind))...)
		}
	}
	return routes
}

// everyMethod returns the routes of a path whose handler itself decides on methods: whoever has no token is not to learn
// which there are.
func everyMethod(path string, handle api.Handler) (routes []api.Route) {
	for _, method := range []string{"GET", "PUT", "POST", "DELETE", "HEAD", "PATCH", "OPTIONS"} {
		routes = append(routes, api.Route{Method: method, Path: path, Handle: handle})
	}
	return routes
}

// converse lets a request in and hands it to its resource.
func (f *face) converse(kind string) api.Handler {
	return failing("Internal server error.", func(w http.ResponseWriter, r *api.Request) error {
		t, err := f.letIn(r, kind)
		if err != nil {
			return err
		}
		leave, err := f.enter(t.bot.Account)
		if err != nil {
			return err
		}
		defer leave()
		handlers := f.handlers(t.settings, r.Param("resource"))
		if handlers == nil {
			return core.Errorf(core.NotFound, "the conversation has no resource %q", r.Param("resource"))
		}
		if handle := handlers[r.Method]; handle != nil {
			return handle(w, t)
		}
		return noMethod(handlers)
	})
}

type talkHandler func(http.ResponseWriter, *talk) error

// handlers returns those of a resource by method; nil when there is none of that name.
func (f *face) handlers(settings httpbot.Settings, name string) map[string]talkHandler {
	streams := settings.Streaming()
	switch {
	case name == "messages.json" && streams:
		return map[string]talkHandler{"PUT": f.sendMessage, "GET": f.stream(httpbot.Messages)}
	case name == "messages.json":
		return map[string]talkHandler{"PUT": f.sendMessage}
	case name == "metrics.json":
		return map[string]talkHandler{"PUT": f.fireConversationMetrics}
	case name == "events.json" && streams:
		return map[string]talkHandler{"GET": f.stream(httpbot.Events)}
	}
	return nil
}

func noMethod(handlers map[string]talkHandler) error {
	var allow []string
	for _, method := range []string{"GET", "PUT"} {
		if handlers[method] != nil {
			allow = append(allow, method)
		}
	}
	return &api.NoMethod{Allow: allow}
}

// letIn finds the conversation of a request and checks its token. Whatever is wrong looks the same from outside.
func (f *face) letIn(r *api.Request, kind string) (*talk, error) {
	return f.identify(r, func(b *bot.Bot, settings httpbot.Settings) bool {
		return b.Kind == bot.HTTP && settings.Type == kind
	})
}

// identify is letIn for the bots that fit.
func (f *face) identify(r *api.Request, fits func(*bot.Bot, httpbot.Settings) bool) (*talk, error) {
	refused := core.Errorf(core.Unauthenticated, "account, conversation and token do not belong together")
	owner, token, ok := r.BasicAuth()
	key := r.Param("conversation")
	if !ok || token == "" || !isKey(owner) || !isKey(key) {
		return nil, refused
	}
	b, err := f.Bots.Get(r.Context(), owner, key)
	if err != nil && core.KindOf(err) == core.NotFound {
		return nil, refused
	}
	if err != nil {
		return nil, err
	}
	settings, err := httpbot.ReadSettings(b.Config)
	if err != nil || !fits(b, settings) {
		return nil, refused
	}
	if !settings.Admits(token) {
		return nil, refused
	}
	r.Request = r.WithContext(account.WithActor(r.Context(), "bot:"+b.Key))
	return &talk{r, b, settings}, nil
}

// isKey reports whether a text looks like a key; what does not is not looked for.
func isKey(text string) bool {
	return len(text) == 32 && strings.Trim(text, "0123456789abcdef") == ""
}

// enter counts the open requests of an account, streams included (docs/spec/vumi-http.md 9.5).
func (f *face) enter(owner string) (leave func(), err error) {
	if f.ConversationRequests < 0 {
		return func() {}, nil
	}
	if leave, err = f.conversations.Enter(owner); err != nil {
		return nil, &core.Error{Kind: core.Limited, Message: "Too many concurrent connections", Cause: errCrowded}
	}
	return leave, nil
}

// errCrowded tells too many requests at once from too many in a second.
var errCrowded = errors.New("too many requests of the account are open")

// verdict is the body of answers that hold no message.
type verdict struct {
	Success bool   `json:"success"`
	Reason  string `json:"reason"`
}

// writeConversationError answers a request for a conversation that failed (docs/spec/vumi-http.md 1.1, 9.2, 9.5).
func writeConversationError(w http.ResponseWriter, status int, reason string, err error) {
	switch {
	case errors.Is(err, errCrowded):
		w.Header().Del("Retry-After")
		writeText(w, http.StatusForbidden, "text/html; charset=utf-8", "<!DOCTYPE html>\n<html><head><title>403 - "+
			"Too many concurrent connections</title></head><body><h1>Too many concurrent connections</h1></body></html>\n")
	case core.KindOf(err) == core.Unauthenticated:
		w.Header().Set("WWW-Authenticate", `basic realm="Conversation Realm"`)
		writeText(w, http.StatusUnauthorized, "text/plain; charset=utf-8", "Unauthorized")
	default:
		_ = api.WriteJSON(w, status, jsonUTF8, verdict{false, reason}) // two fields that always encode
	}
}

func writeText(w http.ResponseWriter, status int, contentType, text string) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a client that went away needs no answer
}

// stream is GET messages.json and events.json: one JSON per line until the client goes (docs/spec/vumi-http.md 9.8).
func (f *face) stream(kind httpbot.Kind) talkHandler {
	return func(w http.ResponseWriter, t *talk) error {
		lines := api.NewLines(w, jsonUTF8)
		err := f.Pushes.Stream(t.Context(), t.bot.Key, kind, func(bodies []string) error {
			for _, body := range bodies {
				if err := lines.Write(json.RawMessage(body)); err != nil {
					return err
				}
			}
			return lines.Flush()
		})
		if err != nil || t.Context().Err() != nil {
			return err
		}
		return lines.Flush() // the end is to reach a client that has long got nothing
	}
}
