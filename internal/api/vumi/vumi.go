// Package vumi is the HTTP side of Vumi Go (docs/spec/vumi-http.md): contacts, groups, opt-outs, metrics, the account's
// JSON-RPC and HTTP API conversations, so that the Python client go_http and scripts like it run against Indaba unchanged. It translates and holds no
// rule that another face would need.
package vumi

import (
	"cmp"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"indaba/internal/account"
	"indaba/internal/api"
	"indaba/internal/bot"
	"indaba/internal/bot/httpbot"
	"indaba/internal/bot/source"
	"indaba/internal/bot/vumiwire"
	"indaba/internal/contact"
	"indaba/internal/gateway"
	"indaba/internal/message"
	"indaba/internal/metric"
	"indaba/internal/optout"
	"indaba/internal/routing"
	"indaba/internal/user"
)

// Where the face stands on a server.
const (
	Prefix     = "/api/v1/go/"
	HealthPath = "/health/" // answered without a token
)

// Deps are what the face works with.
type Deps struct {
	Accounts *account.Service
	Users    *user.Service
	Contacts *contact.Service
	Optouts  *optout.Service
	Metrics  *metric.Service
	Bots     *bot.Store
	Channels *gateway.Store
	Routes   *routing.Service
	// Conversations and Pushes are behind HTTP API conversations (docs/spec/vumi-http.md 9).
	Conversations *httpbot.Sender
	Pushes        *httpbot.Queue
	// Sources reloads bots (docs/spec/vumi-http.md 9.9).
	Sources *source.Service
	// Exports and Searches are behind the message store (docs/spec/vumi-http.md 11).
	Exports  *vumiwire.Exporter
	Searches *message.Searches
	Now      func() time.Time
	Log      *slog.Logger
	Options
}

// Options tune the face; a zero value means what is said at it.
type Options struct {
	MaxBody         int64 // bytes of a request's body; 1 MiB
	PageSize        int   // records in a page unless fewer are asked for, at most 1000; 500
	MaxPoints       int64 // values in one answer of metrics; 10000 (docs/spec/vumi-http.md 6.3)
	MaxStreams      int   // downloads that one account may have open at once; 16
	TokenRequests   int   // per second for each token; 10000
	AddressRequests int   // per second for each address; 20000
	// ConversationRequests is how many requests for its HTTP API conversations one account may have open at once, streams
	// included; 10. Negative: any number.
	ConversationRequests int
	// ConversationMessages is how many of its messages for them are worked on at once, while the others wait in line; 1.
	// Negative: any number.
	ConversationMessages int
	// Patience is how long a client may take to receive each piece of a stream, some 32 KiB; 30 s.
	Patience time.Duration
	// TrustProxy takes the caller's address from X-Forwarded-For, for servers behind a proxy that sets it.
	TrustProxy bool
}

func (o Options) filled() Options {
	o.MaxBody = cmp.Or(o.MaxBody, 1<<20)
	o.PageSize = cmp.Or(o.PageSize, 500)
	o.MaxPoints = cmp.Or(o.MaxPoints, 10_000)
	o.MaxStreams = cmp.Or(o.MaxStreams, 16)
	o.TokenRequests = cmp.Or(o.TokenRequests, 10_000)
	o.AddressRequests = cmp.Or(o.AddressRequests, 20_000)
	o.ConversationRequests = cmp.Or(o.ConversationRequests, 10)
	o.ConversationMessages = cmp.Or(o.ConversationMessages, 1)
	return o
}

// face holds what handlers need.
type face struct {
	Deps
	streams       *api.Gate
	conversations *api.Gate
	sending       *api.Queue
	endpoints     *endpointReader
	gate          *optout.Gate
}

// New returns the handler of everything below [Prefix], and of [HealthPath]. It must get requests with their paths as
// they came: http.ServeMux would clean them and redirect, which turns a client's POST into a GET.
func New(d Deps) http.Handler {
	d.Options = d.filled()
	f := &face{Deps: d, streams: api.NewGate(d.MaxStreams), conversations: api.NewGate(d.ConversationRequests),
		sending: api.NewQueue(d.ConversationMessages), endpoints: newEndpointReader(d.Bots), gate: optout.NewGate(d.Optouts, d.Accounts)}
	served := &api.Face{
		Name: "vumi", Prefix: Prefix, Routes: slices.Concat(f.routes(), f.conversationRoutes(), f.configRoutes(), f.messageRoutes()),
		Accounts: d.Accounts, Users: d.Users, MaxBody: d.MaxBody,
		Limits:     api.NewLimits(d.TokenRequests, d.AddressRequests, d.TrustProxy),
		Patience:   d.Patience,
		WriteError: writeError, Log: d.Log,
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() == HealthPath {
			health(w, r)
			return
		}
		served.ServeHTTP(w, r)
	})
}

// health answers whoever asks whether the server runs (docs/spec/vumi-http.md 1).
func health(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("OK")) // a client that went away needs no answer
}

// routes is the URL map of docs/spec/vumi-http.md 1. The texts are those of an unexpected failure (2 and 6.3).
func (f *face) routes() []api.Route {
	const (
		contacts, optouts, metrics = account.ScopeContacts, account.ScopeOptouts, account.ScopeMetrics

		list, create         = "Failed to retrieve objects.", "Failed to create object."
		get, update, discard = "Failed to retrieve '{key}'", "Failed to update '{key}'", "Failed to delete '{key}'"
		members              = "Failed to retrieve contacts for group '{key}'."
		backend              = "Got error response interacting with metrics backend"
		plain                = "Internal server error."
	)
	return []api.Route{
		{Method: "POST", Path: "api/", Scope: account.ScopeAccount, Sessions: true, Handle: f.rpc},

		{Method: "GET", Path: "contacts/", Scope: contacts, Handle: failing(list, f.listContacts)},
		{Method: "POST", Path: "contacts/", Scope: contacts, Handle: failing(create, f.createContact)},
		{Method: "GET", Path: "contacts/{key}", Scope: contacts, Handle: failing(get, f.getContact)},
		{Method: "PUT", Path: "contacts/{key}", Scope: contacts, Handle: failing(update, f.updateContact)},
		{Method: "DELETE", Path: "contacts/{key}", Scope: contacts, Handle: failing(discard, f.deleteContact)},
		{Method: "DELETE", Path: "contacts/{key}/groups/{group}", Scope: contacts, Handle: failing(update, f.leaveGroup)},

		{Method: "GET", Path: "groups/", Scope: contacts, Handle: failing(list, f.listGroups)},
		{Method: "POST", Path: "groups/", Scope: contacts, Handle: failing(create, f.createGroup)},
		{Method: "GET", Path: "groups/{key}", Scope: contacts, Handle: failing(get, f.getGroup)},
		{Method: "PUT", Path: "groups/{key}", Scope: contacts, Handle: failing(update, f.updateGroup)},
		{Method: "DELETE", Path: "groups/{key}", Scope: contacts, Handle: failing(discard, f.deleteGroup)},
		{Method: "GET", Path: "groups/{key}/contacts", Scope: contacts, Handle: failing(members, f.listMembers)},

		{Method: "GET", Path: "metrics/", Scope: metrics, Handle: failing(backend, f.readMetrics)},
		{Method: "POST", Path: "metrics/", Scope: metrics, Handle: failing(backend, f.fireMetrics)},

		{Method: "GET", Path: "optouts/count", Scope: optouts, Handle: failing(plain, f.countOptouts)},
		{Method: "GET", Path: "optouts/{type}/{address}", Scope: optouts, Handle: failing(plain, f.getOptout)},
		{Method: "PUT", Path: "optouts/{type}/{address}", Scope: optouts, Handle: failing(plain, f.setOptout)},
		{Method: "DELETE", Path: "optouts/{type}/{address}", Scope: optouts, Handle: failing(plain, f.deleteOptout)},
	}
}
