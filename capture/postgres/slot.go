package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
)

// slotState is a row of pg_replication_slots.
type slotState struct {
	name      string
	exists    bool
	logical   bool
	plugin    string
	database  string
	here      bool // whether it is of the current database
	temporary bool
	status    string        // reserved, extended, unreserved or lost
	reason    string        // why it is lost (PostgreSQL 17), in brackets; empty is not known
	confirmed pglogrepl.LSN // before which everything was acknowledged
	restart   pglogrepl.LSN // from where the server keeps its log; 0 when it no longer does
	retained  int64         // bytes of log that it keeps
	reader    uint32        // the process that reads it; 0 is none
	failover  bool          // whether standbys have a copy of it (PostgreSQL 17)
	prepared  bool          // whether it sends a transaction once it is prepared (two_phase)
}

func (c *Capturer) slot(ctx context.Context, conn *pgx.Conn) (slotState, error) {
	const query = `
		SELECT slot_type = 'logical', coalesce(plugin, ''), coalesce(database, ''),
			coalesce(database = current_database(), false), temporary, coalesce(wal_status, ''),
			coalesce(confirmed_flush_lsn, '0/0')::text, coalesce(restart_lsn, '0/0')::text,
			coalesce(pg_wal_lsn_diff(` + walEnd + `, restart_lsn), 0)::bigint, coalesce(active_pid, 0),
			coalesce((to_jsonb(s) ->> 'failover')::boolean, false), coalesce(' (' || (to_jsonb(s) ->> 'invalidation_reason') || ')', ''),
			two_phase
		FROM pg_replication_slots s WHERE slot_name = $1`
	s := slotState{name: c.cfg.Slot}
	var confirmed, restart string
	err := conn.QueryRow(ctx, query, c.cfg.Slot).Scan(&s.logical, &s.plugin, &s.database, &s.here, &s.temporary,
		&s.status, &confirmed, &restart, &s.retained, &s.reader, &s.failover, &s.reason, &s.prepared)
	if errors.Is(err, pgx.ErrNoRows) {
		return s, nil
	}
	if err == nil {
		s.exists = true
		s.confirmed, err = parseLSN(confirmed)
	}
	if err == nil {
		s.restart, err = parseLSN(restart)
	}
	return s, sourceError("read the state of slot "+s.name, err)
}

// walEnd is the SQL for where the server's log ends, on a standby too.
const walEnd = `CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END`

// parseLSN reads an LSN more strictly than pglogrepl does.
func parseLSN(s string) (pglogrepl.LSN, error) {
	p, err := capture.ParsePosition(s)
	return pglogrepl.LSN(p), err
}

// admit refuses a slot that is gone, not fit, or does not go with from.
func (s slotState) admit(from capture.Mark, fit func(slotState) error) error {
	if !s.exists {
		if from == (capture.Mark{}) {
			return fmt.Errorf("slot %s does not exist: Setup creates it", s.name)
		}
		return fmt.Errorf("%w: slot %s is gone, and with it the changes after %s. %s", capture.ErrGap, s.name, from.Position, resync)
	}
	if err := fit(s); err != nil {
		return err
	}
	if from == (capture.Mark{}) {
		return nil
	}
	return s.covers(from.Position)
}

// free refuses a slot that cannot be read, or is being read: that may pass.
func (s slotState) free() error {
	if err := s.usable(); err != nil {
		return err
	}
	if s.reader != 0 {
		return retryableError{fmt.Errorf("%w: slot %s is read by another process, whose backend is %d", capture.ErrInUse, s.name, s.reader)}
	}
	return nil
}

// usable refuses a slot that no reader of ours can read.
func (s slotState) usable() error {
	switch {
	case !s.logical || s.plugin != "pgoutput":
		return fmt.Errorf("slot %s is not a logical slot of pgoutput: name one that does not exist, and it is made", s.name)
	case !s.here:
		return fmt.Errorf("slot %s is of database %s: correct the DSN, or name another slot", s.name, s.database)
	case s.prepared:
		return fmt.Errorf("slot %s was made with two_phase, so it sends transactions that are not yet committed: drop it, and let Setup make it", s.name)
	case s.confirmed == 0 && s.reader != 0:
		return retryableError{fmt.Errorf("slot %s is still being made, by backend %d: it waits for the transactions that are open in the source", s.name, s.reader)}
	case s.status == "lost" || s.restart == 0:
		return fmt.Errorf("%w: slot %s was invalidated%s: the source no longer keeps the log that it needs "+
			"(max_slot_wal_keep_size and the like). %s", capture.ErrGap, s.name, s.reason, resync)
	}
	return nil
}

// covers refuses a slot that no longer has all that comes after p. PostgreSQL
// itself would start at the slot's position without a word.
func (s slotState) covers(p capture.Position) error {
	if s.confirmed <= pglogrepl.LSN(p) {
		return nil
	}
	return fmt.Errorf("%w: captured up to %s, but slot %s has moved on to %s: what lies between was in a queue that is lost, or another reader took it. %s",
		capture.ErrGap, p, s.name, s.confirmed, resync)
}
