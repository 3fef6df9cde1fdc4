package queue

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/syncback/syncback/capture"
)

// Next implements [Queue]. A position that the queue has not come to is refused
// with ErrAhead, unless nothing was ever taken in.
func (d *Disk) Next(ctx context.Context, after capture.Position) (*capture.Tx, error) {
	d.rmu.Lock()
	defer d.rmu.Unlock()
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		durable, moved, err := d.look(after)
		if err != nil {
			return nil, err
		}
		if after < durable.state.last {
			return d.read(after, durable)
		}
		select {
		case <-ctx.Done():
		case <-moved:
		}
	}
}

// look returns what is durable, and what is closed once there is more, unless
// what comes after that position is not all here.
func (d *Disk) look(after capture.Position) (spot, <-chan struct{}, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return spot{}, nil, ErrClosed
	}
	if err := d.durable.state.covers(after, d.segs[0].floor()); err != nil {
		return spot{}, nil, err
	}
	return d.durable, d.moved, nil
}

// covers refuses a position where what comes after it is not all in a queue that
// holds what comes after floor.
func (s state) covers(after, floor capture.Position) error {
	switch {
	case after < floor:
		return fmt.Errorf("%w: what comes after %s was asked for, and the queue holds only what comes after %s: set the pipeline up anew, or restore the target to a later day",
			capture.ErrGap, after, floor)
	case after != 0 && s.begun && after+1 < s.base: // a transaction may be right at the base
		return fmt.Errorf("%w: the target stands at %s, and the queue only began at %s: its folder is not the one that the target was filled from; put that one back, or set the pipeline up anew",
			capture.ErrGap, after, s.base)
	case s.begun && after > s.mark.Position:
		return fmt.Errorf("%w: the target stands at %s, and the queue has come to %s: its folder is not the one that the target was filled from, or an old copy of it",
			ErrAhead, after, s.mark.Position)
	}
	return nil
}

// read returns the first transaction after that position. There is one.
func (d *Disk) read(after capture.Position, durable spot) (*capture.Tx, error) {
	found, err := d.find(&d.cur, after, durable.place)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, fmt.Errorf("%w: no transaction after %s, though the last one is at %s",
			ErrDamaged, after, durable.state.last)
	}
	tx, err := d.hold(found, durable.state.mark.Source)
	if err != nil {
		return nil, err
	}
	if _, _, err := d.look(after); err != nil { // the writer may have dropped something just now
		return nil, err
	}
	return tx, nil
}

// A cursor goes over the frames of the log.
type cursor struct {
	seg  *segment // nil when it stands nowhere; in use otherwise
	file *os.File // seg's
	at   place
	// after is the position of the last transaction before it.
	after capture.Position
}

// reset takes the cursor out of the log.
func (c *cursor) reset(d *Disk) {
	if c.seg != nil {
		d.unuse(c.seg)
	}
	*c = cursor{}
}

// enter puts the cursor at a place in s.
func (c *cursor) enter(d *Disk, s *segment, at place) error {
	file, err := d.use(s)
	if err != nil {
		return err
	}
	c.reset(d)
	c.seg, c.file, c.at = s, file, at
	return nil
}

// A found is a transaction in the log.
type found struct {
	txMeta
	start place
	last  uint64 // number of the segment in which it ends
}

// find returns the first transaction after that position and before end, and
// nil when there is none. The cursor then stands behind it.
func (d *Disk) find(c *cursor, after capture.Position, end place) (*found, error) {
	if c.seg == nil || c.after > after || d.skips(c, after) {
		if err := d.seek(c, after); err != nil {
			return nil, err
		}
	}
	var tx *found
	for {
		at, f, err := d.step(c, end)
		if err == io.EOF {
			return nil, nil
		}
		if err != nil {
			c.reset(d)
			return nil, err
		}
		switch f.kind {
		case kindWhole, kindFirst:
			tx = &found{start: at}
		}
		if tx == nil || f.kind != kindWhole && f.kind != kindLast {
			continue // or the end of one that began where nothing is held
		}
		if tx.txMeta, err = f.tx(); err != nil {
			return nil, damaged(c.seg, at.off, err)
		}
		tx.last, c.after = c.at.seg, tx.position
		if tx.position > after {
			return tx, nil
		}
		tx = nil
	}
}

// skips reports whether the transaction after that position can only be in a
// later segment than the cursor's.
func (d *Disk) skips(c *cursor, after capture.Position) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.seg.number < d.segs[0].number {
		return true
	}
	i := c.seg.number + 1 - d.segs[0].number
	return i < uint64(len(d.segs)) && d.segs[i].state.last <= after
}

// seek puts the cursor before the first transaction after that position.
func (d *Disk) seek(c *cursor, after capture.Position) error {
	d.mu.Lock()
	i := len(d.segs) - 1
	for i > 0 && d.segs[i].state.last > after {
		i--
	}
	s, at := d.segs[i], d.segs[i].start
	before := s.state.last
	if open := s.open; open.start.seg >= d.segs[0].number && open.position > after {
		s, at = d.segs[open.start.seg-d.segs[0].number], open.start
	}
	d.mu.Unlock()
	err := c.enter(d, s, at)
	c.after = before
	return err
}

// step returns the frame at which the cursor stands and where that is, and goes
// behind it.
func (d *Disk) step(c *cursor, end place) (place, frame, error) {
	if c.seg.number < end.seg {
		limit := d.sizeOf(c.seg)
		if c.at.off == limit {
			if err := d.enterNext(c); err != nil {
				return c.at, frame{}, err
			}
		}
	}
	if !c.at.before(end) {
		return c.at, frame{}, io.EOF
	}
	limit := end.off
	if c.seg.number < end.seg {
		limit = d.sizeOf(c.seg)
	}
	at := c.at
	f, err := readHead(c.file, at.off, limit, at.crc)
	if err != nil {
		return at, f, damaged(c.seg, at.off, err)
	}
	c.at.off += f.size()
	c.at.crc = f.crc
	return at, f, nil
}

func (d *Disk) sizeOf(s *segment) int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return s.size
}

// enterNext puts the cursor at the start of the segment behind its own.
func (d *Disk) enterNext(c *cursor) error {
	d.mu.Lock()
	i := c.seg.number + 1 - d.segs[0].number
	if i >= uint64(len(d.segs)) { // too high, or trimmed and so below 0
		d.mu.Unlock()
		return fmt.Errorf("%w: segment %d was trimmed", capture.ErrGap, c.seg.number+1)
	}
	s, after := d.segs[i], c.after
	d.mu.Unlock()
	if err := c.enter(d, s, s.start); err != nil {
		return err
	}
	c.after = after
	return nil
}
