package sqlservertest_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"
)

// TestColumnTypes stores a value in a column of each type and reads it back with
// the type that the client is told.
func TestColumnTypes(t *testing.T) {
	db, target := open(t)
	babelfish(t, target, "bulk load and types")
	for _, c := range []struct{ typ, value, want, name string }{
		{"bit", "2", "1", "BIT"}, {"tinyint", "255", "255", "TINYINT"}, {"smallint", "-32768", "-32768", "SMALLINT"},
		{"int", "2147483647", "2147483647", "INT"}, {"bigint", "9223372036854775807", "9223372036854775807", "BIGINT"},
		{"decimal(38,10)", "-1234567890123456789012345678.0123456789", "-1234567890123456789012345678.0123456789", "DECIMAL"},
		{"numeric(9,2)", "'12.345'", "12.35", "DECIMAL"}, {"money", "-922337203685477.5808", "-922337203685477.5808", "MONEY"},
		{"smallmoney", "214748.3647", "214748.3647", "SMALLMONEY"}, {"real", "1.5", "1.5", "REAL"}, {"float", "1e-300", "1e-300", "FLOAT"},
		{"char(5)", "'ab'", "ab   ", "CHAR"}, {"varchar(5)", "'é€'", "é€", "VARCHAR"}, {"varchar(max)", "N'日x'", "?x", "VARCHAR"},
		{"nchar(3)", "N'日'", "日  ", "NCHAR"}, {"nvarchar(5)", "N'日😀'", "日😀", "NVARCHAR"}, {"nvarchar(max)", "N''", "", "NVARCHAR"},
		{"text", "'t'", "t", "TEXT"}, {"ntext", "N'日'", "日", "NTEXT"}, {"image", "0x0102", "0x0102", "IMAGE"}, {"xml", "N'<a/>'", "<a/>", "XML"},
		{"binary(3)", "0x01", "0x010000", "BINARY"}, {"varbinary(3)", "0x01", "0x01", "VARBINARY"}, {"varbinary(max)", "0x", "0x", "VARBINARY"},
		{"date", "'0001-01-01'", "0001-01-01", "DATE"}, {"time(3)", "'23:59:59.9994'", "23:59:59.999", "TIME"},
		{"datetime", "'9999-12-31 23:59:59.997'", "9999-12-31T23:59:59.997", "DATETIME"}, {"datetime", "'1753-01-01'", "1753-01-01T00:00:00", "DATETIME"},
		{"smalldatetime", "'2079-06-06 23:59'", "2079-06-06T23:59:00", "SMALLDATETIME"},
		{"datetime2(7)", "'9999-12-31 23:59:59.999999'", "9999-12-31T23:59:59.999999", "DATETIME2"},
		{"datetimeoffset(3)", "'2024-01-02 03:04:05.678 -05:30'", "2024-01-02T03:04:05.678-05:30", "DATETIMEOFFSET"},
		{"uniqueidentifier", "'6F9619FF-8B86-D011-B42D-00C04FC964FF'", "6F9619FF-8B86-D011-B42D-00C04FC964FF", "UNIQUEIDENTIFIER"},
	} {
		exec(t, db, "IF OBJECT_ID('t') IS NOT NULL DROP TABLE t", "CREATE TABLE t (id int NOT NULL, c "+c.typ+" NULL)",
			"INSERT INTO t VALUES (1, "+c.value+")", "INSERT INTO t (id) VALUES (2)")
		if got := query(t, db, "SELECT c FROM t ORDER BY id"); got != c.want+"\nNULL" {
			t.Errorf("%s %s is %q, want %q", c.typ, c.value, got, c.want)
		}
		rows, err := db.Query("SELECT c FROM t")
		if err != nil {
			t.Fatal(err)
		}
		types, err := rows.ColumnTypes()
		rows.Close()
		if err != nil || types[0].DatabaseTypeName() != c.name {
			t.Errorf("%s comes as %s (%v)", c.typ, types[0].DatabaseTypeName(), err)
		}
	}
}

// TestParameters sends a value of each type that the driver has.
func TestParameters(t *testing.T) {
	db, target := open(t)
	at := time.Date(2024, 2, 29, 12, 34, 56, 789012000, time.FixedZone("", 3600))
	long := make([]byte, 10000)
	for i := range long {
		long[i] = 'a' + byte(i%26)
	}
	for _, c := range []struct {
		value any
		want  string
	}{
		{int64(-1 << 63), "-9223372036854775808"}, {int32(-5), "-5"}, {int16(-5), "-5"}, {byte(255), "255"}, {true, "1"}, {1.5, "1.5"}, {float32(0.25), "0.25"},
		{"é", "é"}, {mssql.VarChar("abc"), "abc"}, {string(long), string(long)}, {[]byte{1, 2}, "0x0102"}, {[]byte{}, "0x"},
		{at, "2024-02-29T12:34:56.789012+01:00"}, {sql.NullInt64{}, "NULL"}, {sql.NullString{}, "NULL"},
		{mssql.DateTime1(at), "2024-02-29T12:34:56.79"},
	} {
		if got := query(t, db, "SELECT @p1", c.value); got != c.want {
			t.Errorf("%T %v comes back as %q, want %q", c.value, c.value, got, c.want)
		}
	}
	babelfish(t, target, "NULL parameter from Go")
	if got := query(t, db, "SELECT @p1", "日😀"); got != "日😀" {
		t.Errorf("%q", got)
	}
	if got := query(t, db, "SELECT ISNULL(@p1, 7)", nil); got != "7" {
		t.Errorf("nil is %q", got)
	}
	var out int
	if _, err := db.Exec("SET @out = @p + 1", sql.Named("p", 2), sql.Named("out", sql.Out{Dest: &out})); err != nil || out != 3 {
		t.Errorf("output parameter %d, %v", out, err)
	}
}

func TestIdentity(t *testing.T) {
	db, _ := open(t)
	exec(t, db, "CREATE TABLE t (id int IDENTITY(10,5) NOT NULL PRIMARY KEY, v int NULL)")
	if got := query(t, db, "INSERT INTO t (v) VALUES (1), (2); SELECT SCOPE_IDENTITY(), @@IDENTITY"); got != "15 15" {
		t.Errorf("identities %q", got)
	}
	exec(t, db, "SET IDENTITY_INSERT t ON; INSERT INTO t (id, v) VALUES (100, 3); SET IDENTITY_INSERT t OFF; INSERT INTO t (v) VALUES (4)")
	if got := query(t, db, "SELECT id FROM t ORDER BY id"); got != "10\n15\n100\n105" {
		t.Errorf("ids %q", got)
	}
	exec(t, db, "SET IDENTITY_INSERT t ON; INSERT INTO t (id, v) VALUES (50, 3); SET IDENTITY_INSERT t OFF; INSERT INTO t (v) VALUES (4)")
	if got := query(t, db, "SELECT MAX(id) FROM t"); got != "110" {
		t.Errorf("a lower explicit value moved the next to %s", got)
	}
}

func TestRowversion(t *testing.T) {
	db, target := open(t)
	babelfish(t, target, "rowversion")
	exec(t, db, "CREATE TABLE t (id int NOT NULL PRIMARY KEY, v int NULL, rv rowversion NOT NULL)", "INSERT INTO t (id) VALUES (1), (2)")
	before := query(t, db, "SELECT rv FROM t ORDER BY id")
	if got := query(t, db, "SELECT COUNT(DISTINCT rv), MAX(DATALENGTH(rv)) FROM t"); got != "2 8" {
		t.Errorf("%q", got)
	}
	exec(t, db, "BEGIN TRAN; UPDATE t SET v = v WHERE id = 1; UPDATE t SET v = 5 WHERE id = 1; COMMIT")
	if got := query(t, db, "SELECT CASE WHEN rv > (SELECT rv FROM t WHERE id = 2) THEN 1 ELSE 0 END FROM t WHERE id = 1"); got != "1" {
		t.Errorf("an update does not move rowversion on from %q", before)
	}
}

// TestCollation sees that case and blanks at the end make no difference to the
// default collation: in comparisons, keys, groups and joins.
func TestCollation(t *testing.T) {
	db, target := open(t)
	exec(t, db, "CREATE TABLE t (k varchar(10) NOT NULL PRIMARY KEY, n nvarchar(10) NULL, b varchar(10) COLLATE Latin1_General_BIN2 NULL)",
		"INSERT INTO t VALUES ('smith', N'É', 'x'), ('Jones', N'é', 'X')")
	for _, c := range [][2]string{
		{"SELECT k FROM t WHERE k = 'SMITH  '", "smith"},
		{"SELECT COUNT(*) FROM t WHERE n = N'é'", "2"},
		{"SELECT COUNT(*) FROM t WHERE n = N'e'", "0"},
		{"SELECT k FROM t WHERE b = 'X'", "Jones"},
		{"SELECT k FROM t WHERE b COLLATE Latin1_General_CI_AS = 'X' AND k LIKE 'S%'", "smith"},
		{"SELECT k FROM t WHERE k COLLATE Latin1_General_BIN2 = 'SMITH'", ""},
		{"SELECT k FROM t ORDER BY k", "Jones\nsmith"},
		{"SELECT COUNT(*) FROM (SELECT n FROM t GROUP BY n) q", "1"},
		{"SELECT COUNT(*) FROM (SELECT DISTINCT n FROM t) q", "1"},
		{"SELECT a.k FROM t a JOIN (SELECT 'jones ' AS k) b ON a.k = b.k", "Jones"},
	} {
		if got, err := queryErr(db, c[0]); err != nil || got != c[1] {
			t.Errorf("%s gives %q (%v), want %q", c[0], got, err, c[1])
		}
	}
	if _, err := db.Exec("INSERT INTO t (k) VALUES ('SMITH ')"); number(err) != 2627 {
		t.Errorf("a key that differs by case: %v", err)
	}
	babelfish(t, target, "error numbers")
	if _, err := db.Exec("SELECT 1 FROM t WHERE k = b"); number(err) != 468 {
		t.Errorf("two collations: %v", err)
	}
}

// TestQueries has the forms of queries, over a few rows.
func TestQueries(t *testing.T) {
	db, _ := standIn(t)
	exec(t, db, "CREATE TABLE a (id int NOT NULL PRIMARY KEY, v varchar(10) NULL, g int NULL)", "CREATE TABLE b (id int NOT NULL, a int NULL)",
		"INSERT INTO a VALUES (1, 'x', 1), (2, 'y', 1), (3, NULL, 2)", "INSERT INTO b VALUES (10, 1), (11, 1), (12, NULL)",
		"CREATE VIEW va AS SELECT id AS i, v FROM a WHERE g = 1", "CREATE TABLE [odd ]] name] ([a.b] int NULL, \"c d\" int NULL)", "INSERT INTO [odd ]] name] VALUES (1, 2)")
	for _, c := range [][2]string{
		{"SELECT TOP (1) id FROM a ORDER BY id DESC", "3"},
		{"SELECT TOP 1 WITH TIES g FROM a ORDER BY g", "1\n1"},
		{"SELECT id FROM a ORDER BY v", "3\n1\n2"},
		{"SELECT id FROM a ORDER BY v DESC, 1 DESC", "2\n1\n3"},
		{"SELECT id FROM a ORDER BY id OFFSET 1 ROWS FETCH NEXT 1 ROWS ONLY", "2"},
		{"SELECT x.id, y.id FROM a x LEFT JOIN b AS y ON y.a = x.id ORDER BY x.id, y.id", "1 10\n1 11\n2 NULL\n3 NULL"},
		{"SELECT g, COUNT(*), SUM(id), AVG(id), MIN(v) FROM a GROUP BY g HAVING COUNT(*) > 1", "1 2 3 1 x"},
		{"SELECT id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE b.a = a.id)", "1"},
		{"SELECT id FROM a WHERE id NOT IN (SELECT a FROM b WHERE a IS NOT NULL) ORDER BY id", "2\n3"},
		{"SELECT id FROM a WHERE id NOT IN (SELECT a FROM b)", ""},
		{"SELECT id FROM a WHERE v IN ('X', 'z')", "1"},
		{"SELECT id FROM a UNION SELECT a FROM b WHERE a IS NOT NULL ORDER BY id DESC", "3\n2\n1"},
		{"SELECT id FROM a EXCEPT SELECT a FROM b ORDER BY 1", "2\n3"},
		{"WITH c (n) AS (SELECT COUNT(*) FROM b) SELECT n FROM c", "3"},
		{"SELECT ROW_NUMBER() OVER (PARTITION BY g ORDER BY id DESC), id FROM a ORDER BY id", "2 1\n1 2\n1 3"},
		{"SELECT STRING_AGG(v, ',') WITHIN GROUP (ORDER BY v DESC) FROM a", "y,x"},
		{"SELECT i, v FROM va ORDER BY i", "1 x\n2 y"},
		{"SELECT x.n FROM a CROSS APPLY (SELECT COUNT(*) AS n FROM b WHERE b.a = a.id) x ORDER BY a.id", "2\n0\n0"},
		{"SELECT o.[a.b], \"c d\" FROM dbo.[odd ]] name] AS o", "1 2"},
		{"SELECT id FROM a WITH (UPDLOCK, ROWLOCK) WHERE id = 1", "1"},
		{"SELECT dbo.a.id FROM dbo.a WHERE a.ID = 1 OPTION (RECOMPILE)", "1"},
		{"DECLARE @s varchar(20) = ''; SELECT @s = v FROM a WHERE id = 2; SELECT @s, @@ROWCOUNT", "y 1"},
		{"DECLARE @i int = 0; WHILE @i < 5 BEGIN SET @i += 1; IF @i = 2 CONTINUE; IF @i = 4 BREAK END; SELECT @i", "4"},
		{"EXEC(N'SELECT 1; SELECT 2')", "1\n2"},
		{"SELECT 1 AS a, 2 b, c = 3", "1 2 3"},
		{"SELECT NULL", "NULL"},
	} {
		if got, err := queryErr(db, c[0]); err != nil || got != c[1] {
			t.Errorf("%s\ngives %q (%v), want %q", c[0], got, err, c[1])
		}
	}
}

func TestWrites(t *testing.T) {
	db, _ := standIn(t)
	exec(t, db, "CREATE TABLE a (id int NOT NULL PRIMARY KEY, v int NULL DEFAULT 7, c AS id * 2 PERSISTED)", "CREATE TABLE b (id int NOT NULL, v int NULL)")
	for _, c := range []struct{ sql, out, after string }{
		{"INSERT INTO a (id) OUTPUT inserted.id, inserted.v, inserted.c VALUES (1), (2), (3)", "1 7 2\n2 7 4\n3 7 6", "1 7\n2 7\n3 7"},
		{"INSERT a (id, v) VALUES (4, DEFAULT); SELECT @@ROWCOUNT", "1", "1 7\n2 7\n3 7\n4 7"},
		{"INSERT INTO b SELECT id, v + 1 FROM a WHERE id < 3; SELECT @@ROWCOUNT", "2", "1 7\n2 7\n3 7\n4 7"},
		{"UPDATE a SET v = b.v FROM a JOIN b ON b.id = a.id WHERE a.id = 1", "", "1 8\n2 7\n3 7\n4 7"},
		{"UPDATE x SET v = 9 FROM a AS x WHERE x.id = 2", "", "1 8\n2 9\n3 7\n4 7"},
		{"UPDATE a SET v = v - 1 OUTPUT deleted.v, inserted.v WHERE id = 1", "8 7", "1 7\n2 9\n3 7\n4 7"},
		{"UPDATE TOP (1) a SET v = 0 WHERE id = 3; SELECT @@ROWCOUNT", "1", "1 7\n2 9\n3 0\n4 7"},
		{"UPDATE a SET v += 1, id = id + 10 WHERE id = 4", "", "1 7\n2 9\n3 0\n14 8"},
		{"DELETE TOP (1) FROM a WHERE v = 7; SELECT @@ROWCOUNT", "1", "2 9\n3 0\n14 8"},
		{"DELETE a OUTPUT deleted.id WHERE id = 3", "3", "2 9\n14 8"},
		{"DELETE x FROM a x JOIN b ON b.id = x.id", "", "14 8"},
		{"UPDATE a SET v = NULL; SELECT @@ROWCOUNT", "1", "14 NULL"},
		{"INSERT INTO b DEFAULT VALUES", "!515", "14 NULL"},
		{"TRUNCATE TABLE a", "", ""},
	} {
		got, err := queryErr(db, c.sql)
		if err != nil && c.out != "!515" || got != c.out && err == nil {
			t.Errorf("%s\ngives %q (%v), want %q", c.sql, got, err, c.out)
		}
		if got := query(t, db, "SELECT id, v FROM a ORDER BY id"); got != c.after {
			t.Errorf("%s\nleaves %q, want %q", c.sql, got, c.after)
		}
	}
}

// TestAttention cancels a statement: the server stops it, and the connection goes
// on.
func TestAttention(t *testing.T) {
	db, target := open(t)
	babelfish(t, target, "cancellation by context")
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "CREATE TABLE t (id int); BEGIN TRAN; INSERT INTO t VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	for _, slow := range []string{
		"WAITFOR DELAY '00:01:00'",
		"SELECT COUNT(*) FROM sys.columns a CROSS JOIN sys.columns b CROSS JOIN sys.types c CROSS JOIN sys.types d CROSS JOIN sys.types e CROSS JOIN sys.types f CROSS JOIN sys.types g",
	} {
		ctx, cancel := context.WithCancel(t.Context()) // the driver takes a deadline for a lost connection
		timer := time.AfterFunc(50*time.Millisecond, cancel)
		begin := time.Now()
		if _, err := conn.ExecContext(ctx, slow); err == nil {
			t.Errorf("%s came to its end", slow)
		}
		timer.Stop()
		cancel()
		if d := time.Since(begin); d > 5*time.Second {
			t.Errorf("%s was stopped after %s", slow, d)
		}
	}
	var n int
	if err := conn.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM t WHERE @@TRANCOUNT = 1").Scan(&n); err != nil || n != 1 {
		t.Errorf("after the cancellation: %d, %v", n, err)
	}
}

// TestWriteCountsItsOwnTransaction sees @@TRANCOUNT be one more inside a write
// than outside, and 2 where the write commits by itself.
func TestWriteCountsItsOwnTransaction(t *testing.T) {
	db, target := open(t)
	babelfish(t, target, "@@TRANCOUNT inside a write")
	exec(t, db, "CREATE TABLE t (id int IDENTITY, n int)",
		"INSERT INTO t (n) SELECT @@TRANCOUNT",
		"BEGIN TRAN; INSERT INTO t (n) SELECT @@TRANCOUNT; BEGIN TRAN; INSERT INTO t (n) SELECT @@TRANCOUNT; DECLARE @n int = @@TRANCOUNT; INSERT INTO t (n) VALUES (@n); COMMIT; COMMIT")
	if got := query(t, db, "SELECT (SELECT n FROM t WHERE id = 1), (SELECT n FROM t WHERE id = 2), (SELECT n FROM t WHERE id = 3), (SELECT n FROM t WHERE id = 4)"); got != "2 2 3 2" {
		t.Error(got)
	}
}
