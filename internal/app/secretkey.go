package app

import (
	"context"

	"indaba/internal/bot/source"
	"indaba/internal/core"
	"indaba/internal/gateway"
	"indaba/internal/secret"
)

// keySample is how many channels and how many sources a key is tried on.
const keySample = 100

// sealer opens and seals what is secret in the database. A key that opens none of it is refused: what is sealed with such a
// key would be lost as soon as the right one is put back. One that opens some of it is taken; only what it does not open is
// out of order then. With lost, any key will do.
func (a *App) sealer(ctx context.Context, lost bool) (*secret.Sealer, error) {
	sealed, err := a.sealed(ctx)
	if err != nil {
		return nil, err
	}
	if len(sealed) == 0 && a.Config.SecretKey == "" {
		if err := makeData(a.Config); err != nil {
			return nil, err
		}
	}
	key, err := a.Config.LoadSecretKey(len(sealed) > 0)
	if lost && err != nil && core.KindOf(err) == core.NotFound {
		key, err = secret.NewKey(), nil
	}
	if err != nil {
		return nil, err
	}
	s, err := secret.New(key)
	if err == nil && !lost && len(sealed) > 0 && !opensAny(s, sealed) {
		err = a.Config.WrongSecretKey()
	}
	return s, err
}

// sealed returns some of what is sealed in the database, and nothing only if nothing is.
func (a *App) sealed(ctx context.Context) ([]secret.Text, error) {
	settings, err := gateway.Sealed(ctx, a.DB, keySample)
	if err != nil {
		return nil, err
	}
	urls, err := source.Sealed(ctx, a.DB, keySample)
	return append(settings, urls...), err
}

func opensAny(s *secret.Sealer, sealed []secret.Text) bool {
	for _, text := range sealed {
		if _, err := s.Open(text.Sealed, text.Context); err == nil {
			return true
		}
	}
	return false
}
