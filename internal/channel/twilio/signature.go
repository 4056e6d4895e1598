package twilio

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"indaba/internal/channel"
	"indaba/internal/core"
)

// Form returns the fields that a webhook posts, as a form or as a JSON object, once its signature is verified. A
// core.Unauthenticated error means that the signature is wrong, a core.Invalid error that the request has no such fields.
func (a *Account) Form(r *channel.Request) (url.Values, error) {
	form, malformed := url.ParseQuery(string(r.Body))
	signed, whole := form, true
	if r.Query.Has("bodySHA256") { // of what is no form only the URL is signed, which has the hash of the body
		sum := sha256.Sum256(r.Body)
		signed, whole = nil, channel.SameHex(sum[:], r.Query.Get("bodySHA256"))
	}
	given, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Twilio-Signature"))
	if err != nil || !whole || !hmac.Equal(given, signature(a.config.Settings["auth_token"], r.URL, signed)) {
		return nil, core.Errorf(core.Unauthenticated, "X-Twilio-Signature is wrong: check the auth token, "+
			"and that Indaba's public URL is the one that Twilio calls")
	}
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" { // what is malformed is a form
		form, malformed = fromJSON(r.Body)
	}
	switch {
	case malformed != nil:
		return nil, core.Errorf(core.Invalid, "the body is neither a form nor a JSON object")
	case r.Method != http.MethodPost:
		return nil, core.Errorf(core.Invalid, "use POST")
	}
	return form, nil
}

// fromJSON returns the members of a JSON object that are texts or numbers.
func fromJSON(body []byte) (url.Values, error) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var members map[string]any
	if err := decoder.Decode(&members); err != nil {
		return nil, err
	}
	form := url.Values{}
	for name, value := range members {
		switch value := value.(type) {
		case string:
			form.Set(name, value)
		case json.Number:
			form.Set(name, value.String())
		}
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
