package sqlserver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// TestWhatIsRepairedIsRemembered: what verify mends is no difference later, and
// what someone else does behind it is one.
func TestWhatIsRepairedIsRemembered(t *testing.T) {
	eachVersioned(t, func(t *testing.T, d *database, ten *capture.Table) {
		a := d.open(rememberedMapping(nil))
		one, two := row("1", "10", "old", "A", "-"), row("2", "20", "old", "B", "-")
		d.do(a, 1, capture.Change{Op: capture.Insert, Table: ten, After: one}, capture.Change{Op: capture.Insert, Table: ten, After: two}, insert(ten, "3", "30", "old", "C", "-"))
		d.exec(`UPDATE dbo.rent SET note = 'theirs' WHERE ref <> '2'`)
		d.exec(`DELETE FROM dbo.rent WHERE ref = '2'`)
		d.repairs(a, sourceOf(one, two), ten, pending(), "different 1 in note, mended", "missing 2, mended", "extra 3, mended")
		d.holds(`SELECT COUNT(*) FROM syncback.written`, "2")
		d.do(a, 2, update(ten, nil, row("1", "11", "old", "A", "-")), update(ten, nil, row("2", "21", "old", "B", "-")))
		d.exec(`UPDATE dbo.rent SET note = 'theirs' WHERE ref = '2'`)
		d.stops(a, 3, resolve.UpdateDiffers, "amount note", update(ten, nil, row("2", "22", "old", "B", "-")))
	})
}

// TestWhatAnEmulatorWritesIsRemembered: in the row that it is asked about, and in
// rows that it tells by the key or by another unique column. Where nothing of the
// table was changed yet, what is remembered of it is forgotten.
func TestWhatAnEmulatorWritesIsRemembered(t *testing.T) {
	eachVersioned(t, func(t *testing.T, d *database, ten *capture.Table) {
		d.exec(payments)
		key := "ref*=1"
		e := emulatorFunc(func(_ context.Context, changes []capture.Change, _ resolve.Target) (out []capture.Change, _ error) {
			for _, c := range changes {
				if c.Table.Name == "payment" {
					out = append(out, further(capture.Update, "rent", key+" note=paid"+textOf(c, c.After, "id")))
				} else if c.Op == capture.Update {
					out = append(out, further(capture.Update, "rent", "ref*="+textOf(c, c.After, "ref")+" own=by"+strings.TrimSuffix(textOf(c, c.After, "amount"), ".00")))
				}
			}
			return out, nil
		})
		m := rememberedMapping(nil)
		m.Triggers, m.Emulator = EmulateTriggers, e
		paid := Table{Source: "payment", Target: "payment", Triggers: EmulateTriggers, Emulator: e}
		a := d.open(m, paid)
		d.do(a, 1, insert(ten, "1", "10", "old", "A", "-"))
		d.do(a, 2, update(ten, nil, row("1", "11", "old", "A", "-")), update(ten, nil, row("1", "12", "old", "A", "-")))
		d.holds(`SELECT note, own FROM dbo.rent`, "old|by12")
		d.do(a, 3, insert(paymentTable(), "1", "1", "5"))
		d.do(a, 4, update(ten, nil, row("1", "13", "old", "A", "-")))
		key = "code*=A"
		d.do(a, 5, insert(paymentTable(), "2", "1", "5"))
		d.do(a, 6, update(ten, nil, row("1", "14", "old", "A", "-")))
		d.exec(`UPDATE dbo.rent SET note = 'theirs'`)
		d.stops(a, 7, resolve.UpdateDiffers, "amount note", update(ten, nil, row("1", "15", "old", "A", "-")))

		_ = a.Close()
		d.do(d.open(m, paid), 7, insert(paymentTable(), "3", "1", "5"))
		d.holds(`SELECT note FROM dbo.rent`, "paid3")
		d.holds(`SELECT COUNT(*) FROM syncback.written`, "0")
	})
}

// TestRememberedRowsAreNamedWithTheLedgerKey: neither a row's name nor its hash can
// be made from its values without the key. With another key nothing is known.
func TestRememberedRowsAreNamedWithTheLedgerKey(t *testing.T) {
	statement, ten := rememberedRents(false)
	read := `SELECT resource, hash FROM syncback.written`
	var seen []string
	for _, key := range []string{"", "sixteen or more bytes", "another one of sixteen"} {
		d := newDatabase(t, statement)
		d.cfg.LedgerKey = []byte(key)
		a := d.open(rememberedMapping(nil))
		d.do(a, 1, insert(ten, "1", "10", "old", "A", "-"))
		seen = append(seen, strings.Split(d.rows(read)[0], "|")...)
		d.do(a, 2, update(ten, nil, row("1", "11", "old", "A", "-")))
		d.exec(`UPDATE dbo.rent SET note = 'theirs'`)
		d.stops(a, 3, resolve.UpdateDiffers, "amount note", update(ten, nil, row("1", "12", "old", "A", "-")))
		d.cfg.LedgerKey = []byte("a third one of sixteen")
		d.do(d.open(rememberedMapping(nil)), 3, update(ten, nil, row("1", "12", "old", "A", "-")))
	}
	slices.Sort(seen)
	if len(slices.Compact(seen)) != 6 {
		t.Errorf("different keys make the same names or hashes: %q", seen)
	}
}

// TestRememberingBeginsAnew: a table that did not remember for a while does not
// take what was written meanwhile for someone else's; one that has a column more
// is compared by its rowversion, and without one is not known.
func TestRememberingBeginsAnew(t *testing.T) {
	eachVersioned(t, func(t *testing.T, d *database, ten *capture.Table) {
		versioned := len(d.rows(`SELECT name FROM sys.columns WHERE name = 'tstamp'`)) == 1
		less := rememberedMapping(nil)
		less.Columns["note"] = Column{Skip: true}
		a := d.open(less)
		d.do(a, 1, insert(ten, "1", "10", "old", "A", "-"), insert(ten, "2", "20", "old", "B", "-"))
		d.exec(`UPDATE dbo.rent SET code = 'X' WHERE ref = '2'`)
		a = d.open(rememberedMapping(nil))
		d.do(a, 2, update(ten, nil, row("1", "11", "old", "A", "-")))
		d.do(a, 3, update(ten, nil, row("2", "21", "old", "B", "-"))) // the hash is of other columns
		d.exec(`UPDATE dbo.rent SET note = 'theirs' WHERE ref = '2'`)
		d.stops(a, 4, resolve.UpdateDiffers, "amount note", update(ten, nil, row("2", "22", "old", "B", "-")))
		if versioned {
			a = d.open(less)
			d.do(a, 4, update(ten, nil, row("1", "12", "?", "A", "-")))
			a = d.open(rememberedMapping(nil))
			d.do(a, 5, update(ten, nil, row("1", "13", "old", "A", "-")))
		}

		not := rememberedMapping(nil)
		not.Remember = false
		d.do(d.open(not), 6, update(ten, nil, row("1", "14", "old", "A", "-")))
		d.holds(`SELECT COUNT(*) FROM syncback.written`, "0")
		d.do(d.open(rememberedMapping(nil)), 7, update(ten, nil, row("1", "15", "old", "A", "-")))
		d.holds(`SELECT COUNT(*) FROM syncback.written`, "1")
	})
}

// TestCheckSaysWhatIsNotDetected: of a table whose source sends no old row, with
// and without the option; and refuses it where the old row is sent.
func TestCheckSaysWhatIsNotDetected(t *testing.T) {
	statement, ten := rememberedRents(true)
	d := newDatabase(t, statement)
	keyless := keyOnlyTable("rent", "ref text")
	for _, test := range []struct {
		name     string
		remember bool
		source   *capture.Table
		want     string
	}{
		{"without", false, ten, "warning: its source sends no old row, so that an update writes over what someone else wrote to the row in the target, and a delete deletes it, without a conflict. let it `remember` what was written last, or ALTER TABLE … REPLICA IDENTITY FULL"},
		{"with", true, ten, "note: what someone else wrote to a row is noticed from the second change of the row on: before there is nothing that it can be compared with"},
		{"the old row", false, rentTable(), ""},
		{"the old row, with", true, rentTable(), "error: public.rent sends the whole old row, with which the target's is compared, so that nothing is to be remembered. leave `remember` out"},
		{"no key, with", true, keyless, "error: public.rent has neither a key nor replica identity full, so that its rows cannot be told apart. name a `key`, or ALTER TABLE … REPLICA IDENTITY FULL"},
	} {
		m := rentMapping(nil)
		m.Remember = test.remember
		if test.source == keyless {
			m.Columns = nil
		}
		d.cfg.Tables = []Table{m}
		findings, err := Check(t.Context(), d.cfg, []*capture.Table{test.source})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range findings {
			if f.Object == "dbo.rent" {
				got += strings.TrimSuffix(f.Level.String()+": "+f.Problem+". "+f.Advice, ". ")
			}
		}
		if got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", test.name, got, test.want)
		}
	}
	d.refuses(d.open(rememberedMapping(nil)), 1, insert(rentTable(), "1", "10", "old", "A", "-"), "leave `remember` out")
	d.exec(`DROP TABLE syncback.written`)
	d.cfg.Tables = []Table{rememberedMapping(nil)}
	findings, err := Check(t.Context(), d.cfg, nil)
	if err != nil || len(findings) != 1 || !strings.Contains(findings[0].Advice, "ddl") {
		t.Errorf("without the table check finds %v, %v", findings, err)
	}
}

// TestWhatRememberingCosts counts round trips: none for a table that does not
// remember, and for one that does two for each 50 rows of a transaction of the
// target, and two for each delete, which is otherwise one of many to a round trip.
func TestWhatRememberingCosts(t *testing.T) {
	statement, ten := rememberedRents(true)
	p := newDatabase(t, statement)
	proxy, dsn := sqlservertest.NewProxy(t, p.cfg.DSN)
	p.cfg.DSN = dsn
	count := func(a *Applier, at capture.Position, changes ...capture.Change) (calls, ours int64) {
		var n, written atomic.Int64
		proxy.On(func(m sqlservertest.Message) bool {
			if (m.Kind == sqlservertest.Call || m.Kind == sqlservertest.Batch) && !m.Answered {
				n.Add(1)
				if m.Contains("[written]") {
					written.Add(1)
				}
			}
			return true
		})
		p.do(a, at, changes...)
		return n.Load(), written.Load()
	}
	for _, remember := range []bool{false, true} {
		m := rentMapping(nil)
		m.Remember = remember
		a := p.open(m)
		p.do(a, p.checkpoint(a)+1) // what is done once
		base := p.checkpoint(a)
		var got []string
		for i, n := range []int{1, 40} {
			var inserts, updates, deletes []capture.Change
			for k := range n {
				ref := fmt.Sprint(k)
				inserts = append(inserts, insert(ten, ref, "10", "old", ref, "-"))
				updates = append(updates, update(ten, nil, row(ref, "11", "old", ref, "-")))
				deletes = append(deletes, remove(ten, ref, "?", "?", "?", "?"))
			}
			for k, changes := range [][]capture.Change{inserts, updates, deletes} {
				calls, ours := count(a, base+capture.Position(3*i+k)+1, changes...)
				if !remember && ours > 0 {
					t.Errorf("a table that does not remember asks %d times for what is remembered", ours)
				}
				got = append(got, fmt.Sprint(calls))
			}
		}
		want := map[bool]string{false: "1 3 1 1 81 1", true: "3 5 5 3 83 83"}[remember]
		if s := strings.Join(got, " "); s != want {
			t.Errorf("remember %t: insert, update and delete of 1 and of 40 rows take %s round trips, not %s", remember, s, want)
		}
	}
}
