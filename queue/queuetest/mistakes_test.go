package queuetest

import (
	"context"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
)

// broken is Memory with one method, or how it is opened, made wrong.
type broken struct {
	*Memory
	write   func(*Memory, context.Context, *capture.Tx) error
	advance func(*Memory, context.Context, capture.Mark) error
	last    func(*Memory) capture.Mark
	next    func(*Memory, context.Context, capture.Position) (*capture.Tx, error)
	trim    func(*Memory, context.Context, capture.Position) error
	close   func(*Memory) error
	reopen  func(*Memory)
}

func (b broken) Write(ctx context.Context, tx *capture.Tx) error {
	if b.write == nil {
		return b.Memory.Write(ctx, tx)
	}
	return b.write(b.Memory, ctx, tx)
}

func (b broken) Advance(ctx context.Context, m capture.Mark) error {
	if b.advance == nil {
		return b.Memory.Advance(ctx, m)
	}
	return b.advance(b.Memory, ctx, m)
}

func (b broken) Last(ctx context.Context) (capture.Mark, error) {
	if b.last == nil {
		return b.Memory.Last(ctx)
	}
	return b.last(b.Memory), nil
}

func (b broken) Next(ctx context.Context, after capture.Position) (*capture.Tx, error) {
	if b.next == nil {
		return b.Memory.Next(ctx, after)
	}
	return b.next(b.Memory, ctx, after)
}

func (b broken) Trim(ctx context.Context, upTo capture.Position) error {
	if b.trim == nil {
		return b.Memory.Trim(ctx, upTo)
	}
	return b.trim(b.Memory, ctx, upTo)
}

func (b broken) Close() error {
	if b.close == nil {
		return b.Memory.Close()
	}
	return b.close(b.Memory)
}

func (b broken) Reopen() {
	if b.reopen == nil {
		b.Memory.Reopen()
		return
	}
	b.reopen(b.Memory)
}

// mapped returns tx with each change put through f; f returns false to drop it.
func mapped(tx *capture.Tx, f func(*capture.Change) bool) *capture.Tx {
	out := *tx
	out.Changes = func(yield func(capture.Change, error) bool) {
		for c, err := range tx.Changes {
			if err == nil && !f(&c) {
				continue
			}
			if !yield(c, err) {
				return
			}
		}
	}
	return &out
}

func nullForAbsent(m *Memory, ctx context.Context, tx *capture.Tx) error {
	return m.Write(ctx, mapped(tx, func(c *capture.Change) bool {
		for _, row := range []capture.Row{c.Before, c.After} {
			for i := range row {
				if row[i].IsAbsent() {
					row[i] = capture.Null()
				}
			}
		}
		return true
	}))
}

func dropMessages(m *Memory, ctx context.Context, tx *capture.Tx) error {
	return m.Write(ctx, mapped(tx, func(c *capture.Change) bool { return c.Op != capture.Message }))
}

func keepPart(m *Memory, ctx context.Context, tx *capture.Tx) error {
	var failed error
	part := *tx
	part.Changes = func(yield func(capture.Change, error) bool) {
		for c, err := range tx.Changes {
			if failed = err; err != nil || !yield(c, nil) {
				return
			}
		}
	}
	if err := m.Write(ctx, &part); err != nil {
		return err
	}
	return failed
}

func syncAtOnce(m *Memory, ctx context.Context, tx *capture.Tx) error {
	if err := m.Write(ctx, tx); err != nil {
		return err
	}
	_, err := m.Sync(ctx)
	return err
}

func dropWithoutCompare(m *Memory, ctx context.Context, tx *capture.Tx) error {
	m.mu.Lock()
	old := tx.Position <= m.mark.Position
	m.mu.Unlock()
	if !old {
		return m.Write(ctx, tx)
	}
	_, err := collect(tx.Changes)
	return err
}

func repeatUnread(m *Memory, ctx context.Context, tx *capture.Tx) error {
	m.mu.Lock()
	held := false
	for _, o := range m.txs {
		held = held || o.Position == tx.Position && o.ID == tx.ID && o.CommitTime.Equal(tx.CommitTime)
	}
	m.mu.Unlock()
	if held {
		return nil
	}
	return m.Write(ctx, tx)
}

func anySource(m *Memory, ctx context.Context, mark capture.Mark) error {
	m.mu.Lock()
	m.mark.Source = ""
	m.mu.Unlock()
	return m.Advance(ctx, mark)
}

func backwards(m *Memory, ctx context.Context, mark capture.Mark) error {
	err := m.Advance(ctx, mark)
	m.mu.Lock()
	m.mark.Position = mark.Position
	m.mu.Unlock()
	return err
}

func notDurable(m *Memory) capture.Mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mark
}

func deafToContext(m *Memory, ctx context.Context, after capture.Position) (*capture.Tx, error) {
	return m.Next(context.WithoutCancel(ctx), after)
}

func rangedOnce(m *Memory, ctx context.Context, after capture.Position) (*capture.Tx, error) {
	tx, err := m.Next(ctx, after)
	if err != nil {
		return nil, err
	}
	all, err := collect(tx.Changes)
	tx.Changes = func(yield func(capture.Change, error) bool) {
		for len(all) > 0 {
			c := all[0]
			all = all[1:]
			if !yield(c, nil) {
				return
			}
		}
	}
	return tx, err
}

func skipsOne(m *Memory, ctx context.Context, after capture.Position) (*capture.Tx, error) {
	if after == 0 {
		return m.Next(ctx, after)
	}
	return m.Next(ctx, after+1)
}

func trimTooMuch(m *Memory, ctx context.Context, upTo capture.Position) error {
	return m.Trim(ctx, upTo+10)
}

func noGap(m *Memory, ctx context.Context, after capture.Position) (*capture.Tx, error) {
	m.mu.Lock()
	after = max(after, m.floor, m.base-min(m.base, 1))
	m.mu.Unlock()
	return m.Next(ctx, after)
}

func notZero(m *Memory) capture.Mark {
	mark, _ := m.Last(context.Background())
	mark.Timeline = max(mark.Timeline, 1)
	return mark
}

func sameTimeline(m *Memory, ctx context.Context, mark capture.Mark) error {
	m.mu.Lock()
	known := m.mark.Position == mark.Position
	m.mu.Unlock()
	if known {
		return nil
	}
	return m.Advance(ctx, mark)
}

func originLost(m *Memory, ctx context.Context, tx *capture.Tx) error {
	other := *tx
	other.Origin = ""
	return m.Write(ctx, &other)
}

func firstTable(m *Memory, ctx context.Context, tx *capture.Tx) error {
	var first *capture.Table
	return m.Write(ctx, mapped(tx, func(c *capture.Change) bool {
		if first == nil {
			first = c.Table
		}
		c.Table = first
		return true
	}))
}

func emptyDropped(m *Memory, ctx context.Context, tx *capture.Tx) error {
	all, err := collect(tx.Changes)
	if err != nil || len(all) == 0 {
		return err
	}
	other := *tx
	other.Changes = capturetest.Changes(all...)
	return m.Write(ctx, &other)
}

func atMost(changes int) func(*Memory, context.Context, *capture.Tx) error {
	return func(m *Memory, ctx context.Context, tx *capture.Tx) error {
		n := 0
		return m.Write(ctx, mapped(tx, func(*capture.Change) bool {
			n++
			return n <= changes
		}))
	}
}

func valuesCut(m *Memory, ctx context.Context, tx *capture.Tx) error {
	return m.Write(ctx, mapped(tx, func(c *capture.Change) bool {
		for i, v := range c.After {
			if s, _ := v.Text(); len(s) > 1<<16 {
				c.After[i] = capture.Text(s[:1<<16])
			}
		}
		return true
	}))
}

func refusesOld(m *Memory, ctx context.Context, tx *capture.Tx) error {
	m.mu.Lock()
	trimmed := tx.Position <= m.floor
	m.mu.Unlock()
	if trimmed {
		return capture.ErrDiverged
	}
	return m.Write(ctx, tx)
}

func markIsTx(m *Memory, ctx context.Context, after capture.Position) (*capture.Tx, error) {
	for ctx.Err() == nil {
		if mark, _ := m.Last(ctx); mark.Position > after {
			return &capture.Tx{Position: mark.Position, Changes: capturetest.Changes()}, nil
		}
		time.Sleep(time.Millisecond)
	}
	return nil, context.Cause(ctx)
}

func sharedRows(m *Memory, ctx context.Context, after capture.Position) (*capture.Tx, error) {
	tx, err := m.Next(ctx, after)
	if err != nil {
		return nil, err
	}
	all, err := collect(tx.Changes)
	tx.Changes = func(yield func(capture.Change, error) bool) {
		for _, c := range all {
			if !yield(c, nil) {
				return
			}
		}
	}
	return tx, err
}

func unreadableOnceTrimmed(m *Memory, ctx context.Context, after capture.Position) (*capture.Tx, error) {
	tx, err := m.Next(ctx, after)
	if err != nil {
		return nil, err
	}
	held := tx.Changes
	tx.Changes = func(yield func(capture.Change, error) bool) {
		m.mu.Lock()
		gone := tx.Position <= m.floor
		m.mu.Unlock()
		if gone {
			yield(capture.Change{}, capture.ErrGap)
			return
		}
		held(yield)
	}
	return tx, nil
}

func startsOver(m *Memory, ctx context.Context, after capture.Position) (*capture.Tx, error) {
	if mark, _ := m.Last(ctx); after > mark.Position {
		after = 0
	}
	return m.Next(ctx, after)
}

func waitsAhead(m *Memory, ctx context.Context, after capture.Position) (*capture.Tx, error) {
	mark, _ := m.Last(ctx)
	return m.Next(ctx, min(after, mark.Position))
}

// keepsHalf keeps a part of what was not synced.
func keepsHalf(m *Memory) {
	if n := len(m.txs); n > m.synced {
		torn := *m.txs[m.synced]
		all, _ := collect(torn.Changes)
		all = all[:len(all)/2]
		torn.Changes, torn.Count = capturetest.Changes(all...), int64(len(all))
		m.txs = append(m.txs[:m.synced:m.synced], &torn)
		m.durable, m.synced = m.mark, m.synced+1
	}
	m.Reopen()
}

// forgets opens empty.
func forgets(m *Memory) { *m = Memory{moved: make(chan struct{})} }
