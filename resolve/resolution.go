package resolve

import (
	"errors"
	"fmt"
	"strings"

	"github.com/syncback/syncback/capture"
)

// Action is what is done about a conflict. The zero Action stops the pipeline.
type Action uint8

// The actions.
const (
	// Halt stops the pipeline before the transaction, with what it was about.
	Halt Action = iota
	// TakeSource makes the change all the same: a row that exists is set to the
	// incoming one, one that is missing is inserted, one that differs is set, or
	// deleted.
	TakeSource
	// TakeTarget leaves the target as it is.
	TakeTarget
	// TakeRow makes the target's row be Resolution.Row; absent values are left
	// as they are. A row that is missing is inserted.
	TakeRow
	// Park sets the change aside, durably, with all that depends on it, until
	// someone decides.
	Park
	// Pass has no opinion: the next of a chain is asked ([First]). Where there is
	// none it halts.
	Pass
)

var actionNames = [...]string{
	Halt: "halt", TakeSource: "take_source", TakeTarget: "take_target", TakeRow: "take_row", Park: "park", Pass: "pass",
}

// String returns the action's name, such as "take_source".
func (a Action) String() string {
	if int(a) >= len(actionNames) {
		return "invalid"
	}
	return actionNames[a]
}

// ParseAction returns the action of that name, and false where there is none.
func ParseAction(name string) (Action, bool) {
	for a, n := range actionNames {
		if n == name {
			return Action(a), true
		}
	}
	return 0, false
}

// Resolution is what a Resolver decided. The zero Resolution halts.
type Resolution struct {
	Action Action
	// Row is set for TakeRow alone: a value for each of the conflict's columns,
	// in the text form that the conflict's own rows have. Absent leaves a column
	// as it is.
	Row capture.Row
	// Reason is for the ledger and for who looks at a parked change. It holds no
	// value of a row.
	Reason string
}

// Verify returns why c cannot have r, as one sentence, or nil.
func (r Resolution) Verify(c *Conflict) error {
	switch r.Action {
	case Halt, TakeTarget, Park, Pass:
		if r.Row != nil {
			return fmt.Errorf("the action %s has no row, and one was given", r.Action)
		}
		return nil
	case TakeSource:
		return verifyTakeSource(c)
	case TakeRow:
		return r.verifyRow(c)
	default:
		return fmt.Errorf("there is no action %d", r.Action)
	}
}

// errOpen is why nothing is written to a record that is Locked.
var errOpen = errors.New("someone has the record open in the target's own application, and nothing is written to it until they are done")

func verifyTakeSource(c *Conflict) error {
	switch {
	case c.Kind == Locked:
		return errOpen
	case c.Kind.Refused():
		return fmt.Errorf("the target refused the change (%s), so it cannot be taken as it is", c.Kind)
	case c.Kind == SeveralMatch:
		return fmt.Errorf("several rows have the key, so it is not known which one to write")
	case c.Op != capture.Delete && c.Current == nil && !whole(c.Incoming):
		return fmt.Errorf("the row is missing, and the source sent no value for %s; decide with take_row, and a row that has all columns", c.lacking(c.Incoming))
	}
	return nil
}

func (r Resolution) verifyRow(c *Conflict) error {
	if len(r.Row) != len(c.Table.Columns) {
		return fmt.Errorf("its row has %d values, and %s has %d columns", len(r.Row), c.Table, len(c.Table.Columns))
	}
	switch {
	case c.Kind == Locked:
		return errOpen
	case c.Kind == SeveralMatch:
		return fmt.Errorf("several rows have the key, so it is not known which one to write")
	case c.Op == capture.Delete && c.Current == nil:
		return fmt.Errorf("a row that is missing, and is to be deleted, is not written")
	case c.Current == nil && !whole(r.Row):
		return fmt.Errorf("the row is missing, and the one to write has no value for %s; give take_row a row that has all columns", c.lacking(r.Row))
	}
	for i, column := range c.Table.Columns {
		if column.Key && c.Current != nil && !r.Row[i].IsAbsent() && !c.keyMay(i, r.Row[i]) {
			return fmt.Errorf("its row has another key in column %s than the change and the target have", column.Name)
		}
	}
	return nil
}

// keyMay reports whether a key column may be written with v: the row stays the
// one that the conflict is about.
func (c *Conflict) keyMay(i int, v capture.Value) bool {
	return v == c.Current[i] || c.Incoming != nil && v == c.Incoming[i]
}

// lacking names the columns for which a row has no value.
func (c *Conflict) lacking(r capture.Row) string {
	var names []string
	for i, column := range c.Table.Columns {
		if i >= len(r) || r[i].IsAbsent() {
			names = append(names, column.Name)
		}
	}
	return strings.Join(names, ", ")
}

// whole reports whether a row is there with all of its values.
func whole(r capture.Row) bool {
	for _, v := range r {
		if v.IsAbsent() {
			return false
		}
	}
	return r != nil
}
