package africastalking_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"indaba/test/fake/africastalking"
)

func TestMessages(t *testing.T) {
	p := africastalking.NewSMS("sandbox", "key", "", "")
	server := httptest.NewServer(p.Handler())
	defer server.Close()
	for _, c := range []struct {
		name, key, to, message string
		status                 int
		part                   string
	}{
		{"good", "key", "+254711082123", "hi", 201, `"statusCode":101`},
		{"wrong key", "other", "+254711082123", "hi", 401, ""},
		{"no number", "key", "0711", "hi", 201, `"statusCode":403`},
		{"no text", "key", "+254711082123", "", 400, ""},
	} {
		form := url.Values{"username": {"sandbox"}, "to": {c.to}, "message": {c.message}}
		r, err := http.NewRequest("POST", server.URL+"/version1/messaging", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("apiKey", c.key)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.StatusCode != c.status || !strings.Contains(string(body), c.part) {
			t.Errorf("%s: %d %s %v", c.name, answer.StatusCode, body, err)
		}
		_ = answer.Body.Close()
	}
	if taken := p.Accepted(); len(taken) != 1 || taken[0].Text != "hi" {
		t.Errorf("taken: %+v", taken)
	}
}

// application answers steps by their text, and remembers what was posted.
type application struct {
	answers map[string]string
	posts   chan url.Values
}

func (a *application) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.posts <- r.PostForm
	if r.PostForm.Get("text") == "hang" {
		<-r.Context().Done()
		return
	}
	_, _ = io.WriteString(w, a.answers[r.PostForm.Get("text")])
}

func start(t *testing.T, answers map[string]string) (*africastalking.Gateway, *application) {
	a := &application{answers: answers, posts: make(chan url.Values, 100)}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return &africastalking.Gateway{Callback: server.URL, Events: server.URL, ServiceCode: "*384*1#",
		Limit: 200 * time.Millisecond}, a
}

func TestSession(t *testing.T) {
	g, a := start(t, map[string]string{"": "CON Name?", "Thandi": "CON Sure?", "Thandi*1*2": "END Bye"})
	s, err := g.Dial(t.Context(), "+254711082123")
	if err != nil || s.Screen != "Name?" || !s.Open {
		t.Fatalf("dialled: %+v, %v", s, err)
	}
	if err := s.Reply(t.Context(), "Thandi"); err != nil || s.Screen != "Sure?" {
		t.Fatalf("replied: %+v, %v", s, err)
	}
	if err := s.Reply(t.Context(), "1*2"); err != nil || s.Screen != "Bye" || s.Open {
		t.Fatalf("replied: %+v, %v", s, err)
	}
	if err := s.Reply(t.Context(), "more"); err == nil {
		t.Error("a session that is over went on")
	}
	for _, text := range []string{"", "Thandi", "Thandi*1*2"} {
		post := <-a.posts
		if post.Get("text") != text || post.Get("sessionId") != s.ID || post.Get("phoneNumber") != "+254711082123" {
			t.Errorf("posted %v, want text %q", post, text)
		}
	}
	if end := <-a.posts; end.Has("text") || end.Get("status") != "Success" || end.Get("hopsCount") != "3" {
		t.Errorf("end: %v", end)
	}
}

func TestSessionsThatFail(t *testing.T) {
	for _, text := range []string{"hang", "garbage"} {
		g, a := start(t, map[string]string{"garbage": "<html>"})
		s, err := g.Dial(context.Background(), "+254711082123", text)
		if err == nil || s.Open {
			t.Errorf("%s: open %v, %v", text, s.Open, err)
		}
		<-a.posts
		if end := <-a.posts; end.Get("status") != "Failed" || end.Get("errorMessage") == "" {
			t.Errorf("%s: end %v", text, end)
		}
	}
}

func TestHangup(t *testing.T) {
	g, a := start(t, map[string]string{"": "CON Name?"})
	s, err := g.Dial(t.Context(), "+254711082123")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Hangup(t.Context()); err != nil || s.Open {
		t.Fatal(err)
	}
	<-a.posts
	if end := <-a.posts; end.Get("status") != "Incomplete" {
		t.Errorf("end: %v", end)
	}
}
