package sqlserver

import (
	"errors"
	"fmt"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// furtherError says what is wrong with a further change of an Emulator.
type furtherError struct {
	op       capture.Op
	table    string
	collided bool
	err      error
}

// Error names the further change's table, and no value.
func (e *furtherError) Error() string {
	if e.table == "" {
		return e.err.Error()
	}
	return fmt.Sprintf("emulated %s in %s: %v", e.op, e.table, e.err)
}

// Unwrap returns what is wrong.
func (e *furtherError) Unwrap() error { return e.err }

// further writes what an Emulator returned, in its order: each to exactly one
// row. cause is what it was asked about first.
func (w *writing) further(cause *change, changes []capture.Change) error {
	for _, f := range changes {
		s, err := w.furtherStatement(cause, f)
		if err != nil {
			return furtherFails(f, err)
		}
		if s == nil {
			continue
		}
		if err := w.put(s); err != nil {
			return furtherFails(f, err)
		}
	}
	return furtherFails(capture.Change{}, w.flush())
}

// furtherFails wraps an error of a further change. The server's names what it is
// about by itself, and may be of an earlier one of the same round trip.
func furtherFails(f capture.Change, err error) error {
	if err == nil || errors.As(err, new(*furtherError)) {
		return err
	}
	out := &furtherError{op: f.Op, err: err}
	if server, ok := errors.AsType[*ServerError](err); ok {
		out.collided = server.Op == capture.Insert && (server.Number == 2601 || server.Number == 2627)
		return out
	}
	if f.Table != nil {
		out.table = f.Table.String()
	}
	return out
}

// furtherStatement returns the statement of a further change; nil where it
// changes nothing.
func (w *writing) furtherStatement(cause *change, f capture.Change) (*statement, error) {
	c, err := w.furtherChange(cause, f)
	if err != nil {
		return nil, err
	}
	s, err := c.furtherStatement()
	if s == nil || err != nil {
		return nil, err
	}
	s.change = nil // a failure is the Emulator's, and not this change's
	return s, w.leaveFurther(c)
}

// furtherChange binds a further change to its table.
func (w *writing) furtherChange(cause *change, f capture.Change) (*change, error) {
	t, err := w.tableFor(f)
	if err != nil {
		return nil, err
	}
	c := &change{op: f.Op, position: cause.position, in: f, plan: &plan{mapping: w.mappingOf(t), source: f.Table, target: t}}
	for i, column := range f.Table.Columns {
		to := t.column(column.Name)
		if to == nil {
			return nil, fmt.Errorf("it names column %q, which the table lacks", column.Name)
		}
		if c.indexOf(to) >= 0 {
			return nil, fmt.Errorf("it names column %s twice", to.name)
		}
		if column.Key {
			c.key = append(c.key, i)
		}
		c.columns = append(c.columns, planColumn{from: i, to: to})
	}
	return c, nil
}

// tableFor returns the table of a further change whose form is right.
func (w *writing) tableFor(f capture.Change) (*targetTable, error) {
	if f.Table == nil {
		return nil, errors.New("it names no table")
	}
	t, err := w.tableNamed(name{f.Table.Schema, f.Table.Name})
	if err != nil {
		return nil, err
	}
	n := len(f.Table.Columns)
	before, after := len(f.Before) == n, len(f.After) == n
	switch {
	case f.Op == capture.Insert && after:
	case f.Op == capture.Update && after && (before || f.Before == nil):
	case f.Op == capture.Delete && before:
	case f.Op == capture.Insert || f.Op == capture.Update || f.Op == capture.Delete:
		return nil, fmt.Errorf("its rows do not have a value for each of its %d columns", n)
	default:
		return nil, errors.New("it is neither insert, update nor delete")
	}
	return t, nil
}

// mappingOf returns the mapping of a target table; nil where it has none.
func (w *writing) mappingOf(t *targetTable) *mapping {
	for _, m := range w.mappings {
		if m.target == t {
			return m
		}
	}
	return nil
}

// furtherStatement returns the statement of a further change that is bound to its
// table.
func (c *change) furtherStatement() (*statement, error) {
	if c.op == capture.Insert {
		values, err := c.furtherValues(c.in.After, func(int) bool { return true })
		if err != nil {
			return nil, err
		}
		for _, v := range values {
			if v.to.generated() {
				return nil, fmt.Errorf("column %s is the target's own to fill", v.to.name)
			}
		}
		return c.insert(values, nil), nil
	}
	found, err := c.furtherKey()
	if err != nil {
		return nil, err
	}
	was, err := c.furtherWas()
	if err != nil {
		return nil, err
	}
	if was != nil {
		found = found.and(was)
	}
	s := c.delete(found)
	if c.op == capture.Update {
		set, err := c.furtherSet()
		if len(set) == 0 || err != nil {
			return nil, err
		}
		if s, err = c.update(set, found); err != nil {
			return nil, err
		}
	}
	s.missed = func(matched int64) error {
		return &furtherError{op: c.op, collided: was != nil && matched == 0,
			err: &apply.MismatchError{Table: c.target.name.String(), Op: c.op, Position: c.position, Matched: matched}}
	}
	return s, nil
}

// furtherKey returns the predicate that finds the row of a further change by its
// key.
func (c *change) furtherKey() (predicate, error) {
	if c.key == nil {
		return nil, errors.New("it marks no column as the key by which its row is found")
	}
	old := make(capture.Row, len(c.columns))
	for _, i := range c.key {
		if c.in.Before != nil {
			old[i] = c.in.Before[i]
		}
		if old[i].IsAbsent() && c.op == capture.Update {
			old[i] = c.in.After[i]
		}
		if old[i].IsAbsent() {
			return nil, fmt.Errorf("it has no value for the key column %s", c.columns[i].to.name)
		}
	}
	values, err := c.furtherValues(old, c.isKey)
	return all(values, (*builder).matches), err
}

// furtherWas returns the predicate that a row is what the Emulator says that it
// was, so that nothing is written over what another session wrote meanwhile; nil
// where it does not say.
func (c *change) furtherWas() (predicate, error) {
	if c.in.Before == nil {
		return nil, nil
	}
	values, err := c.furtherValues(c.in.Before, func(i int) bool { return !c.isKey(i) })
	return all(values, (*builder).isExactly), err
}

// furtherSet is the columns that an update sets.
func (c *change) furtherSet() ([]boundColumn, error) {
	return c.furtherValues(c.in.After, func(i int) bool {
		was := capture.Value{}
		if c.in.Before != nil {
			was = c.in.Before[i]
		}
		return was != c.in.After[i] && !(c.isKey(i) && was.IsAbsent())
	})
}

// furtherValues binds the values of some columns, where they are not absent, by
// the target's types.
func (c *change) furtherValues(row capture.Row, some func(i int) bool) ([]boundColumn, error) {
	var out []boundColumn
	for i := range c.columns {
		if row[i].IsAbsent() || !some(i) {
			continue
		}
		to := c.columns[i].to
		b, err := to.typ.bind(row[i])
		if err != nil {
			return nil, c.valueError(to, problem(err))
		}
		out = append(out, boundColumn{&c.columns[i], b})
	}
	return out, nil
}

// problem is what is wrong with a value, without the rule that would allow it in a
// mapping.
func problem(err error) string {
	if r, ok := errors.AsType[*refusal](err); ok {
		return r.problem
	}
	return err.Error()
}
