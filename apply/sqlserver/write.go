package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// writing is one transaction of the target as it is written: changes go in one
// at a time, statements go out in batches.
type writing struct {
	*Applier
	ctx        context.Context
	tx         *sql.Tx
	batch      batch
	truncates  []*change // those in a row, not yet ordered
	refusals   *refusals // what earlier attempts found out
	parked     int       // how many transactions of the source are parked
	counted    bool      // parked was read while the checkpoint was locked
	parkedKeys parkedKeys
	holder     capture.Position // the first parked transaction of those that askHeld met last
	released   capture.Position // the parked transaction that is written, if one is: it waits behind earlier ones
	rule       resolve.Resolver // decides in place of every table's own; nil leaves it to them
	by         string           // the person who does; empty where there is none
	releasing  bool             // what is written was parked, and goes on waiting where its rule halts
	recorded   int              // how many conflicts went into the ledger
	deciding   int64            // the index of the change that the rule is asked about
	emulating  emulating        // changes about which an Emulator is to be asked
	left       leftRows         // rows that are to be remembered
	triggers   map[int64]string // see triggersOf
}

// write writes every change of every transaction, and then the checkpoint, which
// it holds from the beginning.
func (w *writing) write(batch []*capture.Tx) error {
	if err := w.put(w.holdCheckpoint()); err != nil {
		return err
	}
	if err := w.askAhead(batch); err != nil {
		return err
	}
	for _, t := range batch {
		if err := w.transaction(t); err != nil {
			return err
		}
	}
	if err := w.rememberLeft(); err != nil {
		return err
	}
	if err := w.put(w.moveCheckpoint(batch[len(batch)-1])); err != nil {
		return err
	}
	return w.flush()
}

// transaction writes one transaction of the source, or parks it where it touches
// what a parked one holds, or where that was decided. What an earlier attempt has
// decided about it does not count where it waits: one before it may be parked only
// since, and must come first.
func (w *writing) transaction(t *capture.Tx) error {
	behind, err := w.behind(t)
	if err == nil && !behind {
		behind, err = w.isHeld(w.refusals.waits[t.Position])
	}
	if err != nil {
		return err
	}
	if behind {
		return w.park(t, nil)
	}
	if p := w.refusals.park[t.Position]; p != nil {
		return w.park(t, p)
	}
	return w.changes(t)
}

// changes writes the changes of one transaction of the source.
func (w *writing) changes(t *capture.Tx) error {
	index := int64(0)
	for in, err := range t.Changes {
		if err != nil {
			return err
		}
		if in.Op == capture.Message {
			continue // an intent for someone else: nothing here acts on one
		}
		if err := w.change(&change{op: in.Op, position: t.Position, in: in, tx: t, index: index}); err != nil {
			return err
		}
		index++
	}
	if err := w.putTruncates(); err != nil {
		return err
	}
	return w.emulate()
}

// change writes one change.
func (w *writing) change(c *change) error {
	in := c.in
	if in.Table == nil {
		return fmt.Errorf("a change at %s has the operation %q and no table", c.position, in.Op)
	}
	err := w.bindPlan(c)
	if err != nil {
		return err
	}
	if in.Op == capture.Truncate {
		return w.truncate(c)
	}
	if err := w.putTruncates(); err != nil {
		return err
	}
	if c.mapping.emulates() {
		return w.changeEmulated(c)
	}
	return w.changeOrAsk(c)
}

// changeOrAsk writes a change of a row, or asks the rule about one of which it is
// known that the target refuses it.
func (w *writing) changeOrAsk(c *change) (err error) {
	if r := w.refusals.of(c); r != nil {
		err = w.refused(c, r)
	} else {
		err = w.changeRow(c)
	}
	if unfit, ok := errors.AsType[*unfitError](err); ok {
		err = w.refused(c, &refused{unfit.kind, []int{unfit.column}, "", unfit.ValueError})
	}
	if err != nil {
		return err
	}
	return w.leave(c)
}

// bindPlan gives a change the plan for its table, as it was at that change.
func (w *writing) bindPlan(c *change) (err error) {
	t := c.in.Table
	m := w.mappings[name{t.Schema, t.Name}]
	if m == nil {
		return fmt.Errorf("transaction %s changes %s, which is not among the configured tables; add it, or take it out of the publication", c.position, t)
	}
	if c.plan, err = m.planFor(t, planOptions{zone: w.cfg.Zone}); err != nil {
		return fmt.Errorf("transaction %s: %w", c.position, err)
	}
	return nil
}

func (w *writing) changeRow(c *change) error {
	switch c.op {
	case capture.Insert:
		return w.insert(c)
	case capture.Update:
		return w.update(c)
	case capture.Delete:
		return w.delete(c)
	default:
		return fmt.Errorf("a change of %s at %s has the operation %q", c.in.Table, c.position, c.op)
	}
}

// guarded puts a statement in the batch that writes nothing where the row is not
// as it should be. Then it is settled.
func (w *writing) guarded(s *statement) error {
	if s.change.mapping.emulates() {
		s.change.effect = &effect{op: s.op}
	}
	s.missed = func(matched int64) error {
		s.change.effect = nil
		return w.settle(s.change, matched)
	}
	return w.put(s)
}

// insert writes a row, unless there is one with its key.
func (w *writing) insert(c *change) error {
	values, err := c.present(c.in.After)
	if err != nil {
		return err
	}
	var taken predicate
	if c.key != nil {
		if taken, err = c.where(c.in.After); err != nil {
			return err
		}
	}
	return w.guarded(c.insert(values, c.absent(taken).and(c.unlockedNew(values))))
}

// delete deletes the row, if it is as it was in the source.
func (w *writing) delete(c *change) error {
	where, err := c.where(c.in.Before)
	if err != nil {
		return err
	}
	if c.key == nil {
		return w.guarded(c.delete(where.and(c.unlocked(nil)))) // all of it is in where
	}
	if c.remember != nil {
		return w.suspect(c)
	}
	where = c.alone(where).and(c.unlocked(nil))
	base := c.imageOf(c.in.Before)
	var held []boundColumn
	for i, v := range base {
		switch {
		case v.known && !c.isKey(i):
			held = append(held, boundColumn{&c.columns[i], v.bound})
		case !v.known && !c.in.Before[c.columns[i].from].IsAbsent():
			return w.suspect(c) // the target cannot hold what the source had
		}
	}
	if same := all(held, (*builder).isExactly); same != nil {
		where = where.and(same)
	}
	return w.guarded(c.delete(where))
}

// suspect settles a change without trying it: it is known not to fit, or whether
// it does is not to be known from the source.
func (w *writing) suspect(c *change) error {
	if err := w.flush(); err != nil {
		return err
	}
	return w.settle(c, 0)
}

// update sets the columns that differ in the target's own terms, if they are
// still as they were in the source, and is no statement at all where none does.
func (w *writing) update(c *change) error {
	where, err := c.where(c.old())
	if err != nil {
		return err
	}
	d, err := c.diff()
	if err != nil {
		return err
	}
	if d.suspect || c.remember != nil {
		return w.suspect(c)
	}
	if len(d.unknown) > 0 {
		differing, found, err := w.compare(c, where, d.unknown)
		if err != nil {
			return err
		}
		if !found {
			return w.settle(c, 0)
		}
		d.set = append(d.set, differing...)
	}
	if len(d.set) == 0 {
		return nil
	}
	where = c.alone(where).and(c.unlocked(d.set))
	if same := all(d.was, (*builder).isExactly); same != nil {
		where = where.and(same)
	}
	s, err := c.update(d.set, where)
	if err != nil {
		return err
	}
	return w.guarded(s)
}

// diff is what an update changes, in the target's own terms.
type diff struct {
	set     []boundColumn // what changes
	was     []boundColumn // what these were, key columns aside
	unknown []boundColumn // what may have changed: the source did not say what it was
	suspect bool          // the target cannot hold what one of these was
}

func (c *change) diff() (d diff, err error) {
	for i := range c.columns {
		column := &c.columns[i]
		after := c.in.After[column.from]
		before := capture.Value{}
		if c.in.Before != nil || c.isKey(i) {
			before = c.old()[column.from]
		}
		same, err := column.codec.same(before, after)
		if err != nil {
			return d, c.unfit(column.to, err)
		}
		if same {
			continue
		}
		b, err := c.bind(column, after)
		if err != nil {
			return d, err
		}
		if before.IsAbsent() {
			d.unknown = append(d.unknown, b)
			continue
		}
		d.set = append(d.set, b)
		if c.isKey(i) || c.key == nil {
			continue // where has it
		}
		was, err := column.codec.encode(before)
		if err != nil {
			d.suspect = true
			continue
		}
		d.was = append(d.was, boundColumn{column, was})
	}
	return d, nil
}

// compare returns those of columns in which the one row that where finds differs,
// and whether it finds one. It is for a source that does not send the whole old
// row: which columns changed is then known from the target alone.
func (w *writing) compare(c *change, where predicate, columns []boundColumn) (differing []boundColumn, found bool, err error) {
	if err := w.flush(); err != nil {
		return nil, false, err
	}
	rows, err := w.read(c, where)
	if err != nil || len(rows) != 1 {
		return nil, false, err
	}
	c.found = rows[0]
	for _, column := range columns {
		if !rows[0][c.indexOf(column.to)].same(column.bound) {
			differing = append(differing, column)
		}
	}
	return differing, true, nil
}

// truncate keeps a TRUNCATE until the last of those in a row is known: the
// target's foreign keys may want another order than the source named.
func (w *writing) truncate(c *change) error {
	if !c.plan.truncate {
		return fmt.Errorf("transaction %s truncates %s, which would delete every row of %s, those that only the target has among them; delete the rows in the source instead, or allow it with `truncate`", c.position, c.source, c.target.name)
	}
	w.truncates = append(w.truncates, c)
	return nil
}

// putTruncates writes the kept TRUNCATEs, each table after those that refer to
// it.
func (w *writing) putTruncates() error {
	for _, c := range childrenFirst(w.truncates) {
		if err := w.putTruncate(c); err != nil {
			return err
		}
		if c.remember == nil {
			continue
		}
		if err := w.put(w.forgetTable(c.target.name.String())); err != nil {
			return err
		}
	}
	w.truncates = nil
	return nil
}

// childrenFirst orders changes of tables so that each comes after those whose
// tables refer to its own. Tables in a circle keep the order they came in.
func childrenFirst(changes []*change) []*change {
	rest := slices.Clone(changes)
	var out []*change
	for len(rest) > 0 {
		i := max(0, slices.IndexFunc(rest, func(c *change) bool {
			return !slices.ContainsFunc(rest, func(other *change) bool {
				return other.target != c.target && other.target.refersTo(c.target)
			})
		}))
		out = append(out, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	return out
}

// put adds a statement to the batch, which goes out first where it is full.
func (w *writing) put(s *statement) error {
	if w.batch.full(s) || w.refusals.singly && len(w.batch.statements) > 0 {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.batch.add(s)
	return nil
}

// flush sends the batch.
func (w *writing) flush() error {
	b := w.batch
	w.batch = batch{}
	return b.perform(w.ctx, w.tx)
}
