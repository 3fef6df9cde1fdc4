package postgres_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

// onStandby makes a source that is captured from a standby, through a slot of
// the standby's own. What it executes, it does on the primary.
func onStandby(t *testing.T) (s *source, primary, standby *postgrestest.Cluster) {
	t.Helper()
	shared := cluster
	t.Cleanup(func() { cluster = shared })
	primary, err := postgrestest.Start(t.Context(), postgrestest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { primary.Stop() })
	if primary.Version() < 16 {
		t.Skip("PostgreSQL before 16 decodes nothing on a standby")
	}
	cluster = primary
	s = newSource(t, oneTable+`CREATE PUBLICATION syncback FOR TABLE t WITH (publish_via_partition_root = true)`, "public.t")
	s.exec(`SELECT pg_create_physical_replication_slot('standby', true)`)
	standby, err = primary.Standby(t.Context(), map[string]string{"primary_slot_name": "standby", "hot_standby_feedback": "on"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { standby.Stop() })
	s.moveTo(primary) // which was started again
	s.captureFrom(standby)

	made := make(chan error, 1)
	go func() { made <- s.capturer.Setup(t.Context()) }()
	for { // a slot is made once the primary has said what is open
		select {
		case err := <-made:
			if err != nil {
				t.Fatal(err)
			}
			return s, primary, standby
		case <-time.After(100 * time.Millisecond):
			s.exec(`SELECT pg_log_standby_snapshot()`)
		}
	}
}

// captureFrom has another cluster be captured from than what is executed on.
func (s *source) captureFrom(c *postgrestest.Cluster) {
	s.t.Helper()
	s.dsn = c.DSN(s.db.Config().Database)
	s.cfg.DSN = s.dsn
	s.configure()
}

// TestStandbyThatHasNotComeBackIsWaitedFor: a standby that was restarted takes
// connections before it has replayed its log to where it was.
func TestStandbyThatHasNotComeBackIsWaitedFor(t *testing.T) {
	s, _, standby := onStandby(t)
	for i := range 5 {
		s.exec(`INSERT INTO t VALUES ($1)`, i)
	}
	s.captured(5)

	// The delay stands for a log that takes long.
	delay := func(d string) {
		db, err := pgx.Connect(t.Context(), s.dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close(t.Context())
		for _, sql := range []string{`ALTER SYSTEM SET recovery_min_apply_delay = '` + d + `'`, `SELECT pg_reload_conf()`} {
			if _, err := db.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		}
	}
	delay("1h")
	if err := standby.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := standby.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.captureFrom(standby)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := s.capture(ctx, s.sink.Mark(), s.sink)
	if !capture.Retryable(err) || errors.Is(err, capture.ErrDiverged) || !strings.Contains(err.Error(), "the source, a standby, has come to") {
		t.Fatalf("got %v", err)
	}
	delay("0")
	s.exec(`INSERT INTO t VALUES (5)`)
	if err := s.captureThroughCuts(s.capturer, 6); err != nil {
		t.Fatal(err)
	}
}
