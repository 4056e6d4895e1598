package vumi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"indaba/internal/account"
	"indaba/internal/api/vumi"
	"indaba/internal/bot"
	"indaba/internal/bot/httpbot"
	"indaba/internal/bot/vumiwire"
	"indaba/internal/channel/all"
	"indaba/internal/core"
	"indaba/internal/db"
	"indaba/internal/db/dbtest"
	"indaba/internal/gateway"
	"indaba/internal/message"
	"indaba/internal/optout"
	"indaba/internal/routing"
	"indaba/internal/secret"
)

// archive is a served message store with one bot and one channel of one account, and a clock that tests move.
type archive struct {
	*face
	bot, channel string
	messages     *message.Service
	at           time.Time
}

func serveArchive(t *testing.T, d *db.DB, o vumi.Options) *archive {
	t.Helper()
	a := &archive{face: &face{t: t, db: d, log: &log{}}, at: time.Date(2026, 3, 4, 5, 6, 7, 89_000, time.UTC)}
	now := func() time.Time { return a.at }
	a.accounts = account.New(d, now)
	bots, err := bot.NewStore(d, a.accounts, now)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := secret.New(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	channels := gateway.NewStore(d, sealer, a.accounts, all.Types(), now)
	a.messages = message.New(d, 1, now)
	quiet := slog.New(slog.NewTextHandler(a.log, nil))
	searches := message.NewSearches(a.messages, quiet)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- searches.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(vumi.New(vumi.Deps{Accounts: a.accounts, Optouts: optout.New(d, now), Bots: bots, Channels: channels,
		Routes: routing.New(d, nil, a.accounts, now), Now: now, Log: quiet,
		Exports:  &vumiwire.Exporter{Messages: a.messages, Names: vumi.Names{Tags: vumi.NewTags(d, channels), Bots: bots}},
		Searches: searches, Options: o}))
	t.Cleanup(server.Close)
	a.url = server.URL
	owner, err := a.accounts.Create(t.Context(), "a", "")
	if err != nil {
		t.Fatal(err)
	}
	a.account = owner.Key
	a.token = a.newToken(account.ScopeMessages)
	b, err := bots.Create(t.Context(), owner.Key, "talk", bot.HTTP)
	if err != nil {
		t.Fatal(err)
	}
	config := `{}`
	if err := bots.SetConfig(t.Context(), owner.Key, b.Key, map[string]*string{httpbot.NoStreaming: &config}); err != nil {
		t.Fatal(err)
	}
	c := &gateway.Channel{Account: owner.Key, Type: "simulator", Name: "phone", Address: "*120*1#",
		Settings: map[string]string{"kind": "ussd", "secret": "s3cret"}}
	if err := channels.Create(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	a.bot, a.channel = b.Key, c.Key
	return a
}

// got stores a message that the bot got, and sent one that it sent, a minute after the one before.
func (a *archive) got(from, content string) *core.Message {
	a.t.Helper()
	a.at = a.at.Add(time.Minute)
	m := &core.Message{ID: core.NewMessageID(a.at), Account: a.account, Channel: a.channel, Direction: core.Inbound, From: from,
		To: "*120*1#", Content: &content, SessionEvent: core.SessionNew, TransportType: "ussd", Status: core.Received, CreatedAt: a.at,
		HelperMetadata: json.RawMessage(`{"x": {"y": "z"}}`)}
	if _, _, err := a.messages.Accept(a.t.Context(), m); err != nil {
		a.t.Fatal(err)
	}
	if err := a.messages.SetBot(a.t.Context(), m.ID, a.bot, "default"); err != nil {
		a.t.Fatal(err)
	}
	return m
}

func (a *archive) sent(to, content string, statuses ...core.Status) *core.Message {
	a.t.Helper()
	a.at = a.at.Add(time.Minute)
	m := &core.Message{ID: core.NewMessageID(a.at), Account: a.account, Channel: a.channel, Direction: core.Outbound, To: to,
		From: "*120*1#", Content: &content, Bot: a.bot, Endpoint: "default", CreatedAt: a.at}
	if err := a.messages.Send(a.t.Context(), m); err != nil {
		a.t.Fatal(err)
	}
	for _, status := range statuses {
		if _, err := a.messages.SetStatus(a.t.Context(), m.ID, status, "no, \"credit\"", ""); err != nil {
			a.t.Fatal(err)
		}
	}
	return m
}

func (a *archive) export(batch, file, query string) string {
	a.t.Helper()
	status, body := a.do("GET", "/message_store/"+batch+"/"+file+query, "")
	if status != 200 {
		a.t.Fatalf("%s%s: %d %s", file, query, status, body)
	}
	return body
}

func TestExport(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := serveArchive(t, d, vumi.Options{})
		in := a.got("+1", "Molo \"Ж\",\nhow are you?")
		out := a.sent("+1", "fine", core.Sent, core.Delivered)
		lost := a.sent("+2", "lost", core.Failed)
		about := `"go": {"user_account": "` + a.account + `", "conversation_type": "http_api_nostream", "conversation_key": "` + a.bot + `"}`
		for _, batch := range []string{a.bot, a.channel} {
			sameJSON(t, a.export(batch, "inbound.json", ""), `{"message_type": "user_message", "message_version": "20110921",
				"message_id": "`+in.ID+`", "timestamp": "2026-03-04 05:07:07.000089", "in_reply_to": null, "session_event": "new",
				"content": "Molo \"Ж\",\nhow are you?", "to_addr": "*120*1#", "from_addr": "+1", "to_addr_type": null, "from_addr_type": null,
				"group": null, "provider": null, "transport_name": "`+a.channel+`", "transport_type": "ussd", "transport_metadata": {},
				"routing_metadata": {"endpoint_name": "default"}, "helper_metadata": {"x": {"y": "z"}, "optout": {"optout": false},
				"tag": {"tag": ["simulator", "*120*1#"]}, `+about+`}}`)
			if got, want := a.export(batch, "inbound.csv", ""), "timestamp,message_id,to_addr,from_addr,in_reply_to,session_event,content,group\r\n"+
				"2026-03-04 05:07:07.000089,"+in.ID+",*120*1#,+1,,new,\"Molo \"\"Ж\"\",\nhow are you?\",\r\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
			lines := strings.Split(a.export(batch, "events.json", ""), "\n")
			if len(lines) != 4 || lines[3] != "" {
				t.Fatalf("events: %q", lines)
			}
			var first struct {
				ID string `json:"event_id"`
			}
			if err := json.Unmarshal([]byte(lines[0]), &first); err != nil || len(first.ID) != 32 {
				t.Fatalf("%v in %s", err, lines[0])
			}
			sameJSON(t, lines[0], `{"message_type": "event", "message_version": "20110921", "event_id": "`+first.ID+`", "event_type": "ack",
				"user_message_id": "`+out.ID+`", "sent_message_id": "`+out.ID+`", "timestamp": "2026-03-04 05:08:07.000089",
				"helper_metadata": {`+about+`}, "routing_metadata": {"endpoint_name": "default"}}`)
			csv := strings.Split(a.export(batch, "events.csv", ""), "\r\n")
			if len(csv) != 5 || csv[0] != "timestamp,event_id,status,user_message_id,nack_reason" ||
				csv[1] != "2026-03-04 05:08:07.000089,"+first.ID+",ack,"+out.ID+"," ||
				!strings.HasSuffix(csv[2], ",delivery_report.delivered,"+out.ID+",") ||
				!strings.HasSuffix(csv[3], ",nack,"+lost.ID+`,"no, ""credit"""`) {
				t.Errorf("events: %q", csv)
			}
		}
		if got := a.export(a.bot, "outbound.json", "?start=2026-03-04T07:09:00%2B02:00"); strings.Count(got, "\n") != 1 || !strings.Contains(got, lost.ID) {
			t.Errorf("from a time on: %s", got)
		}
		if got := a.export(a.bot, "outbound.csv", "?end=2026-03-04"); strings.Count(got, "\n") != 1 {
			t.Errorf("before the first: %s", got)
		}
		if got := a.export(a.channel, "events.json", "?start=2026-03-04T05:08:30"); strings.Count(got, "\n") != 1 || !strings.Contains(got, "nack") {
			t.Errorf("events from a time on: %s", got)
		}
	})
}

func sameJSON(t *testing.T, got, want string) {
	t.Helper()
	normal := func(text string) string {
		var value any
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		b, _ := json.Marshal(value) // it was just decoded
		return string(b)
	}
	if normal(got) != normal(want) {
		t.Errorf("got  %s\nwant %s", normal(got), normal(want))
	}
}

func TestExportRefuses(t *testing.T) {
	a := serveArchive(t, dbtest.SQLite(t), vumi.Options{})
	stranger, err := a.accounts.Create(t.Context(), "b", "")
	if err != nil {
		t.Fatal(err)
	}
	theirs, _, err := a.accounts.CreateToken(t.Context(), account.TokenSpec{Account: stranger.Key, Name: "t", Scopes: []string{account.ScopeMessages}})
	if err != nil {
		t.Fatal(err)
	}
	mine, narrow := a.token, a.newToken(account.ScopeContacts)
	for _, test := range []struct {
		token, path string
		status      int
		text        string
	}{
		{mine, a.bot + "/inbound.json?start=yesterday", 400, "Invalid 'start' parameter: Expected an ISO 8601 date or time, got u'yesterday'"},
		{mine, a.bot + "/inbound.json?end=", 400, "Invalid 'end' parameter: "},
		{mine, a.bot + "/events.csv?end=2026-02-30", 400, "Invalid 'end' parameter: "},
		{mine, a.bot + "/inbound.json?start=2026-01-01&start=2026-01-02", 400, "Invalid 'start' parameter: Expected a single value, got 2"},
		{mine, a.bot + "/inbound.json?start=2026-01-01T00:00:00+02:00", 400, "Invalid 'start' parameter: "},
		{mine, a.bot + "/inbound.xml", 404, "A batch has "},
		{mine, a.bot + "/inbound", 404, "A batch has "},
		{mine, a.bot + "/replies.json", 404, "A batch has "},
		{mine, strings.Repeat("0", 32) + "/inbound.json", 404, "There is no batch "},
		{mine, "x%00%2F../inbound.json", 404, "There is no batch "},
		{theirs, a.bot + "/inbound.json", 404, "There is no batch "},
		{theirs, a.channel + "/events.csv", 404, "There is no batch "},
		{theirs, "batch/" + a.bot + "/inbound/match?token=x", 404, "There is no batch "},
		{narrow, a.bot + "/inbound.json", 403, "Forbidden: the token lacks the scope messages"},
		{"nonsense", a.bot + "/inbound.json", 403, "Forbidden"},
	} {
		a.token = test.token
		status, body := a.do("GET", "/message_store/"+test.path, "")
		if status != test.status || !strings.HasPrefix(body, test.text) {
			t.Errorf("%s: %d %s", test.path, status, body)
		}
	}
}

// A client that goes away in the middle gives its place free, and one that comes back has it all.
func TestExportToNobody(t *testing.T) {
	a := serveArchive(t, dbtest.SQLite(t), vumi.Options{MaxStreams: 1})
	for range 50 {
		a.got("+1", strings.Repeat("x", 100_000))
	}
	c := a.raw("GET /api/v1/go/message_store/" + a.channel + "/inbound.json HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + a.token + "\r\n\r\n")
	if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || !strings.Contains(line, "200") {
		t.Fatal(line, err)
	}
	if status, _ := a.do("GET", "/message_store/"+a.channel+"/inbound.json", ""); status != 429 {
		t.Errorf("a second one: %d", status)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for {
		status, body := a.do("GET", "/message_store/"+a.channel+"/inbound.json", "")
		if status == 429 {
			continue // the server has not noticed yet
		}
		if status != 200 || strings.Count(body, "\n") != 50 {
			t.Fatalf("%d, %d lines", status, strings.Count(body, "\n"))
		}
		return
	}
}

// search begins a search and returns the answer's token, or the status and text of a refusal.
func (a *archive) search(direction, body string, headers ...string) (token string, status int, text string) {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), "POST", a.url+"/api/v1/go/message_store/batch/"+a.bot+"/"+direction+"/match",
		strings.NewReader(body))
	if err != nil {
		a.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	header, status, text := a.answered(r)
	return header.Get("X-VMS-Result-Token"), status, text
}

// found returns a part of a result.
func (a *archive) found(direction string, query url.Values) (header http.Header, status int, body string) {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), "GET", a.url+"/api/v1/go/message_store/batch/"+a.bot+"/"+direction+"/match?"+query.Encode(), nil)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.answered(r)
}

// answered sends a request with the token and returns the answer.
func (a *archive) answered(r *http.Request) (header http.Header, status int, body string) {
	a.t.Helper()
	r.Header.Set("Authorization", "Bearer "+a.token)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was read to its end
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return answer.Header, answer.StatusCode, string(got)
}

func TestSearchOverHTTP(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		a := serveArchive(t, d, vumi.Options{})
		first, second := a.got("+1", "Please HELP me"), a.got("+2", "help")
		a.got("+1", "nothing")
		a.sent("+1", "help is on its way")
		for _, test := range []struct {
			query string
			want  []string // newest first
		}{
			{`[{"key": "msg.content", "pattern": "help", "flags": "i"}]`, []string{second.ID, first.ID}},
			{`[{"key": "msg.content", "pattern": "help", "flags": ""}]`, []string{second.ID}},
			{`[{"key": "msg.content", "pattern": "^help$"}]`, []string{second.ID}},
			{`[{"key": "msg.content", "pattern": "help", "flags": "gi"}, {"key": "msg.from_addr", "pattern": "1$"}]`, []string{first.ID}},
			{`[{"key": "msg.helper_metadata.x.y", "pattern": "z"}, {"key": "msg.message_id", "pattern": "` + first.ID + `"}]`, []string{first.ID}},
			{`[{"key": "msg.helper_metadata.x.none.more", "pattern": ""}]`, []string{}},
			{`[{"key": "msg.in_reply_to", "pattern": ""}]`, []string{}},
		} {
			token, status, body := a.search("inbound", test.query, "X-VMS-Match-Wait", "1", "X-VMS-Match-TTL", "60")
			if status != 200 || token == "" || body != "" {
				t.Fatalf("%s: %d %q", test.query, status, body)
			}
			header, status, body := a.found("inbound", url.Values{"token": {token}, "keys": {"1"}})
			var ids []string
			if err := json.Unmarshal([]byte(body), &ids); err != nil || status != 200 || !slices.Equal(ids, test.want) || ids == nil {
				t.Errorf("%s: %d %s, want %v", test.query, status, body, test.want)
			}
			if header.Get("X-VMS-Result-Count") != fmt.Sprint(len(test.want)) || header.Get("X-VMS-Match-In-Progress") != "0" {
				t.Errorf("%s: %v", test.query, header)
			}
		}
		token, _, _ := a.search("inbound", `[{"key": "msg.content", "pattern": "help", "flags": "i"}]`, "X-VMS-Match-Wait", "1")
		_, _, body := a.found("inbound", url.Values{"token": {token}, "asc": {"1"}, "start": {"1"}, "stop": {"1"}})
		var messages []map[string]any
		if err := json.Unmarshal([]byte(body), &messages); err != nil || len(messages) != 1 || messages[0]["message_id"] != second.ID ||
			messages[0]["content"] != "help" {
			t.Errorf("%v: %s", err, body)
		}
		if _, status, _ := a.found("outbound", url.Values{"token": {token}}); status != 404 {
			t.Errorf("a token of the other direction: %d", status)
		}
		a.at = a.at.Add(25 * time.Hour)
		if _, status, body := a.found("inbound", url.Values{"token": {token}}); status != 404 {
			t.Errorf("after a day: %d %s", status, body)
		}
	})
}

func TestSearchRefuses(t *testing.T) {
	a := serveArchive(t, dbtest.SQLite(t), vumi.Options{})
	on := func(pattern string) string {
		text, _ := json.Marshal([]map[string]string{{"key": "msg.content", "pattern": pattern, "flags": "i"}}) // texts always encode
		return string(text)
	}
	for _, test := range []struct{ body, text string }{
		{`not json`, "Invalid JSON: "},
		{`{}`, "Invalid query: "},
		{`null`, "Invalid query: "},
		{`[]`, "Invalid query: Expected 1 to 10 patterns, got 0"},
		{`[{"key": 5}]`, "Invalid query: "},
		{`[` + strings.Repeat(`{"key": "msg.content", "pattern": "x"},`, 10) + `{}]`, "Invalid query: Expected 1 to 10 patterns, got 11"},
		{`[{"pattern": "x"}]`, "Invalid key u'': "},
		{`[{"key": "content", "pattern": "x"}]`, "Invalid key u'content': Expected msg. and one of content, "},
		{`[{"key": "msg.nothing", "pattern": "x"}]`, "Invalid key u'msg.nothing': "},
		{`[{"key": "msg.content", "pattern": "x", "flags": "q"}]`, "Invalid flags u'q': "},
		{on("("), "Invalid pattern u'(': "},
		{on("a)(b"), "Invalid pattern u'a)(b': "},
		{on("(?=a)"), "Invalid pattern u'(?=a)': "},
		{on(`(a)\1`), "Invalid pattern "},
		{on("((a{1000}){1000}){1000}"), "Invalid pattern "},
		{on(strings.Repeat("a", 1001)), "Invalid pattern: it has 1001 bytes"},
	} {
		if token, status, text := a.search("inbound", test.body); status != 400 || !strings.HasPrefix(text, test.text) || token != "" {
			t.Errorf("%s: %d %s", test.body, status, text)
		}
	}
	good := on("x")
	for _, headers := range [][]string{{"X-VMS-Match-TTL", "soon"}, {"X-VMS-Match-TTL", "0"}, {"X-VMS-Match-TTL", "-1"}, {"X-VMS-Match-Wait", "yes"}} {
		if _, status, text := a.search("inbound", good, headers...); status != 400 || !strings.HasPrefix(text, "Invalid '"+headers[0]+"' header: ") {
			t.Errorf("%v: %d %s", headers, status, text)
		}
	}
	if _, status, text := a.search("events", good); status != 404 {
		t.Errorf("events: %d %s", status, text)
	}
	if _, status, text := a.search("inbound", good, "X-VMS-Match-TTL", "99999999999999999999", "X-VMS-Match-Wait", "1"); status != 200 {
		t.Errorf("a long life: %d %s", status, text)
	}
	for _, query := range []url.Values{{}, {"token": {"a", "b"}}, {"token": {"a"}, "start": {"-1"}}, {"token": {"a"}, "stop": {"x"}},
		{"token": {"a"}, "asc": {"1", "1"}}, {"token": {"a"}, "keys": {"99999999999"}}} {
		if _, status, text := a.found("inbound", query); status != 400 || !strings.HasPrefix(text, "Invalid '") {
			t.Errorf("%v: %d %s", query, status, text)
		}
	}
	if _, status, text := a.found("inbound", url.Values{"token": {"a\x00b"}}); status != 404 {
		t.Errorf("no token: %d %s", status, text)
	}
}

// What would keep other engines busy for years.
func TestHostilePattern(t *testing.T) {
	a := serveArchive(t, dbtest.SQLite(t), vumi.Options{})
	for range 20 {
		a.got("+1", strings.Repeat("a", 20_000)+"!")
	}
	token, status, text := a.search("inbound", `[{"key": "msg.content", "pattern": "^(a+)+$"}, {"key": "msg.content", "pattern": "(.*)*x"}]`,
		"X-VMS-Match-Wait", "1")
	if status != 200 {
		t.Fatal(status, text)
	}
	header, _, body := a.found("inbound", url.Values{"token": {token}})
	if strings.TrimSpace(body) != "[]" || header.Get("X-VMS-Match-Cut") != "" {
		t.Errorf("%v: %s", header, body)
	}
}
