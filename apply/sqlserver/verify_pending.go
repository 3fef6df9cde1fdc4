package sqlserver

import (
	"encoding/binary"
	"fmt"

	"github.com/syncback/syncback/apply/internal/spill"
	"github.com/syncback/syncback/capture"
)

// What the target is to be made the same as, in a Repair, is the source as it was
// at the target's checkpoint. Its rows are read later than that. But the changes
// that were committed since are in the queue, each with the old row: so a row
// that no change waits for is as it was read, and another is as the first change
// that waits for it says. Whatever was written in the source meanwhile, the
// target then is what the next transaction expects to find.

// pendingChange is what the first change that waits for a row says of it.
type pendingChange struct {
	exact string
	kind  byte
	row   []byte
}

const (
	beforeAbsent  = iota // it was not there
	beforeKnown          // it was as the change says
	beforeUnknown        // the source did not send the old row
)

// readPending sorts what waits for the target's rows into v.overlay.
func (v *verification) readPending() error {
	n := uint64(0)
	for c, err := range v.pending(v.ctx) {
		if err != nil {
			return err
		}
		if c.Op == capture.Message || c.Table.Schema != v.table.Schema || c.Table.Name != v.table.Name {
			continue
		}
		switch {
		case c.Op == capture.Truncate:
			return fmt.Errorf("%s: a TRUNCATE waits for the target, which says nothing of the rows before it; apply what is queued, then repair", v.table)
		case !sameShape(c.Table, v.table):
			return fmt.Errorf("%s: changes wait for the target from before its columns were changed; apply what is queued, then repair", v.table)
		}
		if err := v.addPending(&n, c); err != nil {
			return err
		}
	}
	return nil
}

// addPending adds what a change says of the rows that it is of: two, where it
// changes the key.
func (v *verification) addPending(n *uint64, c capture.Change) error {
	old := c.Before
	if old == nil && c.Op == capture.Update {
		old = c.After // without the old row: the key is as it was
	}
	was := ""
	if old != nil {
		kind := byte(beforeKnown)
		if c.Before == nil || !v.whole(c.Before) {
			kind = beforeUnknown
		}
		im, err := v.keyImage(old)
		if err != nil {
			return err
		}
		was = v.exact(im)
		if err := v.addBefore(n, im, kind, old); err != nil {
			return err
		}
	}
	if c.After == nil {
		return nil
	}
	im, err := v.keyImage(c.After)
	if err != nil || old != nil && v.exact(im) == was {
		return err
	}
	return v.addBefore(n, im, beforeAbsent, nil)
}

// whole reports whether an old row has all that is compared.
func (v *verification) whole(row capture.Row) bool {
	for _, c := range v.plan.columns {
		if row[c.from].IsAbsent() {
			return false
		}
	}
	return true
}

// keyImage returns the image of a row, which has to have its key.
func (v *verification) keyImage(row capture.Row) (image, error) {
	for _, k := range v.plan.key {
		if row[v.plan.columns[k].from].IsAbsent() {
			return image{}, fmt.Errorf("%s: a change waits for the target that does not say which row it is of; apply what is queued, then repair", v.table)
		}
	}
	return v.imageOf(row), nil
}

func (v *verification) addBefore(n *uint64, im image, kind byte, row capture.Row) error {
	*n++
	key := v.plan.keyOf(im)
	value := appendSized(nil, appendTerms(nil, key))
	value = append(binary.BigEndian.AppendUint64(value, *n), kind)
	if kind == beforeKnown {
		value = appendRow(value, row, v.allColumns())
	}
	return v.overlay.Add(spill.Record{Key: appendTerms(nil, v.plan.folded(key)), Value: value})
}

func (v *verification) allColumns() []int {
	which := make([]int, len(v.table.Columns))
	for i := range which {
		which[i] = i
	}
	return which
}

func readPendingChange(r spill.Record) pendingChange {
	exact, rest := cutSized(r.Value)
	return pendingChange{exact: string(exact), kind: rest[8], row: rest[9:]}
}

// before returns the row that was there; nil where there was none, or it is not
// known.
func (p *pendingChange) before(v *verification) capture.Row {
	if p.kind != beforeKnown {
		return nil
	}
	return readRow(p.row, len(v.table.Columns), v.allColumns())
}
