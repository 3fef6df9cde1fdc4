package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
)

func TestRepairWritesOnlyWhatDiffers(t *testing.T) {
	d := newDatabase(t, append([]string{tenancies}, writes...)...)
	d.exec(`INSERT INTO dbo.tenagree (tag_ref, surname, cur_bal, eot) VALUES ('1', 'Ann', 1, ''), ('2', 'Bob', 2, ''), ('3', 'Cy', 3, '')`)
	a := d.open(tenancyMapping())
	s := sourceOf(row("1", "Ann", "1", "-"), row("2", "Bob", "2.5", "-"), row("4", "Di", "-", "2024-02-29 10:30:00"))
	v := d.repairs(a, s, tenancy(), pending(), "different 2 in cur_bal, mended", "extra 3, mended", "missing 4, mended")
	if !v.Same() || v.Mended != 3 || v.Equal != 1 {
		t.Errorf("the verdict is %+v", v)
	}
	d.holds(readTenancies, "1          |Ann|1.00|1900-01-01 00:00", "2          |Bob|2.50|1900-01-01 00:00", "4          |Di|NULL|2024-02-29 10:30")
	d.holds(`SELECT what, SUM(n) FROM dbo.writes GROUP BY what ORDER BY what`, "cur_bal|1", "rows|1")
	d.differs(a, s, tenancy())
	if got := d.checkpoint(a); got != 0 {
		t.Errorf("the checkpoint moved to %s", got)
	}
}

// What waits for the target says what the source had at the checkpoint. After a
// repair every change that waits must find what it expects.
func TestRepairMakesWhatTheChangesThatWaitExpect(t *testing.T) {
	d := newDatabase(t, tenancies,
		`INSERT INTO dbo.tenagree (tag_ref, surname, cur_bal, eot) VALUES ('upd', 'wrong', 1, ''), ('extra', 'x', 1, ''), ('inserted', 'x', 1, ''), ('ok', 'x', 1, ''), ('key', 'x', 1, '')`)
	a := d.open(tenancyMapping())
	ten := tenancy()
	is := func(ref, name string) capture.Row { return row(ref, name, "1", "-") }
	waits := []capture.Change{
		update(ten, is("upd", "was"), is("upd", "between")),
		update(ten, is("upd", "between"), is("upd", "is")),
		{Op: capture.Insert, Table: ten, After: is("inserted", "new")},
		{Op: capture.Delete, Table: ten, Before: is("deleted", "old")},
		update(ten, is("missing", "was"), is("missing", "is")),
		update(ten, is("key", "x"), is("key2", "x")),
		{Op: capture.Insert, Table: ten, After: is("fleeting", "x")},
		{Op: capture.Delete, Table: ten, Before: is("fleeting", "x")},
		{Op: capture.Message, Message: &capture.LogicalMessage{Prefix: "x"}},
	}
	s := sourceOf(is("upd", "is"), is("inserted", "new"), is("missing", "is"), is("key2", "x"), is("ok", "x"))
	d.repairs(a, s, ten, pending(waits...),
		"different upd in surname, mended", "extra extra, mended", "extra inserted, mended", "missing deleted, mended", "missing missing, mended")
	d.holds(`SELECT tag_ref, surname FROM dbo.tenagree ORDER BY tag_ref`, "deleted    |old", "key        |x", "missing    |was", "ok         |x", "upd        |was")
	d.do(a, 1, waits...)
	d.differs(a, s, ten)
}

// A row whose state at the checkpoint is not known is left alone.
func TestRepairLeavesWhatItDoesNotKnow(t *testing.T) {
	d := newDatabase(t, tenancies, `INSERT INTO dbo.tenagree (tag_ref, surname, eot) VALUES ('1', 'Ann', '')`)
	a := d.open(tenancyMapping())
	ten := tenancy()
	s := sourceOf(row("1", "is", "-", "-"))
	keyOnly := update(ten, nil, row("1", "is", "-", "-"))
	d.repairs(a, s, ten, pending(keyOnly), "different 1 in surname, left: a change waits for it that does not say what it was")
	d.holds(`SELECT surname FROM dbo.tenagree`, "Ann")
	for what, change := range map[string]capture.Change{
		"TRUNCATE": {Op: capture.Truncate, Table: ten},
		"columns":  insert(sourceTable("tenancy", "*tenancy_ref text"), "2"),
	} {
		if _, err := a.Repair(t.Context(), s, ten, pending(change), VerifyConfig{}); err == nil {
			t.Errorf("it repairs beside a change of the %s", what)
		}
	}
	d.holds(`SELECT surname FROM dbo.tenagree`, "Ann")
}

// A row that changes after the changes that wait were read is not taken for what
// was there at the checkpoint.
func TestRepairLeavesWhatChangesMeanwhile(t *testing.T) {
	d := newDatabase(t, tenancies, `INSERT INTO dbo.tenagree (tag_ref, surname, eot) VALUES ('1', 'Ann', '')`)
	a := d.open(tenancyMapping())
	ten := tenancy()
	s := sourceOf(row("1", "was", "-", "-"))
	waits := Pending(func(context.Context) iter.Seq2[capture.Change, error] {
		s.put(ten, row("1", "is", "-", "-")) // committed after the call
		return capturetest.Changes()
	})
	d.repairs(a, s, ten, waits, "different 1 in surname, left: it changed while it was looked at")
	d.holds(`SELECT surname FROM dbo.tenagree`, "Ann")
}

func TestRepairIsFenced(t *testing.T) {
	d := newDatabase(t, tenancies, `INSERT INTO dbo.tenagree (tag_ref, surname, eot) VALUES ('1', 'Ann', '')`)
	a, other := d.open(tenancyMapping()), d.open(tenancyMapping())
	ten := tenancy()
	s := sourceOf(row("1", "Eve", "-", "-"))
	meanwhile := func(do func()) Pending {
		return func(context.Context) iter.Seq2[capture.Change, error] {
			do()
			return capturetest.Changes()
		}
	}
	_, err := a.Repair(t.Context(), s, ten, meanwhile(func() { d.do(other, 1, update(ten, row("1", "Ann", "-", "-"), row("1", "Eve", "-", "-"))) }), VerifyConfig{})
	// The other process has mended the row by applying what waited: either the
	// repair finds the checkpoint moved, or it had nothing to do.
	if !errors.Is(err, apply.ErrFenced) {
		t.Errorf("beside another process: %v", err)
	}
	control, err := OpenControl(t.Context(), d.cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	s.put(ten, row("1", "Flo", "-", "-"))
	pause := meanwhile(func() {
		if err := control.Pause(t.Context(), "keeper"); err != nil {
			t.Fatal(err)
		}
	})
	for range 2 { // it is noticed in the middle, and before
		if _, err := a.Repair(t.Context(), s, ten, pause, VerifyConfig{}); !errors.Is(err, apply.ErrPaused) {
			t.Errorf("while paused: %v", err)
		}
	}
	d.holds(`SELECT surname FROM dbo.tenagree`, "Eve")
}

// One row that the target refuses does not keep the others from being mended, and
// what a trigger turns into something else is told.
func TestRepairLeavesWhatTheTargetRefuses(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.person (id int NOT NULL PRIMARY KEY, name varchar(20) NULL, CONSTRAINT ck_name CHECK (name <> 'bad'))`,
		`CREATE TRIGGER dbo.tr_person ON dbo.person AFTER INSERT, UPDATE AS BEGIN
SET NOCOUNT ON
IF EXISTS (SELECT 1 FROM inserted WHERE name = 'turned') UPDATE dbo.person SET name = 'else' WHERE name = 'turned'
END`, `INSERT INTO dbo.person (id, name) VALUES (3, 'good')`)
	a := d.open(Table{Source: "person", Target: "person"})
	person := sourceTable("person", "*id int4", "name text")
	s := sourceOf(row("1", "good"), row("2", "bad"), row("3", "turned"), row("4", "good"))
	d.repairs(a, s, person, pending(), "missing 1, mended", "missing 4, mended",
		"missing 2, left: insert in dbo.person at 0/0: SQL Server error 547: a foreign key or check constraint is violated (ck_name)",
		"different 3 in name, left: it did not stay as it was written; a trigger of the target makes something else of it")
	d.holds(`SELECT id, name FROM dbo.person ORDER BY id`, "1|good", "3|else", "4|good")
}

func TestRepairOfIdentities(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.numbered (id int IDENTITY(1,1) NOT NULL PRIMARY KEY, v varchar(5) NULL)`, `INSERT INTO dbo.numbered (v) VALUES ('a'), ('b')`)
	a := d.open(Table{Source: "numbered", Target: "numbered"})
	numbered := sourceTable("numbered", "*id int4", "v text")
	d.repairs(a, sourceOf(row("1", "A"), row("77", "c")), numbered, pending(), "different 1 in v, mended", "extra 2, mended", "missing 77, mended")
	d.holds(`SELECT id, v FROM dbo.numbered ORDER BY id`, "1|A", "77|c")
}

// Rows that are under way to the target are no differences; those that stay are.
func TestVerifyBesideARun(t *testing.T) {
	d := newDatabase(t, tenancies, `INSERT INTO dbo.tenagree (tag_ref, surname, cur_bal, eot) VALUES ('late', 'was', 1, ''), ('gone', 'x', 1, ''), ('back', 'x', 1, ''), ('wrong', 'x', 1, ''), ('extra', 'x', 1, ''), ('hot', 'x', 0, ''), ('flap', 'x', 1, '')`)
	a, run := d.open(tenancyMapping()), d.open(tenancyMapping())
	ten := tenancy()
	is := func(ref, name string) capture.Row { return row(ref, name, "1", "-") }
	s := sourceOf(is("late", "is"), is("new", "x"), is("wrong", "right"), is("lost", "x"), row("hot", "x", "1000", "-"))
	position := capture.Position(0)
	commit := func(changes ...capture.Change) {
		position++
		d.do(run, position, changes...)
	}
	call := 0
	catchUp := func(context.Context) (bool, error) {
		call++
		n := fmt.Sprint(call)
		commit(update(ten, row("hot", "x", fmt.Sprint(call-1), "-"), row("hot", "x", n, "-")))
		s.put(ten, row("hot", "x", fmt.Sprint(call+1000), "-")) // it changes all the time
		if call == 1 {
			commit(update(ten, is("late", "was"), is("late", "is")), remove(ten, "gone", "x", "1", "-"),
				capture.Change{Op: capture.Insert, Table: ten, After: is("new", "x")})
			s.put(ten, is("back", "x")) // it was deleted, and comes back with what it was
		}
		if call == rounds+3 { // the row that changes had its looks; those of the target alone come after it
			commit(remove(ten, "flap", "x", "1", "-")) // it comes and goes, and was never there when the source was read
		}
		return true, nil
	}
	v, f := d.verify(a, s, ten, VerifyConfig{CatchUp: catchUp})
	want := found{"different wrong in surname", "extra extra", "missing lost"}
	d.told(v, f, want)
	if v.Unsettled != 1 || v.Same() {
		t.Errorf("the verdict is %+v, with one row that changes all the time", v)
	}
}

func TestVerifyWithoutKeyBesideARun(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.note (v varchar(20) NULL)`, `INSERT INTO dbo.note (v) VALUES ('old'), ('extra'), ('0')`)
	a, run := d.open(Table{Source: "note", Target: "note"}), d.open(Table{Source: "note", Target: "note"})
	note := sourceTable("note", "v text")
	s := sourceOf(row("new"), row("missing"), row("999"))
	call := 0
	v, f := d.verify(a, s, note, VerifyConfig{CatchUp: func(context.Context) (bool, error) {
		call++
		if call == 1 {
			d.do(run, 1, update(note, row("old"), row("new")))
		}
		// A row that is another in each pass, and always ahead of the target.
		d.do(run, capture.Position(call+1), update(note, row(fmt.Sprint(call-1)), row(fmt.Sprint(call))))
		s.rows[2] = row(fmt.Sprint(call + 1000))
		return true, nil
	}})
	d.told(v, f, found{"missing, 1 rows", "extra, 1 rows"})
}

// Many times what may be held.
func TestVerifyInBoundedMemory(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.many (id int NOT NULL PRIMARY KEY, v varchar(60) NULL)`)
	a := d.open(Table{Source: "many", Target: "many"})
	many := sourceTable("many", "*id int4", "v text")
	const n = 5000
	for at := 0; at < n; at += 500 {
		var changes []capture.Change
		for i := range 500 {
			changes = append(changes, insert(many, fmt.Sprint(at+i), "some text that takes room"))
		}
		d.do(a, capture.Position(at+1), changes...)
	}
	var s generated = n
	v, f := d.verify(a, s, many, VerifyConfig{Memory: 32 << 10, Dir: t.TempDir()})
	if len(f) != 2 || v.Equal != n-1 || v.Missing != 1 || v.Different != 1 {
		t.Errorf("the verdict is %+v: %q", v, f)
	}
}

// generated is a Source of so many rows and one more, the one numbered 7
// different.
type generated int

func (n generated) row(i int) capture.Row {
	if i == 7 {
		return row("7", "other")
	}
	return row(fmt.Sprint(i), "some text that takes room")
}

func (n generated) Scan(_ context.Context, _ *capture.Table, each func(capture.Row) error) error {
	for i := range int(n) + 1 {
		if err := each(n.row(i)); err != nil {
			return err
		}
	}
	return nil
}

func (n generated) Find(_ context.Context, _ *capture.Table, keys []capture.Row, each func(int, capture.Row, string) error) error {
	for i, k := range keys {
		var id int
		text, _ := k[0].Text()
		if _, err := fmt.Sscan(text, &id); err != nil {
			return err
		}
		if err := each(i, n.row(id), ""); err != nil {
			return err
		}
	}
	return nil
}

// A key that the target's collation takes for the same is the same row, also where
// it is written with a letter that the collation takes for two: what is not mapped
// stays, and no trigger sees a row go.
func TestRepairUpdatesARowWhoseKeyLooksDifferent(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.fruit (fruit nvarchar(20) COLLATE Latin1_General_CI_AI NOT NULL PRIMARY KEY, n int NULL, theirs int NULL)`,
		`INSERT INTO dbo.fruit (fruit, n, theirs) VALUES (N'Aeble', 1, 7)`)
	a := d.open(Table{Source: "fruit", Target: "fruit"})
	fruit := sourceTable("fruit", "*fruit text", "n int4")
	d.repairs(a, sourceOf(row("Æble", "2")), fruit, pending(), "different Æble in fruit, n, mended")
	d.holds(`SELECT fruit, n, theirs FROM dbo.fruit`, "Æble|2|7")
}
