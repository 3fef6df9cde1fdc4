package sqlservertest_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
)

// TestFaults makes each fault happen to a transaction of one insert, and sees
// what the client is told and what is left.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name   string
		fault  sqlservertest.Fault
		number int32 // of the error; 0 is a connection that was lost
		rows   string
	}{
		{"dropped before the statement", sqlservertest.Fault{At: sqlservertest.BeforeStatement, Text: "INSERT", Drop: true}, 0, "0"},
		{"dropped after the statement", sqlservertest.Fault{At: sqlservertest.AfterStatement, Text: "INSERT", Drop: true}, 0, "0"},
		{"dropped before the commit", sqlservertest.Fault{At: sqlservertest.BeforeCommit, Drop: true}, 0, "0"},
		{"dropped after the commit", sqlservertest.Fault{At: sqlservertest.AfterCommit, Drop: true}, 0, "1"},
		{"deadlock", sqlservertest.Fault{At: sqlservertest.AfterStatement, Text: "INSERT", Error: 1205}, 1205, "0"},
		{"lock timeout", sqlservertest.Fault{Match: func(s string) bool { return strings.HasPrefix(s, "INSERT") }, Error: 1222}, 1222, "0"},
		{"log full", sqlservertest.Fault{Text: "INSERT", Error: 9002}, 9002, "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, server := standIn(t)
			exec(t, db, "CREATE TABLE t (id int)")
			injected := server.Inject(c.fault)
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			if _, err = tx.Exec("INSERT INTO t VALUES (1)"); err == nil {
				err = tx.Commit()
			} else {
				_ = tx.Rollback() // the connection may be gone
			}
			var e mssql.Error
			if err == nil || number(err) != c.number || errors.As(err, &e) != (c.number != 0) {
				t.Errorf("%v, want number %d", err, c.number)
			}
			if injected.Fired() != 1 {
				t.Errorf("the fault happened %d times", injected.Fired())
			}
			if got := query(t, db, "SELECT COUNT(*) FROM t"); got != c.rows {
				t.Errorf("%s rows are left, want %s", got, c.rows)
			}
		})
	}
}

// TestFaultsAreCounted sees Skip, Times and Delay.
func TestFaultsAreCounted(t *testing.T) {
	db, server := standIn(t)
	exec(t, db, "CREATE TABLE t (id int)")
	injected := server.Inject(sqlservertest.Fault{Text: "UPDATE", Skip: 1, Times: 2, Error: 1222})
	var got []int32
	for range 4 {
		_, err := db.Exec("UPDATE t SET id = 1")
		got = append(got, number(err))
	}
	if got[0] != 0 || got[1] != 1222 || got[2] != 1222 || got[3] != 0 || injected.Fired() != 2 {
		t.Errorf("errors %v, fired %d times", got, injected.Fired())
	}
	server.ClearFaults()
	server.Inject(sqlservertest.Fault{Text: "UPDATE", Delay: time.Hour})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := db.ExecContext(ctx, "UPDATE t SET id = 1"); !errors.Is(err, context.Canceled) {
		t.Errorf("a statement that is slow: %v", err)
	}
}

func TestCounters(t *testing.T) {
	db, server := standIn(t)
	exec(t, db, "CREATE TABLE t (id int)")
	before := server.Counters()
	exec(t, db, "INSERT INTO t VALUES (1); INSERT INTO t VALUES (2); IF 1 = 1 UPDATE t SET id = 3; SELECT 1")
	after := server.Counters()
	if after.RoundTrips-before.RoundTrips != 1 || after.Writes-before.Writes != 3 || after.Statements-before.Statements != 4 {
		t.Errorf("%+v after %+v", after, before)
	}
}
