package applytest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

func TestMemory(t *testing.T) {
	Run(t, func(_ testing.TB, tables []*capture.Table) Target { return NewMemory(tables...) })
}

// broken is a target whose appliers break the contract in one way.
type broken struct {
	*Memory
	apply func(ctx context.Context, m *Memory, a apply.Applier, batch []*capture.Tx) error
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
	return a.by.apply(ctx, a.by.Memory, a.Applier, batch)
}

// rewritten applies each transaction with other changes than it has.
func rewritten(changes func(*capture.Tx) []capture.Change) func(context.Context, *Memory, apply.Applier, []*capture.Tx) error {
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

// TestSuiteFinds runs appliers that are wrong on purpose.
func TestSuiteFinds(t *testing.T) {
	same := func(c capture.Change) []capture.Change { return []capture.Change{c} }
	for name, wrong := range map[string]struct {
		apply func(context.Context, *Memory, apply.Applier, []*capture.Tx) error
		check string
	}{
		"one target transaction a source transaction": {
			func(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
				for _, t := range batch {
					if err := a.Apply(ctx, []*capture.Tx{t}); err != nil {
						return err
					}
				}
				return nil
			}, "a batch is one transaction"},
		"decides by a read alone": {
			func(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
				if _, err := a.Checkpoint(ctx); err != nil {
					return err
				}
				return a.Apply(ctx, batch)
			}, "second applier"},
		"resumes by itself": {
			func(ctx context.Context, m *Memory, a apply.Applier, batch []*capture.Tx) error {
				m.mu.Lock()
				m.cp.Paused = false
				m.mu.Unlock()
				return a.Apply(ctx, batch)
			}, "pause"},
		"absent becomes null": {
			rewritten(mapped(func(c capture.Change) []capture.Change {
				c.After = replaced(c.After, capture.Value{}, capture.Null())
				return same(c)
			})), "absent is not written"},
		"null is left out": {
			rewritten(mapped(func(c capture.Change) []capture.Change {
				c.After = replaced(c.After, capture.Null(), capture.Value{})
				return same(c)
			})), "null is written"},
		"update is delete and insert": {
			rewritten(mapped(func(c capture.Change) []capture.Change {
				if c.Op != capture.Update {
					return same(c)
				}
				return []capture.Change{remove(c.Table, c.Before), insert(c.Table, c.After)}
			})), "update that changes nothing"},
		"table by table": {
			rewritten(func(t *capture.Tx) []capture.Change {
				all := mapped(same)(t)
				slices.SortStableFunc(all, func(a, b capture.Change) int {
					if a.Table == nil || b.Table == nil {
						return 0
					}
					return len(a.Table.Columns) - len(b.Table.Columns)
				})
				slices.Reverse(all)
				return all
			}), "order across tables"},
		"holds what it pulls":       {rewritten(mapped(same)), "huge transaction"},
		"error is the end":          {rewritten(mapped(same)), "sequence that ends with an error"},
		"skips what does not match": {skipping, "update that matches nothing"},
		"takes any source": {
			func(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
				var other []*capture.Tx
				for _, t := range batch {
					o := *t
					o.Source = source
					other = append(other, &o)
				}
				return a.Apply(ctx, other)
			}, "other source"},
		"unknown tables are left out": {
			rewritten(mapped(func(c capture.Change) []capture.Change {
				if c.Table != nil && c.Table.Name == "applytest_unknown" {
					return nil
				}
				return same(c)
			})), "unknown table"},
		"tries again without looking": {
			func(ctx context.Context, _ *Memory, a apply.Applier, batch []*capture.Tx) error {
				err := a.Apply(ctx, batch)
				if capture.Retryable(err) {
					err = a.Apply(ctx, batch)
				}
				return err
			}, "answer to the commit lost"},
	} {
		t.Run(name, func(t *testing.T) {
			found := failures(t, func(_ testing.TB, tables []*capture.Table) Target {
				return broken{NewMemory(tables...), wrong.apply}
			})
			if !slices.Contains(found, wrong.check) {
				t.Errorf("%q does not find it; what does: %q", wrong.check, found)
			}
		})
	}
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

// failures runs the suite and returns the names of the checks that fail.
func failures(t *testing.T, newTarget func(testing.TB, []*capture.Table) Target) []string {
	var names []string
	for _, c := range checks() {
		r := &recorder{TB: t}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			runCheck(r, c, newTarget)
		}()
		<-ended
		if r.failed {
			names = append(names, c.name)
		}
	}
	return names
}

// recorder is a testing.TB that keeps what it is told.
type recorder struct {
	testing.TB
	failed bool
	said   []string
}

func (r *recorder) Failed() bool              { return r.failed }
func (r *recorder) Logf(f string, a ...any)   { r.said = append(r.said, fmt.Sprintf(f, a...)) }
func (r *recorder) Error(a ...any)            { r.failed = true; r.said = append(r.said, fmt.Sprint(a...)) }
func (r *recorder) Errorf(f string, a ...any) { r.failed = true; r.Logf(f, a...) }
func (r *recorder) Fatal(a ...any)            { r.Error(a...); runtime.Goexit() }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); runtime.Goexit() }
func (r *recorder) Skip(...any)               { runtime.Goexit() }

// TestClauseIsQuoted looks at what a failing check says.
func TestClauseIsQuoted(t *testing.T) {
	r := &recorder{TB: t}
	runCheck(r, check{"x", "the clause", func(s *stage) { s.Error("no") }},
		func(_ testing.TB, tables []*capture.Table) Target { return NewMemory(tables...) })
	if want := []string{"no", "the contract says: the clause"}; !slices.Equal(r.said, want) {
		t.Errorf("it said %q, not %q", r.said, want)
	}
}
