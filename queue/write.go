package queue

import (
	"context"
	"errors"
	"fmt"

	"github.com/syncback/syncback/capture"
)

// Write implements [capture.Sink]. It goes to the disk in pieces, so that a
// transaction of any size takes little memory, and none of it is visible before
// the Sync behind it.
//
// A transaction that arrives again is compared with the one that is held by
// position, id and commit time. One that is older than all that is held cannot
// be compared, and is dropped. So is one that is not held and has no changes: it
// was of no table that was captured then.
func (d *Disk) Write(ctx context.Context, tx *capture.Tx) error {
	d.wmu.Lock()
	defer d.wmu.Unlock()
	if err := d.writable(ctx); err != nil {
		return err
	}
	m, err := metaOf(tx)
	if err != nil {
		return err
	}
	if m.position == 0 {
		return errors.New("a transaction has no position")
	}
	if err := d.checkSource(tx.Source); err != nil {
		return err
	}
	t := &d.tail
	if m.position <= t.state.last || m.position < t.state.mark.Position {
		return d.repeat(tx, m)
	}
	if err := d.settled(); err != nil {
		return err
	}
	d.again.reset(d)
	from, marked, synced := t.spot(), t.marked, t.synced
	if err := d.append(ctx, tx, m); err != nil {
		var failed error
		if from.before(t.spot().place) { // else a failed sync took more back
			failed = d.rollBack(from, marked, synced)
		}
		if failed == nil && errors.Is(err, ErrFull) {
			failed = d.freeNewest()
		}
		return errors.Join(err, failed)
	}
	return nil
}

// checkSource refuses a source that is not the one that the queue is bound to.
func (d *Disk) checkSource(s capture.Source) error {
	if len(s) > maxSource {
		return fmt.Errorf("the source's identity is %d bytes long; %d is the most", len(s), maxSource)
	}
	bound := d.tail.state.mark.Source
	if s == "" || bound == "" || s == bound {
		return nil
	}
	return fmt.Errorf("%w: the queue in %s holds changes of %s, and these are of %s; give the new source a folder of its own, once the target has all of the old one's",
		capture.ErrOtherSource, d.cfg.Dir, bound, s)
}

// append writes tx behind the log's end. When it fails, part of tx is there.
func (d *Disk) append(ctx context.Context, tx *capture.Tx, m txMeta) error {
	d.bind(tx.Source)
	d.appendSynced()
	w := &d.writer
	w.ctx, w.meta, w.open, w.goesOn = ctx, m, openTx{d.tail.spot().place, m.position}, false
	w.begin()
	w.beginFrame()
	if tx.Changes != nil {
		for c, err := range tx.Changes {
			if err != nil {
				return err
			}
			if err := w.change(&c); err != nil {
				return fmt.Errorf("transaction at %s: %w", m.position, err)
			}
		}
	}
	return w.end()
}

// bind notes the source of the first transaction that names one.
func (d *Disk) bind(s capture.Source) {
	t := &d.tail
	if s == "" || t.state.mark.Source != "" {
		return
	}
	t.state.mark.Source = s
	d.appendMeta(kindMark, appendMark(nil, t.state.mark))
}

// A txWriter cuts transactions, one after the other, into frames at the end of
// the tail's buffer.
type txWriter struct {
	encoder
	d      *Disk
	ctx    context.Context
	meta   txMeta
	open   openTx
	frame  int  // index in buf at which the current frame begins
	goesOn bool // there are frames before it
}

func (w *txWriter) beginFrame() {
	w.frame = len(w.d.tail.buf)
	w.buf = append(w.d.tail.buf, make([]byte, frameHead+w.meta.size())...)
	w.piece = len(w.buf)
}

// endFrame seals the frame and hands the buffer back.
func (w *txWriter) endFrame(kind frameKind) {
	w.meta.count, w.meta.bytes = w.count, w.bytes
	meta := w.frame + frameHead
	w.meta.put(w.buf[meta:])
	if aead := w.d.tail.seg.aead; aead != nil {
		data := meta + w.meta.size()
		w.buf = sealData(aead, w.buf, data, boundTo(w.d.tail.off+int64(w.frame), kind, w.buf[meta:data]))
	}
	w.d.tail.crc = sealFrame(w.buf[w.frame:], w.d.tail.crc, kind, w.meta.size())
	w.d.tail.buf = w.buf
}

// cut ends a frame behind which the transaction goes on.
func (w *txWriter) cut() error {
	kind := kindFirst
	if w.goesOn {
		kind = kindMiddle
	}
	w.goesOn = true
	w.endFrame(kind)
	if w.ctx.Err() != nil {
		return context.Cause(w.ctx)
	}
	if err := w.d.settle(w.open); err != nil {
		return err
	}
	w.beginFrame()
	return nil
}

// end ends the transaction: from here on it counts.
func (w *txWriter) end() error {
	kind := kindWhole
	if w.goesOn {
		kind = kindLast
	}
	w.endFrame(kind)
	w.d.tail.state.take(w.meta.position)
	return w.d.settle(openTx{})
}

// Advance implements [capture.Sink]. After a mark before the one that is held,
// what is new is refused with ErrDiverged until all that is held from there on
// has come again.
func (d *Disk) Advance(ctx context.Context, m capture.Mark) error {
	d.wmu.Lock()
	defer d.wmu.Unlock()
	if err := d.writable(ctx); err != nil {
		return err
	}
	if err := d.checkSource(m.Source); err != nil {
		return err
	}
	t := &d.tail
	held := t.state.mark
	if m.Source == "" {
		m.Source = held.Source
	}
	if t.state.begun && m.Position < held.Position && m.Source == held.Source {
		d.owed = m.Position
	} else if err := d.settled(); err != nil {
		return err
	}
	if t.state.begun && (m.Position < held.Position || m == held) {
		if held.Source != "" || m.Source == "" {
			return nil
		}
		m.Timeline, m.Position = held.Timeline, held.Position // it only binds
	}
	first := !t.state.begun || m.Source != held.Source
	t.state.advance(m)
	t.marked = true
	if first { // the log must say it before what follows
		d.appendMark()
	}
	return nil
}

func (d *Disk) appendMark() {
	d.tail.marked = false
	d.appendMeta(kindMark, appendMark(nil, d.tail.state.mark))
}

// Sync implements [capture.Sink]. It costs one fsync, two more where it is time
// for a new file, and nothing where nothing is new; others were begun before,
// behind each 8 MiB. When it fails, all that was not durable is dropped, and the
// queue takes nothing in until Restart is called.
func (d *Disk) Sync(ctx context.Context) (capture.Position, error) {
	d.wmu.Lock()
	defer d.wmu.Unlock()
	if err := d.writable(ctx); err != nil {
		return 0, err
	}
	t := &d.tail
	if t.marked {
		d.appendMark()
	}
	d.mu.Lock()
	durable := d.durable
	d.mu.Unlock()
	if t.spot().place == durable.place {
		return durable.state.mark.Position, nil
	}
	err := d.syncNewest()
	if err == nil && d.worn() {
		err = d.renew()
	} else if err == nil {
		d.publish()
	}
	if err != nil {
		return 0, fmt.Errorf("sync queue: %w", err)
	}
	return t.state.mark.Position, nil
}

// publish makes all that was written visible to the reader.
func (d *Disk) publish() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.durable = d.tail.spot()
	if !d.closed {
		close(d.moved)
		d.moved = make(chan struct{})
	}
}

// repeat answers for a transaction that arrives again: it is read past when it
// is the one that is held.
func (d *Disk) repeat(tx *capture.Tx, m txMeta) error {
	known, err := d.compare(m)
	if err != nil || tx.Changes == nil {
		return err
	}
	for _, err := range tx.Changes {
		if err != nil {
			return err
		}
		if !known {
			return diverged(m)
		}
	}
	return nil
}

// compare refuses a transaction that is not the one that is held at its place,
// or before which one that is owed should have come. Where none is held it is
// not known.
func (d *Disk) compare(m txMeta) (known bool, err error) {
	if d.tooOld(m) {
		return true, nil
	}
	after := m.position - 1
	if d.owed != 0 {
		after = min(d.owed-1, after)
	}
	held, err := d.findHeld(after)
	switch {
	case err != nil:
		return false, err
	case held == nil || held.position > m.position:
		return d.tooOld(m), nil // it is if it was trimmed just now
	case !held.same(m):
		return false, diverged(held.txMeta)
	}
	if d.owed != 0 {
		d.owed = m.position + 1
	}
	return true, nil
}

// tooOld reports whether m is older than all that is held.
func (d *Disk) tooOld(m txMeta) bool {
	return m.position <= d.oldest().floor() || m.position < d.tail.state.base
}

// settled refuses to go on to what is new while something is owed.
func (d *Disk) settled() error {
	if d.owed == 0 {
		return nil
	}
	held, err := d.findHeld(d.owed - 1)
	if err == nil && held != nil {
		err = diverged(held.txMeta)
	}
	if err == nil {
		d.owed = 0
	}
	return err
}

// findHeld returns the first transaction after that position that is held,
// durable or not. What a Trim removes while it is looked for is not.
func (d *Disk) findHeld(after capture.Position) (*found, error) {
	if err := d.flush(); err != nil {
		return nil, err
	}
	for {
		oldest := d.oldest()
		held, err := d.find(&d.again, max(after, oldest.floor()), d.tail.spot().place)
		if oldest == d.oldest() {
			return held, err
		}
	}
}

func (d *Disk) oldest() *segment {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.segs[0]
}

func diverged(m txMeta) error {
	return fmt.Errorf("%w: at %s the source no longer has what was captured there, or has something else in place of transaction %d; it was restored from a copy, so set the pipeline up anew, and compare the two sides; or a table was added that was published before, so run once more without it until all is captured, and then add it and compare it",
		capture.ErrDiverged, m.position, m.id)
}
