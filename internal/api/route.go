package api

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"indaba/internal/core"
)

// Route is one method on one path.
type Route struct {
	Method string
	// Path comes after the face's prefix: "contacts/", "contacts/{key}". {name} stands for one segment that is not
	// empty. Slashes are exact: a path that ends in one is another than the path without, and nothing is redirected.
	Path  string
	Scope string // that the token must have; empty: anybody may
	// Sessions lets in sessions of users too, as Basic credentials. Cookies let nobody in: a browser sends them whatever page
	// asks.
	Sessions bool
	Handle   Handler
}

// segments splits the path after the prefix at its slashes and unescapes each part once, so that %2F is no slash, %25 is
// a percent sign and + is a plus (docs/spec/vumi-http.md 15).
func segments(r *http.Request, prefix string) ([]string, error) {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), prefix)
	if !ok {
		return nil, core.Errorf(core.NotFound, "there is nothing under this path")
	}
	parts := strings.Split(rest, "/")
	for i, part := range parts {
		text, err := url.PathUnescape(part)
		if err != nil {
			return parts, core.Errorf(core.Invalid, "the path is not well escaped")
		}
		parts[i] = text
	}
	return parts, nil
}

// find returns the route of a request and fills in its parameters. Without a route for the method, allow has those that
// the path is for. Of two paths that fit, the one that was listed first wins.
func (f *Face) find(r *Request, path []string) (route *Route, allow []*Route) {
	fits := ""
	for i := range f.Routes {
		candidate := &f.Routes[i]
		if fits != "" && candidate.Path != fits {
			continue
		}
		params, ok := candidate.match(path)
		if !ok {
			continue
		}
		fits, r.params, r.Route = candidate.Path, params, candidate
		if candidate.Method == r.Method {
			return candidate, nil
		}
		allow = append(allow, candidate)
	}
	return nil, allow
}

// match returns the parameters when the path is the route's.
func (route *Route) match(path []string) (params map[string]string, ok bool) {
	pattern := strings.Split(route.Path, "/")
	if len(pattern) != len(path) {
		return nil, false
	}
	params = map[string]string{}
	for i, part := range pattern {
		name, open := strings.CutPrefix(part, "{")
		switch {
		case !open && part != path[i], open && path[i] == "":
			return nil, false
		case open:
			params[strings.TrimSuffix(name, "}")] = path[i]
		}
	}
	return params, true
}

// guardOf returns the route whose credentials are asked for before a caller is told about methods.
func guardOf(route *Route, allow []*Route) *Route {
	if route == nil {
		return allow[0]
	}
	return route
}

func methods(routes []*Route) []string {
	var names []string
	for _, route := range routes {
		names = append(names, route.Method)
	}
	slices.Sort(names)
	return names
}
