package applytest

import (
	"context"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// Target is one target with one pipeline, as a harness shows it to the suite.
// It starts with empty tables and no checkpoint. Its methods are used from one
// goroutine, except that of two Appliers each may be used from its own.
type Target interface {
	// Open returns a new Applier of the pipeline, which knows of the others
	// only what the target holds, as that of another process would. The harness
	// closes it at the end of the test.
	Open(ctx context.Context) (apply.Applier, error)

	// Rows returns all rows of the target's table for table, in any order, each
	// with a value for every column of table, in the text form of the source.
	Rows(ctx context.Context, table *capture.Table) ([]capture.Row, error)

	// Writes returns a number that grows by at least one with each row of
	// table's target that a committed statement inserts, updates or deletes,
	// and with nothing else. A trigger can count that.
	Writes(ctx context.Context, table *capture.Table) (int64, error)

	// Pause pauses or resumes the pipeline, as an operator would.
	Pause(ctx context.Context, paused bool) error
}

// Faulty is a Target that can lose a connection when told to. It is optional.
type Faulty interface {
	// Fail makes the next commit of an Apply fail.
	Fail(ctx context.Context, at Fault) error
}

// Fault is where a commit fails.
type Fault uint8

// The faults.
const (
	BeforeCommit Fault = iota + 1 // the connection is lost and nothing is committed
	AfterCommit                   // it is committed and the answer is lost
)

// Tables are the source's tables that the suite uses. The target has the same
// columns under the same names and keys. Types that hold every value of the
// suite are, in SQL Server, int, nvarchar(200), decimal(12,2) and nvarchar(max).
// Columns that are not part of the key are nullable and have no default.
func Tables() []*capture.Table {
	return []*capture.Table{item(), line()}
}

func item() *capture.Table {
	return &capture.Table{
		Schema: "public", Name: "applytest_item", Identity: capture.IdentityFull,
		Columns: []capture.Column{
			{Name: "id", OID: 23, Base: "int4", Modifier: -1, Key: true},
			{Name: "name", OID: 1043, Base: "varchar", Modifier: 200 + 4},
			{Name: "amount", OID: 1700, Base: "numeric", Modifier: (12<<16 | 2) + 4},
			{Name: "note", OID: 25, Base: "text", Modifier: -1},
		},
	}
}

func line() *capture.Table {
	return &capture.Table{
		Schema: "public", Name: "applytest_line", Identity: capture.IdentityFull,
		Columns: []capture.Column{
			{Name: "id", OID: 23, Base: "int4", Modifier: -1, Key: true},
			{Name: "name", OID: 1043, Base: "varchar", Modifier: 200 + 4},
		},
	}
}
