package main_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

const (
	wantResync   = "Compare the two sides and repair, then start with a new slot and a new queue"
	wantMoved    = "source: gap: captured up to X/X, but slot SLOT has moved on to X/X: what lies between was in a queue that is lost, or another reader took it. " + wantResync
	wantBegin    = "syncback: begin: the queue is empty and the target stands at X/X: "
	wantSyncback = "syncback: "
)

var (
	anyPosition = regexp.MustCompile(`[0-9A-F]+/[0-9A-F]+`)
	anySource   = regexp.MustCompile(`"postgresql/[^"]*"`)
	anyNumber   = regexp.MustCompile(`transaction \d+`)
)

// refused runs the program, which is to exit 1 at once, changing nothing in the
// target, and with this as its last word: X/X stands for a position, SLOT for
// the slot, N for a number, SOURCE for the source's identity.
func (s *site) refused(want string) {
	s.t.Helper()
	before := s.count()
	for _, args := range [][]string{{"run", "--until-idle"}, {"run"}} {
		last := anySource.ReplaceAllString(s.mustFail(args...), "SOURCE")
		last = anyPosition.ReplaceAllString(strings.ReplaceAll(last, s.slot(), "SLOT"), "X/X")
		last = anyNumber.ReplaceAllString(last, "transaction N")
		if last != want {
			s.t.Errorf("%s says:\n%s\nwant:\n%s", args, last, want)
		}
	}
	if n := s.count(); n != before {
		s.t.Errorf("the target had %d rows, and has %d", before, n)
	}
}

func (s *site) queue() string { return filepath.Join(s.dir, "queue") }

// carry commits a row and has it carried over.
func (s *site) carry(ref string) {
	s.t.Helper()
	s.onSource(`INSERT INTO tenancy VALUES ($1)`, ref)
	s.mustRun("run", "--until-idle")
}

// capture commits a row and has it captured, but not applied.
func (s *site) capture(ref string) {
	s.t.Helper()
	s.onSource(`INSERT INTO tenancy VALUES ($1)`, ref)
	s.mustRun("pause")
	s.mustFail("run", "--until-idle")
	s.mustRun("resume")
}

// TestGaps: what was lost between source, queue and target is noticed before
// anything is applied, and the last word says what to do.
func TestGaps(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		do   func(s *site)
		want string
	}{
		{"queue lost", func(s *site) {
			s.carry("a")
			s.capture("b")
			s.removeQueue()
		}, wantBegin + wantMoved},
		{"queue put back from a copy", func(s *site) {
			s.carry("a")
			if err := os.CopyFS(s.dir+"/copy", os.DirFS(s.queue())); err != nil {
				s.t.Fatal(err)
			}
			s.capture("b")
			s.removeQueue()
			if err := os.Rename(s.dir+"/copy", s.queue()); err != nil {
				s.t.Fatal(err)
			}
		}, wantSyncback + wantMoved},
		{"slot dropped", func(s *site) {
			s.carry("a")
			s.dropSlot()
		}, wantSyncback + "source: gap: slot SLOT is gone, and with it the changes after X/X. " + wantResync},
		{"slot and queue lost", func(s *site) {
			s.carry("a")
			s.dropSlot()
			s.removeQueue()
		}, wantBegin + "source: gap: slot SLOT is gone, and with it the changes after X/X. " + wantResync},
		{"slot advanced by someone else", func(s *site) {
			s.carry("a")
			s.onSource(`INSERT INTO tenancy VALUES ('b')`)
			s.release()
			s.onSource(`SELECT pg_replication_slot_advance($1, pg_current_wal_lsn())`, s.slot())
		}, wantSyncback + wantMoved},
		{"publication dropped", func(s *site) {
			s.carry("a")
			s.onSource(`DROP PUBLICATION syncback`)
			s.onSource(`INSERT INTO tenancy VALUES ('b')`)
		}, wantSyncback + "source: gap: publication syncback is gone, and with it the changes after X/X. " + wantResync},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newReadySite(t)
			test.do(s)
			s.refused(test.want)
		})
	}
}

// release waits until the source has noticed that the run before has ended.
func (s *site) release() {
	s.t.Helper()
	s.wait("the slot is not in use", func() (free bool) {
		if err := s.pg.QueryRow(s.t.Context(), `SELECT NOT active FROM pg_replication_slots WHERE slot_name = $1`, s.slot()).Scan(&free); err != nil {
			s.t.Fatal(err)
		}
		return free
	})
}

func (s *site) dropSlot() {
	s.t.Helper()
	s.release()
	s.onSource(`SELECT pg_drop_replication_slot($1)`, s.slot())
}

func (s *site) removeQueue() {
	s.t.Helper()
	if err := os.RemoveAll(s.queue()); err != nil {
		s.t.Fatal(err)
	}
}

// TestQueueLostBeforeAnythingWasApplied: then only what was noted in the target
// at the beginning tells that there was a queue.
func TestQueueLostBeforeAnythingWasApplied(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.executeDDL()
	s.capture("a")
	s.removeQueue()
	s.refused(wantBegin + wantMoved)
}

// TestQueueLostWithNothingBehindIt: a queue that is lost before the slot has
// moved on is no gap.
func TestQueueLostWithNothingBehindIt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.executeDDL()
	stop := s.start("run")
	s.wait("the queue", func() bool { return s.status()["state"] == "idle" })
	stop(os.Kill)
	s.removeQueue()
	s.onSource(`INSERT INTO tenancy VALUES ('a')`)
	if at := s.confirmed(); at == s.begun() {
		s.mustRun("run", "--until-idle")
		if n := s.count(); n != 1 {
			t.Errorf("%d rows, want 1", n)
		}
	} else {
		s.refused(wantBegin + wantMoved)
	}
}

// confirmed is the slot's position, and begun where the target says that the
// queue began.
func (s *site) confirmed() (at int64) {
	s.t.Helper()
	err := s.pg.QueryRow(s.t.Context(), `SELECT (confirmed_flush_lsn - '0/0')::bigint FROM pg_replication_slots WHERE slot_name = $1`, s.slot()).Scan(&at)
	if err != nil {
		s.t.Fatal(err)
	}
	return at
}

func (s *site) begun() (at int64) {
	s.t.Helper()
	if err := s.ms.QueryRow(`SELECT [position] + 1 FROM [syncback].[checkpoint]`).Scan(&at); err != nil {
		s.t.Fatal(err)
	}
	return at
}

// restoreTarget makes the target what it was with the first n rows, checkpoint
// and all.
func (s *site) restoreTarget(keep string, checkpoint int64) {
	s.t.Helper()
	s.onTarget(`DELETE FROM dbo.tenagree WHERE tag_ref > '` + keep + `'`)
	if _, err := s.ms.Exec(`UPDATE [syncback].[checkpoint] SET [position] = @p1`, checkpoint); err != nil {
		s.t.Fatal(err)
	}
}

// TestTargetRestored: a target that is restored to an earlier day gets from the
// queue what it lacks, for as long as the queue has it.
func TestTargetRestored(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.carry("a")
	day := s.begun() - 1
	s.carry("b")
	s.carry("c")
	s.restoreTarget("a", day)
	s.carry("d")
	if n := s.count(); n != 4 {
		t.Errorf("%d rows, want 4", n)
	}

	// Once the queue keeps nothing of what was applied, it is refused.
	s.configure("queue: {limit: 16MB, keep_for: none}\n" + tables)
	for range 4 {
		s.onSource(`SELECT pg_logical_emit_message(true, 'filler', repeat('x', 900000))`)
		s.mustRun("run", "--until-idle")
	}
	s.restoreTarget("a", day)
	if last, at := s.mustFail("run", "--until-idle"), capture.Position(day); !strings.Contains(last, fmt.Sprintf("what comes after %s was asked for", at)) {
		t.Errorf("the target is at %s, and %s", at, last)
	}
	s.refused("syncback: drain: read the queue after X/X: gap: what comes after X/X was asked for, and the queue holds only what comes after X/X: " +
		"set the pipeline up anew, or restore the target to a later day; the target is at an older position than the queue goes back to: " +
		"bring the target to a later day, or compare and repair it and start anew")
}

// TestRestoredSource has a source of its own, which is put back from a copy,
// writes on, and is mistaken for another.
func TestRestoredSource(t *testing.T) {
	t.Parallel()
	own := newCluster(t)
	s := newSiteOn(t, own)
	s.executeDDL()
	s.mustRun("run", "--until-idle")
	s.carry("a")
	s.refuseOtherCluster()

	s.change(own.Save)
	s.onSource(`INSERT INTO tenancy SELECT 'b' || i FROM generate_series(1, 1000) i`)
	s.mustRun("run", "--until-idle")
	s.change(own.PutBack)
	s.refused(wantSyncback + "source: source's history diverged: captured up to X/X, but the source's log ends at X/X: it was restored from a copy. " + wantResync)

	const wantDiverged = wantSyncback + "source's history diverged: at X/X the source no longer has what was captured there, or has something else " +
		"in place of transaction N; it was restored from a copy, so set the pipeline up anew, and compare the two sides; or a table was added that was published before, so run once more without it until all is captured, and then add it and compare it"
	for _, statement := range []string{
		`CREATE TABLE other AS SELECT i, 'none of the tables that are captured' FROM generate_series(1, 6000) i`,
		`INSERT INTO tenancy SELECT 'c' || i FROM generate_series(1, 6000) i`,
	} {
		s.change(own.PutBack)
		s.onSource(statement)
		s.refused(wantDiverged)
	}
}

// TestRestoredSourceIsAhead has a source that is put back from a copy which
// already had more than was captured by then: nothing that is held is missing in
// it, and capture goes on with what the copy has.
func TestRestoredSourceIsAhead(t *testing.T) {
	t.Parallel()
	own := newCluster(t)
	s := newSiteOn(t, own)
	s.executeDDL()
	s.mustRun("run", "--until-idle")
	s.carry("a")
	s.release()
	s.onSource(`INSERT INTO tenancy VALUES ('b')`)
	s.change(own.Save)
	s.onSource(`INSERT INTO tenancy VALUES ('lost')`)
	s.change(own.PutBack)
	s.onSource(`INSERT INTO tenancy VALUES ('c')`)
	s.mustRun("run", "--until-idle")
	s.same(`SELECT rpad(ref, 11) FROM tenancy ORDER BY ref`, `SELECT tag_ref FROM dbo.tenagree ORDER BY tag_ref`)
	if n := s.count(); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

// refuseOtherCluster has the DSN lead to another cluster, where everything has
// the same name.
func (s *site) refuseOtherCluster() {
	s.t.Helper()
	other := *s
	other.source = cluster.DSN(s.pg.Config().Database)
	admin, err := pgx.Connect(s.t.Context(), cluster.DSN("postgres"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer admin.Close(context.Background())
	_, err = admin.Exec(s.t.Context(), `CREATE DATABASE `+s.pg.Config().Database)
	if exists := (*pgconn.PgError)(nil); err != nil && (!errors.As(err, &exists) || exists.Code != "42P04") {
		s.t.Fatal(err)
	}
	other.refused(wantSyncback + "source: other source: the queue holds changes of SOURCE, but this is SOURCE: " +
		"correct the DSN or the slot, or start with a new queue and compare the two sides")
}

// newCluster starts a cluster for a test that restarts it.
func newCluster(t *testing.T) *postgrestest.Cluster {
	t.Helper()
	return newClusterWith(t, nil)
}

// newClusterWith starts one that has settings of its own.
func newClusterWith(t *testing.T, settings map[string]string) *postgrestest.Cluster {
	t.Helper()
	own, err := postgrestest.Start(t.Context(), postgrestest.Config{Settings: settings})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := own.Stop(); err != nil {
			t.Error(err)
		}
	})
	return own
}

// change does something for which the source's connections have to go.
func (s *site) change(do func(context.Context) error) {
	s.t.Helper()
	s.pg.Close(s.t.Context())
	if err := do(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	var err error
	if s.pg, err = pgx.Connect(s.t.Context(), s.source); err != nil {
		s.t.Fatal(err)
	}
	pg := s.pg
	s.t.Cleanup(func() { pg.Close(context.Background()) })
}

// TestInvalidatedSlot has a source that keeps too little of its log.
func TestInvalidatedSlot(t *testing.T) {
	t.Parallel()
	own := newCluster(t)
	s := newSiteOn(t, own)
	s.executeDDL()
	s.mustRun("run", "--until-idle")
	s.carry("a")
	s.onSource(`ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'`)
	s.onSource(`SELECT pg_reload_conf()`)
	s.wait("the slot is lost", func() bool {
		s.onSource(`SELECT pg_logical_emit_message(false, 'x', 'x')`)
		s.onSource(`SELECT pg_switch_wal()`)
		s.onSource(`CHECKPOINT`)
		status := ""
		if err := s.pg.QueryRow(t.Context(), `SELECT wal_status FROM pg_replication_slots`).Scan(&status); err != nil {
			t.Fatal(err)
		}
		return status == "lost"
	})
	why := ""
	if own.Version() >= 17 {
		why = " (wal_removed)"
	}
	s.refused(wantSyncback + "source: gap: slot SLOT was invalidated" + why + ": the source no longer keeps the log that it needs (max_slot_wal_keep_size and the like). " + wantResync)
}
