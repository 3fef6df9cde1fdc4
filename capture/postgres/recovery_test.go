package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
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
	if cluster.Version() < 16 {
		t.Skip("PostgreSQL before 16 decodes nothing on a standby")
	}
	primary = ownCluster(t, postgrestest.Config{})
	s = newSource(t, oneTable+`CREATE PUBLICATION syncback FOR TABLE t WITH (publish_via_partition_root = true)`, "public.t")
	s.exec(`SELECT pg_create_physical_replication_slot('standby', true)`)
	standby, err := primary.Standby(t.Context(), map[string]string{"primary_slot_name": "standby", "hot_standby_feedback": "on"})
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

// captureOn captures until n transactions are durable, again and again as long as
// the error is retryable. The sink keeps what it was given, as a queue does.
func (s *source) captureOn(n int) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), 30*time.Second)
	defer cancel()
	go func() {
		if _, err := s.sink.WaitFor(ctx, n); err == nil {
			cancel()
		}
	}()
	for {
		err := s.capture(ctx, s.sink.Mark(), s.sink)
		if len(s.sink.Txs()) >= n && errors.Is(err, context.Canceled) {
			return nil
		}
		if !capture.Retryable(err) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// TestStandbyThatIsPromotedIsCapturedOn promotes a standby while it is captured.
// Its stream lives through that, and what comes then is of the new timeline.
func TestStandbyThatIsPromotedIsCapturedOn(t *testing.T) {
	s, _, standby := onStandby(t)
	const after = 50
	done := make(chan error, 1)
	go func() { done <- s.captureOn(1 + after) }()
	s.exec(`INSERT INTO t VALUES (0)`)
	s.wait(1)

	// The first commit follows the promotion at once.
	written := make(chan error, 1)
	go func() {
		written <- func() error {
			db, err := pgx.Connect(t.Context(), s.dsn)
			if err != nil {
				return err
			}
			defer db.Close(context.Background())
			for i := 1; i <= after; {
				_, err := db.Exec(t.Context(), `INSERT INTO t VALUES ($1)`, i)
				switch {
				case err == nil:
					i++
				case !strings.Contains(err.Error(), "SQLSTATE 25006"): // it is read-only until then
					return err
				}
			}
			return nil
		}()
	}()
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.wantRows(1 + after)
	if m := s.sink.Mark(); m.Timeline != 2 {
		t.Errorf("the mark is %+v", m)
	}
}

// wantRows expects one transaction for each row, in order.
func (s *source) wantRows(n int) {
	s.t.Helper()
	txs := s.sink.Txs()
	if len(txs) != n {
		s.t.Fatalf("%d transactions, want %d", len(txs), n)
	}
	for i, tx := range txs {
		if id, _ := tx.List[0].After[0].Text(); id != fmt.Sprint(i) {
			s.t.Errorf("transaction %d has row %s", i, id)
		}
	}
}

// TestStandbyThatFollowsAnotherPrimaryIsCapturedOn loses the primary of the
// standby that is captured, which then follows another one on a new timeline. It
// is a standby all the while, and its stream lives through it.
func TestStandbyThatFollowsAnotherPrimaryIsCapturedOn(t *testing.T) {
	s, primary, standby := onStandby(t)
	s.db = s.onCluster(primary)
	s.exec(`SELECT pg_create_physical_replication_slot('next', true)`)
	next, err := primary.Standby(t.Context(), map[string]string{"primary_slot_name": "next", "wal_keep_size": "100MB"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { next.Stop() })
	s.db = s.onCluster(primary) // which was started again

	const after = 20
	done := make(chan error, 1)
	go func() { done <- s.captureOn(1 + after) }()
	s.exec(`INSERT INTO t VALUES (0)`)
	s.wait(1)
	eventually(t, "the other has it too", func() bool {
		db := s.onCluster(next)
		defer db.Close(t.Context())
		var n int
		err := db.QueryRow(t.Context(), `SELECT count(*) FROM t`).Scan(&n)
		return err == nil && n == 1
	})
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := next.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	var conninfo string
	follower := s.onCluster(standby)
	if err := follower.QueryRow(t.Context(), `SELECT current_setting('primary_conninfo')`).Scan(&conninfo); err != nil {
		t.Fatal(err)
	}
	s.db = s.onCluster(next)
	conninfo = regexp.MustCompile(`port=\d+`).ReplaceAllString(conninfo, "port="+fmt.Sprint(s.db.Config().Port))
	for _, sql := range []string{
		`ALTER SYSTEM SET primary_conninfo = '` + conninfo + `'`, `ALTER SYSTEM SET primary_slot_name = ''`, `SELECT pg_reload_conf()`,
	} {
		if _, err := follower.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	for i := range after {
		s.exec(`INSERT INTO t VALUES ($1)`, i+1)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s.wantRows(1 + after)
	if m := s.sink.Mark(); m.Timeline != 2 {
		t.Errorf("the mark is %+v", m)
	}
}

// onCluster opens a connection to the database of the source's name on a cluster.
func (s *source) onCluster(c *postgrestest.Cluster) *pgx.Conn {
	s.t.Helper()
	db, err := pgx.Connect(s.t.Context(), c.DSN(s.db.Config().Database))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { db.Close(context.Background()) })
	return db
}

// TestStandbyThatIsNotYetPromotedIsWaitedFor has the DSN lead to the standby a
// moment before it is promoted. Its copy of the slot cannot be read until then.
func TestStandbyThatIsNotYetPromotedIsWaitedFor(t *testing.T) {
	if cluster.Version() < 17 {
		t.Skip("PostgreSQL before 17 has no copies of slots")
	}
	primary := ownCluster(t, postgrestest.Config{})
	s := newSource(t, oneTable, "public.t").setup()
	standby := s.standby(primary)
	stop := s.start()
	rows := s.writeUntilCopied(standby)
	s.wait(rows)
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	s.captureFrom(standby)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := s.capture(ctx, s.sink.Mark(), s.sink)
	if !capture.Retryable(err) || !strings.Contains(err.Error(), "promote it, or connect to its primary") || strings.Contains(err.Error(), "wal_level") {
		t.Fatalf("got %v", err)
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.moveTo(standby)
	s.exec(`ALTER SYSTEM RESET synchronized_standby_slots`)
	s.exec(`SELECT pg_reload_conf()`)
	s.exec(`INSERT INTO t VALUES ($1)`, rows)
	if err := s.captureOn(rows + 1); err != nil {
		t.Fatal(err)
	}
	s.wantRows(rows + 1)
}
