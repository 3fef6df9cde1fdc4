package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/syncback/syncback/capture"
)

// Applier writes transactions to a target. It is used from one goroutine at a
// time.
type Applier interface {
	// Apply writes all of batch, one or more transactions in ascending order of
	// their positions, and the last one's position as the new checkpoint, in
	// one transaction of the target: all of it or nothing. It moves the
	// checkpoint by compare-and-set before it writes anything else, so that of
	// two appliers of one pipeline only one goes on; the other is refused with
	// ErrFenced. While the pipeline is paused it is refused with ErrPaused, and
	// where the checkpoint is of another source than batch with
	// capture.ErrOtherSource. An empty batch does nothing.
	//
	// The changes are written in their order. An absent value is not written,
	// null is. A change that changes nothing, and a message, are no statement.
	// A change that does not find its one row is refused with a *MismatchError,
	// unless a rule of the applier's own decides what becomes of it. No change is
	// passed over: one that is not written, and not durably set aside or decided
	// about, is refused. The error
	// with which a transaction's sequence ends is returned wrapped. The changes
	// of a transaction are written as they are pulled, and not held.
	//
	// An error for which capture.Retryable is true may mean that the
	// transaction was committed all the same and only the answer was lost:
	// Checkpoint tells. Any other error means that nothing was written, and that
	// it would be refused again, unless ctx has ended.
	Apply(ctx context.Context, batch []*capture.Tx) error

	// Checkpoint reads how far the target has come. The next Apply goes on from
	// there; it is called before the first Apply, and after one that failed. An
	// applier that finds a checkpoint to which it did not move it may refuse
	// with ErrFenced.
	Checkpoint(ctx context.Context) (Checkpoint, error)
}

// Checkpoint is what the target holds of a pipeline.
type Checkpoint struct {
	// Source and Position are those of the last transaction that was applied.
	// When there was none they are where the pipeline began, if a [Beginner]
	// was told, and empty and zero otherwise.
	Source   capture.Source
	Position capture.Position
	// AppliedAt is when that was, by the target's clock, in UTC.
	AppliedAt time.Time
	// Parked is how many transactions of the source are set aside in the target:
	// those that a person must decide about, and those behind them.
	Parked int
	// Paused says that nothing may be applied, since ChangedAt, by word of
	// ChangedBy.
	Paused bool
	// ChangedAt and ChangedBy are of the last pause or resume; zero when there
	// was none.
	ChangedAt time.Time
	ChangedBy string
}

// Errors that an Applier refuses with, each wrapped with what it was about.
var (
	// ErrFenced: the checkpoint is not where this applier left it; another
	// process applies the same pipeline.
	ErrFenced = errors.New("another process applies this pipeline")
	// ErrPaused: the pipeline is paused.
	ErrPaused = errors.New("pipeline is paused")
)

// MismatchError says that a change did not find the one row that it is of.
type MismatchError struct {
	Table    string           // the target's table
	Op       capture.Op       // what the change does
	Position capture.Position // of its transaction
	Matched  int64            // how many rows matched: 0, or more than 1
}

// Error names the table and what matched, and no value.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("%s of one row in %s at %s matched %d rows", e.Op, e.Table, e.Position, e.Matched)
}

// ValueError says that the target's column cannot hold a value as it is.
type ValueError struct {
	Table, Column string           // the target's
	Position      capture.Position // of the change's transaction; 0 where it is not known
	Reason        string           // what does not fit, without the value
}

// Error names table, column and reason, and no value.
func (e *ValueError) Error() string {
	at := ""
	if e.Position != 0 {
		at = fmt.Sprintf(" at %s", e.Position)
	}
	return fmt.Sprintf("%s, column %s%s: %s", e.Table, e.Column, at, e.Reason)
}
