package sqlserver

import (
	"database/sql"
	"errors"

	"github.com/syncback/syncback/capture"
)

// mendIn reads the target's rows anew, writes, and reads what came of it.
func (v *verification) mendIn(tx *sql.Tx, list []*suspect) error {
	w := &writing{Applier: v.Applier, ctx: v.ctx, tx: tx, refusals: &refusals{}}
	if err := w.put(v.holdCheckpoint()); err != nil {
		return err
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := v.readTargetIn(tx, list); err != nil {
		return err
	}
	var written []*suspect
	for _, s := range list {
		s.was, s.mended = nil, false
		if s.left != changedMeanwhile && s.same() {
			continue
		}
		s.was = v.differences(s)
		st, err := v.mending(s)
		if err != nil {
			return err
		}
		if st == nil {
			continue
		}
		if err := w.put(st); err != nil {
			return err
		}
		written = append(written, s)
		if err := v.leave(w, s); err != nil {
			return err
		}
	}
	if err := w.rememberLeft(); err != nil {
		return err
	}
	if err := w.flush(); err != nil {
		return err
	}
	return v.readBack(tx, written)
}

// leave notes that a suspect's row was written, under each key that it had.
func (v *verification) leave(w *writing, s *suspect) error {
	if v.plan.remember == nil {
		return nil
	}
	for _, key := range [][]term{s.key, keysOf([]*suspect{s})[0]} {
		row := make(rowImage, len(v.plan.columns))
		for i, k := range v.plan.key {
			b, err := bindTerms(v.plan.columns[k].to, key[i])
			if err != nil {
				return err
			}
			row[k] = imageValue{known: true, bound: b}
		}
		w.leaveRow(v.plan, row)
	}
	return nil
}

// readBack looks whether what was written stayed.
func (v *verification) readBack(tx *sql.Tx, written []*suspect) error {
	for _, s := range written {
		if len(s.want) > 0 {
			s.alias = "" // the row has the source's key now
		}
	}
	if err := v.readTargetIn(tx, written); err != nil {
		return err
	}
	for _, s := range written {
		s.mended = s.same()
		if !s.mended {
			s.left = "it did not stay as it was written; a trigger of the target makes something else of it"
		}
	}
	return nil
}

// mending returns the statement that makes a suspect the same; nil where none
// may.
func (v *verification) mending(s *suspect) (*statement, error) {
	if s.left == "" && (len(s.have) > 1 || len(s.want) > 1) {
		s.left = keyTwice
	}
	if s.left == "" {
		s.left = unfit(s)
	}
	if s.left != "" {
		return nil, nil
	}
	c := &change{plan: v.plan, position: v.held.Position}
	switch {
	case len(s.have) == 0:
		c.op = capture.Insert
		return c.insertRow(s.want[0].row)
	case len(s.want) == 0:
		c.op = capture.Delete
		where, err := v.byKey(s)
		if err != nil {
			return nil, err
		}
		return c.orLocked(c.delete(where.and(c.unlocked(nil)))), nil
	default:
		c.op = capture.Update
		return v.updating(c, s)
	}
}

// updating sets the columns that differ.
func (v *verification) updating(c *change, s *suspect) (*statement, error) {
	var set []boundColumn
	for i := range c.columns {
		if s.want[0].image.terms[i] == s.have[0].terms[i] {
			continue
		}
		b, err := c.bind(&c.columns[i], s.want[0].row[c.columns[i].from])
		if err != nil {
			return nil, err
		}
		set = append(set, b)
	}
	where, err := v.byKey(s)
	if err != nil {
		return nil, err
	}
	st, err := c.update(set, where.and(c.unlocked(set)))
	return c.orLocked(st), err
}

// orLocked has a statement say why it touched no row, where the table has locks.
func (c *change) orLocked(s *statement) *statement {
	if s != nil && c.mapping.lock != nil {
		s.missed = func(int64) error { return errOpenOrGone }
	}
	return s
}

// errOpenOrGone is why a row of a table with locks is left.
var errOpenOrGone = errors.New("someone has it open in the target's own application, or it changed while it was looked at")

// byKey returns the predicate that finds the target's row.
func (v *verification) byKey(s *suspect) (predicate, error) {
	key := keysOf([]*suspect{s})[0]
	if err := v.plan.matchesKey(&builder{}, key); err != nil {
		return nil, err
	}
	return func(w *builder) { _ = v.plan.matchesKey(w, key) }, nil // it was tried
}

// readTargetIn is readTarget in a transaction, which then holds the rows.
func (v *verification) readTargetIn(tx *sql.Tx, list []*suspect) error {
	for _, s := range list {
		s.have = nil
	}
	keys := keysOf(list)
	for at := 0; at < len(keys); {
		text, args, n := v.lookUpSQL(keys[at:], " WITH (UPDLOCK)")
		err := readEach(v.ctx, tx, text, args, len(v.plan.columns)+1, func(values []any) error {
			i, _ := values[0].(int64)
			im := v.imageRead(values[1:])
			if s := list[at+int(i)]; s.mine(v.exact(im)) {
				s.have = append(s.have, im)
			}
			return nil
		})
		if err != nil {
			return err
		}
		at += n
	}
	return nil
}
