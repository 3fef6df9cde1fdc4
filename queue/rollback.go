package queue

import (
	"errors"
	"fmt"
	"os"
)

// rollBack takes the log back to to, which is not before what is durable. When
// it fails nothing can be written any more.
func (d *Disk) rollBack(to spot, marked, synced bool) error {
	t := &d.tail
	d.again.reset(d)
	if to.seg != t.seg.number || to.off < t.off {
		if err := d.truncate(to.place); err != nil {
			t.file.Close()
			return fmt.Errorf("take back what was written: %w", err)
		}
	}
	t.buf = t.buf[:to.off-t.off]
	t.crc, t.state, t.marked, t.synced = to.crc, to.state, marked, synced
	return nil
}

// truncate removes from the files what is behind to. What goes first is what a
// crash must not leave alone: the newest file.
func (d *Disk) truncate(to place) error {
	t := &d.tail
	t.buf = t.buf[:0]
	t.awaitAhead()
	if t.seg.number > to.seg {
		if err := d.removeBehind(to.seg); err != nil {
			return err
		}
		t.failed, t.ahead = nil, to.off // the one that is left was synced whole
	}
	d.mu.Lock()
	unsynced := d.durable.place.before(to)
	d.mu.Unlock()
	if !unsynced {
		t.failed = nil // it was of what goes
	}
	t.off, t.ahead = to.off, min(t.ahead, to.off)
	d.setSize(to.off)
	return t.file.Truncate(to.off)
}

// removeBehind removes the segments behind that number, which is then the newest
// and is opened for writing.
func (d *Disk) removeBehind(number uint64) error {
	t := &d.tail
	t.file.Close()
	for t.seg.number > number {
		if err := os.Remove(t.seg.path); err != nil {
			return err
		}
		d.mu.Lock()
		d.segs = d.segs[:len(d.segs)-1]
		t.seg = d.segs[len(d.segs)-1]
		d.mu.Unlock()
	}
	if err := syncDir(d.cfg.Dir); err != nil {
		return err
	}
	f, err := os.OpenFile(t.seg.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	t.file = d.cfg.wrap(f)
	return nil
}

// lose takes the log back to what is durable, after a sync that failed: whether
// what it was to sync is on the disk can then no longer be known, and a second
// sync would not tell. The source still has it. Where the disk has no room, some
// of what was applied gives way, for what comes again.
func (d *Disk) lose(err error) error {
	d.mu.Lock()
	durable := d.durable
	d.stale = true
	d.mu.Unlock()
	failed := d.rollBack(durable, false, true)
	d.gaveWay(err)
	return errors.Join(d.fullIfNoRoom(err), failed)
}

// staleError refuses to go on behind a gap.
type staleError struct{}

func (staleError) Error() string {
	return "what was not durable was dropped when a sync failed; call Restart, and capture again from Last"
}
func (staleError) Retryable() bool { return true }
