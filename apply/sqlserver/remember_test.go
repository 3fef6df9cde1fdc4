package sqlserver

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// keyOnlyTable is a source table of replica identity default.
func keyOnlyTable(name string, columns ...string) *capture.Table {
	t := sourceTable(name, columns...)
	t.Identity = capture.IdentityDefault
	return t
}

// rememberedRents are rents whose source sends no old row. Beside what is mapped
// the target has a column of its own, and, where it is asked for, a rowversion.
func rememberedRents(versioned bool) (statement string, ten *capture.Table) {
	own := "own varchar(20) NULL, ended smalldatetime"
	if versioned {
		own = "tstamp rowversion, " + own
	}
	ten = rentTable()
	ten.Identity = capture.IdentityDefault
	return strings.Replace(rents, "ended smalldatetime", own, 1), ten
}

func rememberedMapping(policy resolve.Resolver) Table {
	m := rentMapping(policy)
	m.Remember = true
	return m
}

// eachVersioned runs a test with a rowversion and without one.
func eachVersioned(t *testing.T, run func(t *testing.T, d *database, ten *capture.Table)) {
	for _, versioned := range []bool{true, false} {
		t.Run(map[bool]string{true: "rowversion", false: "hash"}[versioned], func(t *testing.T) {
			t.Parallel()
			statement, ten := rememberedRents(versioned)
			run(t, newDatabase(t, statement), ten)
		})
	}
}

// stops expects a conflict of a kind, about columns, that stops the pipeline.
func (d *database) stops(a *Applier, position capture.Position, kind resolve.Kind, columns string, changes ...capture.Change) {
	d.Helper()
	err := a.Apply(d.Context(), []*capture.Tx{tx(position, changes...)})
	var conflict *resolve.ConflictError
	if !errors.As(err, &conflict) || conflict.Kind != kind || strings.Join(conflict.Columns, " ") != columns {
		d.Fatalf("got %v, want it stopped by %s of %s", err, kind, columns)
	}
}

// TestWhatWasWrittenIsRemembered: of a table whose source sends no old row, what
// someone else did to a row since we wrote it is a conflict, of an update and of a
// delete; what nobody did is none, and neither is what is not mapped.
func TestWhatWasWrittenIsRemembered(t *testing.T) {
	eachVersioned(t, func(t *testing.T, d *database, ten *capture.Table) {
		a := d.open(rememberedMapping(nil))
		d.do(a, 1, insert(ten, "1", "10", "old", "A", "-"), insert(ten, "2", "20", "old", "B", "-"), insert(ten, "3", "30", "old", "C", "-"))
		d.do(a, 2, update(ten, nil, row("1", "11", "old", "A", "-")))
		d.exec(`UPDATE dbo.rent SET own = 'theirs'`)
		d.do(a, 3, update(ten, nil, row("1", "12", "old", "A", "-")), remove(ten, "3", "?", "?", "?", "?"))
		d.exec(`UPDATE dbo.rent SET note = 'Old'`)
		d.stops(a, 4, resolve.UpdateDiffers, "amount note", update(ten, nil, row("1", "13", "old", "A", "-")))
		d.stops(a, 4, resolve.UpdateDiffers, "note", update(ten, nil, row("1", "12", "old", "A", "-")))
		d.stops(a, 4, resolve.DeleteDiffers, "amount note code ended", remove(ten, "2", "?", "?", "?", "?"))
		d.holds(readRents, "1     |12.00|Old|A  ", "2     |20.00|Old|B  ")

		// Where both did the same there is no conflict, and what is there is ours.
		d.do(a, 4, update(ten, nil, row("1", "12", "Old", "A", "-")))
		d.do(a, 5, update(ten, nil, row("1", "13", "old", "A", "-")))
		d.exec(`UPDATE dbo.rent SET note = 'x' WHERE ref = '2'`)
		d.exec(`UPDATE dbo.rent SET note = 'old' WHERE ref = '2'`)
		d.do(a, 6, remove(ten, "2", "?", "?", "?", "?"), remove(ten, "1", "?", "?", "?", "?"))
		d.holds(`SELECT COUNT(*) FROM syncback.written`, "0")
	})
}

// TestRememberedConflictsAreDecided: each policy decides about such a conflict
// without a base, and the next change of the row is compared with what came of it.
func TestRememberedConflictsAreDecided(t *testing.T) {
	statement, ten := rememberedRents(true)
	source := resolve.SourceColumn()
	for _, p := range []struct {
		name, action string
		policy       resolve.Resolver
		updated      string // row 1, whose amount is 15 and note theirs where the source has 12 and old
		deleted      string // row 2, whose note is theirs; the action is halt where there is none
	}{
		{"source-wins", "take_source", resolve.SourceWins(), "1     |12.00|old|A  ", ""},
		{"target-wins", "take_target", resolve.TargetWins(), "1     |15.00|theirs|A  ", "2     |20.00|theirs|B  "},
		{"newest", "take_target", resolve.Newest("amount", resolve.TargetSide), "1     |15.00|theirs|A  ", "halt"},
		{"merge", "take_row", resolve.Merge(resolve.Merging{Both: source, Columns: map[string]resolve.ColumnRule{"note": resolve.TargetColumn()}}), "1     |12.00|theirs|A  ", "halt"},
		{"merge of what only one side changed", "halt", resolve.Merge(resolve.Merging{}), "halt", "halt"},
		{"additive", "halt", resolve.Merge(resolve.Merging{Both: source, Columns: map[string]resolve.ColumnRule{"amount": resolve.Additive()}}), "halt", "halt"},
		{"park", "park", resolve.Parked("see to it"), "1     |15.00|theirs|A  ", "2     |20.00|theirs|B  "},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, statement)
			a := d.open(rememberedMapping(p.policy))
			d.do(a, 1, insert(ten, "1", "10", "old", "A", "-"), insert(ten, "2", "20", "old", "B", "-"))
			d.exec(`UPDATE dbo.rent SET note = 'theirs', amount = CASE ref WHEN '1' THEN 15 ELSE amount END`)
			deletion := remove(ten, "2", "?", "?", "?", "?")
			if p.updated == "halt" {
				d.stops(a, 2, resolve.UpdateDiffers, "amount note", update(ten, nil, row("1", "12", "old", "A", "-")))
				d.stops(a, 2, resolve.DeleteDiffers, "amount note code ended", deletion)
				return
			}
			d.do(a, 2, update(ten, nil, row("1", "12", "old", "A", "-")))
			if p.deleted == "halt" {
				d.stops(a, 3, resolve.DeleteDiffers, "amount note code ended", deletion)
				p.deleted = "2     |20.00|theirs|B  "
			} else {
				d.do(a, 3, deletion)
			}
			d.holds(readRents, slices.DeleteFunc([]string{p.updated, p.deleted}, func(s string) bool { return s == "" })...)
			if got := d.rows(`SELECT kind, COALESCE(base, '-'), action FROM syncback.conflict WHERE op = 'update'`); len(got) != 1 || got[0] != "update_differs|-|"+p.action {
				t.Errorf("the ledger has %q", got)
			}
			if p.action == "park" {
				return
			}
			d.do(a, 4, update(ten, nil, row("1", "12", "once more", "A", "-")))
			d.holds(`SELECT note FROM dbo.rent WHERE ref = '1'`, "once more")
			d.holds(`SELECT COUNT(*) FROM syncback.conflict WHERE op = 'update'`, "1")
		})
	}
}

// TestWhatIsReleasedIsRemembered: a parked conflict is one still when a person
// decides, and what they decided is what the next change is compared with, also
// by a process that is new.
func TestWhatIsReleasedIsRemembered(t *testing.T) {
	statement, ten := rememberedRents(false)
	d := newDatabase(t, statement)
	a := d.open(rememberedMapping(resolve.Parked("see to it")))
	d.do(a, 1, insert(ten, "1", "10", "old", "A", "-"))
	for i, action := range []resolve.Action{resolve.TakeSource, resolve.TakeTarget} {
		d.exec(fmt.Sprintf(`UPDATE dbo.rent SET note = 'theirs%d'`, i))
		at := capture.Position(10*i + 2)
		d.do(a, at, update(ten, nil, row("1", fmt.Sprint(11+i), "old", "A", "-")))
		d.do(a, at+1, update(ten, nil, row("1", fmt.Sprint(21+i), "old", "A", "-"))) // waits
		d.holds(`SELECT COUNT(*) FROM syncback.parked`, "2")
		var id int64
		if err := d.db.QueryRow(`SELECT MAX(conflict) FROM syncback.parked`).Scan(&id); err != nil {
			t.Fatal(err)
		}
		if n, err := d.open(rememberedMapping(resolve.Parked("see to it"))).Decide(t.Context(), id, Decision{Action: action, By: "ann"}); err != nil || n != 2 {
			t.Fatalf("released %d, %v", n, err)
		}
		d.do(a, at+2, update(ten, nil, row("1", fmt.Sprint(31+i), "old", "A", "-")))
		d.holds(`SELECT amount, note FROM dbo.rent`, fmt.Sprintf("%d.00|old", 31+i))
		d.holds(`SELECT COUNT(*) FROM syncback.parked`, "0")
	}
}

// TestWhatTheTargetMakesOfARowIsRemembered: a trigger that changes the row which
// is written, also in a column that is not mapped, defaults, padding, rounding and
// what stands for null make no conflict, and someone else's change does.
func TestWhatTheTargetMakesOfARowIsRemembered(t *testing.T) {
	eachVersioned(t, func(t *testing.T, d *database, ten *capture.Table) {
		d.exec(`CREATE TRIGGER dbo.tr_rent ON dbo.rent AFTER INSERT, UPDATE AS BEGIN
SET NOCOUNT ON
IF UPDATE(own) RETURN
UPDATE dbo.rent SET note = UPPER(r.note), own = 'by trigger' FROM dbo.rent r JOIN inserted i ON i.ref = r.ref
END`)
		m := rememberedMapping(nil)
		m.Columns["amount"] = Column{Lossy: Lossy{Round: true}}
		a := d.open(m)
		d.do(a, 1, insert(ten, "1", "10.004", "old", "A", "-"), insert(ten, "2", "20", "?", "B", "2024-02-29 10:30:00"))
		for i := range 3 {
			d.do(a, capture.Position(i+2), update(ten, nil, row("1", fmt.Sprintf("1%d.004", i), "old", "A", "-")), update(ten, nil, row("2", "20", "-", fmt.Sprint(i), "-")))
		}
		d.holds(readRents, "1     |12.00|OLD|A  ", "2     |20.00|NULL|2  ")
		d.holds(`SELECT own FROM dbo.rent`, "by trigger", "by trigger")
		d.exec(`UPDATE dbo.rent SET own = 'theirs', ended = '2024-01-01' WHERE ref = '2'`)
		d.stops(a, 5, resolve.UpdateDiffers, "note ended", update(ten, nil, row("2", "20", "now", "2", "-")))
	})
}

// TestEveryTypeIsRemembered: text of any length, xml, floats, bytes and times are
// what they were.
func TestEveryTypeIsRemembered(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.odd (id uniqueidentifier NOT NULL PRIMARY KEY, body text NULL, picture image NULL, doc xml NULL,
f float NULL, r real NULL, m money NULL, at datetime NULL, d datetimeoffset NULL, b bit NULL, v varbinary(max) NULL, n ntext NULL)`)
	odd := keyOnlyTable("odd", "*id uuid", "body text", "picture bytea", "doc xml", "f float8", "r float4", "m numeric", "at timestamp", "d timestamptz", "b bool", "v bytea", "n text")
	a := d.open(Table{Source: "odd", Target: "odd", Remember: true})
	values := []string{"6f9619ff-8b86-d011-b42d-00c04fc964ff", strings.Repeat("long ", 3000), `\x00ff00`, "<a b='1'><c/></a>", "0.1", "-0", "1.2345", "2024-05-01 12:30:00.997", "2024-05-01 12:30:00.5+05:30", "t", `\x0000`, "Zoë"}
	d.do(a, 1, insert(odd, values...))
	for i := range 2 {
		values[4] = fmt.Sprint(0.2 + float64(i))
		d.do(a, capture.Position(i+2), update(odd, nil, row(values...)))
	}
	for i, theirs := range []string{"body = 'x'", "picture = 0x01", "doc = '<a/>'", "r = 1", "v = 0x00", "n = 'zoë'"} {
		d.exec("UPDATE dbo.odd SET " + theirs)
		column, _, _ := strings.Cut(theirs, " ")
		d.stops(a, capture.Position(2*i+4), resolve.UpdateDiffers, column, update(odd, nil, row(values...)))
		b := d.open(Table{Source: "odd", Target: "odd", Remember: true, Conflict: resolve.SourceWins()})
		d.do(b, capture.Position(2*i+4), update(odd, nil, row(values...)))
		_ = a.Close()
		a = d.open(Table{Source: "odd", Target: "odd", Remember: true})
	}
	d.do(a, 99, remove(odd, append(values[:1:1], slices.Repeat([]string{"?"}, len(values)-1)...)...))
	d.holds(`SELECT COUNT(*) FROM dbo.odd`, "0")
}

// TestKeysAreRememberedAsTheyChange: a row keeps what is remembered of it under its
// new key, a TRUNCATE and a delete forget, and a row that is made anew is not
// compared with the one before.
func TestKeysAreRememberedAsTheyChange(t *testing.T) {
	eachVersioned(t, func(t *testing.T, d *database, ten *capture.Table) {
		m := rememberedMapping(nil)
		m.Truncate = true
		a := d.open(m)
		d.do(a, 1, insert(ten, "1", "10", "old", "A", "-"), update(ten, row("1", "?", "?", "?", "?"), row("2", "10", "old", "A", "-")))
		d.holds(`SELECT COUNT(*) FROM syncback.written`, "1")
		d.do(a, 2, update(ten, row("2", "?", "?", "?", "?"), row("3", "11", "old", "A", "-")))
		d.holds(`SELECT COUNT(*) FROM syncback.written`, "1")
		d.exec(`UPDATE dbo.rent SET note = 'theirs'`)
		d.stops(a, 3, resolve.UpdateDiffers, "ref note", update(ten, row("3", "?", "?", "?", "?"), row("4", "11", "old", "A", "-")))
		d.exec(`DELETE FROM dbo.rent`)
		d.exec(`INSERT INTO dbo.rent (ref, amount) VALUES ('5', 5)`)
		d.do(a, 3, insert(ten, "3", "30", "new", "A", "-"), update(ten, nil, row("5", "50", "-", "-", "-")))
		d.do(a, 4, update(ten, nil, row("3", "31", "new", "A", "-")))
		d.holds(`SELECT COUNT(*) FROM syncback.written`, "2")
		d.do(a, 5, capture.Change{Op: capture.Truncate, Table: ten}, insert(ten, "6", "60", "new", "A", "-"))
		d.holds(`SELECT COUNT(*) FROM syncback.written`, "1")
		d.do(a, 6, update(ten, nil, row("6", "61", "new", "A", "-")), remove(ten, "6", "?", "?", "?", "?"))
		d.holds(`SELECT COUNT(*) FROM syncback.written`, "0")
	})
}

// TestManyRowsAreRemembered: more of them than wait to be read back, in one
// transaction that comes to the first and the last once more.
func TestManyRowsAreRemembered(t *testing.T) {
	statement, ten := rememberedRents(true)
	d := newDatabase(t, statement)
	a := d.open(rememberedMapping(nil))
	const n = mostLeft + 2*leftAtOnce + 1
	var changes []capture.Change
	for i := range n {
		changes = append(changes, insert(ten, fmt.Sprint(i), "1", "old", fmt.Sprint(i), "-"))
	}
	last := fmt.Sprint(n - 1)
	changes = append(changes, update(ten, nil, row("0", "2", "old", "0", "-")), update(ten, nil, row(last, "2", "old", last, "-")))
	d.do(a, 1, changes...)
	d.holds(`SELECT COUNT(*) FROM syncback.written`, fmt.Sprint(n))
	d.exec(`UPDATE dbo.rent SET note = 'theirs' WHERE ref = '7'`)
	d.do(a, 2, update(ten, nil, row("0", "3", "old", "0", "-")), update(ten, nil, row(last, "3", "old", last, "-")), update(ten, nil, row("8", "3", "old", "8", "-")))
	d.stops(a, 3, resolve.UpdateDiffers, "amount note", update(ten, nil, row("7", "3", "old", "7", "-")))
}
