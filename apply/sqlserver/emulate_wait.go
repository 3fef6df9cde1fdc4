package sqlserver

import (
	"fmt"

	"github.com/syncback/syncback/capture"
)

// waitError ends an attempt at a transaction of the source of which an Emulator
// would write to what a parked one holds: it has to wait behind that.
type waitError struct {
	position capture.Position
	touches  touches // of all that the Emulator returned
}

func (e *waitError) Error() string {
	return fmt.Sprintf("transaction %s is to wait behind a parked one", e.position)
}

// Retryable is true: the next attempt parks it, or finds that it need not wait.
func (e *waitError) Retryable() bool { return true }

// mayBeWritten fails with a waitError where what an Emulator returned touches what
// a parked transaction holds. cause is what it was asked about first.
func (w *writing) mayBeWritten(cause *change, further []capture.Change) error {
	if w.parked == 0 || len(further) == 0 {
		return nil
	}
	if err := w.countParked(); err != nil || w.parked == 0 {
		return err
	}
	keys := touches{}
	for _, f := range further {
		if c, err := w.furtherChange(cause, f); err == nil { // to write it says why not
			c.furtherTouched(keys)
		}
	}
	held, err := w.isHeld(keys)
	if held && err == nil {
		err = &waitError{cause.position, keys}
	}
	return err
}

// furtherTouched adds what a further change touches. Nothing that is parked
// touches a table that is not mapped. A row that is told by other columns than
// those by which parked ones are known may be any of them, so that it waits behind
// all that are parked of its table.
func (c *change) furtherTouched(to touches) {
	if c.mapping == nil {
		return
	}
	table := resourceName(c.target.name, nil)
	to.add(table, refers)
	told := false
	if p := c.mapping.plan; p != nil { // else no change of it was met yet
		told = p.touchedRow(c.inPlan(p, c.in.Before), c.inPlan(p, c.in.After), to) || c.op == capture.Insert
	}
	if !told {
		to.add(table, removes)
	}
}
