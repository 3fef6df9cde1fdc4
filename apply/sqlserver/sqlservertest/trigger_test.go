package sqlservertest_test

import "testing"

// TestTriggers counts what a trigger sees: statements, not rows; the columns that
// were set, changed or not; statements that matched nothing.
func TestTriggers(t *testing.T) {
	db, target := open(t)
	exec(t, db, "CREATE TABLE t (id int NOT NULL PRIMARY KEY, a int NULL, b varchar(10) NULL)",
		"CREATE TABLE log (n int IDENTITY PRIMARY KEY, what varchar(50) NULL, ins int NULL, del int NULL)",
		`CREATE TRIGGER tr ON t AFTER INSERT, UPDATE, DELETE AS
BEGIN
	SET NOCOUNT ON;
	DECLARE @what varchar(50);
	SET @what = 'other';
	IF UPDATE(a) SET @what = 'a';
	IF EXISTS (SELECT 1 FROM inserted WHERE b = 'boom') THROW 50010, 'refused', 1;
	INSERT INTO log (what, ins, del) SELECT @what, (SELECT COUNT(*) FROM inserted), (SELECT COUNT(*) FROM deleted);
END`)
	for _, c := range [][2]string{
		{"INSERT INTO t (id, a) VALUES (1, 1), (2, 2)", "a 2 0"},
		{"UPDATE t SET b = 'x ' WHERE id = 1", "other 1 1"},
		{"UPDATE t SET a = a", "a 2 2"},
		{"UPDATE t SET a = 5 WHERE id = 99", "a 0 0"},
		{"DELETE FROM t WHERE id = 2", "other 0 1"},
	} {
		exec(t, db, "DELETE FROM log", c[0])
		if got := query(t, db, "SELECT what, ins, del FROM log ORDER BY n"); got != c[1] {
			t.Errorf("%s: the trigger wrote %q, want %q", c[0], got, c[1])
		}
	}
	exec(t, db, "DELETE FROM log")
	if _, err := db.Exec("BEGIN TRAN; INSERT INTO t (id) VALUES (3); INSERT INTO t (id, b) VALUES (4, 'boom')"); number(err) != 50010 {
		t.Errorf("a trigger that throws: %v", err)
	}
	if got := query(t, db, "SELECT @@TRANCOUNT, (SELECT COUNT(*) FROM t), (SELECT COUNT(*) FROM log)"); got != "0 1 0" {
		t.Errorf("after a trigger that throws: %q", got)
	}
	babelfish(t, target, "OUTPUT without INTO on a triggered table")
	if _, err := db.Exec("INSERT INTO t (id) OUTPUT inserted.id VALUES (9)"); number(err) != 334 {
		t.Errorf("OUTPUT on a table with triggers: %v", err)
	}
	exec(t, db, "DISABLE TRIGGER tr ON t; INSERT INTO t (id) OUTPUT inserted.id VALUES (9); ENABLE TRIGGER tr ON t")
	exec(t, db, "DROP TRIGGER tr", "INSERT INTO t (id) OUTPUT inserted.id VALUES (10)")
}

// TestTriggerIsInTheSchemaOfItsTable sees any other schema refused.
func TestTriggerIsInTheSchemaOfItsTable(t *testing.T) {
	db, target := open(t)
	exec(t, db, "CREATE SCHEMA other", "CREATE TABLE other.t (id int NULL)",
		"CREATE TRIGGER Other.tr ON other.t AFTER INSERT AS BEGIN SET NOCOUNT ON END")
	_, err := db.Exec("CREATE TRIGGER dbo.tr2 ON other.t AFTER INSERT AS BEGIN SET NOCOUNT ON END")
	if err == nil {
		t.Error("a trigger in another schema was created")
	}
	babelfish(t, target, "error 2103")
	if number(err) != 2103 {
		t.Errorf("a trigger in another schema: %v", err)
	}
}

// TestTriggersNest sees a trigger's writes fire another table's, its identity kept
// from SCOPE_IDENTITY(), and RECURSIVE_TRIGGERS off.
func TestTriggersNest(t *testing.T) {
	db, _ := open(t)
	exec(t, db, "CREATE TABLE a (id int IDENTITY(1,1) PRIMARY KEY, v int NULL)", "CREATE TABLE b (id int IDENTITY(100,1) PRIMARY KEY, v int NULL)",
		"CREATE TABLE c (v int NULL)",
		"CREATE TRIGGER ta ON a AFTER INSERT AS BEGIN SET NOCOUNT ON; INSERT INTO b (v) SELECT v FROM inserted; UPDATE a SET v = v + 1 WHERE id IN (SELECT id FROM inserted) END",
		"CREATE TRIGGER tb ON b AFTER INSERT AS BEGIN SET NOCOUNT ON; INSERT INTO c SELECT v * 10 FROM inserted END")
	if got := query(t, db, "SET NOCOUNT ON; INSERT INTO a (v) VALUES (7); SELECT SCOPE_IDENTITY(), @@IDENTITY, @@ROWCOUNT"); got != "1 100 1" {
		t.Errorf("identities and rows: %q", got)
	}
	if got := query(t, db, "SELECT a.v, b.v, c.v FROM a CROSS JOIN b CROSS JOIN c"); got != "8 7 70" {
		t.Errorf("%q", got)
	}
}

// TestTriggerRowCounts sees a trigger add its rows to what the client is told,
// unless it says NOCOUNT.
func TestTriggerRowCounts(t *testing.T) {
	db, target := open(t)
	babelfish(t, target, "triggers")
	exec(t, db, "CREATE TABLE t (id int)", "CREATE TABLE w (id int)", "CREATE TRIGGER tr ON t FOR INSERT AS INSERT INTO w SELECT id FROM inserted")
	res, err := db.Exec("INSERT INTO t VALUES (1)")
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := res.RowsAffected(); n != 2 {
		t.Errorf("%d rows, want the statement's and the trigger's", n)
	}
	exec(t, db, "DROP TRIGGER tr", "CREATE TRIGGER tr ON t FOR INSERT AS ROLLBACK")
	if _, err := db.Exec("INSERT INTO t VALUES (2)"); number(err) != 3609 {
		t.Errorf("a trigger that rolls back: %v", err)
	}
	if _, err := db.Exec("CREATE TRIGGER io ON t INSTEAD OF INSERT AS SELECT 1"); number(err) != 40517 {
		t.Errorf("INSTEAD OF: %v", err)
	}
}
