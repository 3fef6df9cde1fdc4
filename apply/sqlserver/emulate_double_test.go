package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// Triggers that do what housing does. A %s is where they look for the marker.
const (
	paymentTrigger = `CREATE TRIGGER dbo.tr_payment ON dbo.rtrans AFTER INSERT, UPDATE AS BEGIN
SET NOCOUNT ON
%s
DECLARE @n int
UPDATE dbo.tenagree SET cur_bal = cur_bal + (SELECT SUM(i.real_value) FROM inserted i WHERE i.tag_ref = tenagree.tag_ref) WHERE tag_ref IN (SELECT tag_ref FROM inserted)
INSERT INTO dbo.serials_dch DEFAULT VALUES
SET @n = SCOPE_IDENTITY()
INSERT INTO dbo.rtransdch (dchid, ref, real_value) SELECT @n, ref, real_value FROM inserted
END`
	evictionTrigger = `CREATE TRIGGER dbo.tr_eviction ON dbo.eviction AFTER INSERT, UPDATE AS BEGIN
SET NOCOUNT ON
%s
INSERT INTO dbo.araction (tag_ref, action_no, action_code, action_balance)
SELECT i.tag_ref, COALESCE((SELECT MAX(a.action_no) FROM dbo.araction a WHERE a.tag_ref = i.tag_ref), 0) + 1, 'EVD', (SELECT t.cur_bal FROM dbo.tenagree t WHERE t.tag_ref = i.tag_ref) FROM inserted i
END`
	guard = "IF SUBSTRING(CONTEXT_INFO(), 1, 8) = " + SilentMarker + " RETURN"
)

// workload is what happens in the source: transactions of one change, and of
// several.
func workload() [][]capture.Change {
	return [][]capture.Change{
		{insert(rtransTable, "1", "000023/02", "-7.5")},
		{insert(evictionTable, "000023/02", "2024-03-01 00:00:00")},
		{insert(rtransTable, "2", "000024/01", "5"), insert(evictionTable, "000024/01", "2024-03-01 00:00:00"), insert(rtransTable, "3", "000023/02", "1")},
		{update(evictionTable, row("000024/01", "2024-03-01 00:00:00"), row("000024/01", "2024-04-01 00:00:00"))},
	}
}

// rowsOfAll is all that the workload changes, but for the numbers of the allocator
// that only have to be different.
func (d *database) rowsOfAll() string {
	var out []string
	for _, q := range []string{readBalances, readDiary, `SELECT ref, tag_ref, real_value FROM dbo.rtrans ORDER BY ref`,
		`SELECT tag_ref, eviction_date FROM dbo.eviction ORDER BY tag_ref`, `SELECT ref, real_value FROM dbo.rtransdch ORDER BY dchid`} {
		out = append(out, d.rows(q)...)
	}
	return strings.Join(out, "\n")
}

// TestFiredAndEmulatedAreTheSame: the same changes leave the same rows, whether the
// triggers fire or are told to stay silent and emulated.
func TestFiredAndEmulatedAreTheSame(t *testing.T) {
	var results []string
	for _, triggers := range []Triggers{FireTriggers, EmulateTriggers} {
		d := newPremises(t, fmt.Sprintf(paymentTrigger, guard), fmt.Sprintf(evictionTrigger, guard))
		tables := emulated(emulatorFunc(housing), nil)
		for i := range tables {
			if tables[i].Triggers = triggers; triggers == FireTriggers {
				tables[i].Emulator = nil
			}
		}
		a := d.open(tables...)
		for i, changes := range workload() {
			d.do(a, capture.Position(i+1), changes...)
		}
		results = append(results, d.rowsOfAll())
	}
	if results[0] != results[1] || !strings.Contains(results[0], "000024/01  |2|EVD|5.00") {
		t.Errorf("the triggers leave\n%s\nand the emulator\n%s", results[0], results[1])
	}
}

// TestTriggerThatFiresAllTheSame: one that does not look for the marker is found
// out before anything is written, by each kind of what it does; what to do is
// said; and once it was mended the same changes go in, once.
func TestTriggerThatFiresAllTheSame(t *testing.T) {
	for _, test := range []struct {
		name, trigger, of, mended string
		change                    capture.Change
		table, to                 string
	}{
		{"a row is inserted", evictionTrigger, "dbo.eviction", "000023/02  |4|EVD|-12.50",
			insert(evictionTable, "000023/02", "2024-03-01 00:00:00"), "dbo.eviction (tr_eviction)", "dbo.araction"},
		{"a row is updated", paymentTrigger, "dbo.rtrans", "000023/02  |-20.00",
			insert(rtransTable, "1", "000023/02", "-7.5"), "dbo.rtrans (tr_payment)", "dbo.tenagree"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newPremises(t, fmt.Sprintf(test.trigger, ""))
			a := d.open(emulated(emulatorFunc(housing), resolve.TargetWins())...)
			before := d.rowsOfAll()
			for range 2 {
				d.refuses(a, 1, test.change, "a trigger of "+test.table, "writes to "+test.to, "would be there twice", SilentMarker+" RETURN")
				if after := d.rowsOfAll(); after != before {
					t.Errorf("the target holds\n%s\nand held\n%s", after, before)
				}
			}
			d.holds(`SELECT COUNT(*) FROM syncback.conflict`, "0")
			d.exec("DROP TRIGGER dbo." + test.table[strings.Index(test.table, "(")+1:len(test.table)-1])
			d.exec(fmt.Sprintf(test.trigger, guard))
			d.do(a, 1, test.change)
			if after := d.rowsOfAll(); strings.Count(after, test.mended) != 1 {
				t.Errorf("the target holds\n%s", after)
			}
		})
	}
}

// TestTriggerThatIsMadeAnewIsLookedAtAgain: what was seen of a trigger holds for
// that one alone.
func TestTriggerThatIsMadeAnewIsLookedAtAgain(t *testing.T) {
	d := newPremises(t, fmt.Sprintf(evictionTrigger, guard))
	e := &heard{do: housing}
	a := d.open(emulated(e, nil)...)
	d.do(a, 1, insert(evictionTable, "000023/02", "2024-03-01 00:00:00"))
	if n := len(e.calls); n != 2 {
		t.Errorf("the first change took %d calls", n)
	}
	d.do(a, 2, update(evictionTable, row("000023/02", "2024-03-01 00:00:00"), row("000023/02", "2024-04-01 00:00:00")))
	e.calls = nil
	d.do(a, 3, update(evictionTable, row("000023/02", "2024-04-01 00:00:00"), row("000023/02", "2024-05-01 00:00:00")))
	if n := len(e.calls); n != 1 {
		t.Errorf("a change like one before took %d calls", n)
	}
	d.exec(`DROP TRIGGER dbo.tr_eviction`)
	d.exec(fmt.Sprintf(evictionTrigger, ""))
	d.refuses(a, 4, update(evictionTable, row("000023/02", "2024-05-01 00:00:00"), row("000023/02", "2024-06-01 00:00:00")), "a trigger of dbo.eviction (tr_eviction)")
	d.holds(`SELECT COUNT(*) FROM dbo.araction`, "4")
}

// TestSeveralTablesAreTriedOnce: what a call about several tables leads to is found
// out for each of them once, and not at each such transaction.
func TestSeveralTablesAreTriedOnce(t *testing.T) {
	d := newPremises(t)
	e := &heard{do: housing}
	a := d.open(emulated(e, nil)...)
	both := func(n string) []capture.Change {
		return []capture.Change{insert(rtransTable, n, "000023/02", "1"), insert(evictionTable, "T"+n, "2024-03-01 00:00:00")}
	}
	d.exec(`INSERT INTO dbo.tenagree (tag_ref, cur_bal) VALUES ('T1', 0), ('T2', 0)`)
	d.do(a, 1, both("1")...)
	e.calls = nil
	d.do(a, 2, both("2")...)
	if n := len(e.calls); n != 1 {
		t.Errorf("a transaction like one before took %d calls", n)
	}
	d.holds(`SELECT tag_ref, action_no FROM dbo.araction WHERE action_code = 'EVD' ORDER BY tag_ref`, "T1         |1", "T2         |1")
}

// TestEmulatorThatIsOvertaken: another session took the number, or moved the
// balance, between the Emulator's look and the write. It is asked again, and
// nothing is lost.
func TestEmulatorThatIsOvertaken(t *testing.T) {
	d := newPremises(t)
	overtake := ""
	a := d.open(emulated(emulatorFunc(func(ctx context.Context, changes []capture.Change, target resolve.Target) ([]capture.Change, error) {
		made, err := housing(ctx, changes, target)
		for i := range made {
			if overtake == "" {
				continue
			}
			// As if it had looked before the other session wrote.
			if made[i].Table.Name == "araction" {
				made[i].After[1] = capture.Text("3")
				made[i].After[2] = capture.Text("GEN")
				overtake = ""
			} else if made[i].Table.Name == "tenagree" {
				made[i].Before[1], made[i].After[1] = capture.Text("77.00"), capture.Text("79.00")
				overtake = ""
			}
		}
		return made, err
	}), nil)...)
	d.do(a, 1, insert(evictionTable, "000024/01", "2024-03-01 00:00:00"), insert(rtransTable, "1", "000024/01", "1"))
	overtake = "number"
	d.do(a, 2, insert(evictionTable, "000023/02", "2024-03-01 00:00:00"))
	overtake = "balance"
	d.do(a, 3, insert(rtransTable, "2", "000023/02", "2"))
	d.holds(readDiary, "000023/02  |3|GEN|-1.00", "000023/02  |4|EVD|-12.50", "000024/01  |1|EVD|0.00")
	d.holds(readBalances, "000023/02  |-10.50", "000024/01  |1.00")
}

// TestTransactionThatIsTriedAgainIsTheSame has the first, the second, … Apply fail
// just before its end, as a crash would: asked again, the result is that of a run
// without.
func TestTransactionThatIsTriedAgainIsTheSame(t *testing.T) {
	run := func(fails bool) string {
		d := newPremises(t, fmt.Sprintf(paymentTrigger, guard), fmt.Sprintf(evictionTrigger, guard))
		last := &heard{}
		tables := append(emulated(emulatorFunc(housing), nil), Table{Source: "last", Target: "last", Triggers: EmulateTriggers, Emulator: last})
		d.exec(`CREATE TABLE dbo.last (id int NOT NULL PRIMARY KEY)`)
		a := d.open(tables...)
		for i, changes := range workload() {
			batch := func() []*capture.Tx {
				return []*capture.Tx{tx(capture.Position(2*i+1), changes...), tx(capture.Position(2*i+2), insert(sourceTable("last", "*id int4"), fmt.Sprint(i)))}
			}
			last.do = nil
			if fails {
				last.do = func(context.Context, []capture.Change, resolve.Target) ([]capture.Change, error) {
					return nil, retryable{errors.New("killed")}
				}
				if err := a.Apply(t.Context(), batch()); !capture.Retryable(err) {
					t.Fatal(err)
				}
				_ = a.Close()
				a = d.open(tables...)
				last.do = nil
			}
			if err := a.Apply(t.Context(), batch()); err != nil {
				t.Fatal(err)
			}
		}
		return d.rowsOfAll()
	}
	if with, without := run(true), run(false); with != without {
		t.Errorf("with crashes the target holds\n%s\nand without\n%s", with, without)
	}
}
