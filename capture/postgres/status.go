package postgres

import (
	"context"
	"fmt"

	"github.com/syncback/syncback/capture"
)

// Status is how the source stands. Its positions compare with those of marks.
type Status struct {
	// Current is where the source's log ends.
	Current capture.Position
	// ConfirmedFlush is the slot's confirmed_flush_lsn: everything before it
	// was acknowledged. It never passes the queue's mark. Zero without a slot.
	ConfirmedFlush capture.Position
	// Restart is the slot's restart_lsn, from where the source keeps its log.
	Restart capture.Position
	// Retained is how much of its log that is, in bytes.
	Retained int64
	// WALStatus is the slot's wal_status: reserved, extended, unreserved or
	// lost; empty without a slot.
	WALStatus string
	// ActivePID is the backend of the process that reads the slot; 0 is none.
	ActivePID uint32
}

// Status asks the source how it stands. A slot that does not exist is no error.
func (c *Capturer) Status(ctx context.Context) (Status, error) {
	ctx, cancel := c.asking(ctx)
	defer cancel()
	conn, err := c.connect(ctx)
	if err != nil {
		return Status{}, err
	}
	defer hangUp(ctx, conn)
	var end string
	if err := conn.QueryRow(ctx, `SELECT (`+walEnd+`)::text`).Scan(&end); err != nil {
		return Status{}, ended(ctx, sourceError("ask where the source's log ends", err))
	}
	current, err := capture.ParsePosition(end)
	if err != nil {
		return Status{}, fmt.Errorf("the end of the source's log: %w", err)
	}
	slot, err := c.slot(ctx, conn)
	if err != nil {
		return Status{}, ended(ctx, err)
	}
	return Status{
		Current:        current,
		ConfirmedFlush: capture.Position(slot.confirmed),
		Restart:        capture.Position(slot.restart),
		Retained:       slot.retained,
		WALStatus:      slot.status,
		ActivePID:      slot.reader,
	}, nil
}
