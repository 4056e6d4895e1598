package app

import (
	"log/slog"
	"net/http"
	"path"
	"strings"

	"indaba/internal/api/admin"
	"indaba/internal/api/vumi"
	"indaba/internal/bot/httpbot"
)

// hooks is where providers reach their channels.
const hooks = "/channels/"

// faces returns a handler that answers on the paths of the faces and leaves the others to next. It stands before any
// http.ServeMux because that redirects paths it would have written otherwise, which nothing here does: a path with a
// slash too many outside the faces is none of ours.
func (a *App) faces(next http.Handler) http.Handler {
	c := a.Config
	vumiFace := vumi.New(vumi.Deps{
		Accounts: a.Accounts, Users: a.Users, Contacts: a.Contacts, Optouts: a.Optouts, Metrics: a.Metrics, Bots: a.Bots,
		Channels: a.Channels, Routes: a.Routes, Pushes: a.Pushes, Conversations: &httpbot.Sender{DB: a.DB,
			Messages: a.Messages, Dispatch: a.Runtime.Dispatch, Now: a.now},
		Sources: a.Sources, Exports: a.Exports, Searches: a.Searches, Now: a.now, Log: slog.Default(),
		Options: vumi.Options{MaxBody: int64(c.MaxBody), PageSize: c.API.PageSize, MaxPoints: int64(c.API.MaxPoints),
			MaxStreams: c.API.Downloads, TokenRequests: c.API.TokenRate, AddressRequests: c.API.AddressRate,
			ConversationRequests: c.API.ConversationRequests, ConversationMessages: c.API.ConversationMessages,
			TrustProxy: c.TrustProxy},
	})
	adminFace := admin.New(admin.Deps{Accounts: a.Accounts, Users: a.Users, Transfer: a.Transfer, Log: slog.Default(),
		Options: admin.Options{MaxBody: int64(c.MaxBody), MaxTransfers: c.API.Downloads, TokenRequests: c.API.TokenRate,
			AddressRequests: c.API.AddressRate, TrustProxy: c.TrustProxy}})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch asked := r.URL.EscapedPath(); {
		case strings.HasPrefix(asked, hooks):
			a.Gateway.ServeHTTP(w, r)
		case strings.HasPrefix(asked, admin.Prefix):
			adminFace.ServeHTTP(w, r)
		case strings.HasPrefix(asked, vumi.Prefix), asked == vumi.HealthPath:
			vumiFace.ServeHTTP(w, r)
		case path.Clean(asked) != asked:
			http.NotFound(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
