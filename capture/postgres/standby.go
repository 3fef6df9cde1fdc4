package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pglogrepl"

	"github.com/syncback/syncback/capture"
)

// standby watches over the timeline of a source that is a standby. It goes to
// another one when it is promoted, or when its primary is lost and it follows
// the next, and the stream lives through both. With the mark still on the old
// timeline, what comes then would later be taken for what was lost with that.
type standby struct {
	c        *Capturer
	stream   uint32 // the process that sends the stream
	timeline uint32
	known    capture.Position // everything before it is on timeline
	conn     *replication     // the stream's own takes no questions
}

// holds refuses a position that is not known to be on the timeline. It is asked
// before the sink is given anything, since a sink may keep what it was given.
// A nil standby is a primary, which stays on its timeline while it runs.
func (s *standby) holds(ctx context.Context, to capture.Position) error {
	if s == nil || to <= s.known {
		return nil
	}
	ctx, cancel := s.c.asking(ctx)
	defer cancel()
	return ended(ctx, s.look(ctx))
}

// look asks first how far the standby has come, and then on which timeline it
// is: what it had replayed by then is on that one. The stream is never ahead of
// what is replayed.
func (s *standby) look(ctx context.Context) error {
	if s.conn == nil {
		conn, err := s.c.connectReplication(ctx)
		if err != nil {
			return err
		}
		s.conn = conn
	}
	const how = "ask the source, a standby, how far it has come"
	replayed, err := s.conn.ask(ctx, fmt.Sprintf(`SELECT coalesce(pg_last_wal_replay_lsn(), '0/0') FROM pg_replication_slots WHERE slot_name = %s AND active_pid = %d`,
		literal(s.c.cfg.Slot), s.stream))
	if err != nil {
		return sourceError(how, err)
	}
	if replayed == "" {
		return retryableError{errors.New("the standby that answers is not the one that sends the stream, or no longer sends it: name one server in the DSN")}
	}
	to, err := capture.ParsePosition(replayed)
	if err != nil {
		return fmt.Errorf("%s: %w", how, err)
	}
	sys, err := pglogrepl.IdentifySystem(ctx, s.conn.PgConn)
	if err != nil {
		return sourceError(how, err)
	}
	if now := uint32(sys.Timeline); now != s.timeline {
		return retryableError{fmt.Errorf("the source, a standby, went from timeline %d to %d, as when it is promoted: capture starts again on that", s.timeline, now)}
	}
	s.known = to
	return nil
}

func (s *standby) close(ctx context.Context) {
	if s != nil && s.conn != nil {
		hangUp(ctx, s.conn)
	}
}
