package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
	"github.com/syncback/syncback/capture/postgres"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

var cluster *postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	c, err := postgrestest.Start(context.Background(), postgrestest.Config{Settings: map[string]string{
		"wal_sender_timeout": "1s",  // a stream that is not kept alive is cut soon
		"autovacuum":         "off", // nobody writes but the tests
	}})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cluster = c
	defer c.Stop()
	return m.Run()
}

// source is a database with a capturer over it.
type source struct {
	t        *testing.T
	dsn      string
	db       *pgx.Conn
	cfg      postgres.Config
	capturer *postgres.Capturer
	sink     *capturetest.Sink
}

// newSource makes a database by the statements in ddl.
func newSource(t *testing.T, ddl string, tables ...string) *source {
	t.Helper()
	dsn, err := cluster.CreateDatabase(t.Context(), "capture")
	if err != nil {
		t.Fatal(err)
	}
	s := &source{t: t, dsn: dsn, sink: new(capturetest.Sink)}
	s.db, err = pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	database := s.db.Config().Database
	t.Cleanup(func() { s.db.Close(context.Background()) })
	s.exec(ddl)
	// Slots are the cluster's, not the database's.
	s.cfg = postgres.Config{DSN: dsn, Slot: database, Tables: tables, Heartbeat: -1}
	s.configure()
	return s
}

// configure makes a capturer of s.cfg.
func (s *source) configure() {
	s.t.Helper()
	c, err := postgres.New(s.cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	s.capturer = c
}

func (s *source) setup() *source {
	s.t.Helper()
	if err := s.capturer.Setup(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		// A slot that is left would keep the cluster's log. Whoever reads it ends.
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		db := s.db
		if db.IsClosed() || db.PgConn().TxStatus() != 'I' {
			var err error
			if db, err = pgx.Connect(ctx, s.dsn); err != nil {
				return
			}
			defer db.Close(ctx)
		}
		for ctx.Err() == nil {
			_, err := db.Exec(ctx, `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1`, s.cfg.Slot)
			if err == nil {
				return
			}
		}
	})
	return s
}

// exec runs statements, in one transaction unless they say otherwise.
func (s *source) exec(sql string, args ...any) {
	s.t.Helper()
	if sql == "" {
		return
	}
	if _, err := s.db.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatalf("%v\n%s", err, sql)
	}
}

func (s *source) query(sql string, args ...any) (v string) {
	s.t.Helper()
	if err := s.db.QueryRow(s.t.Context(), sql, args...).Scan(&v); err != nil {
		s.t.Fatalf("%v\n%s", err, sql)
	}
	return v
}

// release waits until the server has let go of the slot, which is a moment after
// its reader has ended.
func (s *source) release() {
	s.t.Helper()
	eventually(s.t, "the slot is not in use", func() bool {
		return s.query(`SELECT count(active_pid)::text FROM pg_replication_slots WHERE slot_name = $1`, s.cfg.Slot) == "0"
	})
}

func (s *source) dropSlot() {
	s.t.Helper()
	s.release()
	s.exec(`SELECT pg_drop_replication_slot($1)`, s.cfg.Slot)
}

// confirmed returns the slot's confirmed_flush_lsn.
func (s *source) confirmed() capture.Position {
	s.t.Helper()
	st, err := s.capturer.Status(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return st.ConfirmedFlush
}

// start captures into the sink until the test ends or stop is called, which
// returns what Capture returned.
func (s *source) start() (stop func() error) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.capture(ctx, s.sink.Mark(), s.sink) }()
	var err error
	stopped := false
	stop = func() error {
		if !stopped {
			cancel()
			err, stopped = <-done, true
		}
		return err
	}
	s.t.Cleanup(func() { stop() })
	return stop
}

// capture captures as Capture does, once the server has noticed the end of the
// reader before.
func (s *source) capture(ctx context.Context, from capture.Mark, sink capture.Sink) error {
	wait := capture.Backoff{Min: 5 * time.Millisecond, Max: 100 * time.Millisecond}
	for {
		err := s.capturer.Capture(ctx, from, sink)
		if err == nil || !strings.Contains(err.Error(), "read by another process") && !strings.Contains(err.Error(), "is active for PID") {
			return err
		}
		if err := wait.Wait(ctx); err != nil {
			return err
		}
	}
}

// wait waits for n transactions in the sink.
func (s *source) wait(n int) []capturetest.Tx {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	txs, err := s.sink.WaitFor(ctx, n)
	if err != nil {
		s.t.Fatalf("waiting for %d transactions: %v", n, err)
	}
	return txs
}

// captured captures until n transactions have come.
func (s *source) captured(n int) []capturetest.Tx {
	s.t.Helper()
	stop := s.start()
	txs := s.wait(n)
	if err := stop(); !errors.Is(err, context.Canceled) {
		s.t.Fatalf("Capture: %v", err)
	}
	return txs
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// show writes changes down for comparing: "update public.t (1,a,null)->(1,b,-)",
// where - is absent. Tests may see values.
func show(list []capture.Change) string {
	var lines []string
	for _, c := range list {
		if c.Op == capture.Message {
			lines = append(lines, fmt.Sprintf("message %s %s", c.Message.Prefix, c.Message.Content))
			continue
		}
		line := fmt.Sprintf("%s %s", c.Op, c.Table)
		if c.Before != nil {
			line += " " + showRow(c.Before)
		}
		if c.After != nil {
			line += "->" + showRow(c.After)
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n")
}

func showRow(row capture.Row) string {
	var cols []string
	for _, v := range row {
		text, ok := v.Text()
		switch {
		case v.IsAbsent():
			text = "-"
		case v.IsNull():
			text = "null"
		case ok && len(text) > 40:
			text = fmt.Sprintf("%d bytes", len(text))
		}
		cols = append(cols, text)
	}
	return "(" + strings.Join(cols, ",") + ")"
}

// wantChanges compares the changes of a transaction, a line each.
func wantChanges(t *testing.T, tx capturetest.Tx, want string) {
	t.Helper()
	want = strings.ReplaceAll(strings.TrimSpace(want), "\t", "")
	if got := show(tx.List); got != want {
		t.Errorf("transaction at %s:\n%s\nwant:\n%s", tx.Position, got, want)
	}
}

// ownCluster has the sources of a test be on a cluster of its own.
func ownCluster(t *testing.T, cfg postgrestest.Config) *postgrestest.Cluster {
	t.Helper()
	own, err := postgrestest.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { own.Stop() })
	shared := cluster
	t.Cleanup(func() { cluster = shared })
	cluster = own
	return own
}
