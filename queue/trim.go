package queue

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"github.com/syncback/syncback/capture"
)

// trimStep is how many segments one Trim removes at most, so that the first one
// after a long backlog does not keep its caller.
const trimStep = 8

// Trim implements [Queue]. What was applied goes a file at a time, the oldest
// first, once it is older than Config.KeepFor or more than Config.KeepBytes; the
// newest file stays. A call that has nothing to remove costs next to nothing.
func (d *Disk) Trim(ctx context.Context, upTo capture.Position) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return ErrClosed
	}
	d.applied = max(d.applied, min(upTo, d.durable.state.last))
	applied, size, err := d.noteAppliedLocked(time.Now())
	for range min(applied, trimStep) {
		oldest := d.segs[0]
		if time.Since(oldest.appliedAt) < d.cfg.KeepFor && size <= d.cfg.KeepBytes {
			break
		}
		size -= oldest.size
		d.dropOldestLocked()
	}
	return err
}

// noteAppliedLocked notes when each segment was found to be applied. It returns
// how many are, and their size.
func (d *Disk) noteAppliedLocked(now time.Time) (n int, size int64, err error) {
	for i, s := range d.segs[:len(d.segs)-1] {
		if d.segs[i+1].floor() > d.applied {
			break
		}
		if s.appliedAt.IsZero() {
			s.appliedAt = now
			err = errors.Join(err, noteApplied(s.path))
		}
		n++
		size += s.size
	}
	return n, size, err
}

// noteApplied makes the file whose time says that the segment was applied. On a
// disk that is full there is none, and the time is noted anew after a restart.
func noteApplied(segment string) error {
	f, err := os.OpenFile(appliedPath(segment), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		if noRoom(err) {
			return nil
		}
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close())
}

// recallApplied takes what was noted for applied: where all of it was, no Trim may
// come before the queue has taken in more, and for that it may have to give way.
func (d *Disk) recallApplied() {
	for i, s := range d.segs[:len(d.segs)-1] {
		if !s.appliedAt.IsZero() {
			d.applied = d.segs[i+1].floor()
		}
	}
}

// dropOldestLocked lets go of the oldest segment, if all of it was applied, and
// reports whether it did.
func (d *Disk) dropOldestLocked() bool {
	if len(d.segs) < 2 || d.segs[1].floor() > d.applied {
		return false
	}
	d.going = append(d.going, d.segs[0])
	d.segs = d.segs[1:]
	d.buryLocked()
	return true
}

// buryLocked removes the files of what was let go and no reader holds, the
// oldest first: what a crash leaves is then without a gap.
func (d *Disk) buryLocked() {
	for !d.closed && len(d.going) > 0 && d.going[0].pins == 0 {
		path := d.going[0].path
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return // it is tried again with the next one
		}
		os.Remove(appliedPath(path))
		d.going = d.going[1:]
	}
}

// floor is the position up to and with which nothing is held when s is the
// oldest segment.
func (s *segment) floor() capture.Position {
	if s.open.start.seg != 0 {
		return s.open.position
	}
	return s.state.last
}
