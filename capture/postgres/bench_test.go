package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
	"github.com/syncback/syncback/capture/postgres"
)

// BenchmarkRow captures updates with full old images, out of one transaction of
// 100000. The time includes the server's, which decodes anew each time.
func BenchmarkRow(b *testing.B) {
	const rows = 100_000
	ctx := b.Context()
	dsn, err := cluster.CreateDatabase(ctx, "bench")
	if err != nil {
		b.Fatal(err)
	}
	db, err := pgx.Connect(ctx, dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close(ctx)
	exec := func(sql string, args ...any) {
		if _, err := db.Exec(ctx, sql, args...); err != nil {
			b.Fatal(err)
		}
	}
	exec(`CREATE TABLE t (id int PRIMARY KEY, a text, b numeric, c timestamptz, d text); ALTER TABLE t REPLICA IDENTITY FULL`)
	exec(`INSERT INTO t SELECT i, 'name of ' || i, i / 7.0, now(), NULL FROM generate_series(1, $1) i`, rows)
	c, err := postgres.New(postgres.Config{DSN: dsn, Slot: db.Config().Database, Tables: []string{"public.t"}, Heartbeat: -1})
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Setup(ctx); err != nil {
		b.Fatal(err)
	}
	exec(`UPDATE t SET d = 'x'`)

	enough := errors.New("enough")
	left := 0
	sink := &capturetest.Sink{Discard: true, OnChange: func(context.Context, capture.Change) error {
		if left--; left == 0 {
			return enough
		}
		return nil
	}}
	b.ReportAllocs()
	for left = b.N; left > 0; {
		err := c.Capture(ctx, sink.Mark(), sink)
		if !errors.Is(err, enough) && !capture.Retryable(err) {
			b.Fatal(err)
		}
	}
}
