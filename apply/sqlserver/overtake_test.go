package sqlserver

import (
	"context"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// TestWhatWasToBeParkedWaitsAllTheSame: the second of two transactions is to be
// parked, and only in the next attempt the first is, too, because someone has
// opened its record meanwhile. Whichever record is closed first, the second does
// not pass the first.
func TestWhatWasToBeParkedWaitsAllTheSame(t *testing.T) {
	d := newDatabase(t, rents, resourceLocks)
	d.cfg.RetryLocked = 1
	rent := rentTable()
	asked := 0
	m := rentMapping(resolve.Func(func(_ context.Context, c *resolve.Conflict) (resolve.Resolution, error) {
		if c.Kind != resolve.Locked {
			return resolve.Resolution{Action: resolve.TakeSource, Reason: "the source wins"}, nil
		}
		if asked++; asked == 1 {
			if _, err := d.db.Exec(opened("1")); err != nil {
				t.Error(err)
			}
		}
		return resolve.Resolution{Action: resolve.Park, Reason: "open"}, nil
	}))
	m.Lock = resourceLock()
	a := d.open(m)
	d.do(a, 1, insert(rent, "1", "10", "old", "A", "-"), insert(rent, "2", "20", "old", "B", "-"), insert(rent, "3", "30", "old", "C", "-"))
	d.exec(opened("3"))
	if err := a.Apply(t.Context(), []*capture.Tx{
		tx(2, update(rent, row("1", "10.00", "old", "A", "-"), row("1", "11", "old", "A", "-")), update(rent, row("2", "20.00", "old", "B", "-"), row("2", "21", "old", "B", "-"))),
		tx(3, update(rent, row("2", "21.00", "old", "B", "-"), row("2", "22", "old", "B", "-")), update(rent, row("3", "30.00", "old", "C", "-"), row("3", "33", "old", "C", "-"))),
	}); err != nil {
		t.Fatal(err)
	}
	d.holds(`SELECT position, CASE WHEN conflict IS NULL THEN 'waits' ELSE 'is decided' END FROM syncback.parked ORDER BY position`, "2|is decided", "3|waits")
	d.exec(`DELETE FROM dbo.resourcelock WHERE resourceid = '3'`)
	d.do(a, 4, insert(rent, "8", "1", "x", "X", "-"))
	d.holds(`SELECT amount FROM dbo.rent WHERE ref = '2'`, "20.00")
	d.exec(`DELETE FROM dbo.resourcelock`)
	d.do(a, 5, insert(rent, "9", "1", "x", "Y", "-"))
	d.holds(`SELECT amount FROM dbo.rent WHERE ref IN ('1', '2', '3') ORDER BY ref`, "11.00", "22.00", "33.00")
	d.holds(`SELECT COUNT(*) FROM syncback.parked`, "0")
}

// TestRowWhoseKeyDoesNotFitIsHeld: a row that the target cannot have, since its
// key does not fit, is one row all the same.
func TestRowWhoseKeyDoesNotFitIsHeld(t *testing.T) {
	d := newDatabase(t, payments)
	paid := paymentTable()
	a := d.open(Table{Source: "payment", Target: "payment", Conflict: resolve.Func(func(_ context.Context, c *resolve.Conflict) (resolve.Resolution, error) {
		if c.Op == capture.Delete {
			return resolve.Resolution{Action: resolve.TakeTarget, Reason: "it is gone"}, nil
		}
		return resolve.Resolution{Action: resolve.Park, Reason: "see to it"}, nil
	})})
	d.do(a, 1, insert(paid, "1", "a", "1"))
	d.do(a, 2, insert(paid, "99999999999", "a", "2"))
	d.do(a, 3, remove(paid, "88888888888", "a", "2"))
	d.do(a, 4, remove(paid, "99999999999", "a", "2"))
	d.holds(`SELECT position FROM syncback.parked ORDER BY position`, "2", "4")
}

// TestStandbyWithAnotherLedgerKey: a process that was opened before anything was
// parked, with another key, does not know the names of what is parked since, and
// writes nothing.
func TestStandbyWithAnotherLedgerKey(t *testing.T) {
	d := newDatabase(t, rents)
	rent := rentTable()
	d.cfg.LedgerKey = []byte("sixteen or more bytes")
	a := d.open(rentMapping(resolve.Parked("see to it")))
	d.do(a, 1, insert(rent, "2", "20", "old", "B", "-"))
	d.cfg.LedgerKey = []byte("another one of sixteen")
	b := d.open(rentMapping(resolve.Parked("see to it")))
	d.exec(`UPDATE dbo.rent SET amount = 21 WHERE ref = '2'`)
	d.do(a, 2, update(rent, row("2", "20.00", "old", "B", "-"), row("2", "22", "old", "B", "-")))
	d.checkpoint(b)
	err := b.Apply(t.Context(), []*capture.Tx{tx(3, update(rent, row("2", "22.00", "old", "B", "-"), row("2", "22", "new", "B", "-")))})
	if err == nil || !strings.Contains(err.Error(), "1 parked transactions were parked with another ledger key") {
		t.Errorf("it ends with %v", err)
	}
	d.holds(`SELECT note FROM dbo.rent WHERE ref = '2'`, "old")
	if at := d.checkpoint(b); at != 2 {
		t.Errorf("the checkpoint is at %s", at)
	}
}
