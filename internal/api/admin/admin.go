// Package admin is the HTTP side of what operators and their programs do (docs/spec/admin.md). So far that is logging in
// and out, and bringing contacts in and out. It translates and holds no rule that another face would need.
package admin

import (
	"cmp"
	"log/slog"
	"net/http"

	"indaba/internal/account"
	"indaba/internal/api"
	"indaba/internal/transfer"
	"indaba/internal/user"
)

// Prefix is where the face stands on a server.
const Prefix = "/api/admin/v1/"

// Deps are what the face works with.
type Deps struct {
	Accounts *account.Service
	Users    *user.Service
	Transfer *transfer.Service
	Log      *slog.Logger
	Options
}

// Options tune the face; a zero value means what is said at it.
type Options struct {
	MaxBody         int64 // bytes of a request's body that is no file; 1 MiB
	MaxTransfers    int   // files that one account may have on their way, up and down each, at once; 16
	TokenRequests   int   // per second for each token; 10000
	AddressRequests int   // per second for each address; 20000
	// TrustProxy takes from X-Forwarded-For and X-Forwarded-Proto where a request came from and whether it was encrypted,
	// for servers behind a proxy that sets them.
	TrustProxy bool
}

func (o Options) filled() Options {
	o.MaxBody = cmp.Or(o.MaxBody, 1<<20)
	o.MaxTransfers = cmp.Or(o.MaxTransfers, 16)
	o.TokenRequests = cmp.Or(o.TokenRequests, 10_000)
	o.AddressRequests = cmp.Or(o.AddressRequests, 20_000)
	return o
}

// face holds what handlers need.
type face struct {
	Deps
	served             *api.Face
	uploads, downloads *api.Gate
}

// New returns the handler of everything below [Prefix]. It must get requests with their paths as they came.
func New(d Deps) http.Handler {
	d.Options = d.filled()
	f := &face{Deps: d, uploads: api.NewGate(d.MaxTransfers), downloads: api.NewGate(d.MaxTransfers)}
	f.served = &api.Face{
		Name: "admin", Prefix: Prefix, Routes: f.routes(), Accounts: d.Accounts, Users: d.Users, MaxBody: d.MaxBody,
		Limits:     api.NewLimits(d.TokenRequests, d.AddressRequests, d.TrustProxy),
		WriteError: writeError, Log: d.Log,
	}
	return f.served
}

func (f *face) routes() []api.Route {
	const contacts = account.ScopeContacts
	return []api.Route{
		{Method: "POST", Path: "sessions", Handle: f.logIn},
		{Method: "GET", Path: "sessions/current", Handle: f.showSession},
		{Method: "DELETE", Path: "sessions/current", Handle: f.logOut},

		{Method: "GET", Path: "contacts/imports", Scope: contacts, Handle: f.listImports},
		{Method: "POST", Path: "contacts/imports", Scope: contacts, Handle: f.upload},
		{Method: "GET", Path: "contacts/imports/{key}", Scope: contacts, Handle: f.getImport},
		{Method: "DELETE", Path: "contacts/imports/{key}", Scope: contacts, Handle: f.discardImport},
		{Method: "GET", Path: "contacts/imports/{key}/report", Scope: contacts, Handle: f.report},
		{Method: "POST", Path: "contacts/imports/{key}/resume", Scope: contacts, Handle: f.resumeImport},
		{Method: "GET", Path: "contacts/export", Scope: contacts, Handle: f.export},
	}
}
