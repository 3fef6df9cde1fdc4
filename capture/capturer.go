package capture

import (
	"context"
	"errors"
)

// Capturer follows a source.
type Capturer interface {
	// Capture writes to sink every transaction that was committed after from,
	// in commit order, until ctx ends or it cannot go on, and returns why. The
	// zero Mark means that the sink holds nothing yet.
	//
	// It tells the source to forget only what [Sink.Sync] returned. It refuses
	// with ErrGap when the source no longer holds what comes after from, and
	// with ErrOtherSource when from is of another source. A lost connection is
	// an error for which [Retryable] is true: call Capture again with the
	// sink's new mark. The sink is used from one goroutine at a time, and not
	// after Capture has returned.
	Capture(ctx context.Context, from Mark, sink Sink) error
}

// Sink takes in what a Capturer captures.
type Sink interface {
	// Write takes in one whole transaction: it ranges over tx.Changes to the
	// end. It may buffer; nothing of tx is visible to a reader before Sync. When
	// the sequence yields an error, Write keeps nothing of tx and returns that
	// error. A tx before the mark, or at or before the last one that is held, is
	// one that arrives again: it is read past and dropped if it is the one that
	// is held, and is refused with ErrDiverged if it is not. One that is not held
	// and has no changes is dropped too: a Capturer may tell of those that were
	// not for this sink. A tx right at the mark that is not held is new.
	Write(ctx context.Context, tx *Tx) error

	// Advance notes that everything before m.Position was taken in, although
	// nothing of it was for this sink, and that the source is m.Source. It may
	// buffer. A mark before the one that is held changes nothing, and says that
	// all that was committed from there on arrives again: a sink may refuse with
	// ErrDiverged what comes behind a transaction that it holds and that did not.
	// Another source than the one that is held is refused with ErrOtherSource.
	Advance(ctx context.Context, m Mark) error

	// Sync makes all that was written and advanced to durable, so that it would
	// survive a crash of this machine, and returns the position that is now
	// durable. The source may forget what comes before it. When it fails the
	// sink may have dropped what was not durable: ask for its mark, and capture
	// again from there.
	Sync(ctx context.Context) (Position, error)
}

// Errors that a pipeline stops for. Each is wrapped with what it was that
// differed and what to do next.
var (
	// ErrGap: changes that should come next are no longer held.
	ErrGap = errors.New("gap")
	// ErrOtherSource: the positions are of another source.
	ErrOtherSource = errors.New("other source")
	// ErrDiverged: the source's history is not the one that was captured
	// before; it was restored from a copy.
	ErrDiverged = errors.New("source's history diverged")
	// ErrTables: the source's tables, or what it publishes of them, are no longer
	// what is to be captured. Only what would come next is refused: what was
	// captured before is whole, and may be applied.
	ErrTables = errors.New("tables are not as they are to be captured")
)

// ErrInUse is wrapped by a retryable error: another process captures from the
// source. Who waits for it to end takes over, as a standby does.
var ErrInUse = errors.New("source is in use")

// Retryable reports whether doing the same again may succeed with no one doing
// anything: it is true for an error that has, or wraps one that has, a method
// Retryable() bool that returns true.
func Retryable(err error) bool {
	var r interface{ Retryable() bool }
	return errors.As(err, &r) && r.Retryable()
}
