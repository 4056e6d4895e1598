package vumi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"indaba/internal/app"
	"indaba/internal/routing"
)

// exported returns the texts of a batch's messages, in order.
func (s *server) exported(t *testing.T, token, batch, direction string) string {
	t.Helper()
	status, _, body := s.send(t, step{Do: "GET /message_store/" + batch + "/" + direction + ".json", Token: token}, nil)
	if status != http.StatusOK {
		return fmt.Sprint(status)
	}
	var texts []string
	for line := range strings.Lines(string(body)) {
		var m struct{ Content string }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		texts = append(texts, m.Content)
	}
	return strings.Join(texts, ", ")
}

// A router's batch has what came in and went out through it, and answers, which go back the way that came
// (docs/spec/vumi-http.md 11.1).
func TestBatchesOfRouters(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(app.Options) *server) {
		s := start(app.Options{})
		s.furnish(t)
		s.converse(t)
		owner, router := s.given["account"], s.given["router"]
		end := func(kind routing.Kind, key, name string) routing.Endpoint {
			return routing.Endpoint{Kind: kind, Key: key, Name: name}
		}
		line, bot := end(routing.Channel, s.given["line"], routing.Default), end(routing.Bot, s.given["stream"], routing.Default)
		if err := s.own.Routes.Link(t.Context(), owner, // "hulp" leads to the application, and anything else nowhere
			routing.Entry{Source: line, Target: end(routing.RouterIn, router, routing.Default)},
			routing.Entry{Source: end(routing.RouterOut, router, "help"), Target: bot},
			routing.Entry{Source: bot, Target: end(routing.RouterOut, router, "help")},
			routing.Entry{Source: end(routing.RouterIn, router, routing.Default), Target: line}); err != nil {
			t.Fatal(err)
		}
		stream := s.open(t, "messages.json")
		s.say(t, "+27831230001", "other words")
		s.say(t, "+27831230001", "hulp")
		got := stream.next()
		for _, m := range []map[string]any{{"in_reply_to": got["message_id"], "content": "answer"},
			{"to_addr": "+27831230001", "content": "news"}} {
			if status, answer := s.put(t, m); status != 200 {
				t.Fatalf("%d %v", status, answer)
			}
		}
		if err := s.own.Routes.Link(t.Context(), owner, routing.Entry{Source: line, Target: bot}, routing.Entry{Source: bot, Target: line}); err != nil {
			t.Fatal(err)
		}
		s.say(t, "+27831230001", "directly")
		got = stream.next()
		if status, answer := s.put(t, map[string]any{"in_reply_to": got["message_id"], "content": "direct answer"}); status != 200 {
			t.Fatalf("%d %v", status, answer)
		}
		if status, answer := s.put(t, map[string]any{"to_addr": "+27831230001", "content": "direct news"}); status != 200 {
			t.Fatalf("%d %v", status, answer)
		}
		for batch, want := range map[string][2]string{
			router:            {"other words, hulp", "answer, news"},
			s.given["stream"]: {"hulp, directly", "answer, news, direct answer, direct news"},
			s.given["line"]:   {"other words, hulp, directly", "answer, news, direct answer, direct news"},
		} {
			for i, direction := range []string{"inbound", "outbound"} {
				if got := s.exported(t, "main", batch, direction); got != want[i] {
					t.Errorf("%s of %s: %s, want %s", direction, batch, got, want[i])
				}
				if got := s.exported(t, "other", batch, direction); got != "404" {
					t.Errorf("%s of %s for a stranger: %s", direction, batch, got)
				}
			}
		}
		s.searchOf(t, router, "news", 1)
		s.searchOf(t, router, "direct", 0)
		s.await(t, "an event of each", func() bool {
			status, _, body := s.send(t, step{Do: "GET /message_store/" + router + "/events.csv", Token: "main"}, nil)
			return status == 200 && strings.Count(string(body), ",ack,") == 2
		})

		if err := s.own.Gateway.Remove(t.Context(), owner, s.given["line"]); err != nil {
			t.Fatal(err)
		}
		if got := s.exported(t, "main", s.given["line"], "inbound"); got != "other words, hulp, directly" {
			t.Errorf("of a removed channel: %s", got)
		}
		s.searchOf(t, s.given["line"], "news", 2)
		if got := s.exported(t, "other", s.given["line"], "inbound"); got != "404" {
			t.Errorf("of a removed channel for a stranger: %s", got)
		}
		if err := s.own.Routes.DeleteRouter(t.Context(), owner, router); err != nil {
			t.Fatal(err)
		}
		if got := s.exported(t, "main", router, "inbound"); got != "404" {
			t.Errorf("of a deleted router: %s", got)
		}
		if got := s.exported(t, "main", s.given["stream"], "inbound"); got != "hulp, directly" {
			t.Errorf("of the bot behind it: %s", got)
		}
	})
}

// searchOf searches what went out in a batch, and wants so many to be found.
func (s *server) searchOf(t *testing.T, batch, pattern string, want int) {
	t.Helper()
	path := "/message_store/batch/" + batch + "/outbound/match"
	status, header, body := s.send(t, step{Do: "POST " + path, Token: "main", Header: map[string]string{"X-VMS-Match-Wait": "1"},
		JSON: raw(`[{"key": "msg.content", "pattern": "` + pattern + `"}]`)}, nil)
	if status != http.StatusOK {
		t.Fatalf("search: %d %s", status, body)
	}
	status, header, body = s.send(t, step{Do: "GET " + path + "?token=" + header.Get("X-VMS-Result-Token"), Token: "main"}, nil)
	if status != http.StatusOK || header.Get("X-VMS-Result-Count") != fmt.Sprint(want) {
		t.Errorf("%s in %s: %d %v %s, want %d", pattern, batch, status, header, body, want)
	}
}

// What a router itself answers is in its batch, with what it was asked.
func TestBatchOfMenu(t *testing.T) {
	eachEngine(t, func(t *testing.T, start func(app.Options) *server) {
		s := start(app.Options{})
		s.furnish(t)
		s.converse(t)
		owner := s.given["account"]
		menu := &routing.Router{Account: owner, Type: routing.Multiplexer, Name: "menu",
			Config: routing.RouterConfig{Entries: []routing.MenuEntry{{Label: "Talk", Endpoint: "talk"}}}}
		if err := s.own.Routes.CreateRouter(t.Context(), menu); err != nil {
			t.Fatal(err)
		}
		end := func(kind routing.Kind, key, name string) routing.Endpoint {
			return routing.Endpoint{Kind: kind, Key: key, Name: name}
		}
		if err := s.own.Routes.Link(t.Context(), owner,
			routing.Entry{Source: end(routing.Channel, s.given["line"], routing.Default), Target: end(routing.RouterIn, menu.Key, routing.Default)},
			routing.Entry{Source: end(routing.RouterOut, menu.Key, "talk"), Target: end(routing.Bot, s.given["stream"], routing.Default)}); err != nil {
			t.Fatal(err)
		}
		stream := s.open(t, "messages.json")
		s.say(t, "+27831230002", "molo")
		s.say(t, "+27831230002", "1")
		stream.next()
		if got := s.exported(t, "main", menu.Key, "inbound"); got != "molo, 1" {
			t.Errorf("asked: %s", got)
		}
		if got := s.exported(t, "main", menu.Key, "outbound"); !strings.HasPrefix(got, "Please select a choice.") {
			t.Errorf("answered: %s", got)
		}
	})
}
