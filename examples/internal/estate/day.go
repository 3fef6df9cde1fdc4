package estate

import (
	"iter"
	"math/rand/v2"
	"time"
)

// Action is what somebody does in the cloud, in one transaction: the SQL that
// does it there, and what it does to the model. The two are written apart, so
// that each checks the other.
type Action struct {
	Title      string
	Statements []Statement
	// Undone says that the transaction is rolled back: nothing of it happened.
	Undone bool

	effect func(m *Model)
}

// Statement is one statement with its parameters.
type Statement struct {
	SQL  string
	Args []any
}

// Do moves the model as the action moved the cloud. Call it once the action was
// committed, or rolled back if it is undone.
func (m *Model) Do(a Action) {
	if !a.Undone {
		a.effect(m)
	}
}

// day is the Monday on which everything happens. It is summer time: London is
// an hour ahead of UTC.
var day = time.Date(2024, 6, 3, 0, 0, 0, 0, time.UTC)

// Day is the work of one day, from the first phone call to the debit run in the
// evening. Each action is made from the model as those before it left it, so
// pull one, run it, Do it, and pull the next.
func (m *Model) Day(seed uint64) iter.Seq[Action] {
	d := &officers{generator: generator{Model: m, rng: rand.New(rand.NewPCG(seed, 2))}}
	d.contacts = 1_000_000
	steps := []func() Action{
		d.address, d.phone, d.mobileGiven, d.mobileWithdrawn, d.capitals,
		d.ends, d.endsNot, d.renumbers, d.nothing, d.ownedElsewhere, d.sameMinute, d.blankForNull,
		d.longNoteStays, d.mistake, d.contactGone, d.twinGone, d.changedMind,
	}
	for n := range newTenancies {
		steps = append(steps, func() Action { return d.moves(n) })
	}
	for n := range diaryNotes {
		steps = append(steps, func() Action { return d.notes(n) })
	}
	steps = append(steps, d.rentReview, d.debitRun)
	return func(yield func(Action) bool) {
		for _, step := range steps {
			if !yield(step()) {
				return
			}
		}
	}
}

// How often the day's repeated work is done.
const (
	newTenancies = 10
	diaryNotes   = 25
)

// officers do the day's work.
type officers struct{ generator }

// any returns the key of some row.
func (d *officers) any(table string) string { return pick(&d.generator, d.keys(table)) }

// anyWhere returns the key of some row with a value in a column.
func (d *officers) anyWhere(table, column, value string) string {
	return pick(&d.generator, d.where(table, column, value))
}
