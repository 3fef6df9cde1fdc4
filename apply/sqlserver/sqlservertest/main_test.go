package sqlservertest_test

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

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
	return connect(t, target.DSN), target
}

func connect(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlserver", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	db.SetMaxOpenConns(1)
	return db
}

// standIn returns a database on the stand-in, for what is about itself.
func standIn(t *testing.T) (*sql.DB, *sqlservertest.Server) {
	t.Helper()
	db, target := open(t)
	if target.Server == nil {
		t.Skip("about the stand-in itself")
	}
	return db, target.Server
}

// babelfish skips what Babelfish is known to do otherwise: the reason is its row
// in our notes on T-SQL servers.
func babelfish(t *testing.T, target *sqlservertest.Target, reason string) {
	t.Helper()
	if target.Server != nil {
		return
	}
	db, err := sql.Open("sqlserver", target.DSN)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if strings.Contains(query(t, db, "SELECT @@VERSION"), "Babelfish") {
		t.Skip("Babelfish differs: " + reason)
	}
}

func exec(t *testing.T, db *sql.DB, batches ...string) {
	t.Helper()
	for _, b := range batches {
		if _, err := db.Exec(b); err != nil {
			t.Fatalf("%s\n%v", b, err)
		}
	}
}

// query returns the rows of a batch, each as its values with blanks between.
func query(t *testing.T, db *sql.DB, text string, args ...any) string {
	t.Helper()
	s, err := queryErr(db, text, args...)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	return s
}

func queryErr(db *sql.DB, text string, args ...any) (string, error) {
	rows, err := db.Query(text, args...)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var lines []string
	for more := true; more; more = rows.NextResultSet() {
		cols, err := rows.ColumnTypes()
		if err != nil {
			return "", err
		}
		for rows.Next() {
			vals := make([]any, len(cols))
			to := make([]any, len(cols))
			for i := range vals {
				to[i] = &vals[i]
			}
			if err := rows.Scan(to...); err != nil {
				return "", err
			}
			var parts []string
			for i, v := range vals {
				parts = append(parts, show(v, cols[i].DatabaseTypeName()))
			}
			lines = append(lines, strings.Join(parts, " "))
		}
	}
	return strings.Join(lines, "\n"), rows.Err()
}

// show is a value in a form that a test can be written with.
func show(v any, typ string) string {
	switch v := v.(type) {
	case nil:
		return "NULL"
	case []byte:
		switch typ {
		case "DECIMAL", "MONEY", "SMALLMONEY":
			return string(v)
		case "UNIQUEIDENTIFIER":
			var u mssql.UniqueIdentifier
			if err := u.Scan(v); err != nil {
				return err.Error()
			}
			return u.String()
		}
		return fmt.Sprintf("0x%X", v)
	case time.Time:
		switch typ {
		case "DATE":
			return v.Format("2006-01-02")
		case "TIME":
			return v.Format("15:04:05.999999999")
		case "DATETIMEOFFSET":
			return v.Format("2006-01-02T15:04:05.999999999Z07:00")
		}
		return v.Format("2006-01-02T15:04:05.999999999")
	case bool:
		if v {
			return "1"
		}
		return "0"
	}
	return fmt.Sprint(v)
}

// number is the error's, and zero for none.
func number(err error) int32 {
	var e mssql.Error
	if errors.As(err, &e) {
		return e.Number
	}
	return 0
}
