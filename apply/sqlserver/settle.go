package sqlserver

import (
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// settle finds out why a change did not touch its one row, and does about it
// what is decided. matched is how many rows it touched; where that is not none,
// something is written already, and the transaction cannot go on.
func (w *writing) settle(c *change, matched int64) error {
	if matched > 0 {
		return &apply.MismatchError{Table: c.target.name.String(), Op: c.op, Position: c.position, Matched: matched}
	}
	e, err := w.look(c)
	if err != nil {
		return err
	}
	kind, differs := e.kind()
	if locked, err := w.isLocked(e, kind); err != nil {
		return err
	} else if locked && (kind != 0 || !e.isDone()) {
		return w.decide(e, e.locked(), nil)
	}
	if c.op == capture.Insert && e.matched == 0 {
		return w.raced(c) // what was in its way is gone
	}
	if kind == 0 {
		return w.carryOut(e, e.asked())
	}
	return w.decide(e, e.conflict(kind, differs), w.mismatch(e))
}

// mismatch is the error of a change that did not find its one row, nil where it
// did.
func (w *writing) mismatch(e *encounter) error {
	if e.op == capture.Insert || e.matched == 1 {
		return nil
	}
	return &apply.MismatchError{Table: e.target.name.String(), Op: e.op, Position: e.position, Matched: e.matched}
}

// look reads the target's row, and locks it. A row that has no key was looked
// for by all of it, and there is nothing to read.
func (w *writing) look(c *change) (*encounter, error) {
	e := &encounter{change: c, base: c.imageOf(c.in.Before), incoming: c.imageOf(c.in.After)}
	if c.key == nil {
		return e, nil
	}
	where, err := c.where(c.old())
	if _, unfit := errors.AsType[*unfitError](err); unfit {
		return e, nil // there can be no row with a key that does not fit
	}
	if err != nil {
		return nil, err
	}
	rows, changed, err := w.recall(c, where)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 && e.movesKey() {
		return e, w.lookAhead(e)
	}
	if e.matched = int64(len(rows)); len(rows) == 1 {
		e.current, e.changed = rows[0], changed
	}
	return e, nil
}

// lookAhead reads the row that has the new key already, where the one with the old
// key is missing: the target's users may have moved it, too.
func (w *writing) lookAhead(e *encounter) error {
	where, err := e.where(e.in.After)
	if _, unfit := errors.AsType[*unfitError](err); unfit {
		return nil
	}
	if err != nil {
		return err
	}
	rows, err := w.read(e.change, where)
	if e.matched = int64(len(rows)); len(rows) == 1 {
		e.current, e.ahead = rows[0], true
	}
	return err
}

// movesKey reports whether a change gives its row another key.
func (e *encounter) movesKey() bool {
	return e.op == capture.Update && e.base != nil && slices.ContainsFunc(e.key, func(i int) bool { return !e.incoming[i].isKnownAs(e.base.at(i)) })
}

// old is the row by whose key a change is found.
func (c *change) old() capture.Row {
	if c.op == capture.Insert || c.in.Before == nil {
		return c.in.After // the key did not change, and nothing else is known
	}
	return c.in.Before
}

// decide asks the table's rule about a conflict and carries out what it says.
// cause is why the change failed, where that is an error of its own.
func (w *writing) decide(e *encounter, conflict *resolve.Conflict, cause error) error {
	w.deciding = e.index
	answer, err := w.resolve(e.mapping, conflict)
	if err != nil {
		return err
	}
	row := e.asked()
	switch answer.Action {
	case resolve.TakeSource:
	case resolve.TakeTarget:
		row = e.current
	case resolve.TakeRow:
		if row, err = e.imageFrom(answer.Row, conflict.Kind); err != nil {
			return err
		}
	case resolve.Park:
		return &parkError{e, conflict, answer}
	case resolve.Halt, resolve.Pass:
		if w.releasing {
			return &parkError{e, conflict, answer} // it is parked already: the pipeline need not stop for it
		}
		return e.halts(conflict, answer, cause)
	}
	if answer.Action != resolve.TakeTarget {
		if err := w.carryOut(e, row); err != nil {
			return err
		}
	}
	return w.record(e, conflict, answer, e.result(row), nil)
}

// resolve asks the table's rule, or the person who decides instead of it. A rule
// that fails stops the pipeline, or parks its conflict.
func (w *writing) resolve(m *mapping, conflict *resolve.Conflict) (resolve.Resolution, error) {
	rule := w.rule
	if rule == nil {
		rule = m.config.Conflict
	}
	if rule == nil {
		return resolve.Resolution{}, nil
	}
	answers, err := resolve.Ask(w.ctx, rule, []*resolve.Conflict{conflict})
	switch {
	case err == nil:
		return answers[0], nil
	case capture.Retryable(err) || w.ctx.Err() != nil || !m.config.ParkFailures || w.rule != nil:
		return resolve.Resolution{}, fmt.Errorf("transaction %s: %w", conflict.Position, err)
	default:
		w.log.Warn("a rule failed, and its conflict is parked", "pos", conflict.Position.String(), "table", conflict.Table.String(), "err", err)
		return resolve.Resolution{Action: resolve.Park, Reason: "the rule failed"}, nil
	}
}

// halts is the error with which a conflict stops the pipeline.
func (e *encounter) halts(c *resolve.Conflict, answer resolve.Resolution, cause error) error {
	out := &resolve.ConflictError{
		Kind: c.Kind, Op: c.Op, Table: c.Table.String(), Position: c.Position, Constraint: c.Constraint,
		Rule: c.Rule, Reason: answer.Reason, Err: cause,
	}
	for _, i := range c.Differs {
		out.Columns = append(out.Columns, c.Table.Columns[i].Name)
	}
	return out
}

// carryOut makes the target's row be the given one; where that is no row, it is
// deleted. What is not known in it is left as it is. The row is as it was read:
// one that someone changes meanwhile is looked at again, from the beginning.
func (w *writing) carryOut(e *encounter, row rowImage) error {
	s, err := e.towards(row)
	if s == nil || err != nil {
		return err
	}
	s.missed = func(int64) error { return w.raced(e.change) }
	e.effect = e.effectOf(row)
	return (&batch{statements: []*statement{s}}).perform(w.ctx, w.tx)
}

// towards returns the statement that makes the target's row be the given one,
// nil where it is.
func (e *encounter) towards(row rowImage) (*statement, error) {
	switch {
	case e.current == nil && row == nil:
		return nil, nil
	case e.current == nil:
		return e.insertImage(row)
	}
	found, err := e.where(e.finds())
	if err != nil {
		return nil, err
	}
	if row == nil {
		return e.delete(e.asRead(found, func(int) bool { return true }).and(e.unlocked(nil))), nil
	}
	changes := func(i int) bool { return row[i].known && !row[i].isKnownAs(e.current[i]) }
	var set []boundColumn
	for _, i := range e.columnsWhere(changes) {
		set = append(set, boundColumn{&e.columns[i], row[i].bound})
	}
	if len(set) == 0 {
		return nil, nil
	}
	return e.update(set, e.asRead(found, changes).and(e.unlocked(set)))
}

func (e *encounter) insertImage(row rowImage) (*statement, error) {
	if !row.isWhole() {
		return nil, fmt.Errorf("the row of %s at %s is missing in the target, and not all of it is known", e.source, e.position)
	}
	values := make([]boundColumn, len(row))
	var key []boundColumn
	for i := range row {
		values[i] = boundColumn{&e.columns[i], row[i].bound}
		if e.isKey(i) {
			key = append(key, values[i])
		}
	}
	return e.insert(values, e.absent(all(key, (*builder).matches)).and(e.unlockedNew(values))), nil
}

// asRead narrows a predicate down to a row whose columns still are as they were
// read. Those of xml are left out: what the server prints is not what it holds.
// So are those that were read as something else than they are.
func (e *encounter) asRead(found predicate, columns func(i int) bool) predicate {
	var values []boundColumn
	for _, i := range e.columnsWhere(columns) {
		if e.current[i].known && e.columns[i].to.typ.class() != classXML {
			values = append(values, boundColumn{&e.columns[i], e.current[i].bound})
		}
	}
	if same := all(values, (*builder).isExactly); same != nil {
		return found.and(same)
	}
	return found
}

// imageFrom reads a row that a rule returned for a conflict of that kind.
func (e *encounter) imageFrom(row capture.Row, kind resolve.Kind) (rowImage, error) {
	out := make(rowImage, len(row))
	for i, v := range row {
		if v.IsAbsent() {
			continue
		}
		b, err := e.columns[i].to.typ.bind(v)
		if err != nil {
			return nil, &resolve.NonsenseError{Rule: e.mapping.rule(), Table: e.target.name.String(), Kind: kind,
				Err: fmt.Errorf("its value for column %s does not fit %s: %w", e.columns[i].to.name, e.columns[i].to.typ, err)}
		}
		out[i] = imageValue{known: true, bound: b}
	}
	return out, nil
}

// bind binds a value that is in the target's terms.
func (t sqlType) bind(v capture.Value) (bound, error) {
	text, ok := v.Text()
	switch {
	case !ok:
		return bound{null: true}, nil
	case t.class() == classFloat:
		f, err := strconv.ParseFloat(text, t.floatBits())
		if err != nil {
			return bound{}, refuse("the text is not a number", "")
		}
		return bindFloat(f, t.floatBits()), nil
	default:
		return literal(t, text)
	}
}

// racedError says that a row changed between two looks at it, by a session that
// our lock did not keep out.
type racedError struct {
	change *change
	last   bool // it happened too often to be another session's doing
}

// raced is the error of a change whose row was not as it had just been read.
func (w *writing) raced(c *change) error {
	return &racedError{c, w.refusals.races[c.id()] >= mostRaces}
}

// mostRaces is how often a change is tried again before it is taken for one that
// the target does not take, although it says nothing.
const mostRaces = 4

func (e *racedError) Error() string {
	if e.last {
		return fmt.Sprintf("%s of %s at %s writes nothing, and the target gives no error for it; see whether a unique index there has IGNORE_DUP_KEY, or a trigger that writes instead", e.change.op, e.change.target.name, e.change.position)
	}
	return fmt.Sprintf("a row of %s was changed by another session while it was being looked at", e.change.target.name)
}

// Retryable is true as long as the next look may see what the row has become.
func (e *racedError) Retryable() bool { return !e.last }
