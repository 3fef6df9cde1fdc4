package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
	"github.com/syncback/syncback/capture/postgres"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
	"github.com/syncback/syncback/queue"
)

// refused expects that Capture refuses to go on from a mark, at once.
func refused(t *testing.T, s *source, from capture.Mark, want error, says string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err := s.capture(ctx, from, new(capturetest.Sink))
	if err == nil || want != nil && !errors.Is(err, want) || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want %v, and %q in it", err, want, says)
	}
	if capture.Retryable(err) {
		t.Errorf("is retryable: %v", err)
	}
}

func TestMarksThatDoNotFit(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	held := s.held()

	with := func(change func(m *capture.Mark)) capture.Mark {
		m := held
		change(&m)
		return m
	}
	refused(t, s, with(func(m *capture.Mark) { m.Source = "postgresql/1/elsewhere/syncback" }), capture.ErrOtherSource, "new queue")
	refused(t, s, with(func(m *capture.Mark) { m.Source = "" }), capture.ErrOtherSource, "")
	refused(t, s, with(func(m *capture.Mark) { m.Position -= 8 }), capture.ErrGap, "moved on")
	refused(t, s, with(func(m *capture.Mark) { m.Position = 0 }), capture.ErrGap, "moved on")
	refused(t, s, with(func(m *capture.Mark) { m.Position += 1 << 40 }), capture.ErrDiverged, "restored")
	refused(t, s, with(func(m *capture.Mark) { m.Timeline = 7 }), capture.ErrDiverged, "timeline 7")

}

// held captures one transaction and returns the mark behind it.
func (s *source) held() capture.Mark {
	s.t.Helper()
	s.exec(`INSERT INTO t VALUES (1)`)
	s.captured(1)
	return s.sink.Mark()
}

// TestSlotThatHasMovedOnIsAGap has another reader take what comes next. Asked for
// what comes after the mark, PostgreSQL itself would start where the slot is,
// without a word.
func TestSlotThatHasMovedOnIsAGap(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	held := s.held()
	s.exec(`INSERT INTO t VALUES (2)`)
	s.release()
	s.exec(`SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())`, s.cfg.Slot)
	refused(t, s, held, capture.ErrGap, "another reader")
}

// TestLostSlotIsAGap drops the slot, as a failover or an upgrade of the server
// does. One that is made anew in its place begins behind what was lost.
func TestLostSlotIsAGap(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	held := s.held()
	s.dropSlot()
	refused(t, s, held, capture.ErrGap, "slot "+s.cfg.Slot+" is gone")
	refused(t, s, capture.Mark{}, nil, "Setup creates it")
	s.exec(`INSERT INTO t VALUES (2)`)
	if err := s.capturer.Setup(t.Context()); err != nil {
		t.Fatal(err)
	}
	refused(t, s, held, capture.ErrGap, "moved on")
}

func TestDroppedPublicationIsAGap(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	held := s.held()
	s.exec(`DROP PUBLICATION syncback`)
	refused(t, s, held, capture.ErrGap, "publication syncback is gone")
	refused(t, s, capture.Mark{}, nil, "Setup creates it")
}

// TestPublicationMadeAnewIsAGap drops the publication and makes it anew, while
// nothing is captured and while it is. Before PostgreSQL 18 the stream fails at
// what was written between; from then on the server warns, and leaves it out. A
// role that wants no warnings gets this one.
func TestPublicationMadeAnewIsAGap(t *testing.T) {
	for name, running := range map[string]bool{"stopped": false, "running": true} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t, oneTable, "public.t").setup()
			s.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET client_min_messages = error', current_database()); END $$`)
			s.held()
			stop := func() error { return nil }
			if running {
				stop = s.start()
				s.exec(`INSERT INTO t VALUES (0)`)
				s.wait(2)
			}
			s.exec(`DROP PUBLICATION syncback`)
			s.exec(`INSERT INTO t VALUES (2)`)
			s.exec(`CREATE PUBLICATION syncback FOR TABLE t WITH (publish_via_partition_root = true)`)
			s.exec(`INSERT INTO t VALUES (3)`)
			if running {
				s.release()
				if err := stop(); !errors.Is(err, capture.ErrGap) || capture.Retryable(err) {
					t.Errorf("Capture: %v", err)
				}
			}
			refused(t, s, s.sink.Mark(), capture.ErrGap, "publication syncback was missing")
		})
	}
}

func TestInvalidatedSlotIsAGap(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	s.exec(`INSERT INTO t VALUES (1)`)
	s.captured(1)
	s.exec(`ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'`)
	s.exec(`SELECT pg_reload_conf()`)
	defer func() {
		s.exec(`ALTER SYSTEM RESET max_slot_wal_keep_size`)
		s.exec(`SELECT pg_reload_conf()`)
	}()
	eventually(t, "the slot is lost", func() bool {
		s.exec(`INSERT INTO other SELECT 1 WHERE false; SELECT pg_logical_emit_message(false, 'x', 'x'); SELECT pg_switch_wal()`)
		s.exec(`CHECKPOINT`)
		return s.query(`SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1`, s.cfg.Slot) == "lost"
	})
	refused(t, s, s.sink.Mark(), capture.ErrGap, "invalidated")
	refused(t, s, capture.Mark{}, capture.ErrGap, "invalidated")
	findings(t, s, "error slot "+s.cfg.Slot)
}

func TestSlotInUseIsRetryable(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	s.start()
	s.exec(`INSERT INTO t VALUES (1)`)
	s.wait(1)
	err := s.capturer.Capture(t.Context(), capture.Mark{}, new(capturetest.Sink))
	if !capture.Retryable(err) || !errors.Is(err, capture.ErrInUse) || !strings.Contains(err.Error(), "read by another process") {
		t.Errorf("got %v", err)
	}
}

func TestWhatCannotWorkIsPermanentAndQuiet(t *testing.T) {
	s := newSource(t, oneTable, "public.t")
	password := s.db.Config().Password
	for _, test := range []struct{ old, new, says string }{
		{password, "Secret_1", "password authentication failed"},
		{"/" + s.db.Config().Database, "/nowhere", `database "nowhere" does not exist`},
	} {
		c, err := postgres.New(postgres.Config{DSN: strings.Replace(s.dsn, test.old, test.new, 1), Tables: s.cfg.Tables})
		if err != nil {
			t.Fatal(err)
		}
		err = c.Capture(t.Context(), capture.Mark{}, s.sink)
		if err == nil || !strings.Contains(err.Error(), test.says) || capture.Retryable(err) {
			t.Errorf("got %v, want %q, not retryable", err, test.says)
		}
		if strings.Contains(err.Error(), "Secret_1") || strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "\n") {
			t.Errorf("the error is not fit to show: %v", err)
		}
	}
	c, err := postgres.New(postgres.Config{DSN: "postgres://u:Secret_1@127.0.0.1:1/x?sslmode=disable", Tables: s.cfg.Tables})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Capture(t.Context(), capture.Mark{}, s.sink); !capture.Retryable(err) || strings.Contains(err.Error(), "Secret_1") {
		t.Errorf("nobody listens: %v", err)
	}
}

func TestPublicationThatLeavesOut(t *testing.T) {
	s := newSource(t, oneTable+`CREATE TABLE u (id int PRIMARY KEY); ALTER TABLE u REPLICA IDENTITY FULL;
		CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY LIST (id); ALTER TABLE parted REPLICA IDENTITY FULL`,
		"public.t", "public.u", "public.parted")
	s.cfg.Publication = "p"
	s.configure()
	s.exec(`SELECT pg_create_logical_replication_slot($1, 'pgoutput')`, s.cfg.Slot)
	for _, test := range []struct {
		publication, says string
		since             int // the version that has it
	}{
		{`FOR TABLE t WITH (publish_via_partition_root = true)`, `ALTER PUBLICATION "p" ADD TABLE "public"."u", "public"."parted"`, 14},
		{`FOR TABLE t, u, parted WITH (publish_via_partition_root = true, publish = 'insert, update')`, `leaves out delete, truncate: ALTER PUBLICATION "p" SET (publish`, 14},
		{`FOR TABLE t, u, parted`, `SET (publish_via_partition_root = true)`, 14},
		{`FOR TABLE t, u WHERE (id > 3), parted WITH (publish_via_partition_root = true)`, `only some rows or columns of public.u`, 15},
		{`FOR TABLE t (id), u, parted WITH (publish_via_partition_root = true)`, `only some rows or columns of public.t`, 15},
	} {
		if cluster.Version() < test.since {
			continue
		}
		s.exec(`CREATE PUBLICATION p ` + test.publication)
		if err := s.capturer.Setup(t.Context()); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: Setup says %v", test.publication, err)
		}
		refused(t, s, capture.Mark{}, nil, test.says)
		findings(t, s, "error publication p: ")
		s.exec(`DROP PUBLICATION p`)
	}
	s.dropSlot()
	s.exec(`CREATE PUBLICATION p FOR ALL TABLES WITH (publish_via_partition_root = true)`)
	s.setup()
	s.exec(`INSERT INTO other VALUES (1); INSERT INTO u VALUES (1)`)
	wantChanges(t, s.captured(1)[0], "insert public.u->(1)")
}

// What changed before a table got the name under which it is captured is captured
// under that name, however often the stream describes the table before.
func TestRenamedTableIsKnown(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	s.exec(`INSERT INTO t VALUES (1)`)
	s.exec(`ALTER TABLE t RENAME TO t1`)
	s.exec(`INSERT INTO t1 VALUES (2)`)
	s.exec(`ALTER TABLE t1 ADD n int; ALTER TABLE t1 RENAME TO t2`)
	s.exec(`INSERT INTO t2 (id, n) VALUES (3, 3)`)
	s.cfg.Tables = []string{"public.t2"}
	s.configure()
	for i, tx := range s.captured(3) {
		wantChanges(t, tx, []string{"insert public.t2->(1,null)", "insert public.t2->(2,null)", "insert public.t2->(3,null,3)"}[i])
	}
}

// TestRenamedTableStops renames a table, which the error says to undo: what changed
// under the other name then comes under its own. So it does in one transaction.
func TestRenamedTableStops(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	s.exec(`INSERT INTO t VALUES (1)`)
	s.exec(`ALTER TABLE t RENAME TO t2`)
	s.exec(`INSERT INTO t2 VALUES (2)`)
	refused(t, s, capture.Mark{}, capture.ErrTables, `"public"."t"`)
	s.exec(`ALTER TABLE t2 RENAME TO t`)
	s.exec(`ALTER TABLE t RENAME TO t2; INSERT INTO t2 VALUES (3); ALTER TABLE t2 RENAME TO t`)
	s.exec(`INSERT INTO t VALUES (4)`)
	for i, tx := range s.captured(4) {
		wantChanges(t, tx, fmt.Sprintf("insert public.t->(%d,null)", i+1))
	}

	// While it is captured, its own name counts.
	stop := s.start()
	s.exec(`INSERT INTO t VALUES (5)`)
	s.wait(5)
	s.exec(`ALTER TABLE t RENAME TO t2`)
	s.exec(`INSERT INTO t2 VALUES (6)`)
	s.release()
	if err := stop(); !errors.Is(err, capture.ErrTables) || !strings.Contains(err.Error(), "renamed to public.t2") {
		t.Errorf("Capture: %v", err)
	}
}

// TestTableAdded adds a table while the slot is behind what was captured, as after a
// restart of the source. Put into the publication once nothing captures, its changes
// come. What was changed in it before, while the others were captured, looks like
// another history, until the slot has moved on without it.
func TestTableAdded(t *testing.T) {
	for name, early := range map[string]bool{"once nothing captures": false, "too early": true} {
		t.Run(name, func(t *testing.T) {
			s := newSource(t, oneTable+`CREATE TABLE u (id int PRIMARY KEY); ALTER TABLE u REPLICA IDENTITY FULL`, "public.t").setup()
			q, err := queue.Open(queue.Config{Dir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer q.Close()
			if early {
				s.exec(`ALTER PUBLICATION syncback ADD TABLE u`)
			}
			s.exec(`INSERT INTO u VALUES (1)`)
			at := uint64(s.confirmed()) // past which no acknowledgement gets
			proxy, unheard := s.through(10 * time.Second)
			proxy.On(func(m postgrestest.Message) bool { return m.Replication != 'r' || m.Flushed <= at })
			if err := s.into(q, unheard); err != nil && !capture.Retryable(err) {
				t.Fatal(err)
			}
			if !early {
				s.exec(`ALTER PUBLICATION syncback ADD TABLE u`)
			}
			s.exec(`INSERT INTO u VALUES (2)`)
			without := s.capturer
			s.cfg.Tables = append(s.cfg.Tables, "public.u")
			s.configure()
			if early {
				if err := s.into(q, s.capturer); !errors.Is(err, capture.ErrDiverged) {
					t.Errorf("got %v", err)
				}
				if err := s.into(q, without); err != nil {
					t.Fatal(err)
				}
			}
			s.exec(`INSERT INTO u VALUES (3)`)
			if err := s.into(q, s.capturer); err != nil {
				t.Error(err)
			}
		})
	}
}

// into has c capture one more row of t, and all before it, into a queue.
func (s *source) into(q *queue.Disk, c *postgres.Capturer) error {
	s.t.Helper()
	before, err := capture.ParsePosition(s.query(`SELECT pg_current_wal_lsn()::text`))
	if err != nil {
		s.t.Fatal(err)
	}
	s.exec(`INSERT INTO t SELECT count(*) FROM t`)
	s.release()
	q.Restart()
	from, err := q.Last(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	go func() {
		defer cancel()
		for ctx.Err() == nil {
			if m, err := q.Last(ctx); err != nil || m.Position > before {
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	err = c.Capture(ctx, from, q)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// TestPublicationIsAskedForItsTablesAlone: what there is besides them is read once
// or twice, and not once for each that is there.
func TestPublicationIsAskedForItsTablesAlone(t *testing.T) {
	s := newSource(t, oneTable+`DO $$ BEGIN FOR i IN 1..100 LOOP EXECUTE format('CREATE TABLE other%s (id int PRIMARY KEY, v text)', i); END LOOP; END $$;
		CREATE PUBLICATION p FOR TABLE t`, "public.t")
	const read = `SELECT (seq_tup_read + idx_tup_fetch)::text FROM pg_stat_xact_sys_tables WHERE relid = 'pg_class'::regclass`
	s.exec(`BEGIN`)
	before := s.number(read)
	n, err := postgres.CountPublished(t.Context(), s.db, "p")
	if err != nil || n != 1 {
		t.Fatalf("it has %d tables, %v", n, err)
	}
	after := s.number(read)
	if most := 10 * s.number(`SELECT count(*)::text FROM pg_class`); after-before == 0 || after-before > most {
		t.Errorf("of the catalogue's relations %d were read, %d at most are enough", after-before, most)
	}
	s.exec(`ROLLBACK`)
}

func (s *source) number(sql string) int {
	s.t.Helper()
	n, err := strconv.Atoi(s.query(sql))
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}
