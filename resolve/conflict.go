package resolve

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/syncback/syncback/capture"
)

// Conflict is one change that does not fit. It belongs to the Resolver that is
// asked, which does not change it.
type Conflict struct {
	Kind Kind
	// Op is what the change does: insert, update or delete; truncate with Locked
	// alone.
	Op capture.Op
	// Table is the target's table, with the columns that are mapped to it. A
	// column's Base is the target's type ("char(11)", "numeric(9,2)"), and Key
	// says that rows are found by it.
	Table *capture.Table

	// Base is the row as the source had it before the change, Incoming as it
	// has it now, Current as the target has it; nil is no row. Each has a value
	// for each of Table's columns. Absent is what is not known, and what the
	// target's column cannot hold.
	Base, Incoming, Current capture.Row
	// Differs are the indexes of the columns by which it came to this: those
	// that the change sets and in which Current is not Base, or for a row that
	// exists not Incoming; for a refusal the column that is refused, where it is
	// known.
	Differs []int
	// Constraint is what refused: the name of a constraint, an index or a
	// trigger, or of the table or column that holds the lock; empty where the
	// target did not say.
	Constraint string

	// Position, TxID, CommitTime and Origin are those of the change's
	// transaction in the source.
	Position   capture.Position
	TxID       uint64
	CommitTime time.Time
	Origin     string
	// Rule names the rule that is asked, as the ledger will have it.
	Rule string
}

// Column returns the index of the column of that name, compared without regard
// to case, or -1.
func (c *Conflict) Column(name string) int {
	return slices.IndexFunc(c.Table.Columns, func(column capture.Column) bool { return strings.EqualFold(column.Name, name) })
}

// Resolver decides conflicts.
type Resolver interface {
	// Resolve returns a Resolution for each of the conflicts, in their order.
	// They are of one transaction of the target, in the order of the source,
	// and no row is in two of them. It is called from one goroutine at a time.
	//
	// The same conflicts get the same resolutions: it may be asked again after a
	// crash or a retry. An error for which capture.Retryable is true rolls the
	// transaction back and asks again; any other stops the pipeline, or parks
	// the change where that is configured. So do a panic, an answer of another
	// length, and a Resolution that its conflict cannot have.
	Resolve(ctx context.Context, conflicts []*Conflict) ([]Resolution, error)
}

// Func is a Resolver that is asked one conflict at a time.
type Func func(ctx context.Context, c *Conflict) (Resolution, error)

// Resolve implements [Resolver].
func (f Func) Resolve(ctx context.Context, conflicts []*Conflict) ([]Resolution, error) {
	out := make([]Resolution, len(conflicts))
	for i, c := range conflicts {
		r, err := f(ctx, c)
		if err != nil {
			return nil, err
		}
		out[i] = r
	}
	return out, nil
}
