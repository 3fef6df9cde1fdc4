package sqlservertest_test

import (
	"database/sql"
	"errors"
	"os"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

var cluster *postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m, &cluster)) }

// open returns a database of its own, on one connection.
func open(t *testing.T) (*sql.DB, *sqlservertest.Target) {
	t.Helper()
	target := sqlservertest.Open(t, cluster)
	db, err := sql.Open("sqlserver", target.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	return db, target
}

func exec(t *testing.T, db *sql.DB, batches ...string) {
	t.Helper()
	for _, b := range batches {
		if _, err := db.Exec(b); err != nil {
			t.Fatalf("%s\n%v", b, err)
		}
	}
}

// number is the error's, and zero for none.
func number(err error) int32 {
	var e mssql.Error
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}
