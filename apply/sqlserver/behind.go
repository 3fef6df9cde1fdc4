package sqlserver

import (
	"database/sql"
	"fmt"
	"iter"
	"strings"

	"github.com/syncback/syncback/capture"
)

// The bounds of what is known and asked about parked transactions.
const (
	askedAtOnce = 500   // touches
	askedAhead  = 2000  // changes
	mostKnown   = 20000 // touches
)

// parkedKeys is what one transaction of the target knows of what parked ones
// touch. The checkpoint is locked, so that nobody else parks or releases any.
type parkedKeys map[touched]bool

// set notes whether a parked transaction touches a resource in this way. What is
// forgotten is asked again.
func (h *parkedKeys) set(t touched, held bool) {
	if *h == nil || len(*h) >= mostKnown {
		*h = parkedKeys{}
	}
	(*h)[t] = held
}

// askAhead asks for a batch what each of its transactions would ask by itself, as
// far as that is not much.
func (w *writing) askAhead(batch []*capture.Tx) error {
	if w.parked == 0 {
		return nil
	}
	if err := w.countParked(); err != nil || w.parked == 0 { // someone has decided
		return err
	}
	keys, changes := touches{}, 0
	for _, t := range batch {
		for c, err := range w.touching(t) {
			if err != nil || changes == askedAhead {
				return err // what is not known yet is asked for each transaction
			}
			changes++
			w.touched(c, &keys)
			if len(keys) < askedAtOnce {
				continue
			}
			if _, err := w.askHeld(keys); err != nil {
				return err
			}
			clear(keys)
		}
	}
	_, err := w.askHeld(keys)
	return err
}

// behind reports whether a transaction touches what a parked one holds, and so
// has to wait behind it.
func (w *writing) behind(t *capture.Tx) (bool, error) {
	if w.parked == 0 {
		return false, nil
	}
	if err := w.countParked(); err != nil || w.parked == 0 {
		return false, err
	}
	keys := touches{}
	for c, err := range w.touching(t) {
		if err != nil {
			return false, err
		}
		w.touched(c, &keys)
		if len(keys) < askedAtOnce {
			continue
		}
		if held, err := w.isHeld(keys); held || err != nil {
			return held, err
		}
		clear(keys)
	}
	return w.isHeld(keys)
}

// touching are the changes of a transaction that touch something. What is not of
// a table is refused, or says nothing, when it is written.
func (w *writing) touching(t *capture.Tx) iter.Seq2[*change, error] {
	return func(yield func(*change, error) bool) {
		index := int64(0)
		for in, err := range t.Changes {
			c := &change{op: in.Op, position: t.Position, in: in, tx: t, index: index}
			index++
			if err == nil {
				if in.Table == nil {
					continue
				}
				err = w.bindPlan(c)
			}
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

// countParked reads how many are parked, once: from the first batch on the
// checkpoint is locked. What another process has parked with another ledger key
// has names that are not known here.
func (w *writing) countParked() error {
	if w.counted {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	w.counted = true
	others := 0
	err := w.query("SELECT [parked], (SELECT COUNT(*) FROM "+w.control.own("parked")+" WHERE [pipeline] = @p1 AND [sealed_by] <> @p2) FROM "+w.control.table+" WHERE [pipeline] = @p1",
		func(rows *sql.Rows) error { return rows.Scan(&w.parked, &others) }, w.cfg.Pipeline, w.seal.keyID())
	if err == nil && others > 0 {
		err = otherKey(others)
	}
	return err
}

// isHeld reports whether any of the touches is held back by a parked transaction.
func (w *writing) isHeld(keys touches) (bool, error) {
	for t := range keys {
		for _, other := range t.how.waitsFor() {
			if w.parkedKeys[touched{t.resource, other}] {
				return true, nil
			}
		}
	}
	some := touches{}
	for t := range keys {
		some[t] = struct{}{}
		if len(some) < askedAtOnce {
			continue
		}
		if held, err := w.askHeld(some); held || err != nil {
			return held, err
		}
		clear(some)
	}
	return w.askHeld(some)
}

// askHeld asks the target about those of the touches of which it is not known
// whether they are held back, and reports whether any of these is.
func (w *writing) askHeld(keys touches) (held bool, err error) {
	asked := map[touched]touched{} // as the target has it named, and as it is known here
	names := map[touch][]string{}
	for t := range keys {
		for _, other := range t.how.waitsFor() {
			against := touched{t.resource, other}
			if _, known := w.parkedKeys[against]; known {
				continue
			}
			name := w.seal.name(t.resource)
			if _, twice := asked[touched{name, other}]; !twice {
				names[other] = append(names[other], "'"+name+"'")
			}
			asked[touched{name, other}] = against
		}
	}
	if len(asked) == 0 {
		return false, nil
	}
	for _, against := range asked {
		w.parkedKeys.set(against, false)
	}
	var alternatives []string
	for how, names := range names {
		alternatives = append(alternatives, fmt.Sprintf("([touch] = %d AND [resource] IN (%s))", how, strings.Join(names, ", ")))
	}
	text := "SELECT [resource], [touch], MIN([position]) FROM " + w.control.own("parked_key") + " WHERE [pipeline] = @p1 AND (" + strings.Join(alternatives, " OR ") + ")"
	args := []any{w.cfg.Pipeline}
	if w.released != 0 {
		text += " AND [position] < @p2"
		args = append(args, int64(w.released))
	}
	err = w.query(text+" GROUP BY [resource], [touch]", func(rows *sql.Rows) error {
		var name touched
		var position int64
		if err := rows.Scan(&name.resource, &name.how, &position); err != nil {
			return err
		}
		if first := capture.Position(position); !held || first < w.holder {
			w.holder = first
		}
		held = true
		w.parkedKeys.set(asked[name], true)
		return nil
	}, args...)
	return held, err
}
