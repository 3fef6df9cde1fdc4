package queuetest

import (
	"context"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
)

// broken is Memory with one method, or how it is opened, made wrong.
type broken struct {
	*Memory
	write   func(*Memory, context.Context, *capture.Tx) error
	advance func(*Memory, context.Context, capture.Mark) error
	last    func(*Memory) capture.Mark
	next    func(*Memory, context.Context, capture.Position) (*capture.Tx, error)
	trim    func(*Memory, context.Context, capture.Position) error
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

// TestBrokenQueuesAreCaught makes sure that each check can fail: by the mistake
// that it is there for.
func TestBrokenQueuesAreCaught(t *testing.T) {
	for name, c := range map[string]struct {
		queue  broken
		caught string
	}{
		"null for absent":        {broken{write: nullForAbsent}, "Values"},
		"messages dropped":       {broken{write: dropMessages}, "Values"},
		"part of a transaction":  {broken{write: keepPart}, "BrokenSequence"},
		"visible before sync":    {broken{write: syncAtOnce}, "Waits"},
		"repeats not compared":   {broken{write: dropWithoutCompare}, "Diverged"},
		"right at the mark":      {broken{write: dropWithoutCompare}, "AtTheMark"},
		"repeats not read past":  {broken{write: repeatUnread}, "Repeat"},
		"any source":             {broken{advance: anySource}, "OtherSource"},
		"mark goes back":         {broken{advance: backwards}, "OlderMark"},
		"mark before it is safe": {broken{last: notDurable}, "MarkIsDurable"},
		"deaf to ctx":            {broken{next: deafToContext}, "ContextEnds"},
		"ranged once":            {broken{next: rangedOnce}, "RangeAgain"},
		"one skipped":            {broken{next: skipsOne}, "Together"},
		"trims too much":         {broken{trim: trimTooMuch}, "Trim"},
		"a gap unseen":           {broken{next: noGap}, "BeganLater"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.queue.Memory = NewMemory()
			opened := false
			harness := Harness{patience: 300 * time.Millisecond, Open: func(testing.TB) queue.Queue {
				if opened {
					c.queue.Reopen()
				}
				opened = true
				return c.queue
			}}
			if err := find(t, c.caught).against(t, harness); err == nil {
				t.Errorf("%s did not catch it", c.caught)
			} else {
				t.Log(err)
			}
		})
	}
	t.Run("forgets", func(t *testing.T) {
		harness := Harness{Open: func(testing.TB) queue.Queue { return NewMemory() }}
		if err := find(t, "Reopen").against(t, harness); err == nil {
			t.Error("Reopen did not catch it")
		}
	})
}

func find(t *testing.T, name string) check {
	for _, c := range checks {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("there is no check %s", name)
	return check{}
}
