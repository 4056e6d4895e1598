package vumi

import (
	"context"
	"sync"

	"indaba/internal/bot"
	"indaba/internal/bot/vumiwire"
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
		return vumiwire.Endpoints(text), nil // the operator's value wins over the version's
	}
	if b.Version == 0 {
		return nil, nil
	}
	e.mu.Lock()
	known, ok := e.configs[b.Key]
	e.mu.Unlock()
	if ok && known.version == b.Version {
		return vumiwire.Endpoints(known.text), nil
	}
	program, err := e.bots.Program(ctx, b.Key, b.Version)
	if err != nil {
		return nil, err
	}
	text := program.Config["config"]
	e.mu.Lock()
	defer e.mu.Unlock()
	e.configs[b.Key] = versionConfig{b.Version, text}
	return vumiwire.Endpoints(text), nil
}
