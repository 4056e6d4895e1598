package sandbox

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"unicode/utf8"

	"indaba/internal/bot"
	"indaba/internal/core"
	"indaba/internal/egress"
)

// httpCommands are the commands that call out: they answer when the call is over, and others go on meanwhile
// (docs/spec/vumi-sandbox.md 9.4).
var httpCommands = map[string]handler{
	"http.get":    httpCall(http.MethodGet),
	"http.head":   httpCall(http.MethodHead),
	"http.post":   httpCall(http.MethodPost),
	"http.put":    httpCall(http.MethodPut),
	"http.patch":  httpCall(http.MethodPatch),
	"http.delete": httpCall(http.MethodDelete),
	"fetch":       (*host).fetch,
}

// begin starts a call and answers when it is over. A call that is under way when the turn is done goes on; when the turn
// fails, it ends.
func (h *host) begin(call handler, a args, answer func(string)) {
	ctx, cancel := context.WithCancel(h.runner.ctx)
	h.mu.Lock()
	h.endCalls = append(h.endCalls, cancel)
	h.mu.Unlock()
	h.runner.under.Go(func() {
		defer cancel()
		for _, places := range []chan struct{}{h.calls, h.runner.calls} {
			select {
			case places <- struct{}{}:
				defer func() { <-places }()
			case <-ctx.Done():
				return
			}
		}
		reply, err := h.handle(ctx, call, a)
		if err != nil {
			reply = `{"success":false,"reason":"internal error"}` // the turn comes to its end, and is run again
		}
		answer(reply)
	})
}

// httpCall is http.get and its like.
func httpCall(method string) handler {
	return func(h *host, ctx context.Context, a args) (fields, error) {
		r, err := h.httpRequest(method, a)
		if err != nil {
			return nil, err
		}
		answer, err := h.call(ctx, r)
		if err != nil {
			return nil, err
		}
		if !utf8.Valid(answer.Body) {
			return nil, fail("The body of the response is not valid UTF-8 text.")
		}
		return fields{"code": answer.Status, "body": string(answer.Body)}, nil
	}
}

// call makes a call; whatever comes of it is for the script to handle.
func (h *host) call(ctx context.Context, r egress.Request) (*egress.Response, error) {
	answer, err := h.deps.Egress.Do(ctx, r)
	if err != nil && ctx.Err() == nil {
		if core.KindOf(err) == core.Internal {
			h.deps.Log.ErrorContext(ctx, "a bot's HTTP call failed", "bot", h.turn.Bot.Key, "error", err)
		}
		return nil, failure(core.SafeMessage(err))
	}
	return answer, err
}

func (h *host) httpRequest(method string, a args) (egress.Request, error) {
	r := egress.Request{Method: method, Only: h.runner.only}
	r.Follow = method == http.MethodGet || method == http.MethodHead
	url, ok := a.text("url")
	if a.null("url") || ok && url == "" {
		return r, fail("No URL given")
	}
	if !ok {
		return r, fail("'url' must be a string.")
	}
	r.URL = url
	var err error
	if r.Header, err = headersOf(a); err != nil {
		return r, err
	}
	if err = h.tlsOptions(a, &r); err != nil {
		return r, err
	}
	if !a.null("data") {
		data, ok := a.text("data")
		if !ok {
			return r, fail("'data' must be a string.")
		}
		r.Body = []byte(data)
	}
	if !a.null("files") {
		return r, addFiles(a, &r)
	}
	return r, nil
}

// headersOf reads headers: an object of lists of texts; one text may stand for a list of one.
func headersOf(a args) (http.Header, error) {
	if a.null("headers") {
		return nil, nil
	}
	given, ok := a.object("headers")
	if !ok {
		return nil, fail("'headers' must be an object of lists of strings.")
	}
	headers := http.Header{}
	for name, value := range given {
		var list []string
		if json.Unmarshal(value, &list) != nil {
			var one string
			if json.Unmarshal(value, &one) != nil {
				return nil, fail("'headers' must be an object of lists of strings.")
			}
			list = []string{one}
		}
		for _, text := range list {
			headers.Add(name, text)
		}
	}
	return headers, nil
}

var verifyOptions = []string{"VERIFY_NONE", "VERIFY_PEER", "VERIFY_CLIENT_ONCE", "VERIFY_FAIL_IF_NO_PEER_CERT"}

// tlsOptions reads verify_options and ssl_method. All methods but SSLv3, which is refused, mean TLS 1.2 or newer.
func (h *host) tlsOptions(a args, r *egress.Request) error {
	if !a.null("verify_options") {
		var options []string
		if json.Unmarshal(a["verify_options"], &options) != nil {
			return fail("'verify_options' must be a list of strings.")
		}
		for _, option := range options {
			if !slices.Contains(verifyOptions, option) {
				return fail("There is no verify option %q.", option)
			}
		}
		slices.Sort(options)
		r.Unverified = slices.Equal(slices.Compact(options), []string{"VERIFY_NONE"})
	}
	if a.null("ssl_method") {
		return nil
	}
	switch method, _ := a.text("ssl_method"); method {
	case "SSLv23", "TLSv1":
		h.logf(bot.Debug, "ssl_method %s: TLS 1.2 or newer is used.", method)
		return nil
	case "SSLv3":
		return fail("SSLv3 is not safe and not supported: leave ssl_method out.")
	default:
		return fail("There is no ssl_method %q.", method)
	}
}

// addFiles makes the body a form of the files, and of data as a field "data" when there is any.
func addFiles(a args, r *egress.Request) error {
	files, ok := a.object("files")
	if !ok {
		return fail("'files' must be an object.")
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, field := range slices.Sorted(maps.Keys(files)) {
		if err := addFile(form, field, files[field]); err != nil {
			return err
		}
	}
	if len(r.Body) > 0 {
		if err := form.WriteField("data", string(r.Body)); err != nil {
			return fmt.Errorf("writing a form: %w", err)
		}
	}
	if err := form.Close(); err != nil {
		return fmt.Errorf("writing a form: %w", err)
	}
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set("Content-Type", form.FormDataContentType())
	r.Body = body.Bytes()
	return nil
}

func addFile(form *multipart.Writer, field string, value json.RawMessage) error {
	var file struct {
		Name string `json:"file_name"`
		Type string `json:"content_type"`
		Data string `json:"data"`
	}
	if json.Unmarshal(value, &file) != nil {
		return fail("The file %q must have the strings 'file_name', 'content_type' and 'data'.", field)
	}
	data, err := base64.StdEncoding.DecodeString(file.Data)
	if err != nil {
		return fail("The data of file %q must be base64.", field)
	}
	if strings.ContainsAny(file.Type, "\r\n\x00") {
		return fail("The content type of file %q is not valid.", field)
	}
	if file.Type == "" {
		file.Type = "application/octet-stream"
	}
	part, err := form.CreatePart(textproto.MIMEHeader{
		"Content-Disposition": {multipart.FileContentDisposition(field, file.Name)}, "Content-Type": {file.Type},
	})
	if err == nil {
		_, err = part.Write(data)
	}
	if err != nil {
		return fmt.Errorf("writing a form: %w", err)
	}
	return nil
}
