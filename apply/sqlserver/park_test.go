package sqlserver

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

const payments = `CREATE TABLE dbo.payment (id int NOT NULL PRIMARY KEY, ref char(6) NULL, amount numeric(9,2) NULL)`

func paymentTable() *capture.Table {
	return sourceTable("payment", "*id int4", "ref text", "amount numeric")
}

// parkedSite is a target in which transaction 2 is parked, because of row 2.
type parkedSite struct {
	*database
	a         *Applier
	ten, paid *capture.Table
}

func newParkedSite(t *testing.T) *parkedSite {
	d := newDatabase(t, rents, payments)
	s := &parkedSite{database: d, ten: rentTable(), paid: paymentTable()}
	s.a = s.opened()
	d.do(s.a, 1, insert(s.ten, "1", "10", "old", "A", "-"), insert(s.ten, "2", "20", "old", "B", "-"))
	d.exec(`UPDATE dbo.rent SET amount = 21 WHERE ref = '2'`)
	d.do(s.a, 2, insert(s.ten, "7", "70", "with it", "G", "-"), update(s.ten, row("2", "20.00", "old", "B", "-"), row("2", "22", "old", "B", "-")))
	return s
}

func (s *parkedSite) opened() *Applier {
	return s.open(rentMapping(resolve.Parked("see to it")),
		Table{Source: "payment", Target: "payment", References: []Reference{{Columns: []string{"ref"}, Target: "rent"}}})
}

// waiting returns the conflict that waits for a decision about a transaction.
func (s *parkedSite) waiting(position int) (id int64) {
	s.Helper()
	if err := s.db.QueryRow(`SELECT conflict FROM syncback.parked WHERE position = @p1`, position).Scan(&id); err != nil {
		s.Fatal(err)
	}
	return id
}

func (s *parkedSite) parked(want string) {
	s.Helper()
	s.holds(`SELECT position FROM syncback.parked ORDER BY position`, strings.Fields(want)...)
	cp, err := s.a.Checkpoint(s.Context())
	if err != nil || cp.Parked != len(strings.Fields(want)) {
		s.Errorf("the checkpoint counts %d parked (%v), want those at %s", cp.Parked, err, want)
	}
}

// TestOneBadRowStopsOnlyWhatDependsOnIt: what touches the row that is parked
// waits behind it, whole: the same key, old or new; rows that refer to it; a
// unique value that it holds. Everything else goes on.
func TestOneBadRowStopsOnlyWhatDependsOnIt(t *testing.T) {
	s := newParkedSite(t)
	s.parked("2")
	s.holds(readRents, "1     |10.00|old|A  ", "2     |21.00|old|B  ") // nothing of transaction 2
	err := s.a.Apply(t.Context(), []*capture.Tx{
		tx(3, update(s.ten, row("1", "10.00", "old", "A", "-"), row("1", "11", "old", "A", "-"))),
		tx(4, update(s.ten, row("2", "22.00", "old", "B", "-"), row("2", "22", "old", "C", "-"))),
		tx(5, insert(s.paid, "1", "2  ", "5")),
		tx(6, insert(s.paid, "2", "1", "5")),
		tx(7, insert(s.ten, "8", "80", "takes the code", "b", "-")),
		tx(8, insert(s.ten, "6", "60", "free", "Z", "-"), update(s.ten, row("7", "70", "with it", "G", "-"), row("7", "71", "with it", "G", "-"))),
		tx(9, update(s.ten, row("1", "11.00", "old", "A", "-"), row("1", "12", "old", "A", "-"))),
	})
	if err != nil {
		t.Fatal(err)
	}
	s.parked("2 4 5 7 8")
	s.holds(readRents, "1     |12.00|old|A  ", "2     |21.00|old|B  ")
	s.holds(`SELECT id FROM dbo.payment`, "2")
	if at := s.checkpoint(s.a); at != 9 {
		t.Errorf("the checkpoint is at %s", at)
	}

	// The rest comes in order, and what conflicts again is parked by itself.
	other := s.opened()
	released, err := other.Decide(t.Context(), s.waiting(2), Decision{Action: resolve.TakeSource, By: "ann", Reason: "the cloud is right"})
	if err != nil || released != 5 {
		t.Fatalf("released %d, %v", released, err)
	}
	s.parked("")
	s.holds(readRents, "1     |12.00|old|A  ", "2     |22.00|old|C  ", "6     |60.00|free|Z  ", "7     |71.00|with it|G  ", "8     |80.00|takes the code|b  ")
	s.holds(`SELECT id, ref FROM dbo.payment ORDER BY id`, "1|2     ", "2|1     ")
	s.holds(`SELECT COUNT(*) FROM syncback.parked_piece`, "0")
	s.holds(`SELECT COUNT(*) FROM syncback.parked_key`, "0")
	s.holds(`SELECT action, reason, COALESCE(decided_by, '-') FROM syncback.conflict ORDER BY id`,
		"park|see to it|-", "take_source|the cloud is right|ann")
	s.do(s.a, 10, update(s.ten, row("2", "22.00", "old", "C", "-"), row("2", "23", "old", "C", "-")))
}

// TestDecisions: what a person can decide about a parked transaction.
func TestDecisions(t *testing.T) {
	amount := "50.00"
	for _, test := range []struct {
		name   string
		d      Decision
		want   []string
		ledger string
	}{
		{"take the target", Decision{Action: resolve.TakeTarget, By: "ann"}, []string{"2     |21.00|old|B  ", "7     |70.00|with it|G  "}, "take_target|NULL|ann"},
		{"take a row", Decision{Action: resolve.TakeRow, Row: map[string]*string{"amount": &amount, "note": nil}, By: "ann"},
			[]string{"2     |50.00|NULL|B  ", "7     |70.00|with it|G  "}, "take_row|NULL|ann"},
		{"drop", Decision{Drop: true, By: "ann", Reason: "entered twice"}, []string{"2     |21.00|old|B  "}, "drop|entered twice|ann"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newParkedSite(t)
			id := s.waiting(2)
			if n, err := s.a.Decide(t.Context(), id, test.d); err != nil || n != 1 {
				t.Fatalf("released %d, %v", n, err)
			}
			s.parked("")
			s.holds(readRents, append([]string{"1     |10.00|old|A  "}, test.want...)...)
			s.holds(`SELECT action, reason, decided_by FROM syncback.conflict WHERE id > `+fmt.Sprint(id), test.ledger)
			if _, err := s.a.Decide(t.Context(), id, test.d); !errors.Is(err, ErrNotWaiting) {
				t.Errorf("decided twice: %v", err)
			}
		})
	}
}

func TestDecisionsThatCannotBe(t *testing.T) {
	s := newParkedSite(t)
	id := s.waiting(2)
	long, unknown := "a note that is too long for its column", "x"
	for _, d := range []Decision{
		{Action: resolve.TakeSource},
		{By: "ann"},
		{Action: resolve.Park, By: "ann"},
		{Drop: true, By: "ann"},
		{Action: resolve.TakeRow, By: "ann"},
		{Action: resolve.TakeRow, By: "ann", Row: map[string]*string{"note": &long}},
		{Action: resolve.TakeRow, By: "ann", Row: map[string]*string{"nothing": &unknown}},
	} {
		_, err := s.a.Decide(t.Context(), id, d)
		if err == nil || capture.Retryable(err) || strings.Contains(err.Error(), long) {
			t.Errorf("%+v: %v", d, err)
		}
		s.parked("2")
	}
}

// TestRefusedAgain: what the target refuses is parked; to take the source is to
// try again, and works once the target was mended.
func TestRefusedAgain(t *testing.T) {
	s := newParkedSite(t)
	s.do(s.a, 3, insert(s.ten, "3", "30", "twin", "A", "-"))
	s.parked("2 3")
	id := s.waiting(3)
	take := Decision{Action: resolve.TakeSource, By: "ann"}
	if _, err := s.a.Decide(t.Context(), id, take); err == nil || !strings.Contains(err.Error(), "unique") {
		t.Fatalf("got %v", err)
	}
	s.parked("2 3")
	s.exec(`UPDATE dbo.rent SET code = 'Q' WHERE ref = '1'`)
	if _, err := s.a.Decide(t.Context(), id, take); err != nil {
		t.Fatal(err)
	}
	s.parked("2")
	s.holds(`SELECT ref, code FROM dbo.rent WHERE ref = '3'`, "3     |A  ")
}

// TestWhatIsReleasedCanConflictAgain: a transaction that waited behind another
// is looked at anew, and waits for a decision of its own.
func TestWhatIsReleasedCanConflictAgain(t *testing.T) {
	s := newParkedSite(t)
	s.do(s.a, 3, update(s.ten, row("2", "22.00", "old", "B", "-"), row("2", "25", "old", "B", "-")))
	s.do(s.a, 4, update(s.ten, row("2", "25.00", "old", "B", "-"), row("2", "25", "new", "B", "-")))
	if n, err := s.a.Decide(t.Context(), s.waiting(2), Decision{Action: resolve.TakeTarget, By: "ann"}); err != nil || n != 1 {
		t.Fatalf("released %d, %v", n, err)
	}
	s.parked("3 4")
	s.holds(`SELECT kind, action, COALESCE(decided_by, '-') FROM syncback.conflict ORDER BY id`,
		"update_differs|park|-", "update_differs|take_target|ann", "update_differs|park|-")
	if n, err := s.a.Decide(t.Context(), s.waiting(3), Decision{Action: resolve.TakeSource, By: "bob"}); err != nil || n != 2 {
		t.Fatalf("released %d, %v", n, err)
	}
	s.parked("")
	s.holds(`SELECT amount, note FROM dbo.rent WHERE ref = '2'`, "25.00|new")
}

// TestParkedChangesComeBackAsTheyWere: absent, null, empty, and a text that is
// not valid in any encoding; several tables; a truncate; several pieces.
func TestParkedChangesComeBackAsTheyWere(t *testing.T) {
	a, b := sourceTable("a", "*id int4", "v text"), sourceTable("b", "*id int4", "x text", "y text")
	b.Identity = capture.IdentityDefault
	want := []capture.Change{
		insert(a, "1", ""), insert(b, "1", "-", "?"), update(b, nil, row("1", "\xff\x00", "<é>\u2028")), remove(a, "1", ""),
		{Op: capture.Truncate, Table: a}, update(a, row("1", "?"), row("2", "?")),
	}
	var w pieceWriter
	for _, c := range want {
		if err := w.add(c); err != nil {
			t.Fatal(err)
		}
	}
	var got []capture.Change
	if _, err := readPiece(w.take(), func(c capture.Change) bool { got = append(got, c); return true }); err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d changes came back of %d", len(got), len(want))
	}
	for i := range want {
		g, h := got[i], want[i]
		if g.Op != h.Op || g.Table.String() != h.Table.String() || !sameShape(g.Table, h.Table) || !sameRow(g.Before, h.Before) || !sameRow(g.After, h.After) {
			t.Errorf("change %d came back as another one", i)
		}
	}
}

func sameRow(a, b capture.Row) bool {
	if (a == nil) != (b == nil) || len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// TestParkedTransactionOfManyPieces parks one that is larger than a piece.
func TestParkedTransactionOfManyPieces(t *testing.T) {
	s := newParkedSite(t)
	changes := []capture.Change{update(s.ten, row("2", "22.00", "old", "B", "-"), row("2", "23", "old", "B", "-"))}
	for i := range 5000 {
		changes = append(changes, insert(s.ten, fmt.Sprint(1000+i), "1", strings.Repeat("x", 20), strconv.FormatInt(int64(i)+1296, 36), "-"))
	}
	s.do(s.a, 3, changes...)
	s.parked("2 3")
	if n := s.rows(`SELECT pieces FROM syncback.parked WHERE position = 3`)[0]; n == "1" {
		t.Fatal("it is in one piece")
	}
	if n, err := s.a.Decide(t.Context(), s.waiting(2), Decision{Action: resolve.TakeSource, By: "ann"}); err != nil || n != 2 {
		t.Fatalf("released %d, %v", n, err)
	}
	s.holds(`SELECT COUNT(*) FROM dbo.rent`, "5003")
}

// TestDecisionThatWasCutShort: what a killed process had still to release is
// released by the next that applies, and not while the pipeline is paused.
func TestDecisionThatWasCutShort(t *testing.T) {
	s := newParkedSite(t)
	s.do(s.a, 3, update(s.ten, row("2", "22.00", "old", "B", "-"), row("2", "25", "old", "B", "-")))
	if _, err := s.a.releaseOne(t.Context(), 2, &Decision{Action: resolve.TakeSource, By: "ann"}); err != nil {
		t.Fatal(err)
	}
	s.parked("3") // and there the process was killed
	if err := s.a.control.Pause(t.Context(), "keeper"); err != nil {
		t.Fatal(err)
	}
	next := s.opened()
	change := []*capture.Tx{tx(4, insert(s.ten, "9", "9", "old", "Y", "-"))}
	if err := next.Apply(t.Context(), change); !errors.Is(err, apply.ErrPaused) {
		t.Errorf("while it is paused: %v", err)
	}
	s.parked("3")
	if err := s.a.control.Resume(t.Context(), "keeper"); err != nil {
		t.Fatal(err)
	}
	if err := next.Apply(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	s.parked("")
	s.holds(`SELECT ref, amount FROM dbo.rent WHERE ref IN ('2', '9') ORDER BY ref`, "2     |25.00", "9     |9.00")
}

// TestDecisionWaitsForABatch that another process writes, longer than a statement
// waits for a lock.
func TestDecisionWaitsForABatch(t *testing.T) {
	s := newParkedSite(t)
	s.cfg.LockTimeout = 50 * time.Millisecond
	person := s.opened()
	batch, err := s.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := batch.Exec(`UPDATE [syncback].[checkpoint] SET [paused] = [paused]`); err != nil {
		t.Fatal(err)
	}
	decided := make(chan error, 1)
	go func() {
		_, err := person.Decide(t.Context(), s.waiting(2), Decision{Action: resolve.TakeSource, By: "ann"})
		decided <- err
	}()
	select {
	case err := <-decided:
		t.Errorf("it did not wait: %v", err)
	case <-time.After(10 * s.cfg.LockTimeout):
	}
	if err := batch.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-decided; err != nil {
		t.Error(err)
	}
	s.parked("")
}
