package sqlservertest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"
)

// TestBatchesOfGuardedWrites runs the applier's shape of batch, in which a write
// that finds no row ends the batch there, and a refused one the transaction.
func TestBatchesOfGuardedWrites(t *testing.T) {
	for _, c := range []struct {
		name  string
		ids   []string // of updates; a name is an id that is no number
		want  string   // the batch's answer
		line  int32    // of the error
		after string   // the sum of v, within the transaction
	}{
		{"all found", []string{"1", "2", "3"}, "-1 1", 0, "3"},
		{"first not found", []string{"9", "1", "2"}, "0 0", 0, "0"},
		{"middle not found", []string{"1", "9", "2"}, "1 0", 0, "1"},
		{"last not found", []string{"1", "2", "9"}, "2 0", 0, "2"},
		{"middle refused", []string{"1", "'x'", "2"}, "", 5, "0"},
		{"not found before refused", []string{"9", "'x'", "2"}, "0 0", 0, "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			db, target := open(t)
			exec(t, db, "CREATE TABLE t (id int NOT NULL PRIMARY KEY, v int NOT NULL)", "INSERT INTO t VALUES (1, 0), (2, 0), (3, 0)")
			var batch strings.Builder
			batch.WriteString("SET XACT_ABORT ON; SET NOCOUNT ON;\nDECLARE @n int;\n")
			for i, id := range c.ids {
				fmt.Fprintf(&batch, "UPDATE t SET v = v + @p1 WHERE id = %s;\nSET @n = @@ROWCOUNT; IF @n <> 1 BEGIN SELECT %d, @n; RETURN END\n", id, i)
			}
			batch.WriteString("SELECT -1, 1")
			tx, err := db.Begin()
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback() //nolint:errcheck // it may be gone
			var at, n int
			err = tx.QueryRow(batch.String(), 1).Scan(&at, &n)
			if c.line > 0 {
				var e mssql.Error
				if !errors.As(err, &e) {
					t.Fatal(err)
				}
				if target.Server != nil && (e.Number != 245 || e.LineNo != c.line) {
					t.Errorf("error %d in line %d", e.Number, e.LineNo)
				}
				return
			}
			if got := fmt.Sprint(at, n); err != nil || got != c.want {
				t.Errorf("%q (%v), want %q", got, err, c.want)
			}
			var sum string
			if err := tx.QueryRow("SELECT SUM(v) FROM t").Scan(&sum); err != nil || sum != c.after {
				t.Errorf("%s was written (%v), want %s", sum, err, c.after)
			}
		})
	}
}

// TestBatchesOfManyStatements runs batches in which those statements that are
// prepared are forgotten: there are too many, or the table was altered.
func TestBatchesOfManyStatements(t *testing.T) {
	db, _ := open(t)
	exec(t, db, "CREATE TABLE t (id int NOT NULL PRIMARY KEY, v int NOT NULL)", "INSERT INTO t VALUES (1, 0)")
	const batches, statements = 8, 150
	for b := range batches {
		var batch strings.Builder
		batch.WriteString("SET XACT_ABORT ON; SET NOCOUNT ON;\nDECLARE @n int;\n")
		// The first is prepared since the first batch, and the others are new.
		batch.WriteString("UPDATE t SET v = v + 1 WHERE id = 1;\nSET @n = @@ROWCOUNT; IF @n <> 1 BEGIN SELECT -2, @n; RETURN END\n")
		for i := range statements {
			fmt.Fprintf(&batch, "UPDATE t SET v = v + 1 WHERE id = 1 AND v < %d;\nSET @n = @@ROWCOUNT; IF @n <> 1 BEGIN SELECT %d, @n; RETURN END\n", 1_000_000+b*statements+i, i)
		}
		batch.WriteString("SELECT -1, 1")
		tx, err := db.Begin()
		if err != nil {
			t.Fatal(err)
		}
		var at, n int
		if err := tx.QueryRow(batch.String()).Scan(&at, &n); err != nil || at != -1 {
			t.Fatalf("batch %d: %d %d, %v", b, at, n, err)
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		exec(t, db, fmt.Sprintf("ALTER TABLE t ADD c%d int NULL", b))
	}
	if got := query(t, db, "SELECT v FROM t"); got != fmt.Sprint(batches*(statements+1)) {
		t.Errorf("v is %s", got)
	}
}
