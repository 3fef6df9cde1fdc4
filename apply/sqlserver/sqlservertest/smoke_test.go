package sqlservertest_test

import (
	"testing"
)

func TestSmoke(t *testing.T) {
	db, _ := open(t)
	exec(t, db, `CREATE TABLE dbo.tenagree (tag_ref char(11) NOT NULL PRIMARY KEY, x numeric(9,2) NULL, n int IDENTITY(1,1), d datetime NULL, v varchar(20) NULL DEFAULT 'hi')`)
	res, err := db.Exec("INSERT INTO tenagree (tag_ref, x, d) VALUES (@p1, CAST(@p2 AS numeric(9,2)), @p3)", "000123/01", "12.345", "2024-01-02T03:04:05.678")
	if err != nil {
		t.Fatal(err)
	}
	if n, _ := res.RowsAffected(); n != 1 {
		t.Fatal(n)
	}
	var tag, x, v string
	var d any
	if err := db.QueryRow("SELECT tag_ref, x, d, v FROM tenagree WHERE TAG_REF = 'ZZ' or x = 12.35").Scan(&tag, &x, &d, &v); err != nil {
		t.Fatal(err)
	}
	t.Logf("%q %q %v %q", tag, x, d, v)
	rows, err := db.Query(`SET NOCOUNT ON; DECLARE @n int;
UPDATE [dbo].[tenagree] SET [x] = CAST(@p1 AS numeric(9,2)) WHERE [tag_ref] = CAST(@p2 AS char(11));
SET @n = @@ROWCOUNT; IF @n <> 1 BEGIN SELECT 3, @n; RETURN END
INSERT INTO [dbo].[tenagree] ([tag_ref],[d]) VALUES (CAST(@p3 AS char(11)), NULL);
SELECT -1, 1`, "5", "000123/01", "b")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		var a, b int
		if err := rows.Scan(&a, &b); err != nil {
			t.Fatal(err)
		}
		t.Log(a, b)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	_, err = db.Exec("INSERT INTO tenagree (tag_ref) VALUES ('B')")
	t.Log(err)
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("DELETE FROM tenagree"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := db.QueryRow("SELECT COUNT(*) FROM dbo.tenagree t JOIN sys.columns c ON c.object_id = OBJECT_ID('dbo.tenagree')").Scan(&n); err != nil {
		t.Fatal(err)
	}
	t.Log(n)
}
