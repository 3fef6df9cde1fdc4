package sqlserver

import (
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// parkedPremises is a premises in which transaction 2 is parked: the balance of
// tenancy 000024/01 is not what the source thought that it was.
func parkedPremises(t *testing.T) (*parkedSite, func() *Applier) {
	d := newPremises(t)
	tenancies := sourceTable("tenagree", "*tag_ref text", "cur_bal numeric")
	open := func() *Applier {
		park := resolve.Parked("see to it")
		return d.open(append(emulated(emulatorFunc(housing), park), Table{Source: "tenagree", Target: "tenagree", Conflict: park})...)
	}
	s := &parkedSite{database: d, a: open()}
	d.do(s.a, 1, insert(rtransTable, "1", "000023/02", "2.50"))
	d.do(s.a, 2, update(tenancies, row("000024/01", "5"), row("000024/01", "6")))
	s.parked("2")
	return s, open
}

// TestEmulatedChangesWaitBehindWhatIsParked: a transaction whose Emulator would
// write to a row that is parked waits as if it wrote there itself, and what
// touches its rows waits behind it.
func TestEmulatedChangesWaitBehindWhatIsParked(t *testing.T) {
	s, open := parkedPremises(t)
	if err := s.a.Apply(t.Context(), []*capture.Tx{
		tx(3, insert(rtransTable, "2", "000024/01", "1")),
		tx(4, insert(rtransTable, "3", "000023/02", "10")),
		tx(5, update(rtransTable, row("2", "000024/01", "1"), row("2", "000024/01", "3"))),
	}); err != nil {
		t.Fatal(err)
	}
	s.parked("2 3 5")
	s.holds(readBalances, "000023/02  |0.00", "000024/01  |0.00")
	s.holds(`SELECT ref FROM dbo.rtrans ORDER BY ref`, "1", "3")

	// Another process, which has not asked the Emulator, lets nobody pass either.
	if released, err := open().Release(t.Context()); released != 0 || err != nil {
		t.Errorf("released %d: %v", released, err)
	}
	released, err := open().Decide(t.Context(), s.waiting(2), Decision{Action: resolve.TakeSource, By: "ann"})
	if released != 3 || err != nil {
		t.Fatalf("released %d: %v", released, err)
	}
	s.parked("")
	s.holds(readBalances, "000023/02  |0.00", "000024/01  |10.00")
	s.holds(`SELECT COUNT(*) FROM syncback.parked_key`, "0")
}

// TestReleasedChangesWaitBehindWhatIsParked: what an Emulator would write is known
// for some only when they are released. Whoever decides is told which comes first;
// what the rules release goes on waiting.
func TestReleasedChangesWaitBehindWhatIsParked(t *testing.T) {
	s, open := parkedPremises(t)
	s.exec(`UPDATE dbo.rtrans SET real_value = 100 WHERE ref = 1`)
	s.do(s.a, 3, update(rtransTable, row("1", "000023/02", "2.50"), row("1", "000024/01", "1")))
	s.do(s.a, 4, update(rtransTable, row("1", "000024/01", "1"), row("1", "000024/01", "2")))
	s.parked("2 3 4")
	_, err := open().Decide(t.Context(), s.waiting(3), Decision{Action: resolve.TakeSource, By: "ann"})
	if err == nil || !strings.Contains(err.Error(), "what its triggers would do touches rows that transaction 0/2 holds, which was parked before it; decide that one first") {
		t.Errorf("it ends with %v", err)
	}
	s.parked("2 3 4")
	s.exec(`UPDATE dbo.rtrans SET tag_ref = '000024/01', real_value = 1 WHERE ref = 1`)
	released, err := open().Decide(t.Context(), s.waiting(3), Decision{Action: resolve.TakeTarget, By: "ann"})
	if released != 1 || err != nil {
		t.Errorf("released %d: %v", released, err)
	}
	s.parked("2 4")
	s.holds(readBalances, "000023/02  |-10.00", "000024/01  |0.00")
	released, err = open().Decide(t.Context(), s.waiting(2), Decision{Action: resolve.TakeSource, By: "ann"})
	if released != 2 || err != nil {
		t.Errorf("released %d: %v", released, err)
	}
	s.parked("")
	s.holds(readBalances, "000023/02  |-10.00", "000024/01  |8.00")
}
