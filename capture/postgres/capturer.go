package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncback/syncback/capture"
)

// Capturer captures from one database through one slot. Its methods may be
// called from several goroutines; Capture itself runs once at a time, since a
// slot has one reader.
type Capturer struct {
	cfg    Config
	conn   *pgx.ConnConfig
	tables tableNames
}

var _ capture.Capturer = (*Capturer)(nil)

// New returns a Capturer for cfg, or what is wrong with it. It opens nothing.
func New(cfg Config) (*Capturer, error) {
	cfg, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	tables, err := parseTables(cfg.Tables, cfg.KeyOnly)
	if err != nil {
		return nil, err
	}
	conn, err := parseDSN(cfg.DSN, cfg.Slot)
	if err != nil {
		return nil, err
	}
	return &Capturer{cfg: cfg, conn: conn, tables: tables}, nil
}

// Capture follows the source as capture.Capturer says, until ctx ends or the
// stream does. The slot and the publication must be there: see Setup.
//
// It refuses a slot that does not go with from: with ErrGap where the slot is
// gone, was invalidated or has moved on; with ErrOtherSource where from is of
// another cluster, database or slot; with ErrDiverged where the server's
// history is not the one that from was taken from. It also refuses a table that
// the publication does not cover, or whose replica identity tells too little,
// rather than miss what changes in it.
func (c *Capturer) Capture(ctx context.Context, from capture.Mark, sink capture.Sink) error {
	repl, err := c.connectReplication(ctx)
	if err != nil {
		return err
	}
	defer hangUp(ctx, repl)
	cat := newCatalog(c)
	defer cat.close(ctx)

	timeout, mark, at, err := c.begin(ctx, repl, cat, from)
	if err != nil {
		return err
	}
	first := mark
	first.Position = at
	if err := sink.Advance(ctx, first); err != nil {
		return err
	}
	s := newStream(repl, c.tables, timeout, c.cfg.AnswerTimeout)
	if s.today, s.since, err = cat.today(ctx); err != nil {
		return ended(ctx, err)
	}
	s.again, s.publication = pglogrepl.LSN(mark.Position), c.cfg.Publication
	d := newDelivery(c, s, cat, sink, mark, at < mark.Position)
	if repl.standby {
		d.standby = &standby{c: c, stream: repl.PID(), timeline: mark.Timeline}
		defer d.standby.close(ctx)
	}
	return c.run(ctx, s, d)
}

// run reads the stream in one goroutine and delivers it in this one, until
// either has ended.
func (c *Capturer) run(ctx context.Context, s *stream, d *delivery) error {
	// Reading goes on until delivery has ended, for the last acknowledgement.
	reading, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.line.close(s.read(reading))
	}()
	defer func() { stop(); <-done }()
	return ended(ctx, d.run(ctx))
}

// begin asks for the server's wal_sender_timeout, and starts the stream.
func (c *Capturer) begin(ctx context.Context, repl *replication, cat *catalog, from capture.Mark) (
	timeout time.Duration, mark capture.Mark, at capture.Position, err error,
) {
	ctx, cancel := c.asking(ctx)
	defer cancel()
	if timeout, err = cat.senderTimeout(ctx); err == nil {
		mark, at, err = c.start(ctx, repl, cat, from)
	}
	return timeout, mark, at, ended(ctx, err)
}

// start starts the stream where the slot is, if the source admits from, and
// returns the mark to begin with and where that is. What the slot still has of
// what was taken in before arrives again: so the sink notices a source that was
// put back from a copy and has written on since. PostgreSQL would pass over it.
func (c *Capturer) start(ctx context.Context, repl *replication, cat *catalog, from capture.Mark) (mark capture.Mark, at capture.Position, err error) {
	conn, err := cat.open(ctx)
	if err != nil {
		return from, 0, err
	}
	if mark, err = c.admit(ctx, repl, conn, from, slotState.free); err != nil {
		return from, 0, err
	}
	if err := c.startStream(ctx, repl); err != nil {
		return from, 0, err
	}
	// From here on the slot is held. It may have moved before.
	slot, err := c.slot(ctx, conn)
	if err != nil {
		return from, 0, err
	}
	c.cfg.Logger.Info("capturing", "slot", c.cfg.Slot, "pos", mark.Position)
	return mark, capture.Position(slot.confirmed), slot.covers(mark.Position)
}

// startStream asks for protocol version 1 without streaming: whole
// transactions, in the order of their commits. The server spills large ones to
// its own disk.
func (c *Capturer) startStream(ctx context.Context, repl *replication) error {
	const whereTheSlotIs = pglogrepl.LSN(0)
	args := []string{
		"proto_version '1'",
		"publication_names " + literal(pgx.Identifier{c.cfg.Publication}.Sanitize()),
		"messages 'true'",
	}
	err := pglogrepl.StartReplication(ctx, repl.PgConn, pgx.Identifier{c.cfg.Slot}.Sanitize(), whereTheSlotIs,
		pglogrepl.StartReplicationOptions{PluginArgs: args})
	pg, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ok && pg.Code == objectInUse:
		return retryableError{fmt.Errorf("%w: start replication: %w", capture.ErrInUse, plain{err})}
	case ok && repl.standby && waitsForPromotion(pg):
		return retryableError{fmt.Errorf("the source is a standby, on which slot %s cannot be read: promote it, or connect to its primary: %w", c.cfg.Slot, plain{err})}
	}
	return sourceError(fmt.Sprintf("start replication from slot %s", c.cfg.Slot), err)
}

// ready refuses tables whose changes would not come, or not in full.
func (c *Capturer) ready(ctx context.Context, conn *pgx.Conn, from capture.Mark) error {
	_, err := c.published(ctx, conn, from)
	return err
}

// published returns the publication, which covers all tables. A new one does not
// reach back: what was committed before it cannot be decoded with it.
func (c *Capturer) published(ctx context.Context, conn *pgx.Conn, from capture.Mark) (*publicationState, error) {
	pub, err := c.publication(ctx, conn)
	if err != nil {
		return nil, err
	}
	if pub == nil && from != (capture.Mark{}) {
		return nil, fmt.Errorf("%w: publication %s is gone, and with it the changes after %s. %s",
			capture.ErrGap, c.cfg.Publication, from.Position, resync)
	}
	if pub == nil {
		return nil, fmt.Errorf("publication %s does not exist: Setup creates it", c.cfg.Publication)
	}
	if err := pub.covers(c.tables); err != nil {
		return nil, tableError{err}
	}
	return pub, nil
}

// literal quotes s for the replication protocol, which takes no parameters.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
