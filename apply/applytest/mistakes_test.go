package applytest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// applying is Apply with one thing wrong, over the Memory and an Applier of it.
type applying = func(ctx context.Context, m *Memory, a apply.Applier, batch []*capture.Tx) error

// broken is a target whose appliers break the contract in one way.
type broken struct {
	*Memory
	apply      applying
	checkpoint func(cp apply.Checkpoint) apply.Checkpoint // what is read in place of cp
	begin      func(m capture.Mark) capture.Mark          // where it begins in place of m
}

func (b broken) Open(ctx context.Context) (apply.Applier, error) {
	a, err := b.Memory.Open(ctx)
	return brokenApplier{a, b}, err
}

type brokenApplier struct {
	apply.Applier
	by broken
}

func (a brokenApplier) Apply(ctx context.Context, batch []*capture.Tx) error {
	if a.by.apply == nil {
		return a.Applier.Apply(ctx, batch)
	}
	return a.by.apply(ctx, a.by.Memory, a.Applier, batch)
}

func (a brokenApplier) Checkpoint(ctx context.Context) (apply.Checkpoint, error) {
	cp, err := a.Applier.Checkpoint(ctx)
	if a.by.checkpoint != nil {
		cp = a.by.checkpoint(cp)
	}
	return cp, err
}

func (a brokenApplier) Begin(ctx context.Context, m capture.Mark) error {
	if a.by.begin != nil {
		m = a.by.begin(m)
	}
	return a.Applier.(apply.Beginner).Begin(ctx, m)
}

// rewritten applies each transaction with other changes than it has.
func rewritten(changes func(*capture.Tx) []capture.Change) applying {
	return func(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
		var other []*capture.Tx
		for _, t := range batch {
			o := tx(t.Position, changes(t)...)
			o.Source = t.Source
			other = append(other, o)
		}
		return a.Apply(ctx, other)
	}
}

// mapped rewrites each change.
func mapped(change func(capture.Change) []capture.Change) func(*capture.Tx) []capture.Change {
	return func(t *capture.Tx) []capture.Change {
		var all []capture.Change
		for c, err := range t.Changes {
			if err == nil {
				all = append(all, change(c)...)
			}
		}
		return all
	}
}

func replaced(r capture.Row, old, with capture.Value) capture.Row {
	r = slices.Clone(r)
	for i := range r {
		if r[i] == old {
			r[i] = with
		}
	}
	return r
}

// same leaves a change as it is.
func same(c capture.Change) []capture.Change { return []capture.Change{c} }

// only applies f to changes of one operation.
func only(op capture.Op, f func(c capture.Change) []capture.Change) applying {
	return rewritten(mapped(func(c capture.Change) []capture.Change {
		if c.Op != op {
			return same(c)
		}
		return f(c)
	}))
}

func none(capture.Change) []capture.Change { return nil }

func emptyIsNull(c capture.Change) []capture.Change {
	c.After = replaced(c.After, capture.Text(""), capture.Null())
	return same(c)
}

func absentIsNull(c capture.Change) []capture.Change {
	c.After = replaced(c.After, capture.Value{}, capture.Null())
	return same(c)
}

func nullIsAbsent(c capture.Change) []capture.Change {
	c.After = replaced(c.After, capture.Null(), capture.Value{})
	return same(c)
}

func absentWasNull(c capture.Change) []capture.Change {
	c.Before = replaced(c.Before, capture.Value{}, capture.Null())
	return same(c)
}

func keyStays(c capture.Change) []capture.Change {
	c.After = slices.Clone(c.After)
	c.After[0] = c.Before[0]
	return same(c)
}

func deletedAndInserted(c capture.Change) []capture.Change {
	return []capture.Change{remove(c.Table, c.Before), insert(c.Table, c.After)}
}

// rowBeforeToo makes the change of row 2 in row 1 as well.
func rowBeforeToo(c capture.Change) []capture.Change {
	if id, _ := c.Before[0].Text(); id != "2" {
		return same(c)
	}
	other := c
	other.Before, other.After = slices.Clone(c.Before), slices.Clone(c.After)
	other.Before[0], other.After[0] = capture.Text("1"), capture.Text("1")
	return []capture.Change{c, other}
}

// unknownLeftOut passes over what it does not know.
func unknownLeftOut(c capture.Change) []capture.Change {
	if c.Table != nil && c.Table.Name == "applytest_unknown" {
		return nil
	}
	return same(c)
}

func invalidLeftOut(c capture.Change) []capture.Change {
	if c.Op == 0 {
		return nil
	}
	return same(c)
}

func messageStored(c capture.Change) []capture.Change {
	return []capture.Change{insert(line(), row("1", c.Message.Prefix))}
}

func backwards(t *capture.Tx) []capture.Change {
	all := mapped(same)(t)
	slices.Reverse(all)
	return all
}

// tableByTable writes the changes of one table after those of another.
func tableByTable(t *capture.Tx) []capture.Change {
	all := mapped(same)(t)
	slices.SortStableFunc(all, func(a, b capture.Change) int {
		if a.Table == nil || b.Table == nil {
			return 0
		}
		return len(a.Table.Columns) - len(b.Table.Columns)
	})
	slices.Reverse(all)
	return all
}

func newestFirst(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
	other := slices.Clone(batch)
	slices.Reverse(other)
	return a.Apply(ctx, other)
}

func oneByOne(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
	for _, t := range batch {
		if err := a.Apply(ctx, []*capture.Tx{t}); err != nil {
			return err
		}
	}
	return nil
}

func emptyRefused(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
	if len(batch) == 0 {
		return errors.New("nothing to apply")
	}
	return a.Apply(ctx, batch)
}

// withoutEmpty does not move the checkpoint for what has no changes.
func withoutEmpty(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
	return a.Apply(ctx, slices.DeleteFunc(slices.Clone(batch), func(t *capture.Tx) bool { return t.Count == 0 }))
}

// wholeImage has an update find its row by all of the old image.
func wholeImage(ctx context.Context, m *Memory, a apply.Applier, batch []*capture.Tx) error {
	for _, t := range batch {
		for c := range t.Changes {
			if c.Op != capture.Update {
				continue
			}
			stored, _ := m.Rows(ctx, c.Table)
			if !slices.ContainsFunc(stored, func(r capture.Row) bool { return slices.Equal(r, c.Before) }) {
				return &apply.MismatchError{Table: c.Table.String(), Op: c.Op, Position: t.Position}
			}
		}
	}
	return a.Apply(ctx, batch)
}

// nullEqualsNothing compares with = as SQL does.
func nullEqualsNothing(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
	for _, t := range batch {
		for c := range t.Changes {
			if slices.Contains(c.Before, capture.Null()) {
				return &apply.MismatchError{Table: c.Table.String(), Op: c.Op, Position: t.Position}
			}
		}
	}
	return a.Apply(ctx, batch)
}

// skipping applies change by change, and drops what does not match.
func skipping(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
	err := a.Apply(ctx, batch)
	var m *apply.MismatchError
	if errors.As(err, &m) {
		return a.Apply(ctx, []*capture.Tx{tx(batch[len(batch)-1].Position)})
	}
	return err
}

// passingOver drops a transaction that is refused, whatever for.
func passingOver(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
	err := a.Apply(ctx, batch)
	if err != nil && !capture.Retryable(err) {
		return a.Apply(ctx, []*capture.Tx{tx(batch[len(batch)-1].Position)})
	}
	return err
}

func looksFirst(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
	if _, err := a.Checkpoint(ctx); err != nil {
		return err
	}
	return a.Apply(ctx, batch)
}

func takesOver(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
	err := a.Apply(ctx, batch)
	if !errors.Is(err, apply.ErrFenced) {
		return err
	}
	if _, err := a.Checkpoint(ctx); err != nil {
		return err
	}
	return a.Apply(ctx, batch)
}

func resumesItself(ctx context.Context, m *Memory, a apply.Applier, batch []*capture.Tx) error {
	m.mu.Lock()
	m.cp.Paused = false
	m.mu.Unlock()
	return a.Apply(ctx, batch)
}

// beginsPaused heeds a pause from the second transaction on.
func beginsPaused(ctx context.Context, m *Memory, a apply.Applier, batch []*capture.Tx) error {
	m.mu.Lock()
	m.cp.Paused = m.cp.Paused && m.cp.Position != 0
	m.mu.Unlock()
	return a.Apply(ctx, batch)
}

func stampsChange(ctx context.Context, m *Memory, a apply.Applier, batch []*capture.Tx) error {
	err := a.Apply(ctx, batch)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cp.ChangedAt = m.cp.ChangedAt.Add(time.Second)
	return err
}

func anySource(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
	var other []*capture.Tx
	for _, t := range batch {
		o := *t
		o.Source = source
		other = append(other, &o)
	}
	return a.Apply(ctx, other)
}

func deaf(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
	return a.Apply(context.WithoutCancel(ctx), batch)
}

func givesUp(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
	err := a.Apply(ctx, batch)
	if capture.Retryable(err) {
		return errors.New("connection lost for good")
	}
	return err
}

func triesAgain(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
	err := a.Apply(ctx, batch)
	if capture.Retryable(err) {
		err = a.Apply(ctx, batch)
	}
	return err
}
