package sqlserver

import (
	"database/sql"
	"errors"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// isLocked reports whether someone has the record open that an encounter is of, as
// it is or as the change would make it. Where several rows have the key, or there
// is none to delete, nothing can be written, and it does not matter.
func (w *writing) isLocked(e *encounter, kind resolve.Kind) (locked bool, err error) {
	if e.mapping.lock == nil || kind == resolve.SeveralMatch || kind == resolve.DeleteMissing && e.key != nil {
		return false, nil
	}
	q, err := e.lockedQuery()
	if q == nil || err != nil {
		return false, err
	}
	locked, err = w.finds(e.change, q)
	if locked && e.key == nil && e.op != capture.Insert {
		e.current, e.matched = e.base, 1 // it was found by all of it
	}
	return locked, err
}

// finds reports whether a query has a row.
func (w *writing) finds(c *change, q *builder) (found bool, err error) {
	b := &batchText{}
	b.statement(c.statement(q))
	err = w.query(b.String(), func(*sql.Rows) error { found = true; return nil }, b.args...)
	return found, err
}

// lockedQuery returns the query that has a row if someone has the record open; nil
// where it cannot be.
func (e *encounter) lockedQuery() (*builder, error) {
	q := &builder{}
	asked := e.asked()
	if e.matched == 0 && (e.key != nil || e.op == capture.Insert) {
		free := e.unlockedNew(e.knownOf(asked, func(int) bool { return true }))
		if free == nil {
			return nil, nil
		}
		q.WriteString("SELECT 1 WHERE NOT (")
		free(q)
		q.WriteString(")")
		return q, nil
	}
	where, err := e.where(e.finds())
	if _, unfit := errors.AsType[*unfitError](err); unfit {
		return nil, nil // there can be no such row
	}
	if err != nil {
		return nil, err
	}
	was := e.current
	if e.key == nil {
		was = e.base
	}
	becomes := e.knownOf(asked, func(i int) bool { return !asked[i].isKnownAs(was.at(i)) })
	q.WriteString("SELECT TOP (1) 1 FROM " + e.target.name.quoted() + " WHERE ")
	where(q)
	q.WriteString(" AND NOT (")
	e.unlocked(becomes)(q)
	q.WriteString(")")
	return q, nil
}

// knownOf are those values of a row that are known and wanted.
func (e *encounter) knownOf(row rowImage, wanted func(i int) bool) (out []boundColumn) {
	for i, v := range row {
		if v.known && wanted(i) {
			out = append(out, boundColumn{&e.columns[i], v.bound})
		}
	}
	return out
}

// isDone reports whether the target's row already is what the change makes of it.
func (e *encounter) isDone() bool {
	if e.matched != 1 {
		return false
	}
	s, err := e.towards(e.asked())
	return s == nil && err == nil
}

// locked describes to a Resolver that someone has the record open.
func (e *encounter) locked() *resolve.Conflict {
	out := e.conflict(resolve.Locked, nil)
	out.Constraint = e.mapping.lock.name()
	return out
}

// putTruncate puts the DELETE that stands for a TRUNCATE in the batch. In a table
// with locks it deletes all rows or, where someone has one of them open, none; a
// look behind it tells which, and then it is a conflict.
func (w *writing) putTruncate(c *change) error {
	l := c.mapping.lock
	if l == nil {
		return w.put(c.truncateAll(nil))
	}
	if r := w.refusals.of(c); r != nil && r.kind == resolve.Locked {
		return w.decide(&encounter{change: c}, (&encounter{change: c}).locked(), nil)
	}
	if err := w.put(c.truncateAll(func(b *builder) {
		b.WriteString("NOT ")
		c.anyLocked(b)
	})); err != nil {
		return err
	}
	return w.put(&statement{
		text:   "UPDATE " + w.control.table + " SET [parked] = [parked] WHERE [pipeline] = \x00 AND NOT EXISTS (SELECT 1 FROM " + c.target.name.quoted() + ")",
		args:   []any{w.cfg.Pipeline},
		missed: func(int64) error { return w.settleTruncate(c) },
	})
}

// settleTruncate finds out why a TRUNCATE left rows.
func (w *writing) settleTruncate(c *change) error {
	locked, err := w.isAnyLocked(c)
	switch {
	case err != nil:
		return err
	case !locked:
		return w.raced(c) // whoever had one open is done, or a row came since
	}
	e := &encounter{change: c}
	return w.decide(e, e.locked(), nil)
}

func (w *writing) isAnyLocked(c *change) (bool, error) {
	q := &builder{}
	q.WriteString("SELECT 1 WHERE ")
	c.anyLocked(q)
	return w.finds(c, q)
}

// anyLocked writes the predicate that someone has a row of the table open.
func (c *change) anyLocked(w *builder) {
	w.WriteString("EXISTS (SELECT 1 FROM " + c.target.name.quoted() + " AS " + rowAlias + " WHERE NOT (")
	c.mapping.lock.free(w, rowAlias, nil)
	w.WriteString("))")
}
