package sqlserver

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/syncback/syncback/capture"
)

// keylessBlock is how many different rows of a table without a key are mended
// together: both sides are read through for them, since only the digests are
// known.
const keylessBlock = 1000

// repairKeyless mends a table without a key. What is there at the checkpoint can
// only be told from what is there now while no change of it waits.
func (v *verification) repairKeyless() error {
	left, _, err := v.pass(nil)
	if err != nil {
		return err
	}
	defer closeSorter(left)
	waits, err := v.waits()
	if err != nil {
		return err
	}
	if waits {
		return v.tellKeyless(left, "changes of the table wait for the target, and it has no key; apply what is queued, then repair")
	}
	block, t := map[digest]int64{}, newTally()
	for r, err := range left.All() {
		if err != nil {
			return err
		}
		d := digest(r.Key)
		if _, known := block[d]; !known && len(block) == keylessBlock {
			if err := v.mendKeyless(block, t); err != nil {
				return err
			}
			clear(block)
		}
		if string(r.Value) == onlySource {
			block[d]++
		} else {
			block[d]--
		}
	}
	if err := v.mendKeyless(block, t); err != nil {
		return err
	}
	return t.tell(v)
}

// waits reports whether any change of the table waits for the target.
func (v *verification) waits() (waits bool, err error) {
	for c, err := range v.pending(v.ctx) {
		if err != nil {
			return false, err
		}
		waits = waits || c.Op != capture.Message && c.Table.Schema == v.table.Schema && c.Table.Name == v.table.Name
	}
	return waits, nil
}

// mendKeyless inserts rows of which the source has more, and deletes those of
// which the target has.
func (v *verification) mendKeyless(block map[digest]int64, t *tally) error {
	if len(block) == 0 {
		return nil
	}
	w := &keylessWriting{verification: v, tally: t}
	c := &change{plan: v.plan, op: capture.Insert, position: v.held.Position}
	err := v.source.Scan(v.ctx, v.table, func(row capture.Row) error {
		im := v.imageOf(row)
		if block[im.digest] <= 0 {
			return nil
		}
		block[im.digest]--
		if im.unfit != "" {
			t.leave(Missing, 1, im.unfit)
			return nil
		}
		st, err := c.insertRow(row)
		if err != nil {
			return err
		}
		return w.add(Missing, st)
	})
	if err != nil {
		return err
	}
	if err := w.flush(); err != nil {
		return err
	}
	extras, err := v.readExtras(block, t)
	if err != nil {
		return err
	}
	for _, im := range extras {
		for ; block[im.digest] < 0; block[im.digest]++ {
			st, err := v.deleteOne(im)
			if err != nil {
				return err
			}
			if err := w.add(Extra, st); err != nil {
				return err
			}
		}
	}
	for _, n := range block {
		if n > 0 {
			t.leave(Missing, n, changedMeanwhile)
		}
	}
	return w.flush()
}

// readExtras reads one of each of the rows of which the target has more.
func (v *verification) readExtras(block map[digest]int64, t *tally) (extras []image, err error) {
	seen := map[digest]bool{}
	err = v.newTargetScan(v.ctx).run(func(im image) error {
		if n := block[im.digest]; n < 0 && !seen[im.digest] {
			seen[im.digest] = true
			if im.unfit != "" {
				t.leave(Extra, -n, im.unfit)
			} else {
				extras = append(extras, im)
			}
		}
		return nil
	})
	return extras, err
}

// deleteOne deletes one of the rows that are the same as im.
func (v *verification) deleteOne(im image) (*statement, error) {
	c := &change{plan: v.plan, op: capture.Delete, position: v.held.Position}
	bounds := make([]bound, len(c.columns))
	for i, column := range c.columns {
		var err error
		if bounds[i], err = bindTerms(column.to, im.terms[i]); err != nil {
			return nil, fmt.Errorf("%s, %w", v.plan.target.name, err)
		}
	}
	found := predicate(func(w *builder) {
		separator := ""
		for i, column := range c.columns {
			w.WriteString(separator)
			w.isExactly(column.to, bounds[i])
			separator = " AND "
		}
	})
	return c.orLocked(c.delete(found.and(c.unlocked(nil)))), nil
}

// keylessWriting writes statements of one kind in transactions of some.
type keylessWriting struct {
	*verification
	tally *tally
	kind  Kind
	list  []*statement
}

func (w *keylessWriting) add(kind Kind, st *statement) error {
	if len(w.list) == mendRows || w.kind != kind {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.kind, w.list = kind, append(w.list, st)
	return nil
}

func (w *keylessWriting) flush() error {
	list := w.list
	w.list = nil
	return w.write(list)
}

// write writes statements in one transaction; where the target refuses it, each
// in one of its own. A connection that is lost is not tried again: the
// transaction may have been committed, and nothing would tell.
func (w *keylessWriting) write(list []*statement) error {
	if len(list) == 0 {
		return nil
	}
	retry := newAttempts()
	for {
		err := w.transact(w.ctx, func(tx *sql.Tx) error { return w.writeIn(tx, list) })
		if errors.Is(err, errCheckpointHeld) {
			return w.whyHeld(w.ctx, &capture.Tx{Position: w.held.Position})
		}
		if err == nil {
			w.tally.mend(w.kind, int64(len(list)))
			return nil
		}
		refused, ok := errors.AsType[*ServerError](err)
		if ok && refused.Retryable() {
			if err := retry.wait(w.ctx, err, false); err != nil {
				return err
			}
			continue
		}
		if _, lost := errors.AsType[*LostError](err); lost || w.ctx.Err() != nil {
			return err
		}
		if len(list) == 1 {
			w.tally.leave(w.kind, 1, err.Error())
			return nil
		}
		break
	}
	for _, st := range list {
		if err := w.write([]*statement{st}); err != nil {
			return err
		}
	}
	return nil
}

func (w *keylessWriting) writeIn(tx *sql.Tx, list []*statement) error {
	out := &writing{Applier: w.Applier, ctx: w.ctx, tx: tx, refusals: &refusals{}}
	for _, st := range append([]*statement{w.holdCheckpoint()}, list...) {
		if err := out.put(st); err != nil {
			return err
		}
	}
	return out.flush()
}

// tally counts rows that were mended and that were not.
type tally struct {
	mended, left map[Kind]int64
	why          map[Kind]string // of the last that was left
}

func newTally() *tally {
	return &tally{map[Kind]int64{}, map[Kind]int64{}, map[Kind]string{}}
}

func (t *tally) mend(k Kind, n int64) { t.mended[k] += n }

func (t *tally) leave(k Kind, n int64, why string) {
	t.left[k] += n
	t.why[k] = why
}

// tell tells what was counted.
func (t *tally) tell(v *verification) error {
	for _, k := range []Kind{Missing, Extra} {
		for _, d := range []Difference{
			{Kind: k, Count: t.mended[k], Mended: true},
			{Kind: k, Count: t.left[k], Left: t.why[k]},
		} {
			if d.Count == 0 {
				continue
			}
			if err := v.tell(d); err != nil {
				return err
			}
		}
	}
	return nil
}
