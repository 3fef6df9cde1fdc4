package sqlserver

import (
	"context"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// resourceLocks is the table in which a housing system says who has a record open.
const resourceLocks = `CREATE TABLE dbo.resourcelock (resource varchar(20) NOT NULL, resourceid varchar(50) NOT NULL, username varchar(20) NULL)`

func resourceLock() *RecordLock {
	return &RecordLock{Table: "resourcelock", On: map[string]string{"resourceid": "ref"}, Where: map[string]string{"resource": "rent"}, Holder: "username"}
}

// opened has someone open a record of rents.
func opened(ref string) string {
	return `INSERT INTO dbo.resourcelock (resource, resourceid, username) VALUES ('rent', '` + ref + `', 'jane')`
}

const allClosed = `DELETE FROM dbo.resourcelock`

// lockShapes are the ways in which the target can say that a record is open, and
// what it says of others besides, which is nothing to us.
var lockShapes = []struct {
	name        string
	tables      []string
	lock        *RecordLock
	open, close func(ref string) string
	noise       string
	ofRow       bool // only a row that is there can be open
}{
	{"a table of locks, with holders", []string{rents, resourceLocks}, resourceLock(), opened,
		func(string) string { return `UPDATE dbo.resourcelock SET username = ' ' WHERE username = 'jane'` },
		`INSERT INTO dbo.resourcelock (resource, resourceid, username) VALUES ('repair', '2', 'joe'), ('rent', '2', NULL), ('rent', '2', ''), ('rent', 'elsewhere', 'joe')`, false},
	{"a table of locks alone", []string{rents, `CREATE TABLE dbo.rentlock (ref char(10) NOT NULL)`},
		&RecordLock{Table: "[dbo].[RentLock]", On: map[string]string{"REF": "Ref"}},
		func(ref string) string { return `INSERT INTO dbo.rentlock (ref) VALUES ('` + ref + `')` },
		func(string) string { return `DELETE FROM dbo.rentlock` }, `INSERT INTO dbo.rentlock (ref) VALUES ('99')`, false},
	{"a holder in the row", []string{strings.Replace(rents, "ended ", "held_by char(8) NULL, ended ", 1)}, &RecordLock{Holder: "held_by"},
		func(ref string) string { return `UPDATE dbo.rent SET held_by = 'jane' WHERE ref = '` + ref + `'` },
		func(string) string { return `UPDATE dbo.rent SET held_by = ''` }, `UPDATE dbo.rent SET held_by = ' ' WHERE ref = '1'`, true},
	{"a flag in the row", []string{strings.Replace(rents, "ended ", "in_use bit NOT NULL DEFAULT 0, ended ", 1)}, &RecordLock{Holder: "in_use"},
		func(ref string) string { return `UPDATE dbo.rent SET in_use = 1 WHERE ref = '` + ref + `'` },
		func(string) string { return `UPDATE dbo.rent SET in_use = 0` }, `UPDATE dbo.rent SET in_use = 0`, true},
}

// openedChanges are changes of a record that someone has open.
var openedChanges = []struct {
	name    string
	open    string
	keyless bool
	change  func(*capture.Table) capture.Change
	after   string // the record once the change is written
}{
	{"an update", "2", false, func(t *capture.Table) capture.Change {
		return update(t, row("2", "20.00", "old", "B", "-"), row("2", "22", "old", "D", "-"))
	}, "2     |22.00|old|D  "},
	{"a delete", "2", false, func(t *capture.Table) capture.Change { return remove(t, "2", "20.00", "old", "B", "-") }, ""},
	{"a key that changes", "2", false, func(t *capture.Table) capture.Change {
		return update(t, row("2", "20.00", "old", "B", "-"), row("5", "20.00", "old", "B", "-"))
	}, "5     |20.00|old|B  "},
	{"a key that comes to be", "5", false, func(t *capture.Table) capture.Change {
		return update(t, row("2", "20.00", "old", "B", "-"), row("5", "20.00", "old", "B", "-"))
	}, "5     |20.00|old|B  "},
	{"an insert", "5", false, func(t *capture.Table) capture.Change { return insert(t, "5", "50", "new", "E", "-") }, "2     |20.00|old|B  \n5     |50.00|new|E  "},
	{"an update without a key", "2", true, func(t *capture.Table) capture.Change {
		return update(t, row("2", "20.00", "old", "B", "-"), row("2", "22", "old", "D", "-"))
	}, "2     |22.00|old|D  "},
	{"a delete without a key", "2", true, func(t *capture.Table) capture.Change { return remove(t, "2", "20.00", "old", "B", "-") }, ""},
	{"an insert without a key", "5", true, func(t *capture.Table) capture.Change { return insert(t, "5", "50", "new", "E", "-") }, "2     |20.00|old|B  \n5     |50.00|new|E  "},
}

// TestARecordThatIsOpenIsLeftAlone: nothing is written to a record that someone has
// open, in any of the ways to say so, and nothing else waits for it. Once it is
// free a person's word has it written.
func TestARecordThatIsOpenIsLeftAlone(t *testing.T) {
	for _, shape := range lockShapes {
		for _, test := range openedChanges {
			if shape.ofRow && test.open == "5" {
				continue // there is no such row to hold
			}
			t.Run(shape.name+"/"+test.name, func(t *testing.T) {
				t.Parallel()
				d := newDatabase(t, shape.tables...)
				d.cfg.RetryLocked = -1
				ten := rentTable()
				if test.keyless {
					ten.Columns[0].Key = false
				}
				m := rentMapping(resolve.Parked("wait for them"))
				m.Lock = shape.lock
				a := d.open(m)
				d.do(a, 1, insert(ten, "1", "10", "old", "A", "-"), insert(ten, "2", "20", "old", "B", "-"))
				d.exec(shape.noise)
				d.exec(shape.open(test.open))
				before := d.rows(readRents)
				d.do(a, 2, test.change(ten))
				d.holds(readRents, before...)
				d.holds(`SELECT kind, action, COALESCE(decided_by, '-') FROM syncback.conflict`, "locked|park|-")
				d.do(a, 3, update(ten, row("1", "10.00", "old", "A", "-"), row("1", "11", "old", "A", "-")), insert(ten, "7", "70", "new", "G", "-"))
				d.holds(`SELECT amount FROM dbo.rent WHERE ref IN ('1', '7') ORDER BY ref`, "11.00", "70.00")

				id := d.waitsFor(2)
				_, err := a.Decide(t.Context(), id, Decision{Action: resolve.TakeSource, By: "ann"})
				if err == nil || capture.Retryable(err) || !strings.HasSuffix(err.Error(), "on locked of dbo.rent: someone has the record open in the target's own application, and nothing is written to it until they are done") {
					t.Errorf("while it is open: %v", err)
				}
				d.holds(`SELECT [position] FROM syncback.parked`, "2")
				d.exec(shape.close(test.open))
				if n, err := a.Decide(t.Context(), id, Decision{Action: resolve.TakeSource, By: "ann"}); err != nil || n != 1 {
					t.Fatalf("once it is free: released %d, %v", n, err)
				}
				d.holds(`SELECT kind, action, COALESCE(decided_by, '-') FROM syncback.conflict ORDER BY id`, "locked|park|-", "locked|take_source|ann")
				var want []string
				if test.after != "" {
					want = strings.Split(test.after, "\n")
				}
				d.holds(`SELECT ref, amount, note, code FROM dbo.rent WHERE ref NOT IN ('1', '7') ORDER BY ref`, want...)
			})
		}
	}
}

// waitsFor returns the conflict by which a transaction is parked.
func (d *database) waitsFor(position int) (id int64) {
	d.Helper()
	if err := d.db.QueryRow(`SELECT conflict FROM syncback.parked WHERE position = @p1`, position).Scan(&id); err != nil {
		d.Fatal(err)
	}
	return id
}

// TestWhatIsOpenComesBeforeWhatItHolds: a record that is open is locked, whatever
// else is the matter with the change; but not where nothing would be written.
func TestWhatIsOpenComesBeforeWhatItHolds(t *testing.T) {
	for _, test := range []struct {
		name, theirs string
		open         string
		change       func(*capture.Table) capture.Change
		want         string // "" is no conflict
	}{
		{"another row", `UPDATE dbo.rent SET amount = 21 WHERE ref = '2'`, "2", func(t *capture.Table) capture.Change {
			return update(t, row("2", "20.00", "old", "B", "-"), row("2", "22", "old", "B", "-"))
		}, "locked"},
		{"another row to delete", `UPDATE dbo.rent SET amount = 21 WHERE ref = '2'`, "2", func(t *capture.Table) capture.Change { return remove(t, "2", "20.00", "old", "B", "-") }, "locked"},
		{"a row that exists", ``, "2", func(t *capture.Table) capture.Change { return insert(t, "2", "30", "new", "N", "-") }, "locked"},
		{"a row that is missing", `DELETE FROM dbo.rent WHERE ref = '2'`, "2", func(t *capture.Table) capture.Change {
			return update(t, row("2", "20.00", "old", "B", "-"), row("2", "22", "old", "B", "-"))
		}, "locked"},
		{"a value that does not fit", ``, "2", func(t *capture.Table) capture.Change {
			return update(t, row("2", "20.00", "old", "B", "-"), row("2", "20.00", "a note that is too long for it", "B", "-"))
		}, "locked"},
		{"a value that another row has", ``, "2", func(t *capture.Table) capture.Change {
			return update(t, row("2", "20.00", "old", "B", "-"), row("2", "20.00", "old", "A", "-"))
		}, "locked"},
		{"a row that is gone already", `DELETE FROM dbo.rent WHERE ref = '2'`, "2", func(t *capture.Table) capture.Change { return remove(t, "2", "20.00", "old", "B", "-") }, "delete_missing"},
		{"both did the same", `UPDATE dbo.rent SET amount = 22 WHERE ref = '2'`, "2", func(t *capture.Table) capture.Change {
			return update(t, row("2", "20.00", "old", "B", "-"), row("2", "22", "old", "B", "-"))
		}, ""},
		{"nothing that the target has changes", ``, "2", func(t *capture.Table) capture.Change {
			return update(t, row("2", "20.00", "old", "B", "-"), row("2", "20.000", "old", "B ", "-"))
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, rents, resourceLocks)
			ten := rentTable()
			m := rentMapping(resolve.TargetWins())
			m.Lock = resourceLock()
			a := d.open(m)
			d.do(a, 1, insert(ten, "1", "10", "old", "A", "-"), insert(ten, "2", "20", "old", "B", "-"))
			if test.theirs != "" {
				d.exec(test.theirs)
			}
			d.exec(opened(test.open))
			before := d.rows(readRents)
			d.do(a, 2, test.change(ten))
			d.holds(readRents, before...)
			var want []string
			if test.want != "" {
				want = []string{test.want + "|take_target"}
			}
			d.holds(`SELECT kind, action FROM syncback.conflict`, want...)
		})
	}
}

// TestSeveralRowsComeBeforeALock: it is not known which of them is meant.
func TestSeveralRowsComeBeforeALock(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.plain (ref char(6) NOT NULL, note varchar(20) NULL)`, resourceLocks,
		`INSERT INTO dbo.plain (ref, note) VALUES ('2', 'old'), ('2', 'old')`, opened("2"))
	plain := sourceTable("plain", "*ref text", "note text")
	a := d.open(Table{Source: "plain", Target: "plain", Lock: resourceLock(), Conflict: resolve.TargetWins()})
	d.do(a, 1, update(plain, row("2", "old"), row("2", "new")))
	d.holds(`SELECT kind, action FROM syncback.conflict`, "several_match|take_target")
	d.holds(`SELECT note FROM dbo.plain`, "old", "old")
}

// TestLockThatIsTakenMeanwhile: someone opens the record while the rule is asked
// about it. What the rule decided is not written, and the next attempt finds it
// locked.
func TestLockThatIsTakenMeanwhile(t *testing.T) {
	d := newDatabase(t, rents, resourceLocks)
	ten := rentTable()
	var asked []string
	m := rentMapping(resolve.Func(func(_ context.Context, c *resolve.Conflict) (resolve.Resolution, error) {
		asked = append(asked, c.Kind.String())
		if c.Kind == resolve.Locked {
			return resolve.Resolution{Action: resolve.Park}, nil
		}
		d.exec(opened("2"))
		return resolve.Resolution{Action: resolve.TakeSource}, nil
	}))
	m.Lock = resourceLock()
	a := d.open(m)
	d.do(a, 1, insert(ten, "2", "20", "old", "B", "-"))
	d.exec(`UPDATE dbo.rent SET amount = 21`)
	d.do(a, 2, update(ten, row("2", "20.00", "old", "B", "-"), row("2", "22", "old", "B", "-")))
	d.holds(readRents, "2     |21.00|old|B  ")
	if got := strings.Join(asked, " "); got != "update_differs locked" {
		t.Errorf("the rule was asked about %s", got)
	}
	d.holds(`SELECT kind, action FROM syncback.conflict`, "locked|park")
}

// TestTruncateOfATableWithAnOpenRecord deletes nothing of it, and all once none is
// open.
func TestTruncateOfATableWithAnOpenRecord(t *testing.T) {
	for _, shape := range lockShapes {
		t.Run(shape.name, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, shape.tables...)
			d.cfg.RetryLocked = -1
			ten := rentTable()
			m := rentMapping(resolve.Parked("wait for them"))
			m.Lock, m.Truncate = shape.lock, true
			a := d.open(m)
			d.do(a, 1, insert(ten, "1", "10", "old", "A", "-"), insert(ten, "2", "20", "old", "B", "-"))
			d.exec(shape.noise)
			d.exec(shape.open("2"))
			truncate := capture.Change{Op: capture.Truncate, Table: ten}
			d.do(a, 2, truncate, insert(ten, "3", "30", "new", "C", "-"))
			d.holds(`SELECT ref FROM dbo.rent ORDER BY ref`, "1     ", "2     ")
			d.holds(`SELECT kind, op, action FROM syncback.conflict`, "locked|truncate|park")
			d.do(a, 3, insert(ten, "4", "40", "waits", "D", "-"))
			id := d.waitsFor(2)
			if _, err := a.Decide(t.Context(), id, Decision{Action: resolve.TakeSource, By: "ann"}); err == nil || !strings.Contains(err.Error(), "has the record open") {
				t.Errorf("while one is open: %v", err)
			}
			r := d.replayed(a)
			if r.Err != nil || r.Op != "truncate" || r.Would != resolve.Park || r.Differs() {
				t.Errorf("it replays as %+v", r)
			}
			d.exec(shape.close("2"))
			if n, err := a.Decide(t.Context(), id, Decision{Action: resolve.TakeSource, By: "ann"}); err != nil || n != 2 {
				t.Errorf("released %d, %v", n, err)
			}
			d.holds(`SELECT ref FROM dbo.rent ORDER BY ref`, "3     ", "4     ")
			d.do(a, 4, truncate)
			d.holds(`SELECT ref FROM dbo.rent`)
			d.do(a, 5, truncate)
		})
	}
}

// TestTruncateThatIsLeft: where the target wins every row stays.
func TestTruncateThatIsLeft(t *testing.T) {
	d := newDatabase(t, rents, resourceLocks)
	ten := rentTable()
	m := rentMapping(resolve.TargetWins())
	m.Lock, m.Truncate = resourceLock(), true
	a := d.open(m)
	d.do(a, 1, insert(ten, "1", "10", "old", "A", "-"), insert(ten, "2", "20", "old", "B", "-"))
	d.exec(opened("2"))
	d.do(a, 2, capture.Change{Op: capture.Truncate, Table: ten}, insert(ten, "3", "30", "new", "C", "-"))
	d.holds(`SELECT ref FROM dbo.rent ORDER BY ref`, "1     ", "2     ", "3     ")
	d.holds(`SELECT kind, op, action FROM syncback.conflict`, "locked|truncate|take_target")
}

// TestReplayOfARecordThatWasOpen: as with other refusals, a rule that would wait
// or leave the target as it is can be tried, and one that would write fails.
func TestReplayOfARecordThatWasOpen(t *testing.T) {
	d := newDatabase(t, rents, resourceLocks)
	d.cfg.RetryLocked = 1
	ten := rentTable()
	m := rentMapping(resolve.Parked("wait for them"))
	m.Lock = resourceLock()
	a := d.open(m)
	d.do(a, 1, insert(ten, "2", "20", "old", "B", "-"))
	d.exec(opened("2"))
	d.do(a, 2, update(ten, row("2", "20.00", "old", "B", "-"), row("2", "22", "old", "B", "-")))
	take := resolve.Func(func(context.Context, *resolve.Conflict) (resolve.Resolution, error) {
		return resolve.Resolution{Action: resolve.TakeSource}, nil
	})
	try := func(when string) {
		t.Helper()
		for _, test := range []struct {
			rule    resolve.Resolver
			would   resolve.Action
			differs bool
			fails   bool
		}{
			{resolve.Parked(""), resolve.Park, false, false},
			{resolve.TargetWins(), resolve.TakeTarget, true, false},
			{resolve.SourceWins(), resolve.Halt, false, false}, // it passes
			{take, resolve.Halt, true, true},
		} {
			m.Conflict = test.rule
			r := d.replayed(d.open(m))
			if r.Kind != "locked" || r.Would != test.would || r.Differs() != test.differs || (r.Err != nil) != test.fails {
				t.Errorf("%s: %+v, want %s", when, r, test.would)
			}
		}
	}
	try("while it is open")
	d.exec(allClosed)
	d.do(a, 3, insert(ten, "3", "30", "new", "C", "-"))
	d.holds(`SELECT COUNT(*) FROM syncback.parked`, "0")
	try("since it is written")
}

// TestRepairLeavesARecordThatIsOpen and says so.
func TestRepairLeavesARecordThatIsOpen(t *testing.T) {
	d := newDatabase(t, rents, resourceLocks, `INSERT INTO dbo.rent (ref, amount, code) VALUES ('1', 10, 'A'), ('2', 20, 'B'), ('3', 30, 'C'), ('4', 40, 'D')`, opened("2"), opened("3"), opened("5"))
	ten := rentTable()
	m := rentMapping(nil)
	m.Lock = resourceLock()
	a := d.open(m)
	s := sourceOf(row("1", "11", "-", "A", "-"), row("2", "22", "-", "B", "-"), row("5", "50", "-", "E", "-"), row("6", "60", "-", "F", "-"))
	const left = ", left: someone has it open in the target's own application, or it changed while it was looked at"
	d.repairs(a, s, ten, pending(), "different 1 in amount, mended", "different 2 in amount"+left, "extra 3"+left, "extra 4, mended", "missing 5"+left, "missing 6, mended")
	d.holds(`SELECT ref, amount FROM dbo.rent ORDER BY ref`, "1     |11.00", "2     |20.00", "3     |30.00", "6     |60.00")
	d.exec(allClosed)
	d.repairs(a, s, ten, pending(), "different 2 in amount, mended", "extra 3, mended", "missing 5, mended")
}

// TestEmulatorIsNotToldOfARecordThatIsOpen: nothing was written of it.
func TestEmulatorIsNotToldOfARecordThatIsOpen(t *testing.T) {
	d := newDatabase(t, rents, resourceLocks)
	ten := rentTable()
	var told []string
	m := rentMapping(resolve.TargetWins())
	m.Lock, m.Triggers = resourceLock(), EmulateTriggers
	m.Emulator = emulatorFunc(func(_ context.Context, changes []capture.Change, _ resolve.Target) ([]capture.Change, error) {
		for _, c := range changes {
			told = append(told, textOf(c, c.After, "ref"))
		}
		return nil, nil
	})
	a := d.open(m)
	d.exec(opened("2"))
	d.do(a, 1, insert(ten, "1", "10", "new", "A", "-"), insert(ten, "2", "20", "new", "B", "-"), insert(ten, "3", "30", "new", "C", "-"))
	d.holds(`SELECT ref FROM dbo.rent ORDER BY ref`, "1     ", "3     ")
	if got := strings.Join(told, " "); got != "1 3" {
		t.Errorf("it was told of %s", got)
	}
}
