package vumi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// client does what the Python client go_http does, request for request (docs/spec/vumi-http.md 12): the same paths with
// the same escaping, and from an answer it reads only what the original reads.
type client struct {
	t     *testing.T
	s     *server
	token string
	page  func(n int) // called before each page after the first
}

// httpError is what the original raises for a status of 400 and above.
type httpError int

func (e httpError) Error() string { return fmt.Sprintf("status %d", int(e)) }

// rpcError is the original's JsonRpcException.
type rpcError struct {
	fault, text string
	code        float64
}

func (e *rpcError) Error() string { return fmt.Sprintf("%s %v %s", e.fault, e.code, e.text) }

// pagedError is the original's PagedException: which page failed.
type pagedError struct {
	cursor string
	err    error
}

func (e *pagedError) Error() string { return "after " + e.cursor + ": " + e.err.Error() }
func (e *pagedError) Unwrap() error { return e.err }

// optedOutError is the original's UserOptedOutException.
type optedOutError struct{ to, message, reason string }

func (e *optedOutError) Error() string { return e.reason }

type object = map[string]any

// escaped returns JSON as ASCII, as Python's json.dumps writes it.
func escaped(t *testing.T, data any) *bytes.Buffer {
	t.Helper()
	text, err := json.Marshal(data)
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	for _, r := range string(text) {
		switch {
		case r < 0x80:
			body.WriteRune(r)
		case r < 0x10000:
			fmt.Fprintf(&body, `\u%04x`, r)
		default:
			fmt.Fprintf(&body, `\u%04x\u%04x`, 0xd800+(r-0x10000)>>10, 0xdc00+(r-0x10000)&0x3ff)
		}
	}
	return &body
}

// call sends JSON and decodes whatever comes.
func (c *client) call(method, path string, data any) (answer any, err error) {
	c.t.Helper()
	var body bytes.Buffer
	if data != nil {
		body = *escaped(c.t, data)
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.s.url+path, &body)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("Authorization", "Bearer "+c.token)
	status, _, text := c.s.exchange(c.t, r)
	if status >= 400 {
		return nil, httpError(status)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		c.t.Fatalf("%s %s: the answer is not JSON: %s", method, path, text)
	}
	return answer, nil
}

func (c *client) callObject(method, path string, data any) (object, error) {
	c.t.Helper()
	answer, err := c.call(method, path, data)
	if err != nil {
		return nil, err
	}
	o, ok := answer.(object)
	if !ok {
		c.t.Fatalf("%s %s: %s is no object", method, path, show(answer))
	}
	return o, nil
}

// rpc is AccountApiClient's way to call a method.
func (c *client) rpc(method string, params ...any) (any, error) {
	c.t.Helper()
	if params == nil {
		params = []any{}
	}
	answer, err := c.callObject("POST", "/api/", object{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return nil, err
	}
	wrong, present := answer["error"]
	if !present {
		c.t.Fatalf("%s: no error member", method)
	}
	if f, ok := wrong.(object); ok {
		return nil, &rpcError{f["fault"].(string), f["faultString"].(string), f["faultCode"].(float64)}
	}
	return answer["result"], nil
}

// all walks pages until the cursor is null. The cursor goes into the URL as it came.
func (c *client) all(path, start string) ([]any, error) {
	c.t.Helper()
	var records []any
	first, cursor := true, start
	for n := 1; ; n++ {
		if n > 1 && c.page != nil {
			c.page(n)
		}
		at := path
		if cursor != "" {
			at += "?cursor=" + cursor
		}
		page, err := c.callObject("GET", at, nil)
		if err != nil && first {
			return nil, err
		}
		if err != nil {
			return records, &pagedError{cursor, err}
		}
		records = append(records, page["data"].([]any)...)
		if page["cursor"] == nil {
			return records, nil
		}
		first, cursor = false, page["cursor"].(string)
	}
}

func (c *client) contacts(start string) ([]any, error) { return c.all("/contacts/", start) }
func (c *client) groupContacts(key, start string) ([]any, error) {
	return c.all("/groups/"+key+"/contacts", start)
}

// create and change are the methods for contacts and for groups, by kind: contacts, groups.
func (c *client) create(kind string, data object) (object, error) {
	return c.callObject("POST", "/"+kind+"/", data)
}
func (c *client) get(kind, key string) (object, error) {
	return c.callObject("GET", "/"+kind+"/"+key, nil)
}
func (c *client) update(kind, key string, data object) (object, error) {
	return c.callObject("PUT", "/"+kind+"/"+key, data)
}
func (c *client) delete(kind, key string) (object, error) {
	return c.callObject("DELETE", "/"+kind+"/"+key, nil)
}

// getContactBy is get_contact(field=value): the first of data, which must not be empty.
func (c *client) getContactBy(field, value string) (object, error) {
	page, err := c.callObject("GET", "/contacts/?query="+url.QueryEscape(field+"="+value), nil)
	if err != nil {
		return nil, err
	}
	return page["data"].([]any)[0].(object), nil
}

func (c *client) getMetric(name, from, interval, nulls, until string) (object, error) {
	query := url.Values{"m": {name}, "from": {from}, "interval": {interval}, "nulls": {nulls}}
	if until != "" {
		query.Set("until", until)
	}
	return c.callObject("GET", "/metrics/?"+query.Encode(), nil)
}

func (c *client) fire(values object) (any, error) { return c.call("POST", "/metrics/", values) }

// optout is get_optout, set_optout and delete_optout. None stands for 404, except when setting.
func (c *client) optout(method, kind, address string) (object, error) {
	answer, err := c.callObject(method, "/optouts/"+quote(kind)+"/"+quote(address), nil)
	if errors.Is(err, httpError(http.StatusNotFound)) && method != "PUT" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return answer["opt_out"].(object), nil
}

func (c *client) optoutCount() (float64, error) {
	answer, err := c.callObject("GET", "/optouts/count", nil)
	if err != nil {
		return 0, err
	}
	return answer["opt_out_count"].(float64), nil
}

// quote is Python's urllib.quote: it leaves slashes alone.
func quote(text string) string {
	return strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(text), "+", "%20"), "%2F", "/")
}

// sender is HttpApiSender: it sends for one conversation.
type sender struct {
	t                     *testing.T
	s                     *server
	account, conversation string
	token, url            string
}

func (c *sender) put(resource string, data any) (int, []byte) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), "PUT", c.url+"/"+c.conversation+"/"+resource, escaped(c.t, data))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.SetBasicAuth(c.account, c.token)
	status, _, text := c.s.exchange(c.t, r)
	return status, text
}

// raw is _raw_send: an opt-out is told from other refusals by the words of its reason.
func (c *sender) raw(data object) (object, error) {
	c.t.Helper()
	status, text := c.put("messages.json", data)
	var answer object
	wrong := json.Unmarshal(text, &answer)
	if status == http.StatusBadRequest && wrong == nil && answer["success"] != true {
		if reason, _ := answer["reason"].(string); strings.Contains(reason, "opted out") {
			return nil, &optedOutError{data["to_addr"].(string), data["content"].(string), reason}
		}
	}
	if status >= 400 {
		return nil, httpError(status)
	}
	if wrong != nil {
		c.t.Fatalf("the answer is not JSON: %s", text)
	}
	return answer, nil
}

// sendText is send_text; an event that is empty is left out.
func (c *sender) sendText(to, content, event string) (object, error) {
	c.t.Helper()
	data := object{"to_addr": to, "content": content}
	if event != "" {
		data["session_event"] = event
	}
	return c.raw(data)
}

// sendVoice is send_voice: there is voice metadata only when some was given.
func (c *sender) sendVoice(to, content, speech, wait, event string) (object, error) {
	c.t.Helper()
	data, voice := object{"to_addr": to, "content": content}, object{}
	if event != "" {
		data["session_event"] = event
	}
	if speech != "" {
		voice["speech_url"] = speech
	}
	if wait != "" {
		voice["wait_for"] = wait
	}
	if len(voice) > 0 {
		data["helper_metadata"] = object{"voice": voice}
	}
	return c.raw(data)
}

// fireMetric is fire_metric.
func (c *sender) fireMetric(name string, value float64, aggregator string) (object, error) {
	c.t.Helper()
	status, text := c.put("metrics.json", [][]any{{name, value, aggregator}})
	if status >= 400 {
		return nil, httpError(status)
	}
	var answer object
	if err := json.Unmarshal(text, &answer); err != nil {
		c.t.Fatalf("the answer is not JSON: %s", text)
	}
	return answer, nil
}
