package postgres_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

// TestFailover promotes the source to a new timeline. What was captured before
// the switch can be gone on from; what was captured after it on the old
// timeline, by a server that is lost, cannot.
func TestFailover(t *testing.T) {
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil { // the server may run as another user
			t.Fatal(err)
		}
	}
	own := ownCluster(t, postgrestest.Config{Dir: dir})

	s := newSource(t, oneTable, "public.t").setup()
	s.exec(`INSERT INTO t VALUES (1)`)
	s.captured(1)
	before := s.sink.Mark()

	// A standby that never had a primary is promoted.
	data, err := filepath.Glob(dir + "/*/data")
	if err != nil || len(data) != 1 {
		t.Fatal(data, err)
	}
	signal := filepath.Join(data[0], "standby.signal")
	if err := os.WriteFile(signal, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(signal, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := own.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.db = s.second()
	if s.query(`SELECT pg_promote()::text`) != "true" {
		t.Fatal("the server was not promoted")
	}
	s.exec(`INSERT INTO t VALUES (2)`)
	after, err := capture.ParsePosition(s.query(`SELECT pg_current_wal_lsn()::text`))
	if err != nil {
		t.Fatal(err)
	}
	// The history file is what the server tells a timeline's past by.
	eventually(t, "the new timeline is checkpointed", func() bool {
		s.exec(`CHECKPOINT`)
		return s.query(`SELECT timeline_id::text FROM pg_control_checkpoint()`) == "2"
	})
	beyond := before
	beyond.Position = after
	refused(t, s, beyond, capture.ErrDiverged, "is lost there. Compare the two sides")

	s.captured(2)
	if m := s.sink.Mark(); m.Timeline != 2 || m.Source != before.Source {
		t.Errorf("the mark is %+v, and was %+v", m, before)
	}
}

// TestSlotIsOneThatStandbysKeep: from PostgreSQL 17 on, a slot can outlive a
// failover.
func TestSlotIsOneThatStandbysKeep(t *testing.T) {
	if cluster.Version() < 17 {
		t.Skip("PostgreSQL before 17 has no slots that outlive a failover")
	}
	s := newSource(t, oneTable, "public.t").setup()
	if kept := s.query(`SELECT failover::text FROM pg_replication_slots WHERE slot_name = $1`, s.cfg.Slot); kept != "true" {
		t.Errorf("failover is %s", kept)
	}
}
