package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres"
	"github.com/syncback/syncback/queue"
)

// BenchmarkCapture captures from a slot into a queue on disk, synced, and has
// pg_recvlogical read the same log through the same plugin into /dev/null. Each
// round gives every reader a copy of the slot, in turn. What counts is
// of-pg_recvlogical, its time over ours; control is pg_recvlogical against
// itself, and says how much the machine's noise is worth.
//
//	go test -run '^$' -bench '^BenchmarkCapture$' -benchtime 11x ./capture/postgres
func BenchmarkCapture(b *testing.B) {
	for _, load := range []struct {
		name         string
		txs, changes int
	}{
		{"small", 10_000, 10},
		{"huge", 1, 100_000},
	} {
		b.Run("load="+load.name, func(b *testing.B) {
			log := newLog(b, load.txs, load.changes)
			times := map[string][]time.Duration{}
			readers := []string{"pg_recvlogical", "syncback", "control"}
			for b.Loop() {
				for _, r := range readers {
					times[r] = append(times[r], log.read(b, r))
				}
				readers = append(readers[1:], readers[0])
			}
			theirs, ours := median(times["pg_recvlogical"]), median(times["syncback"])
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(log.changes)/ours.Seconds(), "changes/s")
			b.ReportMetric(theirs.Seconds()/ours.Seconds(), "of-pg_recvlogical")
			b.ReportMetric(theirs.Seconds()/median(times["control"]).Seconds(), "control")
		})
	}
}

func median(times []time.Duration) time.Duration {
	slices.Sort(times)
	return times[len(times)/2]
}

// writtenLog is a piece of a server's log, from a slot to an end.
type writtenLog struct {
	dsn     string
	program string // pg_recvlogical
	db      *pgx.Conn
	end     capture.Position
	changes int
	copies  int
}

// newLog writes transactions of so many changes, half of them inserts and half
// updates with a whole old row.
func newLog(b *testing.B, txs, changes int) *writtenLog {
	b.Helper()
	program, err := cluster.Program("pg_recvlogical")
	if err != nil {
		b.Skip(err)
	}
	dsn, err := cluster.CreateDatabase(b.Context(), "figure")
	if err != nil {
		b.Fatal(err)
	}
	l := &writtenLog{dsn: dsn, program: program, changes: txs * changes}
	if l.db, err = pgx.Connect(b.Context(), dsn); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.db.Close(context.Background()) })
	l.exec(b, `CREATE TABLE arrears (id int PRIMARY KEY, tag_ref text, code text, balance numeric(9,2), at timestamptz, by_whom text, note text, open bool)`)
	l.exec(b, `ALTER TABLE arrears REPLICA IDENTITY FULL`)
	l.exec(b, `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET wal_sender_timeout = ''1min''', current_database()); END $$`)
	if err := l.capturer(b, l.slot(0)).Setup(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.drop(b, l.slot(0)) })
	l.exec(b, `CREATE PROCEDURE load(txs int, changes int) LANGUAGE plpgsql AS $$ BEGIN
		FOR t IN 1..txs LOOP
			INSERT INTO arrears SELECT t * changes + i, '0000' || i || '/01', 'SOT', i / 7.0, now(), 'officer', 'a note of some length that says what was agreed', true
				FROM generate_series(1, changes / 2) i;
			UPDATE arrears SET balance = balance + 1, open = false WHERE id > t * changes;
			COMMIT;
		END LOOP; END $$`)
	l.exec(b, `SET enable_seqscan = off`) // the table was empty when its plans were made
	l.exec(b, `CALL load($1, $2)`, txs, changes)
	var end string
	if err := l.db.QueryRow(b.Context(), `SELECT pg_current_wal_lsn()::text`).Scan(&end); err != nil {
		b.Fatal(err)
	}
	if l.end, err = capture.ParsePosition(end); err != nil {
		b.Fatal(err)
	}
	l.exec(b, `INSERT INTO arrears (id) VALUES (0)`) // a reader stops at what is behind the end
	return l
}

func (l *writtenLog) exec(b *testing.B, sql string, args ...any) {
	b.Helper()
	if _, err := l.db.Exec(b.Context(), sql, args...); err != nil {
		b.Fatal(err)
	}
}

// slot names the n-th copy of the slot; 0 is the slot itself.
func (l *writtenLog) slot(n int) string { return fmt.Sprintf("%s_%d", l.db.Config().Database, n) }

func (l *writtenLog) drop(b *testing.B, slot string) {
	_, err := l.db.Exec(context.Background(), `SELECT pg_drop_replication_slot($1)`, slot)
	if err != nil {
		b.Error(err)
	}
}

func (l *writtenLog) capturer(b *testing.B, slot string) *postgres.Capturer {
	b.Helper()
	c, err := postgres.New(postgres.Config{DSN: l.dsn, Slot: slot, Tables: []string{"public.arrears"}, Heartbeat: -1})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

// read has a reader read the whole log, and returns how long it took.
func (l *writtenLog) read(b *testing.B, reader string) time.Duration {
	b.Helper()
	l.copies++
	slot := l.slot(l.copies)
	l.exec(b, `SELECT pg_copy_logical_replication_slot($1, $2)`, l.slot(0), slot)
	l.exec(b, `CHECKPOINT`) // no reader has it done meanwhile
	read := l.receive
	if reader == "syncback" {
		read = l.capture
	}
	took := read(b, slot)
	for { // until the server has noticed
		var busy bool
		if err := l.db.QueryRow(b.Context(), `SELECT active FROM pg_replication_slots WHERE slot_name = $1`, slot).Scan(&busy); err != nil {
			b.Fatal(err)
		}
		if !busy {
			break
		}
		time.Sleep(time.Millisecond)
	}
	l.drop(b, slot)
	return took
}

// receive reads with pg_recvlogical.
func (l *writtenLog) receive(b *testing.B, slot string) time.Duration {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), l.program, "--dbname", l.dsn, "--slot", slot, "--start", "--no-loop",
		"--file", "/dev/null", "--endpos", l.end.String(),
		"-o", "proto_version=1", "-o", "publication_names=syncback", "-o", "messages=true")
	began := time.Now()
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return time.Since(began)
}

// capture captures into a queue, until the end is synced.
func (l *writtenLog) capture(b *testing.B, slot string) time.Duration {
	b.Helper()
	c := l.capturer(b, slot)
	began := time.Now()
	q, err := queue.Open(queue.Config{Dir: filepath.Join(b.TempDir(), slot)})
	if err != nil {
		b.Fatal(err)
	}
	sink := &untilSynced{Disk: q, end: l.end}
	if err := c.Capture(b.Context(), capture.Mark{}, sink); !errors.Is(err, errSynced) {
		b.Fatal(err)
	}
	took := time.Since(began)
	if sink.count != int64(l.changes) && sink.count != int64(l.changes)+1 {
		b.Fatalf("%d changes came, want %d", sink.count, l.changes)
	}
	if err := q.Close(); err != nil {
		b.Fatal(err)
	}
	return took
}

var errSynced = errors.New("all is synced")

// untilSynced is a queue that ends capture once everything before end is synced.
type untilSynced struct {
	*queue.Disk
	end   capture.Position
	count int64
}

func (q *untilSynced) Sync(ctx context.Context) (capture.Position, error) {
	p, err := q.Disk.Sync(ctx)
	if err == nil && p >= q.end {
		err = errSynced
	}
	return p, err
}

func (q *untilSynced) Write(ctx context.Context, tx *capture.Tx) error {
	counted := *tx
	counted.Changes = func(yield func(capture.Change, error) bool) {
		for c, err := range tx.Changes {
			q.count++
			if !yield(c, err) {
				return
			}
		}
	}
	return q.Disk.Write(ctx, &counted)
}
