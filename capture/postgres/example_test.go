package postgres_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
	"github.com/syncback/syncback/capture/postgres"
)

// A Capturer is set up once, and then captures into a queue; here into a sink in
// memory.
func ExampleCapturer() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	dsn, err := cluster.CreateDatabase(ctx, "example")
	if err != nil {
		log.Fatal(err)
	}
	db, err := pgx.Connect(ctx, dsn)
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close(ctx)
	mustExec := func(sql string) {
		if _, err := db.Exec(ctx, sql); err != nil {
			log.Fatal(err)
		}
	}
	mustExec(`CREATE TABLE tenancy (ref text PRIMARY KEY, ended date); ALTER TABLE tenancy REPLICA IDENTITY FULL`)

	c, err := postgres.New(postgres.Config{DSN: dsn, Slot: "example", Tables: []string{"public.tenancy"}})
	if err != nil {
		log.Fatal(err)
	}
	if err := c.Setup(ctx); err != nil {
		log.Fatal(err)
	}
	mustExec(`INSERT INTO tenancy VALUES ('000017/02'); UPDATE tenancy SET ended = '2026-03-01'`)

	sink := new(capturetest.Sink)
	capturing, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- c.Capture(capturing, capture.Mark{}, sink) }()
	txs, err := sink.WaitFor(ctx, 1)
	if err != nil {
		log.Fatal(err)
	}
	stop()
	<-done
	for change := range txs[0].Changes {
		fmt.Println(change.Op, change.Table)
	}
	// Output:
	// insert public.tenancy
	// update public.tenancy
}
