package sqlservertest_test

import "testing"

// TestProcedures calls a procedure by name and by place, and sees what it selects
// and writes, its own SCOPE_IDENTITY(), and what is refused.
func TestProcedures(t *testing.T) {
	db, target := open(t)
	exec(t, db, "CREATE TABLE visit (sid int IDENTITY(100,1) PRIMARY KEY, ref char(6) NULL, at datetime NULL)",
		`CREATE PROCEDURE dbo.book @ref char(6), @at datetime AS
BEGIN
	SET NOCOUNT ON;
	INSERT INTO visit (ref, at) VALUES (@ref, @at);
	SELECT SCOPE_IDENTITY() AS sid;
END`)
	for _, c := range [][3]string{
		{"EXEC [dbo].[book] @at = '2024-05-01T10:00:00', @ref = 'R1'", "100", "100 R1     2024-05-01T10:00:00"},
		{"DECLARE @r varchar(10); SET @r = 'R2'; EXEC book @r, '2024-05-02T10:00:00'", "101", "101 R2     2024-05-02T10:00:00"},
	} {
		if got := query(t, db, c[0]); got != c[1] {
			t.Errorf("%s selects %q, want %q", c[0], got, c[1])
		}
		if got := query(t, db, "SELECT TOP (1) sid, ref, CONVERT(varchar(19), at, 126) FROM visit ORDER BY sid DESC"); got != c[2] {
			t.Errorf("%s wrote %q, want %q", c[0], got, c[2])
		}
	}
	if got := query(t, db, "SELECT COUNT(*) FROM sys.objects WHERE object_id = OBJECT_ID(N'[dbo].[book]', N'P')"); got != "1" {
		t.Errorf("it is %s times in the catalogue", got)
	}
	if got := query(t, db, "SELECT COALESCE(OBJECT_ID(N'dbo.visit', N'P'), 0)"); got != "0" {
		t.Errorf("a table is a procedure: %s", got)
	}
	_, err := db.Exec("EXEC dbo.nothing")
	if err == nil {
		t.Error("a procedure that is not there was called")
	}
	exec(t, db, "DROP PROCEDURE dbo.book")
	if _, err := db.Exec("EXEC book 'R3', '2024-05-02'"); err == nil {
		t.Error("a procedure that was dropped was called")
	}
	babelfish(t, target, "error numbers")
	exec(t, db, "CREATE PROC p (@a int) AS SELECT @a")
	for text, want := range map[string]int32{
		"EXEC dbo.nothing":          2812,
		"EXEC p":                    201,
		"EXEC p 1, 2":               8144,
		"EXEC p @b = 1":             201,
		"CREATE PROC p AS SELECT 1": 2714,
		"CREATE PROC q @a int OUTPUT AS SELECT 1": 40517,
	} {
		if _, err := db.Exec(text); number(err) != want {
			t.Errorf("%s: %v, want %d", text, err, want)
		}
	}
}
