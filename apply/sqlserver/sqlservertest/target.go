package sqlservertest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	_ "github.com/microsoft/go-mssqldb" // the driver of real servers

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

// Environment is the variable that may hold the DSN of a real server, whose login
// can create databases.
const Environment = "SYNCBACK_TEST_SQLSERVER"

// Target is a fresh, empty database for one test.
type Target struct {
	DSN    string
	Server *Server // nil for a real server
}

// Open makes a database on the server that Environment names, or else starts a
// stand-in whose rows are in cluster. Either is gone when the test ends.
func Open(tb testing.TB, cluster *postgrestest.Cluster) *Target {
	tb.Helper()
	if dsn := os.Getenv(Environment); dsn != "" {
		return openReal(tb, dsn)
	}
	s, err := Start(tb.Context(), Config{Postgres: cluster.DSN("postgres")})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return &Target{DSN: s.DSN(), Server: s}
}

func openReal(tb testing.TB, dsn string) *Target {
	tb.Helper()
	name := "syncback_" + strings.ToLower(rand.Text()[:12])
	admin, err := sql.Open("sqlserver", dsn)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { admin.Close() })
	if err := alone(tb.Context(), admin, "CREATE DATABASE "+name); err != nil {
		tb.Fatalf("create a database on the server of %s: %v", Environment, err)
	}
	tb.Cleanup(func() {
		if err := alone(context.Background(), admin, "DROP DATABASE "+name); err != nil {
			tb.Logf("drop database %s: %v", name, err)
		}
	})
	of, err := inDatabase(dsn, name)
	if err != nil {
		tb.Fatal(err)
	}
	return &Target{DSN: of}
}

// alone executes a statement that servers refuse while they do the same for
// another session, such as with SQL Server's error 1807: it is tried a few times.
func alone(ctx context.Context, db *sql.DB, statement string) (err error) {
	backoff := capture.Backoff{Max: time.Second}
	for range 5 {
		if _, err = db.ExecContext(ctx, statement); err == nil || backoff.Wait(ctx) != nil {
			return err
		}
	}
	return err
}

// inDatabase is dsn with another database.
func inDatabase(dsn, name string) (string, error) {
	u, err := url.Parse(dsn)
	if err != nil || u.Scheme != "sqlserver" {
		return "", fmt.Errorf("%s is no URL of the form sqlserver://", Environment)
	}
	q := u.Query()
	q.Set("database", name)
	u.RawQuery = q.Encode()
	return u.String(), nil
}
