package app_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"indaba/internal/app"
	"indaba/internal/bot"
	"indaba/internal/db/dbtest"
)

// site is where a bot comes from.
type site struct {
	*httptest.Server
	mu    sync.Mutex
	pages map[string]http.HandlerFunc // by path
	asked map[string]int
}

func newSite(t *testing.T) *site {
	s := &site{pages: map[string]http.HandlerFunc{}, asked: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		page := s.pages[r.URL.Path]
		s.asked[r.URL.Path]++
		s.mu.Unlock()
		if page == nil {
			page = http.NotFound
		}
		page(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) answer(path string, page http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pages[path] = page
}

func (s *site) put(path, text string) {
	s.answer(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

// hold makes a page wait: each request tells of itself in came, and gets the text when something is sent to go on.
func (s *site) hold(path, text string) (came, goOn chan struct{}) {
	came, goOn = make(chan struct{}), make(chan struct{})
	s.answer(path, func(w http.ResponseWriter, _ *http.Request) {
		came <- struct{}{}
		<-goOn
		_, _ = io.WriteString(w, text)
	})
	return came, goOn
}

// greeter is a script that answers with a word and the value greeting. Told to wait, it calls the site first.
func (s *site) greeter(word string) string {
	return strings.NewReplacer("WORD", word, "SITE", s.URL).Replace(`
api.on_inbound_message = function(cmd) {
  var self = this;
  function answer() {
    self.request('config.get', {key: 'greeting'}, function(reply) {
      self.request('outbound.reply_to', {content: 'WORD ' + reply.value, in_reply_to: cmd.msg.message_id}, function() { self.done(); });
    });
  }
  if (cmd.msg.content === 'wait') self.request('http.get', {url: 'SITE/wait'}, answer); else answer();
};
api.on_inbound_event = function(cmd) { this.done(); };`)
}

// sourced is a clinic with a bot that is reloaded from a site.
type sourced struct {
	*clinic
	site *site
	bot  *bot.Bot
}

func openSourced(t *testing.T, url string) *sourced {
	t.Helper()
	s := &sourced{clinic: openClinic(t, url), site: newSite(t)}
	s.bot = deploy(t, s.app, s.account, "greeter", s.site.greeter("one"), map[string]string{"config": `{"name":"greeter"}`, "greeting": "hello"})
	join(t, s.app, s.account, s.channel.Key, s.bot.Key)
	s.set(s.bot.Key, "http_api", fmt.Sprintf(`{"api_tokens": ["hook", "sha256:%x"]}`, sha256.Sum256([]byte("other hook"))))
	s.source("script", "http://me:p%40ss@"+strings.TrimPrefix(s.site.URL, "http://")+"/app.js?v=1")
	s.source("config:greeting", s.site.URL+"/greeting")
	s.site.put("/app.js", s.site.greeter("one"))
	s.site.put("/greeting", "hello")
	return s
}

func (s *sourced) set(bot, key, value string) {
	s.t.Helper()
	if err := s.app.Bots.SetConfig(s.t.Context(), s.account, bot, map[string]*string{key: &value}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sourced) source(target, url string) {
	s.t.Helper()
	if err := s.app.Sources.Set(s.t.Context(), s.account, s.bot.Key, target, url); err != nil {
		s.t.Fatal(err)
	}
}

// post asks for a command, below /api/v1/go/.
func (s *sourced) post(method, path, user, password string) (int, string, http.Header) {
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.app.URL()+"/api/v1/go/"+path, nil)
	if err != nil {
		s.t.Error(err)
		return 0, "", nil
	}
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Error(err)
		return 0, "", nil
	}
	defer func() { _ = answer.Body.Close() }() // it was read
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Error(err)
	}
	return answer.StatusCode, string(text), answer.Header
}

func (s *sourced) reload() (int, string) {
	status, text, _ := s.post("POST", "conversation_api/"+s.bot.Key+"/config/postcommit", s.account, "hook")
	return status, text
}

// reloaded reloads, which has to succeed.
func (s *sourced) reloaded() {
	s.t.Helper()
	if status, text := s.reload(); status != 200 || text != "" {
		s.t.Fatalf("%d %q", status, text)
	}
}

// stands is all that a reload could change.
func (s *sourced) stands() string {
	s.t.Helper()
	b, err := s.app.Bots.Get(s.t.Context(), s.account, s.bot.Key)
	if err != nil {
		s.t.Fatal(err)
	}
	versions, err := s.app.Bots.Versions(s.t.Context(), s.bot.Key)
	if err != nil {
		s.t.Fatal(err)
	}
	log, err := s.app.Accounts.AuditLog(s.t.Context(), s.account, 1000, 0)
	if err != nil {
		s.t.Fatal(err)
	}
	return fmt.Sprintf("version %d of %d, %d audit entries, %v", b.Version, len(versions), len(log), b.Config)
}

func TestReload(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		s := openSourced(t, url)
		s.say("ann", "hi")
		s.gets("one hello")
		s.reloaded() // the value is the operator's from now on, though it is what the version had
		before := s.stands()
		s.reloaded()
		if after := s.stands(); after != before || !strings.HasPrefix(after, "version 1 of 1,") {
			t.Errorf("nothing is new at the source, and it was\n%s\nand is\n%s", before, after)
		}

		// A turn that began before the reload ends as it began, and the next one is another.
		came, goOn := s.site.hold("/wait", "")
		s.say("ann", "wait")
		<-came
		s.site.answer("/app.js", func(w http.ResponseWriter, r *http.Request) {
			if user, password, _ := r.BasicAuth(); user != "me" || password != "p@ss" || r.URL.RawQuery != "v=1" {
				http.Error(w, "who are you?", http.StatusUnauthorized)
				return
			}
			_, _ = io.WriteString(w, "\ufeff"+s.site.greeter("two"))
		})
		s.site.put("/greeting", `{"of": "day"}`)
		s.reloaded()
		s.say("ben", "hi")
		s.gets(`two {"of": "day"}`)
		goOn <- struct{}{}
		s.gets("one hello")
		if got := s.stands(); !strings.HasPrefix(got, "version 2 of 2,") {
			t.Error(got)
		}

		// Only a value.
		s.site.put("/greeting", "good day")
		s.reloaded()
		if got := s.stands(); !strings.HasPrefix(got, "version 2 of 2,") {
			t.Error(got)
		}
		s.say("ann", "hi")
		s.gets("two good day")

		// What the version brought stays where there is no source of it.
		program, err := s.app.Bots.Program(t.Context(), s.bot.Key, 2)
		if err != nil || program.Config["config"] != `{"name":"greeter"}` || program.ScriptName != "app.js" {
			t.Errorf("%+v %v", program, err)
		}
		log, err := s.app.Accounts.AuditLog(t.Context(), s.account, 1000, 0)
		if err != nil {
			t.Fatal(err)
		}
		byHook := 0
		for _, entry := range log {
			if entry.Actor == "bot:"+s.bot.Key {
				byHook++
			}
			if strings.Contains(string(entry.Detail), "p%40ss") || strings.Contains(string(entry.Detail), s.site.URL) {
				t.Errorf("the audit log shows a URL: %s", entry.Detail)
			}
		}
		if byHook != 4 { // a value, a version and a value, a value
			t.Errorf("%d entries of the audit log are the hook's", byHook)
		}
	})
}

// Whatever is wrong with one source, nothing changes, and the answer says which one it is and why.
func TestReloadThatFails(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		s := openSourced(t, url)
		s.source("config:config", s.site.URL+"/config.json")
		refuse := func(status int) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "secret words", status) }
		}
		redirect := func(to string) http.HandlerFunc {
			return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
		}
		text := func(text string) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
		}
		huge := func(w http.ResponseWriter, _ *http.Request) { // of no announced length
			for range 6 << 4 {
				if _, err := w.Write(bytes.Repeat([]byte(" "), 64<<10)); err != nil {
					return
				}
			}
		}
		for name, test := range map[string]struct {
			path string
			page http.HandlerFunc
			want string
		}{
			"no script":               {"/app.js", refuse(404), "script: " + strings.TrimPrefix(s.site.URL, "http://") + " answered 404 Not Found"},
			"the site is down":        {"/app.js", refuse(503), "script: "},
			"an empty answer":         {"/app.js", refuse(204), "answered 204"},
			"a broken script":         {"/app.js", text("api.on = function( {"), "script: app.js:1:"},
			"an empty script":         {"/app.js", text("  \n"), "script: app.js: the app script is empty"},
			"a page for people":       {"/app.js", text("<!DOCTYPE html><html><body>Log in</body></html>"), "script: app.js:1:"},
			"a package that is not":   {"/app.js", text("require('left-right-pad')(api)"), "left-right-pad"},
			"a file that is not":      {"/app.js", text("require('./lib')(api)"), "./lib"},
			"no text":                 {"/app.js", text("var a = '\xff';"), "no text in UTF-8"},
			"a huge script":           {"/app.js", huge, "bytes allowed"},
			"a huge value":            {"/greeting", text(strings.Repeat("x", 1<<20+1)), "config:greeting: Received 1048577 bytes, maximum of 1048576 bytes allowed."},
			"a value with NUL":        {"/greeting", text("a\x00b"), "config:greeting: what "},
			"a value that is no JSON": {"/greeting", text(`{"a": `), "config:greeting: the value of greeting must be JSON"},
			"a config that is a list": {"/config.json", text(`[]`), "config:config: the value of config must be a JSON object"},
			"inwards":                 {"/app.js", redirect("http://127.0.0.2/app.js"), "script: calls to 127.0.0.2 are not allowed"},
			"to the cloud's metadata": {"/app.js", redirect("http://169.254.169.254/latest"), "script: calls to 169.254.169.254 are not allowed"},
			"to a file":               {"/app.js", redirect("file:///etc/passwd"), "script: only http and https URLs can be called"},
			"in a circle":             {"/app.js", redirect("/app.js"), "script: more than 10 redirects"},
		} {
			t.Run(name, func(t *testing.T) {
				s.site.put("/app.js", s.site.greeter(name))
				s.site.put("/greeting", name)
				s.site.put("/config.json", fmt.Sprintf(`{"name": %q}`, name))
				s.site.answer(test.path, test.page)
				before := s.stands()
				status, got := s.reload()
				if status != 400 || !strings.HasPrefix(got, "nothing has changed:\n") || !strings.Contains(got, test.want) ||
					strings.Count(got, "\nscript: ")+strings.Count(got, "\nconfig:") != 1 || strings.Contains(got, "secret words") || strings.Contains(got, "p%40ss") {
					t.Errorf("%d %s", status, got)
				}
				if after := s.stands(); after != before {
					t.Errorf("it was\n%s\nand is\n%s", before, after)
				}
			})
		}
		s.site.answer("/app.js", refuse(500))
		s.site.answer("/greeting", refuse(410))
		if _, got := s.reload(); !strings.Contains(got, "script: ") || !strings.Contains(got, "config:greeting: ") {
			t.Errorf("of two faults one is told: %s", got)
		}
		s.say("ann", "hi")
		s.gets("one hello")
	})
}

// Who may not, learns nothing; who may, learns what is wrong with the request.
func TestPostcommitLetsIn(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		s := openSourced(t, url)
		create := func(account, name, kind, key, value string) string {
			t.Helper()
			b, err := s.app.Bots.Create(t.Context(), account, name, kind)
			if err == nil && key != "" {
				err = s.app.Bots.SetConfig(t.Context(), account, b.Key, map[string]*string{key: &value})
			}
			if err != nil {
				t.Fatal(err)
			}
			return b.Key
		}
		const tokens = `{"api_tokens": ["hook"]}`
		other, err := s.app.Accounts.Create(t.Context(), "Other", "")
		if err != nil {
			t.Fatal(err)
		}
		theirs := create(other.Key, "theirs", bot.Sandbox, "http_api", tokens)
		closed := create(s.account, "closed", bot.Sandbox, "", "")
		elsewhere := create(s.account, "elsewhere", bot.Sandbox, "http_api_nostream", tokens) // not where tokens of such bots are
		garbled := create(s.account, "garbled", bot.Sandbox, "http_api", `{"api_tokens": "hook"}`)
		bare := create(s.account, "bare", bot.Sandbox, "http_api", tokens)
		talk := create(s.account, "talk", bot.HTTP, "http_api_nostream", tokens)
		stream := create(s.account, "stream", bot.HTTP, "http_api", tokens)
		archived := create(s.account, "archived", bot.Sandbox, "http_api", tokens)
		if err := s.app.Runtime.Archive(t.Context(), s.account, archived); err != nil {
			t.Fatal(err)
		}
		const base, command = "conversation_api/", "/config/postcommit"
		before := s.stands()
		for _, test := range []struct {
			method, path, user, password string
			status                       int
			want                         string
		}{
			{"POST", base + s.bot.Key + command, "", "", 401, "Unauthorized"},
			{"GET", base + s.bot.Key + command, "", "", 401, "Unauthorized"},
			{"POST", base + s.bot.Key + command, s.account, "", 401, "Unauthorized"},
			{"POST", base + s.bot.Key + command, s.account, "wrong", 401, "Unauthorized"},
			{"POST", base + s.bot.Key + command, other.Key, "hook", 401, "Unauthorized"},
			{"POST", base + theirs + command, s.account, "hook", 401, "Unauthorized"},
			{"POST", base + closed + command, s.account, "hook", 401, "Unauthorized"},
			{"POST", base + elsewhere + command, s.account, "hook", 401, "Unauthorized"},
			{"POST", base + garbled + command, s.account, "hook", 401, "Unauthorized"},
			{"POST", base + strings.Repeat("0", 32) + command, s.account, "hook", 401, "Unauthorized"},
			{"POST", base + s.bot.Key + "/nothing", "", "", 401, "Unauthorized"},
			{"POST", base + s.bot.Key + "/nothing", s.account, "hook", 404, `no resource "nothing"`},
			{"GET", base + s.bot.Key + command, s.account, "hook", 405, "Method Not Allowed"},
			{"POST", base + s.bot.Key + "/config/precommit", s.account, "hook", 400, `no command "precommit"`},
			{"POST", base + talk + command, s.account, "hook", 400, "bot talk is of kind http"},
			{"POST", base + stream + command, s.account, "hook", 400, "bot stream is of kind http"},
			{"POST", base + bare + command, s.account, "hook", 400, "bot bare has no sources"},
			{"POST", base + archived + command, s.account, "hook", 400, "bot archived is archived"},
			{"PUT", "http_api/" + s.bot.Key + "/messages.json", s.account, "hook", 401, "Unauthorized"}, // the token is for this alone
		} {
			status, text, header := s.post(test.method, test.path, test.user, test.password)
			if status != test.status || !strings.Contains(text, test.want) || header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("%s %s as %s:%s: %d %q %v", test.method, test.path, test.user, test.password, status, text, header)
			}
			if challenge := header.Get("WWW-Authenticate"); (challenge != "") != (status == 401) {
				t.Errorf("%s: challenge %q", test.path, challenge)
			}
		}
		if after := s.stands(); after != before || len(s.site.asked) > 0 {
			t.Errorf("%v, it was\n%s\nand is\n%s", s.site.asked, before, after)
		}
		if status, text, _ := s.post("POST", "conversation_api//"+s.bot.Key+command, s.account, "other hook"); status != 200 || text != "" {
			t.Errorf("another token, and two slashes: %d %q", status, text)
		}
	})
}

// A bot that was never deployed gets its first version by a reload.
func TestReloadIsTheFirstDeployment(t *testing.T) {
	s := openSourced(t, "")
	b, err := s.app.Bots.Create(t.Context(), s.account, "fresh", bot.Sandbox)
	if err != nil {
		t.Fatal(err)
	}
	s.site.put("/go-fresh.js", "var vumigo = require('vumigo_v02');\nif (typeof api === 'undefined') this.api = {};")
	if err := s.app.Sources.Set(t.Context(), s.account, b.Key, "script", s.site.URL+"/go-fresh.js"); err != nil {
		t.Fatal(err)
	}
	done, err := s.app.Sources.Reload(t.Context(), s.account, b.Key)
	if err != nil || done.Version != 1 || !done.Deployed {
		t.Fatalf("%+v %v", done, err)
	}
	program, err := s.app.Bots.Program(t.Context(), b.Key, 1)
	if err != nil || program.ScriptName != "go-fresh.js" || program.Config["config"] != `{"name":"fresh"}` || len(program.Packages) == 0 {
		t.Errorf("%+v %v", program, err)
	}
}

// Reloads of one process wait for one another; one that another process has overtaken begins anew, so that what an older
// fetch brought never takes the place of what a newer one did.
func TestReloadsDoNotMix(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		s := openSourced(t, url)
		under, most := 0, 0
		s.site.answer("/app.js", func(w http.ResponseWriter, _ *http.Request) {
			s.site.mu.Lock()
			under++
			most = max(most, under)
			s.site.mu.Unlock()
			_, _ = io.WriteString(w, s.site.greeter("two"))
			s.site.mu.Lock()
			under--
			s.site.mu.Unlock()
		})
		var running sync.WaitGroup
		for range 6 {
			running.Go(func() {
				if status, text := s.reload(); status != 200 {
					t.Errorf("%d %s", status, text)
				}
			})
		}
		running.Wait()
		if got := s.stands(); most != 1 || !strings.HasPrefix(got, "version 2 of 2,") {
			t.Errorf("%d at once, %s", most, got)
		}

		elsewhere, err := app.Open(t.Context(), s.app.Config)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = elsewhere.Close() }() // it has nothing to lose
		came, goOn := s.site.hold("/app.js", s.site.greeter("old"))
		answer := make(chan string)
		go func() { status, text := s.reload(); answer <- fmt.Sprint(status, text) }()
		<-came
		s.site.put("/app.js", s.site.greeter("new"))
		if done, err := elsewhere.Sources.Reload(t.Context(), s.account, s.bot.Key); err != nil || done.Version != 3 {
			t.Fatalf("%+v %v", done, err)
		}
		goOn <- struct{}{}
		if got := <-answer; got != "200" {
			t.Error(got)
		}
		s.say("ann", "hi")
		s.gets("new hello")
		if got := s.stands(); !strings.HasPrefix(got, "version 3 of 3,") {
			t.Error(got)
		}
	})
}

// Reloads count among the open requests of an account, and one that nobody waits for changes nothing.
func TestReloadsAreBounded(t *testing.T) {
	config := settings(t, "")
	config.API.ConversationRequests = 1
	config.Egress.AllowHosts = []string{"127.0.0.1"}
	s := &sourced{clinic: &clinic{t: t}, site: newSite(t)}
	s.app, _ = start(t, config)
	owner, err := s.app.Accounts.Create(t.Context(), "Clinic", "")
	if err != nil {
		t.Fatal(err)
	}
	s.account = owner.Key
	s.bot = deploy(t, s.app, s.account, "greeter", s.site.greeter("one"), nil)
	s.set(s.bot.Key, "http_api", `{"api_tokens": ["hook"]}`)
	s.source("script", s.site.URL+"/app.js")
	came, goOn := s.site.hold("/app.js", s.site.greeter("two"))
	answer := make(chan int)
	go func() { status, _ := s.reload(); answer <- status }()
	<-came
	if status, text := s.reload(); status != 403 || !strings.Contains(text, "Too many concurrent connections") {
		t.Errorf("a second reload: %d %s", status, text)
	}
	goOn <- struct{}{}
	if status := <-answer; status != 200 {
		t.Errorf("the first reload: %d", status)
	}
}

// URLs may hold passwords: they are sealed, and a server without their key does not make another one.
func TestSourcesAreSealed(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		c := settings(t, url)
		a, stop := start(t, c)
		owner, err := a.Accounts.Create(t.Context(), "Clinic", "")
		if err != nil {
			t.Fatal(err)
		}
		b, err := a.Bots.Create(t.Context(), owner.Key, "b", bot.Sandbox)
		if err != nil {
			t.Fatal(err)
		}
		const secretURL = "https://user:hunter2@example.org/app.js?key=hunter3"
		if err := a.Sources.Set(t.Context(), owner.Key, b.Key, "script", secretURL); err != nil {
			t.Fatal(err)
		}
		var stored string
		if err := a.DB.Row(t.Context(), "SELECT url FROM bot_source", nil, &stored); err != nil || strings.Contains(stored, "hunter") {
			t.Errorf("%q %v", stored, err)
		}
		list, err := a.Sources.List(t.Context(), owner.Key, b.Key)
		if err != nil || len(list) != 1 || list[0].URL != secretURL || list[0].Redacted() != "https://xxxxx@example.org/app.js?xxxxx" {
			t.Errorf("%+v %v", list, err)
		}
		stop()
		if err := os.Remove(filepath.Join(c.Data, "secret.key")); err != nil {
			t.Fatal(err)
		}
		if a, err := app.Open(t.Context(), c); err == nil {
			t.Error("it opens without its key")
			_ = a.Close()
		}
	})
}

func TestSourcesThatMakeNoSense(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		s := openSourced(t, url)
		talk, err := s.app.Bots.Create(t.Context(), s.account, "talk", bot.HTTP)
		if err != nil {
			t.Fatal(err)
		}
		const good = "https://example.org/a.js"
		for _, test := range []struct{ bot, target, url, want string }{
			{s.bot.Key, "scripts", good, "no part of a bot"},
			{s.bot.Key, "", good, "no part of a bot"},
			{s.bot.Key, "config:", good, "configuration key has no name"},
			{s.bot.Key, "config:a\nb", good, "control characters"},
			{s.bot.Key, "config:" + strings.Repeat("x", 256), good, "longer than"},
			{s.bot.Key, "config:http_api", good, "holds tokens"},
			{s.bot.Key, "script", "example.org/a.js", "no address to fetch from"},
			{s.bot.Key, "script", "ftp://me:hunter2@example.org/a.js", "no address to fetch from"},
			{s.bot.Key, "script", "https://me:hunter2@:80/", "no address to fetch from"},
			{s.bot.Key, "script", "https://me:hunter2@exa mple.org/", "no address to fetch from"},
			{s.bot.Key, "script", "https://example.org/" + strings.Repeat("x", 5000), "longer than"},
			{talk.Key, "script", good, "runs no program"},
			{strings.Repeat("0", 32), "script", good, "there is no bot"},
		} {
			err := s.app.Sources.Set(t.Context(), s.account, test.bot, test.target, test.url)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("%s from %s: %v", test.target, test.url, err)
			}
		}
		for n := 3; n <= 51; n++ {
			err := s.app.Sources.Set(t.Context(), s.account, s.bot.Key, fmt.Sprint("config:k", n), good)
			if (err != nil) != (n == 51) {
				t.Fatalf("source %d: %v", n, err)
			}
		}
		list, err := s.app.Sources.List(t.Context(), s.account, s.bot.Key)
		if err != nil || len(list) != 50 {
			t.Errorf("%d %v", len(list), err)
		}
		if err := s.app.Sources.Unset(t.Context(), s.account, s.bot.Key, "config:k51"); err == nil {
			t.Error("what was refused is there")
		}
	})
}
