package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pglogrepl"

	"github.com/syncback/syncback/capture"
)

// identity is what the server says that it is.
type identity struct {
	source   capture.Source
	timeline uint32
	end      pglogrepl.LSN // of its log
}

// identify asks the server who it is, whether it is a standby first: one that is
// promoted in between is taken for a standby on its new timeline, and not for a
// primary on the old one.
func (c *Capturer) identify(ctx context.Context, repl *replication) (identity, error) {
	recovering, err := repl.ask(ctx, "SELECT pg_is_in_recovery()")
	if err != nil {
		return identity{}, sourceError("ask whether the source is a standby", err)
	}
	repl.standby = recovering == "t"
	sys, err := pglogrepl.IdentifySystem(ctx, repl.PgConn)
	if err != nil {
		return identity{}, sourceError("identify the source", err)
	}
	return identity{
		source:   capture.Source(fmt.Sprintf("postgresql/%s/%s/%s", sys.SystemID, sys.DBName, c.cfg.Slot)),
		timeline: uint32(sys.Timeline),
		end:      sys.XLogPos,
	}, nil
}

// admit refuses a mark that was not taken from this source's history.
func (id identity) admit(ctx context.Context, repl *replication, from capture.Mark) error {
	if from == (capture.Mark{}) {
		return nil
	}
	if from.Source != id.source {
		return fmt.Errorf("%w: the queue holds changes of %q, but this is %q: "+
			"correct the DSN or the slot, or start with a new queue and compare the two sides", capture.ErrOtherSource, from.Source, id.source)
	}
	if repl.standby && (pglogrepl.LSN(from.Position) > id.end || from.Timeline > id.timeline) {
		return retryableError{fmt.Errorf("captured up to %s on timeline %d, but the source, a standby, has come to %s on timeline %d: "+
			"see that it receives its primary's log, and connect to the primary if it does not",
			from.Position, from.Timeline, id.end, id.timeline)}
	}
	if pglogrepl.LSN(from.Position) > id.end {
		return fmt.Errorf("%w: captured up to %s, but the source's log ends at %s: it was restored from a copy. %s",
			capture.ErrDiverged, from.Position, id.end, resync)
	}
	if from.Timeline == 0 || from.Timeline == id.timeline {
		return nil
	}
	return id.admitTimeline(ctx, repl, from)
}

// resync is what to do when the stream cannot go on from where it was.
const resync = "Compare the two sides and repair, then start with a new slot and a new queue"

// admitTimeline accepts a failover, which is a switch to another timeline after
// all that was captured.
func (id identity) admitTimeline(ctx context.Context, repl *replication, from capture.Mark) error {
	var switched pglogrepl.LSN
	if id.timeline > 1 { // the first has no history
		h, err := pglogrepl.TimelineHistory(ctx, repl.PgConn, int32(id.timeline))
		if err != nil {
			return sourceError("read the source's timeline history", err)
		}
		if switched, err = switchPoint(string(h.Content), from.Timeline); err != nil {
			return err
		}
	}
	switch {
	case switched == 0:
		return fmt.Errorf("%w: captured on timeline %d, which is not in the past of the source's timeline %d. %s",
			capture.ErrDiverged, from.Timeline, id.timeline, resync)
	case switched < pglogrepl.LSN(from.Position):
		return fmt.Errorf("%w: captured up to %s on timeline %d, but the source left that timeline at %s: "+
			"what was captured after that is lost there. %s", capture.ErrDiverged, from.Position, from.Timeline, switched, resync)
	}
	return nil
}

// switchPoint finds in a timeline history file where a timeline was left; zero
// if it is not in it. A line is "parent<TAB>LSN<TAB>reason".
func switchPoint(history string, timeline uint32) (pglogrepl.LSN, error) {
	for line := range strings.Lines(history) {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if fields[0] != strconv.FormatUint(uint64(timeline), 10) {
			continue
		}
		at, err := capture.ParsePosition(fields[1])
		if err != nil {
			return 0, fmt.Errorf("timeline history: %w", err)
		}
		return pglogrepl.LSN(at), nil
	}
	return 0, nil
}
