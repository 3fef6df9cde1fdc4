package postgres

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/syncback/syncback/capture"
)

// The messages that this package writes into the source's log. Heartbeats are
// never captured; markers are, as the one change of their transaction.
const (
	prefix    = "syncback"
	heartbeat = "heartbeat"
	marker    = "marker "
)

func (m logicalMessage) isHeartbeat() bool { return m.prefix == prefix && m.content == heartbeat }

// heartbeat writes a message of our own when nothing has come for a while,
// although transactions have ended elsewhere in the cluster. It must not wake
// itself: what the server's log grows by is no sign of others, since a
// heartbeat makes the server write more than the heartbeat. The count of
// transactions is one.
func (d *delivery) heartbeat(ctx context.Context) error {
	d.moved = time.Now()
	if err := d.beat(ctx); err != nil && ctx.Err() == nil {
		// The stream is well. Whether the connection for questions is, shows
		// when there is one that matters.
		d.cfg.Logger.Warn("heartbeat failed", "slot", d.cfg.Slot, "err", err)
	}
	return nil
}

func (d *delivery) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, max(d.cfg.Heartbeat, time.Second))
	defer cancel()
	conn, err := d.cat.open(ctx)
	if err != nil {
		return err
	}
	var next int64
	var standby bool
	err = conn.QueryRow(ctx, `SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint, pg_is_in_recovery()`).Scan(&next, &standby)
	if err != nil {
		return sourceError("ask for the last transaction", err)
	}
	if standby || uint32(next) == d.lastXID+1 {
		return nil // ours was the last
	}
	_, err = conn.Exec(ctx, `SELECT pg_logical_emit_message(true, $1, $2)`, prefix, heartbeat)
	return sourceError("write a heartbeat", err)
}

// Marker writes a marker into the source's log and returns its position. The
// marker is captured as a transaction with one Message, whose position is at or
// after the one that is returned: once that transaction was applied, so was
// everything that was committed before Marker was called.
func (c *Capturer) Marker(ctx context.Context) (capture.Position, error) {
	ctx, cancel := c.asking(ctx)
	defer cancel()
	conn, err := c.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer hangUp(ctx, conn)
	var lsn string
	// The stream has what is on the server's disk, whatever the role's setting
	// says of waiting for it.
	_, err = conn.Exec(ctx, `SET synchronous_commit = local`)
	if err == nil {
		err = conn.QueryRow(ctx, `SELECT pg_logical_emit_message(true, $1, $2)::text`, prefix, marker+rand.Text()).Scan(&lsn)
	}
	if err != nil {
		return 0, ended(ctx, sourceError("write a marker", err))
	}
	p, err := capture.ParsePosition(lsn)
	if err != nil {
		return 0, fmt.Errorf("position of the marker: %w", err)
	}
	return p, nil
}

// IsMarker reports whether a transaction's change is one that Marker wrote.
func IsMarker(c capture.Change) bool {
	return c.Op == capture.Message && c.Message.Prefix == prefix && strings.HasPrefix(string(c.Message.Content), marker)
}
