package vumi

import (
	"strings"

	"indaba/internal/gateway"
)

// tagsOf returns the pool and the tag that stand for each of an account's channels on this wire, by key. The pool is the
// channel's type, with _ for /; the tag is the channel's address, or its name when it has none. Channels that would share
// both get # and their keys added, all of them, so that a text never comes to mean another channel because one was added.
func tagsOf(channels []*gateway.Channel) map[string][2]string {
	tags, uses := map[string][2]string{}, map[[2]string]int{}
	for _, c := range channels {
		tag := [2]string{strings.ReplaceAll(c.Type, "/", "_"), or(c.Address, or(c.Name, c.Key))}
		tags[c.Key] = tag
		uses[tag]++
	}
	for key, tag := range tags {
		if uses[tag] > 1 {
			tags[key] = [2]string{tag[0], tag[1] + "#" + key}
		}
	}
	return tags
}
