package sqlserver

import (
	"fmt"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
)

// Traps of writing rows: each has cost some other system its data.

// TestInsertAndPartialUpdateKeepTheUnchangedColumn has what a merge of changes
// loses: an insert with a large value, and updates in which it is unchanged and
// so was not sent, in one transaction and in others of the same group.
func TestInsertAndPartialUpdateKeepTheUnchangedColumn(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.letter (id int NOT NULL PRIMARY KEY, status varchar(10) NULL, body varchar(max) NULL)`)
	a := d.open(Table{Source: "letter", Target: "letter"})
	letter := sourceTable("letter", "*id int4", "status text", "body text")
	body := strings.Repeat("x", 9000)
	if err := a.Apply(t.Context(), []*capture.Tx{
		tx(1, insert(letter, "1", "new", body), update(letter, row("1", "new", body), row("1", "read", "?"))),
		tx(2, update(letter, row("1", "read", "?"), row("1", "filed", "?"))),
	}); err != nil {
		t.Fatal(err)
	}
	d.holds(`SELECT id, status, LEN(body) FROM dbo.letter`, "1|filed|9000")
}

// TestKeyUpdateIsOneUpdateByTheOldKey sees by a trigger that a new key is neither
// passed over nor a row deleted and another inserted, and by a column that only
// the target has that it is still the same row.
func TestKeyUpdateIsOneUpdateByTheOldKey(t *testing.T) {
	d := newDatabase(t,
		`CREATE TABLE dbo.person (id int NOT NULL PRIMARY KEY, name varchar(20) NULL, theirs varchar(20) NULL)`,
		`CREATE TABLE dbo.seen (what varchar(20) NOT NULL)`,
		`CREATE TRIGGER dbo.tr_inserted ON dbo.person AFTER INSERT AS INSERT INTO dbo.seen (what) SELECT 'insert' FROM inserted`,
		`CREATE TRIGGER dbo.tr_deleted ON dbo.person AFTER DELETE AS INSERT INTO dbo.seen (what) SELECT 'delete' FROM deleted`,
		`CREATE TRIGGER dbo.tr_updated ON dbo.person AFTER UPDATE AS INSERT INTO dbo.seen (what) SELECT 'update' FROM deleted WHERE id = 1`)
	a := d.open(Table{Source: "person", Target: "person"})
	person := sourceTable("person", "*id int4", "name text")
	d.do(a, 1, insert(person, "1", "Ann"))
	d.exec(`UPDATE dbo.person SET theirs = 'kept'`)
	d.exec(`DELETE FROM dbo.seen`)
	d.do(a, 2, update(person, row("1", "Ann"), row("7", "Ann")))
	d.holds(`SELECT id, name, theirs FROM dbo.person`, "7|Ann|kept")
	d.holds(`SELECT what FROM dbo.seen`, "update")
	d.do(a, 3, remove(person, "7", "Ann"))
	d.holds(`SELECT id FROM dbo.person`)
}

// TestIdentityThatATriggerTakesIsNotTheRows: @@IDENTITY would be the trigger's.
// Nothing asks for either: an identity is the number that the source has for the
// row, so that other rows can refer to it.
func TestIdentityThatATriggerTakesIsNotTheRows(t *testing.T) {
	d := newDatabase(t,
		`CREATE TABLE dbo.task (id int IDENTITY(1,1) NOT NULL PRIMARY KEY, name varchar(20) NULL)`,
		`CREATE TABLE dbo.step (id int NOT NULL PRIMARY KEY, task int NOT NULL REFERENCES dbo.task (id))`,
		`CREATE TABLE dbo.log (id int IDENTITY(900,1) NOT NULL PRIMARY KEY, task int NOT NULL)`,
		`CREATE TRIGGER dbo.tr_task ON dbo.task AFTER INSERT AS INSERT INTO dbo.log (task) SELECT id FROM inserted`)
	a := d.open(Table{Source: "task", Target: "task"}, Table{Source: "step", Target: "step"})
	task, step := sourceTable("task", "*id int4", "name text"), sourceTable("step", "*id int4", "task int4")
	d.do(a, 1, insert(task, "70", "roof"), insert(step, "1", "70"), update(task, row("70", "roof"), row("70", "gutter")))
	d.holds(`SELECT t.id, t.name, s.id FROM dbo.task t JOIN dbo.step s ON s.task = t.id`, "70|gutter|1")
	d.holds(`SELECT id, task FROM dbo.log`, "900|70")
}

// TestManyRowsFireTriggersOneByOne has what a bulk load passes by: triggers, here
// one that takes what was written for a single row, constraints, and the count of
// what was loaded. There is no bulk load: each row is a statement that is counted.
func TestManyRowsFireTriggersOneByOne(t *testing.T) {
	const rows = 450 // more than a round trip has
	d := newDatabase(t,
		`CREATE TABLE dbo.payment (id int NOT NULL PRIMARY KEY, amount int NOT NULL CHECK (amount > 0))`,
		`CREATE TABLE dbo.paid (id int NOT NULL)`,
		`CREATE TRIGGER dbo.tr_payment ON dbo.payment AFTER INSERT AS BEGIN
DECLARE @id int
SELECT @id = id FROM inserted
INSERT INTO dbo.paid (id) VALUES (@id)
END`)
	a := d.open(Table{Source: "payment", Target: "payment"})
	payment := sourceTable("payment", "*id int4", "amount int4")
	payments := func(first int) (changes []capture.Change) {
		for id := first; id < first+rows; id++ {
			changes = append(changes, insert(payment, fmt.Sprint(id), "5"))
		}
		return changes
	}
	d.do(a, 1, payments(1)...)
	total := fmt.Sprintf("%d|%d|%d", rows, rows, rows)
	const count = `SELECT (SELECT COUNT(*) FROM dbo.payment), (SELECT COUNT(*) FROM dbo.paid), (SELECT COUNT(DISTINCT id) FROM dbo.paid)`
	d.holds(count, total)
	bad := append(payments(1000), insert(payment, "2000", "-1"))
	err := a.Apply(t.Context(), []*capture.Tx{tx(2, bad...)})
	if err == nil || !strings.Contains(err.Error(), "547") || capture.Retryable(err) {
		t.Errorf("a row that a constraint refuses: %v", err)
	}
	d.holds(count, total)
}

// TestIdentityInsertIsOnForOneTableAtATime interleaves tables that need it, and
// moves an identity, which no UPDATE can.
func TestIdentityInsertIsOnForOneTableAtATime(t *testing.T) {
	d := newDatabase(t,
		`CREATE TABLE dbo.a (id int IDENTITY(1,1) NOT NULL PRIMARY KEY, v varchar(10) NULL)`,
		`CREATE TABLE dbo.b (id int IDENTITY(1,1) NOT NULL PRIMARY KEY, v varchar(10) NULL)`)
	a := d.open(Table{Source: "a", Target: "a"}, Table{Source: "b", Target: "b"})
	first, second := sourceTable("a", "*id int4", "v text"), sourceTable("b", "*id int4", "v text")
	d.do(a, 1, insert(first, "30", "x"), insert(second, "40", "y"), insert(first, "31", "x"), insert(second, "41", "y"))
	d.do(a, 2, insert(second, "50", "y"))
	d.holds(`SELECT id FROM dbo.a ORDER BY id`, "30", "31")
	d.holds(`SELECT id FROM dbo.b ORDER BY id`, "40", "41", "50")
	d.refuses(a, 3, update(first, row("30", "x"), row("99", "x")), "dbo.a", "column id", "identity column cannot be updated")
	d.do(a, 3, remove(first, "30", "x"), insert(first, "99", "x"))
	d.holds(`SELECT id FROM dbo.a ORDER BY id`, "31", "99")
}

// TestColumnsThatOnlyTheTargetHasAreLeftAlone: they are neither set to null by an
// update, nor kept from their default by an insert.
func TestColumnsThatOnlyTheTargetHasAreLeftAlone(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.home (id int NOT NULL PRIMARY KEY, name varchar(20) NULL,
u_note varchar(20) NULL, u_kind varchar(5) NOT NULL DEFAULT 'none', u_seen varchar(5) NULL DEFAULT 'no')`)
	a := d.open(Table{Source: "home", Target: "home"})
	home := sourceTable("home", "*id int4", "name text")
	d.do(a, 1, insert(home, "1", "a"), insert(home, "2", "b"))
	const read = `SELECT id, name, u_note, u_kind, u_seen FROM dbo.home ORDER BY id`
	d.holds(read, "1|a|NULL|none|no", "2|b|NULL|none|no")
	d.exec(`UPDATE dbo.home SET u_note = 'theirs', u_kind = 'flat', u_seen = 'yes' WHERE id = 1`)
	d.do(a, 2, update(home, row("1", "a"), row("1", "c")), update(home, row("2", "b"), row("3", "b")))
	d.holds(read, "1|c|theirs|flat|yes", "3|b|NULL|none|no")
}
