package resolve

import (
	"context"

	"github.com/syncback/syncback/capture"
)

// Emulator does what a trigger of the target would have done, where that trigger
// is kept from firing.
type Emulator interface {
	// Emulate returns the further changes that the target's trigger would have
	// made of the changes, which were just written, in their order. Tables,
	// columns and values of both are the target's: a returned Change names the
	// columns that it sets, marks those by which its row is found as Key, and
	// may be of any table that the login may write. What its Before has of other
	// columns must still hold when it is written; otherwise all is asked again.
	// Nothing is emulated of what is returned.
	//
	// It is called inside the open transaction, which target reads. The same
	// changes get the same answer as long as the target is the same. An error
	// for which capture.Retryable is true has the transaction tried again; any
	// other refuses the change, with the kind TriggerFailed.
	Emulate(ctx context.Context, changes []capture.Change, target Target) ([]capture.Change, error)
}

// Target reads the target inside the open transaction. It sees what was written
// in it so far. It is used from one goroutine at a time, and not after the call
// that it was given to has returned.
type Target interface {
	// Rows reads the rows for which q asks.
	Rows(ctx context.Context, q Query) (Result, error)
	// Next takes the next number of an allocator: a table with an identity
	// column, into which a row is inserted for the number that it gets.
	Next(ctx context.Context, allocator string) (int64, error)
	// Call runs a stored procedure with named arguments, and returns the last
	// result that it selects. What it writes commits with the transaction. For a
	// parameter of datetime or smalldatetime an argument is best written as
	// 20240501 or as 2024-05-01T00:00:00: without the T the login's language says
	// which of the numbers is the day.
	Call(ctx context.Context, procedure string, args []Argument) (Result, error)
}

// Query asks for rows of one table by the values of some of its columns.
type Query struct {
	Table   string   // schema.name
	Columns []string // to read; nil is all of them
	Where   []Argument
	Limit   int // the most rows that are returned; 0 means 1,000, which is also the most that it may be
}

// Argument is a column, or a parameter of a procedure, with its value. The
// target's collation compares.
type Argument struct {
	Name  string
	Value capture.Value // not absent
}

// Result is rows in the target's text form. Each has a value for each column.
type Result struct {
	Columns []capture.Column
	Rows    []capture.Row
}
