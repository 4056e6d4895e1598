package db_test

import (
	"context"
	"errors"
	"testing"

	"indaba/internal/db"
	"indaba/internal/db/dbtest"
)

func TestMemo(t *testing.T) {
	d := dbtest.SQLite(t)
	m := db.NewMemo[string, int](d, 2)
	has := func(key string, want int) {
		t.Helper()
		if got, ok := m.Get(key); got != want || ok != (want != 0) {
			t.Errorf("%s is remembered as %d (%v), want %d", key, got, ok, want)
		}
	}
	err := d.Tx(t.Context(), func(ctx context.Context) error {
		m.Keep(ctx, "a", 1)
		has("a", 0)
		return errors.New("no")
	})
	if err == nil {
		t.Fatal("the transaction went through")
	}
	has("a", 0)
	if err := d.Tx(t.Context(), func(ctx context.Context) error { m.Keep(ctx, "a", 2); return nil }); err != nil {
		t.Fatal(err)
	}
	has("a", 2)
	m.Keep(t.Context(), "b", 3)
	has("a", 2)
	has("b", 3)
	m.Keep(t.Context(), "c", 4)
	has("a", 0)
	has("b", 0)
	has("c", 4)
}
