package channeltest

import (
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"indaba/internal/channel"
)

// FromHTTP makes a channel's request of one that a fake provider sent to a test server, whose channel stands at prefix.
func FromHTTP(t testing.TB, r *http.Request, prefix string) *channel.Request {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("reading the webhook's body: %v", err)
	}
	address, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		t.Errorf("the caller's address: %v", err)
	}
	return &channel.Request{
		Method:   r.Method,
		Path:     strings.Trim(strings.TrimPrefix(r.URL.Path, prefix), "/"),
		URL:      "http://" + r.Host + r.URL.RequestURI(),
		Header:   r.Header,
		Query:    r.URL.Query(),
		Body:     body,
		RemoteIP: address.Addr(),
	}
}
