package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

// TestFailoverToAStandby loses the source, and promotes its standby. From
// PostgreSQL 17 on the standby has a copy of the slot, and capture goes on from
// where it was; before, the slot is gone with the source, which is refused.
func TestFailoverToAStandby(t *testing.T) {
	primary := ownCluster(t, postgrestest.Config{})
	s := newSource(t, oneTable, "public.t").setup()
	standby := s.standby(primary)

	stop := s.start()
	rows := s.writeUntilCopied(standby)
	s.wait(rows)
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	// The slot's copy is of some moment; what was captured after it comes again.
	s.exec(`INSERT INTO t VALUES ($1)`, rows)
	s.captured(rows + 1)
	before := s.sink.Mark()

	if err := primary.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := standby.Promote(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.moveTo(standby)
	s.exec(`INSERT INTO t VALUES ($1)`, rows+1)
	if standby.Version() < 17 {
		refused(t, s, before, capture.ErrGap, "slot "+s.cfg.Slot+" is gone")
		return
	}
	// The setting came with the copy of the source, and has it wait for itself.
	findings(t, s, "warning synchronized_standby_slots: no standby reads standby")
	s.exec(`ALTER SYSTEM RESET synchronized_standby_slots`)
	s.exec(`SELECT pg_reload_conf()`)
	for i, tx := range s.captured(rows + 2) {
		if id, _ := tx.List[0].After[0].Text(); id != fmt.Sprint(i) {
			t.Errorf("transaction %d has row %s", i, id)
		}
	}
	if m := s.sink.Mark(); m.Timeline != 2 || m.Source != before.Source {
		t.Errorf("the mark is %+v, and was %+v", m, before)
	}
}

// standby starts a standby of the source's cluster. From PostgreSQL 17 on it
// copies slots, and the cluster sends through them only what the standby has.
func (s *source) standby(primary *postgrestest.Cluster) *postgrestest.Cluster {
	s.t.Helper()
	s.exec(`SELECT pg_create_physical_replication_slot('standby', true)`)
	settings := map[string]string{"primary_slot_name": "standby", "hot_standby_feedback": "on"}
	if primary.Version() >= 17 {
		s.exec(`ALTER SYSTEM SET synchronized_standby_slots = 'standby'`)
		settings["sync_replication_slots"] = "on"
	}
	standby, err := primary.Standby(s.t.Context(), settings)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { standby.Stop() })
	s.moveTo(primary) // which was started again
	return standby
}

// writeUntilCopied writes rows until the standby's copy of the slot can be gone
// on from, and returns how many. The slot has to move for that.
func (s *source) writeUntilCopied(standby *postgrestest.Cluster) (rows int) {
	s.t.Helper()
	db, err := pgx.Connect(s.t.Context(), standby.DSN("postgres"))
	if err != nil {
		s.t.Fatal(err)
	}
	defer db.Close(s.t.Context())
	eventually(s.t, "the standby has a copy of the slot", func() bool {
		s.exec(`INSERT INTO t VALUES ($1)`, rows)
		rows++
		if standby.Version() < 17 {
			return true
		}
		s.exec(`SELECT pg_log_standby_snapshot()`)
		var ready bool
		err := db.QueryRow(s.t.Context(), `SELECT count(*) = 1 FROM pg_replication_slots
			WHERE slot_name = $1 AND synced AND NOT temporary`, s.cfg.Slot).Scan(&ready)
		return err == nil && ready
	})
	return rows
}

// moveTo has the source be a database of the same name on another cluster.
func (s *source) moveTo(c *postgrestest.Cluster) {
	s.t.Helper()
	s.dsn = c.DSN(s.db.Config().Database)
	s.cfg.DSN = s.dsn
	s.configure()
	s.db = s.second()
}
