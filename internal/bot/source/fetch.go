package source

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"unicode/utf8"

	"indaba/internal/core"
	"indaba/internal/egress"
)

// fetchesAtOnce bounds the calls of one reload that are under way together.
const fetchesAtOnce = 4

// fetched is what a call for a source brought.
type fetched struct {
	text string
	err  error
}

// fetch calls all sources and returns what each brought, in their order.
func (s *Service) fetch(ctx context.Context, sources []Source) []fetched {
	results := make([]fetched, len(sources))
	places := make(chan struct{}, fetchesAtOnce)
	var under sync.WaitGroup
	for n, from := range sources {
		places <- struct{}{}
		under.Go(func() {
			results[n].text, results[n].err = s.fetchOne(ctx, from)
			<-places
		})
	}
	under.Wait()
	return results
}

// fetchOne calls one source. Errors have no URL in their words.
func (s *Service) fetchOne(ctx context.Context, from Source) (string, error) {
	if from.Unopened != nil {
		return "", core.Errorf(core.Invalid, "the URL %v", from.Unopened)
	}
	request, err := request(from)
	if err != nil {
		return "", err
	}
	answer, err := s.Fetch.Do(ctx, request)
	if err != nil {
		return "", err
	}
	if answer.Status != http.StatusOK {
		return "", core.Errorf(core.Unavailable, "%s answered %d %s", hostOf(from), answer.Status, http.StatusText(answer.Status))
	}
	text := strings.TrimPrefix(string(answer.Body), "\ufeff")
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return "", core.Errorf(core.Invalid, "what %s answered is no text in UTF-8", hostOf(from))
	}
	return text, nil
}

// request returns the call for a source. User and password go into a header, which stays behind when another host is
// redirected to.
func request(from Source) (r egress.Request, err error) {
	u, err := url.Parse(from.URL)
	if err != nil {
		return r, core.Errorf(core.Invalid, "the URL cannot be read")
	}
	r = egress.Request{Method: http.MethodGet, Follow: true, MaxBodyBytes: MaxBodyBytes,
		Header: http.Header{"Cache-Control": {"no-cache"}}}
	if _, isConfig := from.Key(); isConfig {
		r.MaxBodyBytes = maxValue
	}
	if u.User != nil {
		password, _ := u.User.Password()
		r.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(u.User.Username()+":"+password)))
		u.User = nil
	}
	u.Fragment = ""
	r.URL = u.String()
	return r, nil
}

// hostOf names a source without what may be secret in its URL.
func hostOf(from Source) string {
	u, err := url.Parse(from.URL)
	if err != nil {
		return "the source"
	}
	return u.Host
}
