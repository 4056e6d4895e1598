package vumi

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"sync"

	"indaba/internal/bot"
)

// endpointReader tells which endpoints bots have beside default. Those of a version are read once: versions never change.
type endpointReader struct {
	bots *bot.Store

	mu      sync.Mutex
	configs map[string]versionConfig // by key of the bot
}

type versionConfig struct {
	version int64
	text    string
}

func newEndpointReader(bots *bot.Store) *endpointReader {
	return &endpointReader{bots: bots, configs: map[string]versionConfig{}}
}

// of returns the names of the endpoints, sorted.
func (e *endpointReader) of(ctx context.Context, b *bot.Bot) ([]string, error) {
	if text, ok := b.Config["config"]; ok {
		return configured(text), nil // the operator's value wins over the version's
	}
	if b.Version == 0 {
		return nil, nil
	}
	e.mu.Lock()
	known, ok := e.configs[b.Key]
	e.mu.Unlock()
	if ok && known.version == b.Version {
		return configured(known.text), nil
	}
	program, err := e.bots.Program(ctx, b.Key, b.Version)
	if err != nil {
		return nil, err
	}
	text := program.Config["config"]
	e.mu.Lock()
	defer e.mu.Unlock()
	e.configs[b.Key] = versionConfig{b.Version, text}
	return configured(text), nil
}

// configured reads the endpoints from an app's config: the keys of endpoints, and pool:tag of sms_tag
// (docs/spec/vumi-sandbox.md 8). What has another shape is the app's own business.
func configured(text string) []string {
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &members) != nil {
		return nil
	}
	var endpoints map[string]json.RawMessage
	_ = json.Unmarshal(members["endpoints"], &endpoints)
	names := slices.Collect(maps.Keys(endpoints))
	var tag []string
	if json.Unmarshal(members["sms_tag"], &tag) == nil && len(tag) == 2 {
		names = append(names, tag[0]+":"+tag[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}
