package app

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"indaba/internal/api/vumi"
	"indaba/internal/bot/httpbot"
)

// faces returns a handler that answers on the paths of the faces and leaves the others to next. It stands before any
// http.ServeMux because that redirects paths it would have written otherwise.
func (a *App) faces(next http.Handler) http.Handler {
	vumiFace := vumi.New(vumi.Deps{
		Accounts: a.Accounts, Contacts: a.Contacts, Optouts: a.Optouts, Metrics: a.Metrics, Bots: a.Bots,
		Channels: a.Channels, Routes: a.Routes, Pushes: a.Pushes, Conversations: &httpbot.Sender{DB: a.DB,
			Messages: a.Messages, Dispatch: a.Runtime.Dispatch, Now: time.Now},
		Now: time.Now, Log: slog.Default(),
		Options: vumi.Options{MaxBody: int64(a.Config.MaxBody)},
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.EscapedPath(); {
		case strings.HasPrefix(path, vumi.Prefix), path == vumi.HealthPath:
			vumiFace.ServeHTTP(w, r)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
