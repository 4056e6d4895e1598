package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// Form returns the form that a webhook posts, once its signature is verified. A core.Unauthenticated error means that the
// signature is wrong, a core.Invalid error that the request is no posted form.
func (a *Account) Form(r *channel.Request) (url.Values, error) {
	form, malformed := url.ParseQuery(string(r.Body))
	given, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Twilio-Signature"))
	if err != nil || !hmac.Equal(given, signature(a.config.Settings["auth_token"], r.URL, form)) {
		return nil, core.Errorf(core.Unauthenticated, "X-Twilio-Signature is wrong: check the auth token, "+
			"and that Indaba's public URL is the one that Twilio calls")
	}
	switch {
	case malformed != nil:
		return nil, core.Errorf(core.Invalid, "the body is not a form")
	case r.Method != http.MethodPost:
		return nil, core.Errorf(core.Invalid, "use POST")
	}
	return form, nil
}

// signature is the HMAC-SHA1 of the URL as Twilio called it, and of each parameter's name and value by name. Twilio
// chose SHA-1; as a MAC it is not broken.
func signature(token, target string, form url.Values) []byte {
	mac := hmac.New(sha1.New, []byte(token))
	_, _ = mac.Write([]byte(target)) // a hash never fails
	for _, name := range slices.Sorted(maps.Keys(form)) {
		values := slices.Sorted(slices.Values(form[name]))
		for _, value := range slices.Compact(values) {
			_, _ = mac.Write([]byte(name + value))
		}
	}
	return mac.Sum(nil)
}
