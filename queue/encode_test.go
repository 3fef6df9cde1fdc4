package queue

import (
	"fmt"
	"io"
	"testing"

	"github.com/syncback/syncback/capture"
)

// TestForgottenTablesAreWrittenAgain has a transaction of more tables than are
// remembered, and each of them three times.
func TestForgottenTablesAreWrittenAgain(t *testing.T) {
	var tables []*capture.Table
	for i := range maxShapes + 100 {
		tables = append(tables, &capture.Table{Schema: "s", Name: fmt.Sprint("t", i)})
	}
	e := encoder{max: 1 << 30}
	for range 2 { // a transaction knows nothing of the one before
		e.buf = nil
		e.begin()
		for range 3 {
			for _, table := range tables {
				if err := e.change(&capture.Change{Op: capture.Truncate, Table: table}); err != nil {
					t.Fatal(err)
				}
			}
		}
		if n := len(e.tables); n > maxShapes {
			t.Errorf("%d tables are remembered", n)
		}
		changes, err := decoded([][]byte{e.buf})
		if err != io.EOF || len(changes) != 3*len(tables) {
			t.Fatalf("%d changes are read: %v", len(changes), err)
		}
		for i, c := range changes {
			if want := tables[i%len(tables)].Name; c.Table.Name != want {
				t.Fatalf("change %d is of %s, and was of %s", i, c.Table.Name, want)
			}
		}
	}
}
