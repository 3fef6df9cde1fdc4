package resolvetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// rules are a Resolver that is one function.
type rules func(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error)

func (f rules) Resolve(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
	return f(ctx, conflicts)
}

// each answers each conflict by f.
func each(f func(i int, c *resolve.Conflict) resolve.Resolution) rules {
	return func(_ context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
		out := make([]resolve.Resolution, len(conflicts))
		for i, c := range conflicts {
			out[i] = f(i, c)
		}
		return out, nil
	}
}

var park = resolve.Resolution{Action: resolve.Park}

// TestBrokenRulesAreCaught makes sure that each check can fail: by the mistake
// that it is there for.
func TestBrokenRulesAreCaught(t *testing.T) {
	var starts, asked atomic.Int64
	reasoned := func(n int64) resolve.Resolution {
		return resolve.Resolution{Action: resolve.Park, Reason: fmt.Sprint(n)}
	}
	for name, broken := range map[string]struct {
		start  func() resolve.Resolver
		caught string
	}{
		"takes what is refused": {always(each(func(int, *resolve.Conflict) resolve.Resolution {
			return resolve.Resolution{Action: resolve.TakeSource}
		})), "EveryKind"},
		"fails": {always(rules(func(context.Context, []*resolve.Conflict) ([]resolve.Resolution, error) {
			return nil, errors.New("I will not")
		})), "EveryKind"},
		"panics at null": {always(each(func(_ int, c *resolve.Conflict) resolve.Resolution {
			if text, ok := c.Incoming[2].Text(); !ok || text == "" {
				panic("no note")
			}
			return park
		})), "StrangeValues"},
		"answers nobody": {always(rules(func(_ context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
			return make([]resolve.Resolution, max(1, len(conflicts))), nil
		})), "Nothing"},
		"counts": {always(each(func(int, *resolve.Conflict) resolve.Resolution { return reasoned(asked.Add(1)) })), "Again"},
		"counts its starts": {func() resolve.Resolver {
			n := starts.Add(1)
			return each(func(int, *resolve.Conflict) resolve.Resolution { return reasoned(n) })
		}, "Anew"},
		"looks at its neighbours": {always(rules(func(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
			return each(func(int, *resolve.Conflict) resolve.Resolution { return reasoned(int64(len(conflicts))) })(ctx, conflicts)
		})), "Alone"},
		"in another order": {always(rules(func(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
			sorted := slices.SortedFunc(slices.Values(conflicts), func(a, b *resolve.Conflict) int { return int(a.Position) - int(b.Position) })
			return each(func(_ int, c *resolve.Conflict) resolve.Resolution { return reasoned(int64(c.Kind)) })(ctx, sorted)
		})), "Reversed"},
		"writes into the conflict": {always(each(func(_ int, c *resolve.Conflict) resolve.Resolution {
			if c.Incoming != nil {
				c.Incoming[1] = capture.Null()
			}
			return park
		})), "Unchanged"},
		"tells a value": {always(each(func(_ int, c *resolve.Conflict) resolve.Resolution {
			if c.Current == nil {
				return park
			}
			note, _ := c.Current[2].Text()
			return resolve.Resolution{Action: resolve.Park, Reason: "someone wrote " + note}
		})), "NoValues"},
		"hangs": {always(rules(func(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
			if ctx.Err() != nil {
				select {}
			}
			return resolve.Parked("").Resolve(ctx, conflicts)
		})), "EndedContext"},
	} {
		t.Run(name, func(t *testing.T) {
			i := slices.IndexFunc(checks, func(c check) bool { return c.name == broken.caught })
			s := &stage{ctx: t.Context(), rules: broken.start(), anew: broken.start, patience: 50 * time.Millisecond}
			err := checks[i].run(s)
			if err == nil {
				t.Fatalf("%s did not catch it", broken.caught)
			}
			t.Log(err)
		})
	}
}

func always(r resolve.Resolver) func() resolve.Resolver { return func() resolve.Resolver { return r } }

// lossy is a carrier to a Probe that harms what it carries.
type lossy struct {
	there  func([]*resolve.Conflict) []*resolve.Conflict
	back   func([]resolve.Resolution, error) ([]resolve.Resolution, error)
	deaf   bool // to the context
	pieces bool // one call for each conflict
	tries  bool // takes a panic for something that passes

	changes func([]capture.Change) []capture.Change
	failed  func(error) error
	target  func(resolve.Target) resolve.Target
}

func (l lossy) Resolve(ctx context.Context, conflicts []*resolve.Conflict) (_ []resolve.Resolution, failed error) {
	if l.tries {
		defer func() {
			if v := recover(); v != nil {
				failed = retryableError{fmt.Errorf("panic: %v", v)}
			}
		}()
	}
	if l.there != nil {
		conflicts = l.there(clones(conflicts))
	}
	if l.deaf {
		ctx = context.WithoutCancel(ctx)
	}
	var answers []resolve.Resolution
	var err error
	if l.pieces {
		answers, err = resolve.Func(func(ctx context.Context, c *resolve.Conflict) (resolve.Resolution, error) {
			one, err := Probe{}.Resolve(ctx, []*resolve.Conflict{c})
			if len(one) == 0 {
				return resolve.Resolution{}, err
			}
			return one[0], err
		}).Resolve(ctx, conflicts)
	} else {
		answers, err = Probe{}.Resolve(ctx, conflicts)
	}
	if l.back != nil {
		return l.back(answers, err)
	}
	return answers, err
}

func (l lossy) Emulate(ctx context.Context, changes []capture.Change, target resolve.Target) ([]capture.Change, error) {
	if l.changes != nil {
		changes = l.changes(slices.Clone(changes))
	}
	if l.target != nil {
		target = l.target(target)
	}
	further, err := Probe{}.Emulate(ctx, changes, target)
	if err != nil && l.failed != nil {
		err = l.failed(err)
	}
	return further, err
}

// wrongTarget answers in another way.
type wrongTarget struct{ resolve.Target }

func (w wrongTarget) Rows(ctx context.Context, q resolve.Query) (resolve.Result, error) {
	q.Limit = 0
	return w.Target.Rows(ctx, q)
}

func (w wrongTarget) Next(ctx context.Context, allocator string) (int64, error) {
	n, err := w.Target.Next(ctx, allocator)
	return int64(float64(n)), err
}

func (w wrongTarget) Call(ctx context.Context, procedure string, args []resolve.Argument) (resolve.Result, error) {
	return w.Target.Call(ctx, procedure, slices.DeleteFunc(slices.Clone(args), func(a resolve.Argument) bool { return a.Value.IsNull() }))
}

// TestBrokenCarriersAreCaught makes sure that each check of a carrier can fail.
func TestBrokenCarriersAreCaught(t *testing.T) {
	nulls := func(r capture.Row) {
		for i := range r {
			if r[i].IsAbsent() {
				r[i] = capture.Null()
			}
		}
	}
	plain := func(err error) error { return errors.New(err.Error()) }
	both := func(f func(error) error) func([]resolve.Resolution, error) ([]resolve.Resolution, error) {
		return func(a []resolve.Resolution, err error) ([]resolve.Resolution, error) {
			if err != nil {
				return nil, f(err)
			}
			return a, nil
		}
	}
	for name, broken := range map[string]struct {
		carrier lossy
		caught  string
	}{
		"null for absent": {lossy{there: func(conflicts []*resolve.Conflict) []*resolve.Conflict {
			for _, c := range conflicts {
				nulls(c.Base)
			}
			return conflicts
		}}, "Conflicts"},
		"loses what differs": {lossy{there: func(conflicts []*resolve.Conflict) []*resolve.Conflict {
			for _, c := range conflicts {
				c.Differs = nil
			}
			return conflicts
		}}, "Conflicts"},
		"no row on the way back": {lossy{back: func(a []resolve.Resolution, err error) ([]resolve.Resolution, error) {
			for i := range a {
				a[i].Row = nil
			}
			return a, err
		}}, "Conflicts"},
		"one at a time":       {lossy{pieces: true}, "LargeBatch"},
		"swallows an error":   {lossy{back: both(func(error) error { return nil })}, "Error"},
		"everything may pass": {lossy{back: both(func(err error) error { return retryableError{err} })}, "Error"},
		"nothing may pass":    {lossy{back: both(plain)}, "RetryableError"},
		"a panic may pass":    {lossy{tries: true}, "Panic"},
		"pads what is short": {lossy{back: func(a []resolve.Resolution, err error) ([]resolve.Resolution, error) {
			return append(a, park), err
		}}, "ShortAnswer"},
		"deaf": {lossy{deaf: true}, "ContextEnds"},
		"no changes": {lossy{changes: func(c []capture.Change) []capture.Change {
			for i := range c {
				c[i].Before = nil
			}
			return c
		}}, "Changes"},
		"an emulator's error is final":      {lossy{failed: plain}, "EmulatorFails"},
		"an emulator's error may pass":      {lossy{failed: func(err error) error { return retryableError{err} }}, "EmulatorFails"},
		"another limit":                     {lossy{target: func(t resolve.Target) resolve.Target { return wrongTarget{t} }}, "TargetRows"},
		"numbers as floats":                 {lossy{target: func(t resolve.Target) resolve.Target { return wrongTarget{t} }}, "TargetNext"},
		"arguments without nulls":           {lossy{target: func(t resolve.Target) resolve.Target { return wrongTarget{t} }}, "TargetCall"},
		"the target's error is another one": {lossy{failed: func(err error) error { return retryableError{plain(err)} }}, "TargetRefuses"},
	} {
		t.Run(name, func(t *testing.T) {
			i := slices.IndexFunc(carrierChecks, func(c carrierCheck) bool { return c.name == broken.caught })
			s := &carrier{ctx: t.Context(), resolver: broken.carrier, emulator: broken.carrier, patience: 200 * time.Millisecond}
			err := carrierChecks[i].run(s)
			if err == nil {
				t.Fatalf("%s did not catch it", broken.caught)
			}
			t.Logf("%.300v", err)
		})
	}
}
