package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
	"github.com/syncback/syncback/capture/postgres"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

const oneTable = `CREATE TABLE t (id int PRIMARY KEY, name text); ALTER TABLE t REPLICA IDENTITY FULL;
	CREATE TABLE other (id int PRIMARY KEY, name text);`

// second opens another connection to the source's database.
func (s *source) second() *pgx.Conn {
	s.t.Helper()
	db, err := pgx.Connect(s.t.Context(), s.dsn)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { db.Close(context.Background()) })
	return db
}

// TestCommitsThatTouch has commit records begin where the one before them ended,
// so that one LSN is the end of a transaction and the position of the next, and
// goes on from each of them.
func TestCommitsThatTouch(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	other := s.second()
	const pairs = 10
	for i := range pairs {
		s.exec(`BEGIN`)
		s.exec(`INSERT INTO t VALUES ($1)`, 2*i)
		if _, err := other.Exec(t.Context(), fmt.Sprintf(`BEGIN; INSERT INTO t VALUES (%d)`, 2*i+1)); err != nil {
			t.Fatal(err)
		}
		s.exec(`COMMIT`)
		if _, err := other.Exec(t.Context(), `COMMIT`); err != nil {
			t.Fatal(err)
		}
	}
	enough := errors.New("enough")
	ends := make(map[capture.Position]bool) // LSNs at which transactions ended
	for range 2*pairs - 1 {                 // one a time
		writes := 0
		s.sink.OnWrite = func(context.Context, *capture.Tx) error {
			if writes++; writes == 2 {
				return enough
			}
			return nil
		}
		if err := s.capture(t.Context(), s.sink.Mark(), s.sink); !errors.Is(err, enough) {
			t.Fatal(err)
		}
		if _, err := s.sink.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		ends[s.sink.Mark().Position] = true
	}
	s.sink.OnWrite = nil
	s.captured(2 * pairs)
	touched := 0
	for i, tx := range s.sink.Txs() {
		if id, _ := tx.List[0].After[0].Text(); id != fmt.Sprint(i) {
			t.Errorf("transaction %d has row %s", i, id)
		}
		if ends[tx.Position] {
			touched++
		}
	}
	if touched == 0 {
		t.Error("no two commit records touched; nothing was tried")
	}
}

// TestAcknowledgesOnlyWhatWasSynced has a sink that takes everything in and makes
// nothing durable: the source must keep all of it.
func TestAcknowledgesOnlyWhatWasSynced(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	s.exec(`INSERT INTO t VALUES (1)`)
	s.captured(1)
	eventually(t, "the slot moves with the sink", func() bool { return s.confirmed() == s.sink.Mark().Position })

	full := errors.New("disk is full")
	s.sink.OnSync = func(context.Context) error {
		if len(s.sink.Written()) == 1 {
			return nil // nothing new was taken in
		}
		return full
	}
	for range 3 {
		s.exec(`INSERT INTO t SELECT max(id) + 1 FROM t; INSERT INTO other SELECT count(*) FROM t`)
		if err := s.capture(t.Context(), s.sink.Mark(), s.sink); !errors.Is(err, full) {
			t.Fatalf("Capture: %v", err)
		}
		s.sink.Crash()
		eventually(t, "the server has read the last word", func() bool {
			return s.query(`SELECT count(active_pid)::text FROM pg_replication_slots WHERE slot_name = $1`, s.cfg.Slot) == "0"
		})
		if now, durable := s.confirmed(), s.sink.Mark().Position; now > durable {
			t.Fatalf("the slot moved to %s, although nothing was durable after %s", now, durable)
		}
	}
	s.sink.OnSync = nil
	if got := len(s.captured(4)); got != 4 {
		t.Errorf("%d transactions came", got)
	}
}

// TestKeepaliveIsNotAcknowledgedPastWhatIsBuffered holds one transaction in the
// sink and another behind it, while keepalives come that say that the server has
// read further. They are answered, and the slot stays where it is.
func TestKeepaliveIsNotAcknowledgedPastWhatIsBuffered(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	var keepalives, answers atomic.Int64
	proxy, through := postgrestest.NewProxy(t, s.dsn)
	proxy.On(func(m postgrestest.Message) bool {
		switch {
		case m.Replication == 'k' && m.Passed:
			keepalives.Add(1)
		case m.Replication == 'r' && m.Passed && keepalives.Load() >= 2:
			answers.Add(1)
		}
		return true
	})
	s.cfg.DSN = through
	s.configure()
	before := s.confirmed()
	stalled, release := make(chan struct{}), make(chan struct{})
	s.sink.OnChange = func(context.Context, capture.Change) error {
		close(stalled)
		<-release
		return errors.New("the sink crashes")
	}
	stop := s.start()
	s.exec(`INSERT INTO t VALUES (1)`)
	<-stalled
	s.exec(`INSERT INTO t VALUES (2)`)
	s.exec(`INSERT INTO other VALUES (1)`)
	keepalives.Store(0)
	eventually(t, "keepalives are answered", func() bool { return answers.Load() >= 3 })
	if now := s.confirmed(); now != before {
		t.Errorf("the slot moved from %s to %s, although nothing was durable", before, now)
	}
	close(release)
	stop()
	s.sink.Crash()
	s.sink.OnChange = nil
	s.captured(2)
}

// TestASinkThatStallsKeepsTheStream stalls a sink in the middle of a large
// transaction, for longer than the server waits for a client, and looks at what
// is held in memory.
func TestASinkThatStallsKeepsTheStream(t *testing.T) {
	const rows = 50_000
	s := newSource(t, oneTable, "public.t").setup()
	s.exec(`INSERT INTO t SELECT i, repeat(md5(i::text), 45) FROM generate_series(1, $1) i`, rows)
	watch := s.second()
	var base, peak uint64
	changes := 0
	s.sink.Discard = true
	s.sink.OnChange = func(ctx context.Context, _ capture.Change) error {
		if changes++; changes == rows/2 {
			if err := s.stall(ctx, watch); err != nil {
				return err
			}
		}
		if changes%500 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
		return nil
	}
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base = m.HeapAlloc
	if tx := s.captured(1)[0]; tx.Count != rows {
		t.Errorf("%d changes came", tx.Count)
	}
	if peak > base+64<<20 {
		t.Errorf("the heap grew by %d MB for a transaction of 72 MB", (peak-base)>>20)
	}
}

// stall waits until the server, whose wal_sender_timeout is 1s, was answered after
// that; or until it has given up on its client.
func (s *source) stall(ctx context.Context, watch *pgx.Conn) error {
	var began time.Time
	if err := watch.QueryRow(ctx, `SELECT clock_timestamp()`).Scan(&began); err != nil {
		return err
	}
	for over := false; !over; time.Sleep(10 * time.Millisecond) {
		err := watch.QueryRow(ctx, `SELECT coalesce(max(r.reply_time), 'infinity') > $2::timestamptz + interval '1500 ms'
			FROM pg_stat_replication r JOIN pg_replication_slots s ON s.active_pid = r.pid WHERE s.slot_name = $1`,
			s.cfg.Slot, began).Scan(&over)
		if err != nil {
			return err
		}
	}
	return nil
}

// TestIdleDatabaseKeepsNoLog writes where nothing is captured. The slot must
// follow, behind the sink's mark, and the server need not keep its log.
func TestIdleDatabaseKeepsNoLog(t *testing.T) {
	s := newSource(t, oneTable, "public.t")
	s.cfg.Heartbeat = 100 * time.Millisecond
	s.configure()
	s.setup()
	s.start()
	s.exec(`INSERT INTO t VALUES (1)`)
	s.wait(1)
	s.exec(`INSERT INTO other SELECT generate_series(1, 1000)`)
	target, err := capture.ParsePosition(s.query(`SELECT pg_current_wal_lsn()::text`))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the slot follows", func() bool {
		confirmed := s.confirmed()
		if mark := s.sink.Mark().Position; confirmed > mark {
			t.Fatalf("the slot is at %s, ahead of the sink's mark %s", confirmed, mark)
		}
		return confirmed >= target
	})
	eventually(t, "the server lets go of its log", func() bool {
		s.exec(`CHECKPOINT`)
		status, err := s.capturer.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return status.Restart >= target
	})
	if n := len(s.sink.Txs()); n != 1 {
		t.Errorf("%d transactions came", n)
	}
}

// TestHeartbeatDoesNotWakeItself counts the transactions of a cluster in which
// nobody else does anything.
func TestHeartbeatDoesNotWakeItself(t *testing.T) {
	s := newSource(t, oneTable, "public.t")
	s.cfg.Heartbeat = 50 * time.Millisecond
	s.configure()
	s.setup()
	s.start()
	next := func() string { return s.query(`SELECT pg_snapshot_xmax(pg_current_snapshot())::text`) }
	before := next()
	eventually(t, "the first heartbeat", func() bool { return next() != before })
	settled := next()
	time.Sleep(time.Second) // twenty intervals
	if now := next(); now != settled {
		t.Errorf("the next transaction was %s and is %s", settled, now)
	}
	// Another database's transactions wake it, once.
	elsewhere := newSource(t, `CREATE TABLE x (id int)`, "public.x")
	elsewhere.exec(`INSERT INTO x VALUES (1)`)
	others, err := capture.ParsePosition(s.query(`SELECT pg_current_wal_lsn()::text`))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the slot follows the others", func() bool { return s.confirmed() >= others })
	eventually(t, "it is quiet again", func() bool {
		settled = next()
		time.Sleep(500 * time.Millisecond)
		return next() == settled
	})
}

func TestMessagesAndMarkers(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	s.exec(`SELECT pg_logical_emit_message(true, 'intent', 'call it'); INSERT INTO t VALUES (1)`)
	s.exec(`SELECT pg_logical_emit_message(false, 'intent', 'of no transaction')`)
	s.exec(`SELECT pg_logical_emit_message(true, 'syncback', 'heartbeat')`)
	s.exec(`INSERT INTO other VALUES (1)`)
	p, err := s.capturer.Marker(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.exec(`INSERT INTO t VALUES (2)`)
	txs := s.captured(3)
	wantChanges(t, txs[0], "message intent call it\ninsert public.t->(1,null)")
	if m := txs[1]; len(m.List) != 1 || !postgres.IsMarker(m.List[0]) || m.Position < p || txs[0].Position >= p {
		t.Errorf("the marker is at %s, its transaction %s at %s", p, show(m.List), m.Position)
	}
	if postgres.IsMarker(txs[0].List[0]) {
		t.Error("another's message is taken for a marker")
	}
	wantChanges(t, txs[2], "insert public.t->(2,null)")
}

func TestTransactionHead(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	s.exec(`SELECT pg_replication_origin_create('way back ' || current_database()), pg_replication_origin_session_setup('way back ' || current_database())`)
	s.exec(`BEGIN`)
	s.exec(`INSERT INTO t VALUES (1)`)
	xid := s.query(`SELECT pg_current_xact_id()::text`)
	s.exec(`COMMIT`)
	s.exec(`SELECT pg_replication_origin_session_reset()`)
	s.exec(`INSERT INTO t VALUES (2)`)
	txs := s.captured(2)
	if tx := txs[0]; !strings.HasPrefix(tx.Origin, "way back ") || fmt.Sprint(tx.ID) != xid || tx.Source == "" {
		t.Errorf("origin %q, id %d, source %q, want the origin, %s", tx.Origin, tx.ID, tx.Source, xid)
	}
	if txs[1].Origin != "" {
		t.Errorf("a transaction of the source's own has origin %q", txs[1].Origin)
	}
	if d := time.Since(txs[0].CommitTime); d < 0 || d > time.Minute || txs[0].CommitTime.Location() != time.UTC {
		t.Errorf("commit time %v", txs[0].CommitTime)
	}
	if want := "postgresql/"; !strings.HasPrefix(string(s.sink.Mark().Source), want) || s.sink.Mark().Timeline != 1 {
		t.Errorf("mark %+v", s.sink.Mark())
	}
}

// TestCrashesOfBothSides cuts the stream and crashes the sink at random, while
// transactions are committed. Every one arrives, once, in order.
func TestCrashesOfBothSides(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	const n = 200
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range n {
			if _, err := s.db.Exec(t.Context(), `INSERT INTO t SELECT 10 * $1 + j FROM generate_series(0, 9) j`, i); err != nil {
				t.Errorf("insert: %v", err)
				return
			}
		}
	})
	killer := s.second()
	for round := 0; len(s.sink.Txs()) < n; round++ {
		writes := 0
		s.sink.OnWrite = func(context.Context, *capture.Tx) error {
			if writes++; writes == 7*(round%5+1) && round < 20 {
				// Not under the capture's context: its end would close this one.
				_, err := killer.Exec(t.Context(), `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = $1`, s.cfg.Slot)
				return err
			}
			return nil
		}
		// Longer each time, for a machine that is slow to begin.
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond+time.Duration(round)*50*time.Millisecond)
		err := s.capture(ctx, s.sink.Mark(), s.sink)
		cancel()
		s.sink.Crash()
		if !capture.Retryable(err) && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Capture: %v", err)
		}
	}
	writing.Wait()
	txs := s.sink.Txs()
	if len(txs) != n {
		t.Fatalf("%d transactions came, want %d", len(txs), n)
	}
	for i, tx := range txs {
		if id, _ := tx.List[0].After[0].Text(); id != fmt.Sprint(10*i) || tx.Count != 10 {
			t.Fatalf("transaction %d begins with row %s and has %d changes", i, id, tx.Count)
		}
	}
}

// TestServerRestarts shuts the server down in order, and then crashes it, while
// it is captured.
func TestServerRestarts(t *testing.T) {
	s := newSource(t, oneTable, "public.t")
	// The shutdown must not depend on the server giving up on its client.
	s.exec(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET wal_sender_timeout = ''1min''', current_database()); END $$`)
	s.setup()
	s.sink.OnWrite = nil
	for i, stopServer := range []func() error{func() error { return nil }, cluster.Kill} {
		stop := s.start()
		s.exec(`INSERT INTO t VALUES ($1)`, i)
		s.wait(i + 1)
		s.exec(`INSERT INTO other VALUES ($1)`, i) // leaves the slot behind the log's end
		if err := stopServer(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := cluster.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); d > 6*time.Second {
			t.Errorf("the server took %s to shut down: it waited for its client", d)
		}
		if err := stop(); !capture.Retryable(err) {
			t.Errorf("Capture: %v", err)
		}
		s.db = s.second()
	}
	s.exec(`INSERT INTO t VALUES (99)`)
	s.captured(3)
}

// TestManySmallTransactionsShareSyncs captures a backlog.
func TestManySmallTransactionsShareSyncs(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	const n = 500
	s.exec(`CREATE PROCEDURE fill(n int) LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..n LOOP INSERT INTO t VALUES (i); COMMIT; END LOOP; END $$`)
	s.exec(`CALL fill($1)`, n)
	s.sink.OnSync = func(context.Context) error { // as a disk takes its time
		time.Sleep(2 * time.Millisecond)
		return nil
	}
	s.captured(n)
	if syncs := s.sink.Syncs(); syncs > n/5 {
		t.Errorf("%d transactions took %d syncs", n, syncs)
	}
}

// TestTableMadeAnewStops drops a table and makes it anew, which takes it out of
// the publication: what changes in it from then on does not come.
func TestTableMadeAnewStops(t *testing.T) {
	s := newSource(t, oneTable, "public.t")
	s.cfg.Heartbeat = 100 * time.Millisecond
	s.configure()
	s.setup()
	stop := s.start()
	s.exec(`INSERT INTO t VALUES (1)`)
	s.wait(1)
	s.exec(`DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (2)`)
	eventually(t, "Capture ends", func() bool {
		return s.query(`SELECT count(active_pid)::text FROM pg_replication_slots WHERE slot_name = $1`, s.cfg.Slot) == "0"
	})
	if err := stop(); err == nil || !strings.Contains(err.Error(), `ADD TABLE "public"."t"`) || capture.Retryable(err) {
		t.Errorf("Capture: %v", err)
	}
}

// TestTablePutBackIsAGap takes a table out of the publication and puts it back,
// before anyone looks: what changed between does not come. Putting in another, or
// in again what is in, leaves no gap.
func TestTablePutBackIsAGap(t *testing.T) {
	s := newSource(t, oneTable, "public.t")
	s.cfg.Heartbeat = 200 * time.Millisecond
	s.configure()
	s.setup()
	stop := s.start()
	s.exec(`INSERT INTO t VALUES (1)`)
	s.wait(1)
	s.exec(`ALTER PUBLICATION syncback SET TABLE t, other`)
	time.Sleep(3 * s.cfg.Heartbeat) // it is looked at meanwhile
	s.exec(`INSERT INTO t VALUES (2)`)
	s.wait(2)
	s.exec(`ALTER PUBLICATION syncback DROP TABLE t; INSERT INTO t VALUES (3); ALTER PUBLICATION syncback ADD TABLE t`)
	s.release()
	if err := stop(); !errors.Is(err, capture.ErrGap) || !strings.Contains(err.Error(), "public.t") || capture.Retryable(err) {
		t.Errorf("Capture: %v", err)
	}
}

// TestNothingIsLeftRunning counts goroutines after captures that ended in every
// way.
func TestNothingIsLeftRunning(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	s.exec(`INSERT INTO t SELECT generate_series(1, 1000)`)
	before := runtime.NumGoroutine()
	broken := errors.New("broken")
	for _, sink := range []*capturetest.Sink{
		{OnChange: func(context.Context, capture.Change) error { return broken }},
		{OnSync: func(context.Context) error { return broken }},
	} {
		if err := s.capture(t.Context(), capture.Mark{}, sink); !errors.Is(err, broken) {
			t.Errorf("Capture: %v", err)
		}
	}
	s.captured(1)
	eventually(t, "all goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

// TestSinkErrorsEndCapture returns what the sink said, as it is.
func TestSinkErrorsEndCapture(t *testing.T) {
	s := newSource(t, oneTable, "public.t").setup()
	s.exec(`INSERT INTO t VALUES (1), (2)`)
	broken := errors.New("broken")
	fail := func(context.Context, capture.Change) error { return broken }
	if err := s.capture(t.Context(), capture.Mark{}, &capturetest.Sink{OnChange: fail}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if err := s.capture(t.Context(), capture.Mark{}, lazySink{new(capturetest.Sink)}); err == nil || !strings.Contains(err.Error(), "to its end") {
		t.Errorf("a sink that does not read a transaction to its end: %v", err)
	}
}

// lazySink reads one change of each transaction, against the contract.
type lazySink struct{ *capturetest.Sink }

func (lazySink) Write(_ context.Context, tx *capture.Tx) error {
	for range tx.Changes {
		break
	}
	return nil
}
