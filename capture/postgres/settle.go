package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
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
	if err := c.askRow(ctx, conn, &ours, `SELECT pg_current_xact_id()::text`); err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var settled bool
		err := c.askRow(ctx, conn, &settled, `SELECT pg_snapshot_xmin(pg_current_snapshot()) > $1::text::xid8`, ours)
		if err != nil || settled {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// askRow asks one question of Settle's, each of which is to be answered in time.
func (c *Capturer) askRow(ctx context.Context, conn *pgx.Conn, to any, sql string, args ...any) error {
	ctx, cancel := c.asking(ctx)
	defer cancel()
	return ended(ctx, sourceError("ask for open transactions", conn.QueryRow(ctx, sql, args...).Scan(to)))
}
