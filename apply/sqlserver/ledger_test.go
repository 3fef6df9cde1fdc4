package sqlserver

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// TestLedgerKeepsWhatWaits has time go by over a ledger with a conflict that waits
// for a decision, also one that only met its conflict when it was released, and
// one that was decided: the last goes, and what waits can still be decided.
func TestLedgerKeepsWhatWaits(t *testing.T) {
	d := newDatabase(t, rents)
	d.cfg.KeepLedger = 24 * time.Hour
	rent := rentTable()
	a := d.open(rentMapping(resolve.ByKind(map[resolve.Kind]resolve.Resolver{resolve.UpdateMissing: resolve.Parked("missing"), resolve.DeleteMissing: resolve.TargetWins()})))
	d.do(a, 1, insert(rent, "1", "10", "old", "A", "-"))
	d.do(a, 2, update(rent, row("2", "20.00", "old", "B", "-"), row("2", "21", "old", "B", "-"))) // parked
	d.do(a, 3, update(rent, row("2", "21.00", "old", "B", "-"), row("2", "22", "old", "B", "-"))) // behind it
	d.exec(`INSERT INTO dbo.rent (ref, amount, note, code) VALUES ('2', 99, 'theirs', 'B')`)
	if _, err := a.Decide(t.Context(), d.waitsFor(2), Decision{Action: resolve.TakeTarget, By: "ann"}); err != nil {
		t.Fatal(err)
	}
	d.holds(`SELECT kind, action FROM syncback.conflict ORDER BY id`, "update_missing|park", "update_differs|take_target", "update_differs|pass")

	d.exec(`UPDATE syncback.conflict SET decided_at = '2020-01-01'`)
	d.do(a, 4, remove(rent, "9", "1.00", "x", "Z", "-")) // whoever writes into it tidies up
	d.holds(`SELECT kind, action FROM syncback.conflict ORDER BY id`, "update_differs|pass", "delete_missing|take_target")
	if n, err := a.Decide(t.Context(), d.waitsFor(3), Decision{Drop: true, By: "ann", Reason: "done by hand"}); err != nil || n != 1 {
		t.Fatalf("%d dropped: %v", n, err)
	}
	d.holds(`SELECT * FROM syncback.parked`)
}

// TestLedgerKeepsForMinutes has a time to keep that is far below a day: what was
// written just now stays.
func TestLedgerKeepsForMinutes(t *testing.T) {
	d := newDatabase(t, rents)
	d.cfg.KeepLedger = time.Second
	rent := rentTable()
	a := d.open(rentMapping(resolve.TargetWins()))
	for i := range 3 {
		d.do(a, capture.Position(i+1), remove(rent, "9", "1.00", "x", "Z", "-"))
	}
	d.holds(`SELECT id FROM syncback.conflict ORDER BY id`, "1", "2", "3")
}

// TestLongWordsFitTheLedger has a rule and a person say more than the ledger's
// columns take, in characters of two units each.
func TestLongWordsFitTheLedger(t *testing.T) {
	d := newDatabase(t, rents)
	rent := rentTable()
	a := d.open(rentMapping(resolve.Parked(strings.Repeat("😀", 600))))
	d.do(a, 1, remove(rent, "9", "1.00", "x", "Z", "-"))
	d.exec(`INSERT INTO dbo.rent (ref, amount, note, code) VALUES ('9', 2, 'theirs', 'Z')`)
	if _, err := a.Decide(t.Context(), d.waitsFor(1), Decision{Action: resolve.TakeTarget, By: strings.Repeat("😀", 300), Reason: strings.Repeat("ab", 600)}); err != nil {
		t.Fatal(err)
	}
	var units []int // as SQL Server counts, which not every server does
	for _, text := range d.rows(`SELECT reason FROM syncback.conflict UNION ALL SELECT decided_by FROM syncback.conflict WHERE decided_by IS NOT NULL`) {
		units = append(units, len(utf16.Encode([]rune(text))))
	}
	if want := []int{1000, 1000, 256}; !slices.Equal(units, want) {
		t.Errorf("it has texts of %d units, want %d", units, want)
	}
	if got := cut("a"+strings.Repeat("😀", 600), 1000); len(utf16.Encode([]rune(got))) != 999 {
		t.Errorf("a character was cut in two, or more than that: %d", len(got))
	}
}

// TestLedgerSaysWhichColumnsItIsAbout has a conflict in two columns, and one about a
// value that the target cannot hold and that is thus in none of the ledger's rows.
func TestLedgerSaysWhichColumnsItIsAbout(t *testing.T) {
	d := newDatabase(t, rents)
	rent := rentTable()
	a := d.open(rentMapping(resolve.TargetWins()))
	d.do(a, 1, insert(rent, "1", "10", "old", "A", "-"))
	d.exec(`UPDATE dbo.rent SET amount = 11, note = 'theirs', code = 'Z'`)
	d.do(a, 2, update(rent, row("1", "10.00", "old", "A", "-"), row("1", "12", "ours", "A", "-")))
	d.do(a, 3, insert(rent, "2", "20", "old", "TOO LONG", "-"))
	d.do(a, 4, remove(rent, "3", "20", "old", "C", "-"))
	var got []string
	for e, err := range a.control.Ledger(t.Context(), LedgerQuery{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, e.Kind+" "+strings.Join(e.Differs, ","))
	}
	if want := "update_differs amount,note;too_long code;delete_missing "; strings.Join(got, ";") != want {
		t.Errorf("%q, not %q", got, want)
	}
}
