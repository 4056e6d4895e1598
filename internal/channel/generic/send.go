package generic

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"indaba/internal/channel"
)

// Send makes the request of the settings and judges its answer by their rule.
func (a *adapter) Send(ctx context.Context, m *channel.Outbound) (channel.Receipt, error) {
	r, err := a.request(m)
	if err != nil {
		return channel.Receipt{}, &channel.SendError{Class: channel.AccountFault,
			Message: "the request cannot be made: check base_url and body"}
	}
	answer, err := a.config.HTTP.Do(ctx, r)
	if answer == nil {
		return channel.Receipt{}, err
	}
	if !a.takes(answer.Status) {
		return channel.Receipt{}, a.refusal(answer, err)
	}
	if is2xx(answer.Status) && err != nil { // it cannot be read to its end
		if a.config.Settings["success_json"] != "" || a.config.Settings["success_body"] != "" {
			return channel.Receipt{}, err
		}
		return channel.Receipt{Note: "the message was taken, but nothing of the answer counts: " + err.Error()}, nil
	}
	return a.judge(answer.Body)
}

func is2xx(status int) bool { return status >= 200 && status < 300 }

func (a *adapter) request(m *channel.Outbound) (*http.Request, error) {
	target, err := a.url.render(m)
	if err != nil {
		return nil, err
	}
	body, err := a.body.render(m)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequest(a.config.Settings["method"], target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != "" {
		r.Header.Set("Content-Type", a.config.Settings["content_type"])
	}
	for name, value := range a.headers {
		r.Header.Set(name, value)
	}
	return r, nil
}

func (a *adapter) takes(status int) bool {
	if len(a.successStatus) == 0 {
		return is2xx(status)
	}
	return slices.Contains(a.successStatus, status)
}

// refusal is what a status that is no success means: what the common rule says, unless retry_status names it.
func (a *adapter) refusal(answer *channel.Response, err error) error {
	failure, ok := errors.AsType[*channel.SendError](err)
	if !ok || is2xx(answer.Status) { // which the settings do not count as success
		failure = &channel.SendError{Class: channel.Permanent, Code: strconv.Itoa(answer.Status),
			Message: "the answer is none of success_status"}
	}
	if slices.Contains(a.retryStatus, answer.Status) {
		failure.Class = channel.Retry
	}
	return failure
}

// judge looks into the body of an answer whose status is a success.
func (a *adapter) judge(body []byte) (channel.Receipt, error) {
	var document any
	malformed := json.Unmarshal(body, &document)
	if path, want, ruled := strings.Cut(a.config.Settings["success_json"], "="); ruled {
		got, found := find(document, path)
		if malformed != nil || !found {
			return channel.Receipt{}, &channel.SendError{Class: channel.UnknownResult,
				Message: "the answer does not hold " + path}
		}
		if got != want {
			return channel.Receipt{}, &channel.SendError{Class: channel.Permanent,
				Message: a.config.HTTP.Hide("the answer says " + path + "=" + shorten(got))}
		}
	}
	if !a.success.Match(body) {
		return channel.Receipt{}, &channel.SendError{Class: channel.Permanent,
			Message: a.config.HTTP.Hide("the answer does not match success_body: " + shorten(string(body)))}
	}
	var receipt channel.Receipt
	if path := a.config.Settings["id_path"]; path != "" {
		var found bool
		if receipt.ExternalID, found = find(document, path); !found {
			receipt.Note = "the answer holds no id at " + path
		}
	}
	return receipt, nil
}

// find returns the text, number or truth value at a path such as messages.0.id.
func find(document any, path string) (value string, found bool) {
	for name := range strings.SplitSeq(path, ".") {
		switch at := document.(type) {
		case map[string]any:
			document = at[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(at) {
				return "", false
			}
			document = at[i]
		default:
			return "", false
		}
	}
	switch v := document.(type) {
	case string:
		return v, true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	default:
		return "", false
	}
}

func shorten(text string) string {
	if len(text) > 200 {
		text = text[:200]
	}
	return strings.ToValidUTF8(text, "?")
}
