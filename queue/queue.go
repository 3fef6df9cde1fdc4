package queue

import (
	"context"
	"errors"

	"github.com/syncback/syncback/capture"
)

// Queue is a durable line of transactions, in the order of their positions. One
// goroutine writes (Write, Advance, Sync) while another reads (Next, Trim).
type Queue interface {
	capture.Sink

	// Last returns the mark that is durable: that of the last Sync. A queue
	// that never was written to returns the zero Mark. Anyone may call it at any
	// time; it changes nothing.
	Last(ctx context.Context) (capture.Mark, error)

	// Next returns the first transaction after the position after, and waits
	// until there is one that is durable or ctx ends. It refuses with
	// capture.ErrGap when changes after that position were trimmed and are no
	// longer held, or when it is not zero and the queue's first mark is beyond
	// the position behind it: the queue began later than the target. Zero
	// precedes everything, and is refused once
	// anything was removed. A position that the queue has not come to is
	// refused with ErrAhead, unless nothing was ever taken in.
	//
	// The Tx can be ranged over any number of times, reads from the queue as it
	// is ranged over, and stays readable while it is held, whatever is trimmed
	// meanwhile, until the queue is closed.
	Next(ctx context.Context, after capture.Position) (*capture.Tx, error)

	// Trim tells the queue that everything up to and with upTo was applied. The
	// queue may keep it for a while, for a target that is restored to an earlier
	// day. Trim never removes what comes after upTo.
	Trim(ctx context.Context, upTo capture.Position) error

	// Close releases what the queue holds. What was not synced may be lost.
	Close() error
}

// ErrAhead is wrapped by the error of Next for a position that the queue has
// not come to: the queue is not the one that the target was filled from, or an
// old copy of it.
var ErrAhead = errors.New("target is ahead of the queue")

// ErrFull is wrapped by the error of a Write for which there is no room: the
// queue's own limit is reached or its disk is full. Nothing of the transaction
// is kept; the source still holds it. The error is retryable.
var ErrFull = errors.New("queue is full")
