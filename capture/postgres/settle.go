package postgres

import (
	"context"
	"time"
)

// Settle waits until every transaction that is open in the source now has ended.
// What was changed in a table before it was published, by a transaction that is
// committed only afterwards, is never captured: who adds a table and then reads
// its rows waits in between.
func (c *Capturer) Settle(ctx context.Context) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer hangUp(ctx, conn)
	// A number of our own is beyond those of all that are open. The snapshot's
	// upper end is not: it is beyond those that have ended.
	var ours string
	if err := conn.QueryRow(ctx, `SELECT pg_current_xact_id()::text`).Scan(&ours); err != nil {
		return ended(ctx, sourceError("ask for open transactions", err))
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var settled bool
		err := conn.QueryRow(ctx, `SELECT pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8`, ours).Scan(&settled)
		if err != nil || settled {
			return ended(ctx, sourceError("wait for open transactions", err))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}
