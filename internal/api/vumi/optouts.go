package vumi

import (
	"maps"
	"net/http"

	"indaba/internal/api"
	"indaba/internal/contact"
	"indaba/internal/core"
	"indaba/internal/optout"
)

// writeOptout answers in the envelope of opt-outs: a status in every body (docs/spec/vumi-http.md 5).
func writeOptout(w http.ResponseWriter, status int, reason string, fields map[string]any) {
	answer := map[string]any{"status": map[string]any{"code": status, "reason": reason}}
	maps.Copy(answer, fields)
	_ = api.WriteJSON(w, status, jsonPlain, answer) // texts and numbers always encode
}

// writeRecordOf answers with an opt-out, or hands on the error that there is instead.
func writeRecordOf(w http.ResponseWriter, o optout.OptOut, err error) error {
	if err != nil {
		return err
	}
	var message *string
	if o.MessageID != "" {
		message = &o.MessageID
	}
	writeOptout(w, http.StatusOK, "OK", map[string]any{"opt_out": map[string]any{
		"created_at": contact.FormatTime(o.CreatedAt), "message": message, "user_account": o.Account,
	}})
	return nil
}

// getOptout is GET /optouts/{type}/{address}.
func (f *face) getOptout(w http.ResponseWriter, r *api.Request) error {
	o, found, err := f.Optouts.Get(r.Context(), r.Account(), r.Param("type"), r.Param("address"))
	if err == nil && !found {
		err = core.Errorf(core.NotFound, "Opt out not found.")
	}
	return writeRecordOf(w, o, err)
}

// setOptout is PUT /optouts/{type}/{address}. It has no body, and one that comes is not looked at.
func (f *face) setOptout(w http.ResponseWriter, r *api.Request) error {
	o, err := f.Optouts.Create(r.Context(), r.Account(), r.Param("type"), r.Param("address"), "")
	return writeRecordOf(w, o, err)
}

// deleteOptout is DELETE /optouts/{type}/{address}.
func (f *face) deleteOptout(w http.ResponseWriter, r *api.Request) error {
	o, found, err := f.Optouts.Delete(r.Context(), r.Account(), r.Param("type"), r.Param("address"))
	if err == nil && !found {
		err = core.Errorf(core.NotFound, "There's nothing to delete.")
	}
	return writeRecordOf(w, o, err)
}

// countOptouts is GET /optouts/count.
func (f *face) countOptouts(w http.ResponseWriter, r *api.Request) error {
	n, err := f.Optouts.Count(r.Context(), r.Account())
	if err != nil {
		return err
	}
	writeOptout(w, http.StatusOK, "OK", map[string]any{"opt_out_count": n})
	return nil
}
