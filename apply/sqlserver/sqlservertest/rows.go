package sqlservertest

import (
	"database/sql"
	"testing"
)

// Rows returns the rows of a query as texts.
func Rows(tb testing.TB, db *sql.DB, query string) (out [][]sql.NullString) {
	tb.Helper()
	rows, err := db.QueryContext(tb.Context(), query)
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			tb.Fatalf("%s: %v", query, err)
		}
		out = append(out, values)
	}
	if err := rows.Err(); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return out
}
