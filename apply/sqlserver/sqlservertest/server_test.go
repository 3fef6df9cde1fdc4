package sqlservertest_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"testing"
	"time"
)

func TestLogin(t *testing.T) {
	_, server := standIn(t)
	for _, c := range []struct {
		from, to string
		number   int32
	}{
		{"sa:", "sb:", 18456}, {"Stand-in", "Other", 18456}, {"database=", "database=x", 4060},
		{"encrypt=disable", "encrypt=false&trustservercertificate=true", 0}, {"encrypt=disable", "encrypt=true&trustservercertificate=true", 0},
		{"encrypt=disable", "encrypt=disable&packet+size=512", 0},
	} {
		db := connect(t, strings.Replace(server.DSN(), c.from, c.to, 1))
		err := db.PingContext(t.Context())
		if number(err) != c.number || c.number == 0 && err != nil {
			t.Errorf("%s: %v, want %d", c.to, err, c.number)
			continue
		}
		if c.number == 0 {
			long := strings.Repeat("0123456789", 1000)
			if got := query(t, db, "SELECT @p1, LEN(@p1)", long); got != long+" 10000" {
				t.Errorf("%s: a long value comes back as %d bytes", c.to, len(got))
			}
		}
	}
}

// TestReset sees a session of the pool begin anew: settings and transaction.
func TestReset(t *testing.T) {
	db, target := open(t)
	// What a parameterised batch sets ends with it.
	if got := query(t, db, "SET LOCK_TIMEOUT 7; SELECT @@LOCK_TIMEOUT + @p1; EXEC('SET LOCK_TIMEOUT 9'); SELECT @@LOCK_TIMEOUT", 0); got != "7\n7" {
		t.Errorf("%q", got)
	}
	babelfish(t, target, "session reset by the pool")
	exec(t, db, "CREATE TABLE t (id int IDENTITY)", "SET XACT_ABORT ON; SET NOCOUNT ON; SET LOCK_TIMEOUT 5; SET IDENTITY_INSERT t ON; BEGIN TRAN; INSERT INTO t (id) VALUES (5)")
	if got := query(t, db, "SELECT @@TRANCOUNT, @@LOCK_TIMEOUT, COUNT(*) FROM t"); got != "0 -1 0" {
		t.Errorf("%q", got)
	}
	if got := query(t, db, "EXEC sp_set_session_context 'Key', 'v'; SELECT CAST(SESSION_CONTEXT(N'key') AS varchar(5))"); got != "v" {
		t.Errorf("%q", got)
	}
	if got := query(t, db, "SELECT SESSION_CONTEXT(N'key')"); got != "NULL" {
		t.Errorf("the context survives: %q", got)
	}
}

// TestSessionBeginsAnew: nothing of a session is left to the one after it.
func TestSessionBeginsAnew(t *testing.T) {
	db, _ := open(t)
	exec(t, db, "CREATE TABLE t (id int)")
	for range 10 {
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{
			"CREATE TABLE #own (id int); SET XACT_ABORT ON; SET LOCK_TIMEOUT 5; EXEC sp_set_session_context 'key', 'v'",
			"BEGIN TRANSACTION; INSERT INTO t VALUES (1)",
		} {
			if _, err := conn.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		// The driver closes what it is told is bad.
		_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		if got := query(t, db, "SELECT @@TRANCOUNT, @@LOCK_TIMEOUT, (SELECT COUNT(*) FROM t), OBJECT_ID('tempdb..#own'), CAST(SESSION_CONTEXT(N'key') AS varchar(5))"); got != "0 -1 0 NULL NULL" {
			t.Errorf("the next session finds %q", got)
		}
	}
}

func TestTransactions(t *testing.T) {
	db, target := open(t)
	exec(t, db, "CREATE TABLE t (id int)")
	for _, level := range []sql.IsolationLevel{sql.LevelDefault, sql.LevelReadCommitted, sql.LevelSnapshot} {
		tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: level})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec("INSERT INTO t VALUES (@p1)", 1); err != nil {
			t.Fatal(err)
		}
		if err := tx.Commit(); err != nil {
			t.Errorf("%s: %v", level, err)
		}
	}
	if got := query(t, db, "SELECT COUNT(*) FROM t"); got != "3" {
		t.Error(got)
	}
	babelfish(t, target, "isolation")
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("CREATE TABLE gone (id int); INSERT INTO gone VALUES (1)"); err != nil {
		t.Fatal(err)
	}
	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec("SELECT * FROM gone"); number(err) != 208 {
		t.Errorf("a table whose making was rolled back: %v", err)
	}
}

// TestLocks sees two writers of a row: a wait that ends with the lock timeout, and
// a deadlock with one victim.
func TestLocks(t *testing.T) {
	db, server := standIn(t)
	other := connect(t, server.DSN())
	exec(t, db, "CREATE TABLE t (id int NOT NULL PRIMARY KEY, v int)", "INSERT INTO t VALUES (1, 0), (2, 0)")
	a, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	b, err := other.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Exec("UPDATE t SET v = 1 WHERE id = 1"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Exec("UPDATE t SET v = 2 WHERE id = 2; SET LOCK_TIMEOUT 20"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Exec("UPDATE t SET v = 2 WHERE id = 1"); number(err) != 1222 {
		t.Errorf("a row that is locked: %v", err)
	}
	if _, err := b.Exec("SET LOCK_TIMEOUT -1"); err != nil {
		t.Errorf("the transaction after a lock timeout: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	done := make(chan error)
	go func() {
		_, err := a.ExecContext(ctx, "UPDATE t SET v = 1 WHERE id = 2")
		done <- err
	}()
	_, errB := b.ExecContext(ctx, "UPDATE t SET v = 2 WHERE id = 1")
	if errB != nil {
		_ = b.Rollback() // it is gone
	} else if err := b.Commit(); err != nil {
		t.Error(err)
	}
	errA := <-done
	if (number(errA) == 1205) == (number(errB) == 1205) {
		t.Errorf("of two transactions in a deadlock: %v and %v", errA, errB)
	}
	_ = a.Rollback() // one of them may be gone
}

// TestPrepared runs statements as clients do that prepare them on the server.
func TestPrepared(t *testing.T) {
	db, _ := standIn(t)
	exec(t, db, "CREATE TABLE #p (id int)")
	var h int
	if _, err := db.Exec("sp_prepare", sql.Named("handle", sql.Out{Dest: &h}), sql.Named("params", "@a int"), sql.Named("stmt", "SELECT @a + 1"), 1); err != nil || h == 0 {
		t.Errorf("handle %d, %v", h, err)
	}
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "sp_prepexec", sql.Named("handle", sql.Out{Dest: &h}), sql.Named("params", "@a int"), sql.Named("stmt", "SELECT @a + 1"), sql.Named("a", 4)); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := conn.QueryRowContext(t.Context(), "sp_execute", h, 41).Scan(&n); err != nil || n != 42 {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := conn.ExecContext(t.Context(), "sp_unprepare", h); err != nil {
		t.Error(err)
	}
	if _, err := conn.ExecContext(t.Context(), "sp_execute", h, 41); number(err) != 8179 {
		t.Errorf("a handle that is gone: %v", err)
	}
}
