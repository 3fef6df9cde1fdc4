package sqlserver

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// lockedSite is a target in which the transactions 2 and 3 are parked, because
// someone has the records 2 and 3 open, and 4 to 6 wait behind them.
type lockedSite struct {
	*parkedSite
	table Table
}

func newLockedSite(t *testing.T, every time.Duration) *lockedSite {
	d := newDatabase(t, rents, payments, resourceLocks)
	d.cfg.RetryLocked = every
	s := &lockedSite{&parkedSite{database: d, ten: rentTable(), paid: paymentTable()}, rentMapping(resolve.Parked("wait for them"))}
	s.table.Lock = resourceLock()
	s.a = s.opened()
	d.do(s.a, 1, insert(s.ten, "1", "10", "old", "A", "-"), insert(s.ten, "2", "20", "old", "B", "-"), insert(s.ten, "3", "30", "old", "C", "-"))
	d.exec(opened("2"))
	d.exec(opened("3"))
	was, is := row("2", "20.00", "old", "B", "-"), row("2", "22", "old", "B", "-")
	d.do(s.a, 2, insert(s.ten, "7", "70", "with it", "G", "-"), update(s.ten, was, is))
	d.do(s.a, 3, update(s.ten, row("3", "30.00", "old", "C", "-"), row("3", "33", "old", "C", "-")))
	d.do(s.a, 4, update(s.ten, is, row("2", "22", "later", "B", "-")))
	d.do(s.a, 5, insert(s.paid, "1", "2", "5"))
	d.do(s.a, 6, update(s.ten, row("2", "22", "later", "B", "-"), row("2", "22", "last", "B", "-")), insert(s.paid, "2", "3", "5"))
	s.parked("2 3 4 5 6")
	return s
}

func (s *lockedSite) opened() *Applier {
	return s.open(s.table, Table{Source: "payment", Target: "payment", References: []Reference{{Columns: []string{"ref"}, Target: "rent"}}})
}

// another applies a transaction of no concern.
func (s *lockedSite) another(position capture.Position) {
	s.Helper()
	s.do(s.a, position, update(s.ten, row("1", "10.00", "old", "A", "-"), row("1", "10.00", "old", "A", "-")))
}

func (s *lockedSite) close(ref string) {
	s.Helper()
	s.exec(`DELETE FROM dbo.resourcelock WHERE resourceid = @p1`, ref)
}

// TestWhatIsFreeAgainIsWritten by itself, with what waits behind it in order, while
// what is still open waits on, and leaves no trace in the ledger.
func TestWhatIsFreeAgainIsWritten(t *testing.T) {
	s := newLockedSite(t, 1)
	ledger := `SELECT [position], kind, action, COALESCE(reason, '-'), COALESCE(decided_by, '-') FROM syncback.conflict ORDER BY id`
	parked := []string{"2|locked|park|wait for them|-", "3|locked|park|wait for them|-"}
	s.another(7)
	s.parked("2 3 4 5 6")
	s.holds(ledger, parked...)

	s.close("2")
	s.another(8)
	s.parked("3 6")
	s.holds(readRents, "1     |10.00|old|A  ", "2     |22.00|later|B  ", "3     |30.00|old|C  ", "7     |70.00|with it|G  ")
	s.holds(`SELECT id FROM dbo.payment`, "1")
	first := append(parked, "2|locked|take_source|the record was free again|syncback")
	s.holds(ledger, first...)

	s.close("3")
	s.another(9)
	s.parked("")
	s.holds(readRents, "1     |10.00|old|A  ", "2     |22.00|last|B  ", "3     |33.00|old|C  ", "7     |70.00|with it|G  ")
	s.holds(`SELECT id FROM dbo.payment ORDER BY id`, "1", "2")
	s.holds(ledger, append(first, "3|locked|take_source|the record was free again|syncback")...)
}

// TestWhatTheyLeftIsLookedAtAnew: whoever had the record open has changed it, and
// the rule decides about that as it always does.
func TestWhatTheyLeftIsLookedAtAnew(t *testing.T) {
	s := newLockedSite(t, 1)
	s.exec(`UPDATE dbo.rent SET amount = 21 WHERE ref = '2'`)
	s.close("2")
	s.another(7)
	s.parked("2 3 4 5 6")
	s.holds(`SELECT [position], kind, action FROM syncback.conflict ORDER BY id`, "2|locked|park", "3|locked|park", "2|update_differs|park")
	s.another(8) // it waits for a person now
	s.parked("2 3 4 5 6")
	s.holds(`SELECT COUNT(*) FROM syncback.conflict`, "3")
	if n, err := s.a.Decide(t.Context(), s.waiting(2), Decision{Action: resolve.TakeSource, By: "ann"}); err != nil || n != 3 {
		t.Errorf("released %d, %v", n, err)
	}
	s.parked("3 6")

	s.table.Conflict = resolve.SourceWins()
	s.a = s.opened()
	s.exec(`UPDATE dbo.rent SET amount = 31 WHERE ref = '3'`)
	s.close("3")
	s.another(9)
	s.parked("")
	s.holds(`SELECT amount FROM dbo.rent WHERE ref = '3'`, "33.00")
	s.holds(`SELECT kind, action, COALESCE(decided_by, '-') FROM syncback.conflict WHERE [position] = 3 ORDER BY id`,
		"locked|park|-", "update_differs|take_source|-", "locked|take_source|syncback")
}

// TestNothingIsTriedTooSoon: neither before its time, nor while the pipeline is
// paused, nor where it is told never to be.
func TestNothingIsTriedTooSoon(t *testing.T) {
	for _, every := range []time.Duration{time.Hour, -1} {
		s := newLockedSite(t, every)
		s.close("2")
		s.close("3")
		s.another(7)
		s.parked("2 3 4 5 6")
		if err := s.a.control.Pause(t.Context(), "keeper"); err != nil {
			t.Fatal(err)
		}
		s.a = s.opened() // its first is due at once
		err := s.a.Apply(t.Context(), []*capture.Tx{tx(8, insert(s.ten, "9", "9", "old", "Y", "-"))})
		if !errors.Is(err, apply.ErrPaused) {
			t.Errorf("while it is paused: %v", err)
		}
		s.parked("2 3 4 5 6")
		if err := s.a.control.Resume(t.Context(), "keeper"); err != nil {
			t.Fatal(err)
		}
		s.another(8)
		if every > 0 {
			s.parked("")
		} else {
			s.parked("2 3 4 5 6")
		}
	}
}

// TestTheTargetIsLeftAlsoWhereTheChangeFitsByNow: who leaves the target as it is has
// nothing written, though the record is free by then; and there is no row to take
// for a change that fits.
func TestTheTargetIsLeftAlsoWhereTheChangeFitsByNow(t *testing.T) {
	s := newLockedSite(t, -1)
	s.exec(allClosed)
	amount := "50.00"
	_, err := s.a.Decide(t.Context(), s.waiting(3), Decision{Action: resolve.TakeRow, Row: map[string]*string{"amount": &amount}, By: "ann"})
	if err == nil || !strings.HasSuffix(err.Error(), "nothing is in conflict any more, so that there is nothing to take a row for; take the source or the target") {
		t.Errorf("a row was taken: %v", err)
	}
	s.parked("2 3 4 5 6")
	if _, err := s.a.Decide(t.Context(), s.waiting(3), Decision{Action: resolve.TakeTarget, By: "ann"}); err != nil {
		t.Fatal(err)
	}
	s.holds(`SELECT amount FROM dbo.rent WHERE ref = '3'`, "30.00")
	s.holds(`SELECT kind, action, decided_by FROM syncback.conflict WHERE decided_by IS NOT NULL`, "locked|take_target|ann")
}

// TestDecisionAboutAChangeBehindAMessage: what is parked has no messages, and the
// change that a person decides about is the same one.
func TestDecisionAboutAChangeBehindAMessage(t *testing.T) {
	s := newParkedSite(t)
	message := capture.Change{Op: capture.Message, Message: &capture.LogicalMessage{Prefix: "x"}}
	s.exec(`UPDATE dbo.rent SET amount = 11 WHERE ref = '1'`)
	s.do(s.a, 3, message, update(s.ten, row("1", "10.00", "old", "A", "-"), row("1", "12", "old", "A", "-")))
	amount := "50.00"
	if _, err := s.a.Decide(t.Context(), s.waiting(3), Decision{Action: resolve.TakeRow, Row: map[string]*string{"amount": &amount}, By: "ann"}); err != nil {
		t.Fatal(err)
	}
	s.holds(`SELECT amount FROM dbo.rent WHERE ref = '1'`, "50.00")
}
