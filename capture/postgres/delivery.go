package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/syncback/syncback/capture"
)

// idleSync is the longest that progress which is none of ours stays
// unacknowledged. Each acknowledgement costs the sink a write.
const idleSync = 10 * time.Second

// delivery writes what comes down the line to the sink.
type delivery struct {
	c      *Capturer
	cfg    Config
	stream *stream
	cat    *catalog
	sink   capture.Sink
	tables map[uint32]*capture.Table
	names  tableNames

	standby *standby // nil where the source is a primary

	mark   capture.Mark // the last that the sink was given
	again  bool         // whether what was committed before mark still arrives again
	dirty  time.Time    // when the first of what is not synced was given; zero when all is
	synced time.Time    // when the sink last was
	looked time.Time    // when the publication last was looked at
	seen   *publicationState

	lastXID uint32    // of the last transaction that came
	moved   time.Time // when that was, or a heartbeat was thought about
}

func newDelivery(c *Capturer, s *stream, cat *catalog, sink capture.Sink, mark capture.Mark, again bool) *delivery {
	now := time.Now()
	return &delivery{
		c: c, cfg: c.cfg, stream: s, cat: cat, sink: sink, names: c.tables, tables: make(map[uint32]*capture.Table),
		mark: mark, again: again, dirty: now, moved: now,
	}
}

// run delivers until ctx ends or something fails, and returns why.
func (d *delivery) run(ctx context.Context) error {
	for {
		m, err := d.next(ctx)
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case nil:
			err = d.heartbeat(ctx)
		case transaction:
			err = d.write(ctx, m)
		case progress:
			err = d.progress(ctx, m)
		default:
			err = d.describe(ctx, m)
		}
		if err != nil {
			return err
		}
	}
}

// next returns the next message between transactions, nil when it is time for a
// heartbeat. It has the sink synced when the line is empty or that is due.
func (d *delivery) next(ctx context.Context) (any, error) {
	m, ok := d.stream.line.poll()
	if !d.dirty.IsZero() && (!ok || time.Since(d.dirty) >= d.cfg.SyncEvery) {
		if err := d.sync(ctx); err != nil {
			return nil, err
		}
	}
	if err := d.look(ctx); err != nil {
		return nil, err
	}
	if ok {
		return m, nil
	}
	if d.cfg.Heartbeat < 0 {
		return d.stream.line.take(ctx, nil)
	}
	timer := time.NewTimer(time.Until(d.moved.Add(d.cfg.Heartbeat)))
	defer timer.Stop()
	return d.stream.line.take(ctx, timer.C)
}

// look looks at the beginning, and now and then, whether the publication still has
// all tables, and has had them since: a table that was dropped and made anew is not
// in it, and nothing of it would come. The stream brings keepalives, so that the
// time for it comes.
func (d *delivery) look(ctx context.Context) error {
	every := d.cfg.Heartbeat
	if every < 0 {
		every = time.Minute
	}
	if ctx.Err() != nil || d.seen != nil && time.Since(d.looked) < every {
		return ctx.Err()
	}
	d.looked = time.Now()
	ctx, cancel := d.c.asking(ctx)
	defer cancel()
	conn, err := d.cat.open(ctx)
	if err != nil {
		return err
	}
	pub, err := d.c.published(ctx, conn, d.mark)
	if err == nil && d.seen != nil {
		err = pub.kept(d.names, d.seen)
	}
	d.seen = pub
	return ended(ctx, err)
}

// write has the sink write one transaction, which it pulls from the line.
func (d *delivery) write(ctx context.Context, t transaction) error {
	if err := d.standby.holds(ctx, t.position()); err != nil {
		return err
	}
	p := &pull{d: d, ctx: ctx}
	err := d.sink.Write(ctx, &capture.Tx{
		Source:     d.mark.Source,
		Position:   t.position(),
		ID:         uint64(t.xid),
		CommitTime: t.at,
		Origin:     t.origin,
		Changes:    p.changes,
	})
	switch {
	case p.err != nil:
		return p.err
	case err != nil:
		return err
	case p.end == nil:
		return fmt.Errorf("the sink did not read transaction %s to its end", t.position())
	}
	d.lastXID, d.moved = t.xid, time.Now()
	if d.again && capture.Position(p.end.end) < d.mark.Position {
		return nil
	}
	return d.advance(ctx, progress{to: p.end.end})
}

// progress notes how far the source has read its log without anything for us.
// The sink is told when that is asked for, or worth a write by now.
func (d *delivery) progress(ctx context.Context, p progress) error {
	if p.xid != 0 {
		d.lastXID, d.moved = p.xid, time.Now()
	}
	switch to := capture.Position(p.to); {
	case to < d.mark.Position || to == d.mark.Position && !d.again:
		return nil
	case d.again:
		return d.advance(ctx, p)
	}
	every := idleSync
	if d.cfg.Heartbeat > 0 {
		every = min(every, d.cfg.Heartbeat)
	}
	if !p.urgent && time.Since(d.synced) < every {
		return nil // it comes again
	}
	return d.advance(ctx, p)
}

func (d *delivery) advance(ctx context.Context, p progress) error {
	m := d.mark
	m.Position = max(m.Position, capture.Position(p.to))
	if err := d.standby.holds(ctx, m.Position); err != nil {
		return err
	}
	if err := d.sink.Advance(ctx, m); err != nil {
		return err
	}
	d.mark, d.again = m, false
	if d.dirty.IsZero() {
		d.dirty = time.Now()
	}
	return nil
}

// sync makes durable what the sink was given, and only then lets the source
// forget it.
func (d *delivery) sync(ctx context.Context) error {
	durable, err := d.sink.Sync(ctx)
	if err != nil {
		return err
	}
	d.dirty, d.synced = time.Time{}, time.Now()
	if d.again {
		return nil // it would not arrive the next time, and may have to be refused then, too
	}
	// A sink that holds more than it was given is none of ours.
	d.stream.acknowledge(pglogrepl.LSN(min(durable, d.mark.Position)))
	return nil
}

// describe takes in what the stream says of tables and types.
func (d *delivery) describe(ctx context.Context, m any) error {
	switch m := m.(type) {
	case typeName:
		d.cat.named[m.oid] = m.name
		return nil
	case relation:
		return d.relation(ctx, m)
	}
	return fmt.Errorf("the replication stream has a %T outside of a transaction", m)
}

// relation makes a new Table where something of it has changed. It refuses one
// whose old images would tell less than is wanted of it.
func (d *delivery) relation(ctx context.Context, rel relation) error {
	ctx, cancel := d.c.asking(ctx)
	defer cancel()
	t, err := d.cat.table(ctx, rel)
	if err != nil {
		return ended(ctx, err)
	}
	if t.Identity != capture.IdentityFull && !d.names.keyOnly[rel.name] {
		return tableError{fmt.Errorf("table %s has replica identity %s, which does not tell what changed: "+
			"ALTER TABLE %s REPLICA IDENTITY FULL (its partitions too), and name the table as key-only until what was changed before has come",
			rel.name, t.Identity, rel.name.sql())}
	}
	if was := d.tables[rel.oid]; was == nil || !sameTable(was, t) {
		d.tables[rel.oid] = t
	}
	return nil
}
