// Package estatetest gives the tests of the examples their databases.
package estatetest

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
	"github.com/syncback/syncback/examples/internal/estate"
)

// CloudDSN returns the DSN of an empty PostgreSQL database of the cluster.
func CloudDSN(t testing.TB, cluster *postgrestest.Cluster) string {
	t.Helper()
	dsn, err := cluster.CreateDatabase(t.Context(), "cloud")
	if err != nil {
		t.Fatal(err)
	}
	return dsn
}

// LegacyDSN returns the DSN of an empty database that speaks T-SQL: one of the
// server that SYNCBACK_TEST_SQLSERVER names, or else one of a stand-in that
// keeps its rows in the cluster. It is gone when the test ends.
func LegacyDSN(t testing.TB, cluster *postgrestest.Cluster) string {
	t.Helper()
	if server := os.Getenv("SYNCBACK_TEST_SQLSERVER"); server != "" {
		return createDatabase(t, server)
	}
	standIn, err := sqlservertest.Start(t.Context(), sqlservertest.Config{Postgres: CloudDSN(t, cluster)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := standIn.Close(); err != nil {
			t.Error(err)
		}
	})
	return standIn.DSN()
}

func createDatabase(t testing.TB, server string) string {
	t.Helper()
	admin := Open(t, estate.Legacy, server)
	name := fmt.Sprintf("estate_%d", time.Now().UnixNano())
	try(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { try(t, admin, "DROP DATABASE "+name) })
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("database", name)
	u.RawQuery = query.Encode()
	return u.String()
}

// try runs a statement up to ten times: a server may refuse to make or drop two
// databases at once, and other tests make theirs.
func try(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	wait := capture.Backoff{Max: time.Second}
	for left := 10; ; left-- {
		_, err := db.ExecContext(context.Background(), statement)
		if err == nil {
			return
		}
		if left == 1 {
			t.Fatal(err)
		}
		if err := wait.Wait(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
}

// Open opens a database until the test ends.
func Open(t testing.TB, s estate.Side, dsn string) *sql.DB {
	t.Helper()
	db, err := estate.Open(s, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
