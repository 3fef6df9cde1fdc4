package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// effect is what a change came to in the target. Images that are nil are as the
// source has them.
type effect struct {
	op            capture.Op
	before, after rowImage
}

// effectOf is the effect of making the target's row be the given one.
func (e *encounter) effectOf(row rowImage) *effect {
	switch {
	case e.current == nil:
		return &effect{op: capture.Insert, after: row}
	case row == nil:
		return &effect{op: capture.Delete, before: e.current}
	default:
		return &effect{op: capture.Update, before: e.current, after: e.result(row)}
	}
}

// The bounds of what an Emulator is asked about at once.
const (
	emulatedAtOnce = 500
	emulatedBytes  = 1 << 20
)

// emulating is the changes of one transaction of the source, in its order, about
// which no Emulator was asked yet.
//
// It is asked when the transaction is over, and not at each change: a call may go
// to another process, and there is one for a transaction of any usual size. So it
// sees the target with the whole transaction, where a trigger sees its own
// statement. A large transaction is cut after so many changes, the same each time
// that it is tried.
type emulating struct {
	changes []*change
	bytes   int64
}

func (g *emulating) add(c *change) {
	g.changes = append(g.changes, c)
	for _, row := range []capture.Row{c.in.Before, c.in.After} {
		for _, v := range row {
			text, _ := v.Text()
			g.bytes += int64(len(text)) + 16
		}
	}
}

func (g *emulating) full() bool {
	return len(g.changes) >= emulatedAtOnce || g.bytes >= emulatedBytes
}

// changeEmulated writes a change about which an Emulator will be asked.
func (w *writing) changeEmulated(c *change) error {
	w.emulating.add(c)
	if err := w.tried(c); err != nil {
		return err
	}
	if w.emulating.full() || w.refusals.singly {
		return w.emulate()
	}
	return nil
}

// emulate asks the Emulators about what was written, and writes what they return.
func (w *writing) emulate() error {
	changes := w.emulating.changes
	w.emulating = emulating{}
	if len(changes) == 0 {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	changes = slices.DeleteFunc(changes, func(c *change) bool { return c.effect == nil })
	for len(changes) > 0 {
		emulator := changes[0].mapping.config.Emulator
		var asked, rest []*change
		for i, c := range changes {
			if i == 0 || sameEmulator(c.mapping.config.Emulator, emulator) {
				asked = append(asked, c)
			} else {
				rest = append(rest, c)
			}
		}
		if err := w.emulateBy(emulator, asked); err != nil {
			return err
		}
		changes = rest
	}
	return nil
}

// emulateBy asks one Emulator about changes.
func (w *writing) emulateBy(emulator resolve.Emulator, changes []*change) error {
	in := make([]capture.Change, len(changes))
	for i, c := range changes {
		in[i] = c.written()
	}
	target := &openTarget{writing: w}
	further, err := askEmulator(w.ctx, emulator, in, target)
	target.over = true
	if target.failed != nil {
		err = target.failed // the transaction is doomed, whatever was made of it
	}
	if err == nil {
		err = w.mayBeWritten(changes[0], further)
	}
	if err == nil {
		err = w.isHonoured(changes, further)
	}
	if err == nil {
		err = w.further(changes[0], further)
	}
	return w.emulationFails(changes, err)
}

// askEmulator turns a panic into an error. What was panicked with may hold
// values, and is left out.
func askEmulator(ctx context.Context, e resolve.Emulator, changes []capture.Change, target resolve.Target) (further []capture.Change, err error) {
	defer func() {
		if v := recover(); v != nil {
			further, err = nil, fmt.Errorf("the emulator panicked with a %T", v)
		}
	}()
	return e.Emulate(ctx, changes, target)
}

// written is a change as the target has it.
func (c *change) written() capture.Change {
	out := capture.Change{Op: c.effect.op, Table: c.emulatedShape()}
	before, after := c.effect.before, c.effect.after
	if before == nil && after == nil {
		before, after = c.imageOf(c.in.Before), c.imageOf(c.in.After)
		if c.found != nil {
			before = c.found
		}
	}
	if out.Op != capture.Insert {
		out.Before = c.withFixed(before, nil)
	}
	if out.Op == capture.Delete {
		return out
	}
	after = slices.Clone(after)
	for i := range after {
		if !after[i].known && out.Op == capture.Update {
			after[i] = before.at(i) // it was not sent, since it did not change
		}
	}
	fixed := c.fixed
	if out.Op == capture.Update {
		fixed = nil
	}
	out.After = c.withFixed(after, fixed)
	return out
}

// withFixed returns a row of emulatedShape: behind the planned columns are those
// that only an insert sets.
func (c *change) withFixed(im rowImage, fixed []fixedColumn) capture.Row {
	if im == nil {
		return nil
	}
	out := im.row()
	for i := range c.fixed {
		v := capture.Value{}
		if fixed != nil {
			v = rowImage{{known: true, bound: c.fixed[i].bound}}.row()[0]
		}
		out = append(out, v)
	}
	return out
}

// emulatedShape is the target's table as an Emulator is told of it: what is
// written to it.
func (p *plan) emulatedShape() *capture.Table {
	if p.emulated == nil {
		t := *p.targetShape()
		t.Columns = slices.Clone(t.Columns)
		for _, f := range p.fixed {
			t.Columns = append(t.Columns, capture.Column{Name: f.to.name, Base: f.to.typ.String(), Modifier: -1})
		}
		p.emulated = &t
	}
	return p.emulated
}

// emulationError says that what a change's triggers would have done was not done.
type emulationError struct {
	change   *change // nil where it is one of several
	table    string
	position capture.Position
	collided bool // another session was faster; what it did is seen by the next attempt
	err      error
}

// Error names the change, as far as it is known.
func (e *emulationError) Error() string {
	return fmt.Sprintf("what the triggers of %s would have done at %s is not done: %v", e.table, e.position, e.err)
}

// Unwrap returns why.
func (e *emulationError) Unwrap() error { return e.err }

// emulationFails says of what an error of an Emulator, or of writing what it
// returned, is.
func (w *writing) emulationFails(changes []*change, err error) error {
	if err == nil || w.ctx.Err() != nil || errors.As(err, new(*trialError)) || errors.As(err, new(*doubledError)) || errors.As(err, new(*waitError)) {
		return err
	}
	c := changes[0]
	if capture.Retryable(err) {
		return fmt.Errorf("transaction %s: emulate the triggers of %s: %w", c.position, c.target.name, err)
	}
	out := &emulationError{table: c.target.name.String(), position: c.position, err: err}
	if further, ok := errors.AsType[*furtherError](err); ok {
		out.collided = further.collided
	}
	if len(changes) == 1 {
		out.change = c
	}
	return out
}

// mostCollisions is how often a batch is written again at once because another
// session took what an Emulator had read.
const mostCollisions = 3

// learnEmulation takes in that an Emulator failed: which change it was about is
// found out by asking about one at a time, and then the rule is asked.
func (r *refusals) learnEmulation(e *emulationError) bool {
	switch {
	case e.collided && r.collisions < mostCollisions:
		r.collisions++
		return true
	case e.change == nil:
		r.singly = true
		return true
	case e.change.mapping.config.Conflict == nil || r.known[e.change.id()] != nil:
		return false
	}
	if r.known == nil {
		r.known = make(map[changeID]*refused)
	}
	r.known[e.change.id()] = &refused{kind: resolve.TriggerFailed, cause: e}
	r.singly = false
	return true
}
