package vumi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"indaba/internal/api"
	"indaba/internal/core"
	"indaba/internal/user"
)

// call is a request of the JSON-RPC (docs/spec/vumi-http.md 7).
type call struct {
	id     json.RawMessage
	method string
	params []json.RawMessage
}

// reply is the answer: result and error are always there, and one of them is null. Its error is not that of JSON-RPC 2.0.
type reply struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Result  any             `json:"result"`
	Error   *fault          `json:"error"`
}

// fault says what went wrong with a call.
type fault struct {
	Name string `json:"fault"`
	Code int    `json:"faultCode"`
	Text string `json:"faultString"`
}

// Error returns the text.
func (f *fault) Error() string { return f.Text }

// The codes of faults, beside those that are statuses of HTTP.
const (
	codeNotWellFormed = -32700
	codeNoRequest     = -32600
	codeNoFunction    = -32601
	codeFailure       = 8002
)

// failed is the fault of everything that is wrong inside a method, its parameters included.
func failed(text string) *fault { return &fault{"Fault", codeFailure, text} }

// rpc is POST /api/. Results and faults alike have status 200.
func (f *face) rpc(w http.ResponseWriter, r *api.Request) error {
	text, err := r.Body()
	if err != nil {
		return err
	}
	answer := reply{Version: "2.0", ID: json.RawMessage("null")}
	c, wrong := parseCall(text)
	if c.id != nil {
		answer.ID = c.id
	}
	if wrong == nil {
		answer.Result, wrong = f.run(r, c)
	}
	answer.Error = wrong
	return api.WriteJSON(w, http.StatusOK, jsonPlain, answer)
}

// parseCall reads what it can: the id is returned also with a fault.
func parseCall(text []byte) (c call, wrong *fault) {
	var value json.RawMessage
	if err := api.Parse(text, &value); err != nil {
		return c, &fault{"Fault", codeNotWellFormed, "not well-formed"}
	}
	members, ok := api.Object(value)
	if !ok {
		return c, &fault{"Fault", codeNoRequest, "the request is not an object: batches are not supported"}
	}
	c.id = members["id"]
	if json.Unmarshal(members["method"], &c.method) != nil || c.method == "" {
		return c, &fault{"Fault", codeNoRequest, "the request names no method"}
	}
	if params, ok := members["params"]; ok && json.Unmarshal(params, &c.params) != nil {
		return c, failed("error: params must be a list")
	}
	return c, nil
}

// run finds the method, checks the parameters and calls it.
func (f *face) run(r *api.Request, c call) (result any, wrong *fault) {
	ctx, account := r.Context(), r.Account()
	m, wrong := f.method(c.method)
	if wrong != nil {
		return nil, wrong
	}
	if err := m.check(c.params); err != nil {
		return nil, f.faultOf(ctx, c.method, err)
	}
	if m.campaign {
		var campaign string
		if json.Unmarshal(c.params[0], &campaign) != nil || campaign != account {
			return nil, &fault{"GoApiError", http.StatusNotFound, "Unknown campaign key."}
		}
	}
	if m.changes && r.Session != nil && !slices.Contains(editors, r.Session.User.Role) {
		return nil, failed("error: the role " + string(r.Session.User.Role) + " may look at routing, and not change it")
	}
	result, err := m.do(ctx, account, c.params)
	if err == nil {
		return result, nil
	}
	return nil, f.faultOf(ctx, c.method, err)
}

// editors are the roles of users who may change what others only look at.
var editors = []user.Role{user.Owner, user.Admin, user.Editor}

// faultOf returns the fault for a method's error. What a caller may not know is logged here: the answer is no error of
// HTTP.
func (f *face) faultOf(ctx context.Context, method string, err error) *fault {
	if wrong, ok := errors.AsType[*fault](err); ok {
		return wrong
	}
	if core.KindOf(err) == core.Internal {
		f.Log.ErrorContext(ctx, "a method failed", slog.String("method", method), slog.Any("error", err))
		return failed("error")
	}
	return failed("error: " + core.SafeMessage(err))
}

// method finds a method by its name, whose parts before the last are those of nested handlers.
func (f *face) method(name string) (*method, *fault) {
	handlers := map[string]bool{}
	for _, m := range f.methods() {
		if m.name == name {
			return &m, nil
		}
		for i, r := range m.name {
			if r == '.' {
				handlers[m.name[:i]] = true
			}
		}
	}
	handlers["router"] = true // a handler without methods: no type of router has any
	path, rest := "", name
	for {
		prefix, below, nested := strings.Cut(rest, ".")
		if !nested {
			return nil, &fault{"NoSuchFunction", codeNoFunction, "function " + rest + " not found"}
		}
		if path += prefix; !handlers[path] {
			return nil, &fault{"NoSuchFunction", codeNoFunction, "no such sub-handler " + prefix}
		}
		path, rest = path+".", below
	}
}
