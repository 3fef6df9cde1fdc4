package sqlservertest_test

import (
	"errors"
	"fmt"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"
)

const errorTables = `CREATE TABLE p (id int NOT NULL CONSTRAINT pk_p PRIMARY KEY, v varchar(3) NULL, n nvarchar(3) NULL, t tinyint NULL, s smallint NULL,
	d decimal(5,2) NULL, m smallmoney NULL, dt datetime NULL, sd smalldatetime NULL, g uniqueidentifier NULL, b varbinary(2) NULL, txt text NULL,
	CONSTRAINT ck_p CHECK (t < 100));
CREATE TABLE c (id int NOT NULL PRIMARY KEY, p int NULL CONSTRAINT fk_c REFERENCES p (id));
CREATE TABLE i (id int IDENTITY(10,5) PRIMARY KEY, v int NULL, k AS v + 1, rv rowversion);
CREATE TABLE j (id int IDENTITY PRIMARY KEY, v int NOT NULL);
CREATE UNIQUE INDEX ux_p ON p (v) WHERE v IS NOT NULL;
INSERT INTO p (id, v) VALUES (1, 'a');
INSERT INTO c (id, p) VALUES (1, 1);`

// TestErrors has statements with the numbers that SQL Server refuses them with.
func TestErrors(t *testing.T) {
	db, _ := standIn(t)
	exec(t, db, errorTables)
	for _, c := range []struct {
		sql    string
		number int32
	}{
		{"INSERT INTO p (id) VALUES (1)", 2627},
		{"INSERT INTO p (id, v) VALUES (2, 'A ')", 2601},
		{"INSERT INTO p (id) VALUES (NULL)", 515},
		{"INSERT INTO c VALUES (2, 99)", 547},
		{"DELETE FROM p WHERE id = 1", 547},
		{"UPDATE p SET t = 200 WHERE id = 1", 547},
		{"INSERT INTO p (id, v) VALUES (2, 'long')", 2628},
		{"INSERT INTO p (id, n) VALUES (2, N'long')", 2628},
		{"INSERT INTO p (id, b) VALUES (2, 0x010203)", 2628},
		{"UPDATE p SET t = 256", 220},
		{"UPDATE p SET t = -1", 220},
		{"UPDATE p SET s = 40000", 220},
		{"UPDATE p SET d = 1000", 8115},
		{"UPDATE p SET d = '1000'", 8115},
		{"UPDATE p SET m = 300000", 8115},
		{"SELECT CAST(3000000000 AS int)", 8115},
		{"SELECT 2147483647 + 1", 8115},
		{"SELECT 1 / 0", 8134},
		{"SELECT CAST('x' AS int)", 245},
		{"SELECT CAST('300' AS tinyint)", 244},
		{"SELECT CAST('3000000000' AS int)", 248},
		{"SELECT CAST('x' AS decimal(5,2))", 8114},
		{"SELECT CAST('' AS decimal(5,2))", 8114},
		{"SELECT CAST('x' AS money)", 235},
		{"SELECT CAST('x' AS date)", 241},
		{"SELECT CAST('2024-02-30' AS datetime)", 242},
		{"SELECT CAST('1700-01-01' AS datetime)", 242},
		{"SELECT CAST('2079-06-07' AS smalldatetime)", 242},
		{"SELECT CAST('x' AS uniqueidentifier)", 8169},
		{"SELECT CAST(1 AS date)", 529},
		{"UPDATE p SET g = 1", 206},
		{"SELECT * FROM nothing", 208},
		{"SELECT nothing FROM p", 207},
		{"SELECT x.id FROM p", 4104},
		{"SELECT id FROM p, c", 209},
		{"SELECT @x", 137},
		{"DECLARE @x int; DECLARE @x int", 134},
		{"SELECT 1 FROM", 102},
		{"SELECT 'x", 105},
		{"SELECT * FROM p WHERE txt = 'x'", 402},
		{"SELECT * FROM p ORDER BY txt", 306},
		{"SELECT nofunction(1)", 195},
		{"SELECT 1 WHERE 1", 4145},
		{"SELECT (SELECT id FROM (VALUES (1), (2)) v(id))", 512},
		{"INSERT INTO i (id) VALUES (1)", 544},
		{"UPDATE i SET id = 1", 8102},
		{"UPDATE i SET k = 1", 271},
		{"INSERT INTO i (k) VALUES (1)", 271},
		{"UPDATE i SET rv = 0x01", 272},
		{"INSERT INTO i (rv) VALUES (0x01)", 273},
		{"SET IDENTITY_INSERT p ON", 8106},
		{"SET IDENTITY_INSERT i ON; INSERT INTO i (v) VALUES (1)", 545},
		{"SET IDENTITY_INSERT i ON; SET IDENTITY_INSERT j ON", 8107},
		{"INSERT INTO j (v) VALUES (1, 2)", 110},
		{"INSERT INTO j (v) VALUES ()", 102},
		{"INSERT INTO p VALUES (1)", 213},
		{"CREATE TABLE p (id int)", 2714},
		{"DROP TABLE nothing", 3701},
		{"DROP TABLE p", 3726},
		{"TRUNCATE TABLE p", 4712},
		{"CREATE TABLE nowhere.t (id int)", 2760},
		{"COMMIT", 3902},
		{"ROLLBACK", 3903},
		{"EXEC nothing", 2812},
		{"THROW 50001, 'own', 3", 50001},
		{"RAISERROR('own', 16, 1)", 50000},
		{"WAITFOR TIME '12:00'", 102},
		{"MERGE INTO p USING c ON 1 = 1 WHEN MATCHED THEN DELETE", 102},
		{"DECLARE @t TABLE (id int)", 40517},
		{"USE nothing", 911},
	} {
		_, err := queryErr(db, c.sql)
		if number(err) != c.number {
			t.Errorf("%s: %v, want error %d", c.sql, err, c.number)
		}
		exec(t, db, "SET IDENTITY_INSERT i OFF; SET IDENTITY_INSERT j OFF")
	}
	if got := query(t, db, "SELECT COUNT(*) FROM p"); got != "1" {
		t.Errorf("p has %s rows after statements that failed", got)
	}
}

// TestErrorsHaveTheirPlace sees that an error has the line of its statement, and
// what SQL Server says beside the number.
func TestErrorsHaveTheirPlace(t *testing.T) {
	db, target := open(t)
	exec(t, db, "CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT pk_t PRIMARY KEY)", "INSERT INTO t VALUES (1)")
	_, err := db.Exec("DECLARE @n int\nSET @n = 1\n\nINSERT INTO t\nVALUES (@n + @p1)", 0)
	var e mssql.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	if e.Number != 2627 || e.Class != 14 || e.State != 1 {
		t.Errorf("number %d, class %d, state %d", e.Number, e.Class, e.State)
	}
	babelfish(t, target, "error numbers")
	if e.LineNo != 4 {
		t.Errorf("line %d, want 4", e.LineNo)
	}
	const want = "Violation of PRIMARY KEY constraint 'pk_t'. Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (1)."
	if e.Message != want {
		t.Errorf("message %q", e.Message)
	}
}

// TestTooManyParameters sees SQL Server's limit of a request.
func TestTooManyParameters(t *testing.T) {
	db, target := open(t)
	babelfish(t, target, "error numbers")
	args := make([]any, 2099)
	for i := range args {
		args[i] = 1
	}
	if _, err := db.Exec("SELECT 1", args...); number(err) != 8003 {
		t.Errorf("%v, want 8003", err)
	}
	if _, err := db.Exec("SELECT 1", args[:2098]...); err != nil {
		t.Error(err)
	}
}

// TestWhatAnErrorEnds sees which errors leave the batch and the transaction as
// they were, and what XACT_ABORT makes of it.
func TestWhatAnErrorEnds(t *testing.T) {
	db, _ := standIn(t)
	exec(t, db, "CREATE TABLE t (id int NOT NULL PRIMARY KEY)", "CREATE TABLE w (n int)", "INSERT INTO t VALUES (1)")
	conn, err := db.Conn(t.Context()) // the pool resets a session before it is used again
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, c := range []struct {
		name, sql, want string // @@TRANCOUNT, rows of t and w
	}{
		{"statement", "BEGIN TRAN; INSERT INTO t VALUES (2); INSERT INTO t VALUES (1); INSERT INTO w VALUES (1)", "1 2 1"},
		{"throw", "BEGIN TRAN; INSERT INTO t VALUES (2); THROW 50000, 'x', 1; INSERT INTO w VALUES (1)", "1 2 0"},
		{"raiserror", "BEGIN TRAN; INSERT INTO t VALUES (2); RAISERROR('x', 16, 1); INSERT INTO w VALUES (1)", "1 2 1"},
		{"conversion", "BEGIN TRAN; INSERT INTO t VALUES (2); INSERT INTO t VALUES ('x'); INSERT INTO w VALUES (1)", "0 1 0"},
		{"name", "BEGIN TRAN; INSERT INTO t VALUES (2); INSERT INTO nothing VALUES (1); INSERT INTO w VALUES (1)", "1 2 0"},
		{"xact_abort", "SET XACT_ABORT ON; BEGIN TRAN; INSERT INTO t VALUES (2); INSERT INTO t VALUES (1); INSERT INTO w VALUES (1)", "0 1 0"},
		{"xact_abort and raiserror", "SET XACT_ABORT ON; BEGIN TRAN; INSERT INTO t VALUES (2); RAISERROR('x', 16, 1); INSERT INTO w VALUES (1)", "1 2 1"},
		{"xact_abort and throw", "SET XACT_ABORT ON; BEGIN TRAN; INSERT INTO t VALUES (2); THROW 50000, 'x', 1; INSERT INTO w VALUES (1)", "0 1 0"},
		{"no transaction", "INSERT INTO t VALUES (2); INSERT INTO t VALUES (1); INSERT INTO w VALUES (1)", "0 2 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := conn.ExecContext(t.Context(), c.sql); err == nil {
				t.Error("no error")
			}
			var tran, rows, after int
			err := conn.QueryRowContext(t.Context(), "SELECT @@TRANCOUNT, (SELECT COUNT(*) FROM t), (SELECT COUNT(*) FROM w)").Scan(&tran, &rows, &after)
			if got := fmt.Sprint(tran, rows, after); err != nil || got != c.want {
				t.Errorf("%q (%v), want %q", got, err, c.want)
			}
			if _, err := conn.ExecContext(t.Context(), "SET XACT_ABORT OFF; IF @@TRANCOUNT > 0 ROLLBACK; DELETE FROM t WHERE id > 1; DELETE FROM w"); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestTryCatch sees what CATCH is told, and when a transaction is lost.
func TestTryCatch(t *testing.T) {
	db, target := open(t)
	exec(t, db, "CREATE TABLE t (id int NOT NULL PRIMARY KEY)", "INSERT INTO t VALUES (1)")
	const batch = `BEGIN TRY
	BEGIN TRAN
	INSERT INTO t VALUES (2)
	INSERT INTO t VALUES (1)
	SELECT 0
END TRY
BEGIN CATCH
	SELECT ERROR_NUMBER(), XACT_STATE(), @@TRANCOUNT
	ROLLBACK
END CATCH
SELECT COUNT(*) FROM t`
	if got := query(t, db, batch); got != "2627 1 1\n1" {
		t.Errorf("XACT_ABORT OFF: %q", got)
	}
	babelfish(t, target, "isolation")
	if got := query(t, db, "SET XACT_ABORT ON\n"+batch); got != "2627 -1 1\n1" {
		t.Errorf("XACT_ABORT ON: %q", got)
	}
	if _, err := queryErr(db, "BEGIN TRY THROW 50007, 'x', 1 END TRY BEGIN CATCH; THROW; END CATCH"); number(err) != 50007 {
		t.Errorf("thrown again: %v", err)
	}
	if _, err := queryErr(db, "SET XACT_ABORT ON; BEGIN TRAN; BEGIN TRY SELECT 1/0 END TRY BEGIN CATCH END CATCH"); number(err) != 3998 {
		t.Errorf("left uncommittable: %v", err)
	}
}
