package sqlservertest_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
)

// BenchmarkBatch runs batches of the applier's shape: fifty guarded updates each.
func BenchmarkBatch(b *testing.B) {
	const rows = 50
	target := sqlservertest.Open(b, cluster)
	db, err := sql.Open("sqlserver", target.DSN)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(`CREATE TABLE t (tag_ref char(11) NOT NULL PRIMARY KEY, x numeric(9,2) NULL, d smalldatetime NULL)`); err != nil {
		b.Fatal(err)
	}
	var text strings.Builder
	text.WriteString("SET NOCOUNT ON; DECLARE @n int;\n")
	var args []any
	for i := range rows {
		if _, err := db.Exec("INSERT INTO t (tag_ref) VALUES (@p1)", fmt.Sprint("key", i)); err != nil {
			b.Fatal(err)
		}
		fmt.Fprintf(&text, "UPDATE [dbo].[t] SET [x] = CAST(@p%d AS numeric(9,2)), [d] = CAST(@p%d AS smalldatetime) WHERE [tag_ref] = CAST(@p%d AS char(11));\n", 3*i+1, 3*i+2, 3*i+3)
		fmt.Fprintf(&text, "SET @n = @@ROWCOUNT; IF @n <> 1 BEGIN SELECT %d, @n; RETURN END\n", i)
		args = append(args, "12.34", "2024-03-04T05:06:00", fmt.Sprint("key", i))
	}
	text.WriteString("SELECT -1, 1")
	b.ResetTimer()
	for b.Loop() {
		tx, err := db.Begin()
		if err != nil {
			b.Fatal(err)
		}
		if _, err := tx.Exec("SET XACT_ABORT ON; SET NOCOUNT ON"); err != nil {
			b.Fatal(err)
		}
		var at, n int
		if err := tx.QueryRow(text.String(), args...).Scan(&at, &n); err != nil || at != -1 {
			b.Fatal(at, n, err)
		}
		if err := tx.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*rows)/b.Elapsed().Seconds(), "statements/s")
}
