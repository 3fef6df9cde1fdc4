// Package queue holds captured transactions durably between a source and a
// target, so that capture goes on while applying waits.
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
	// that never was written to returns the zero Mark.
	Last(ctx context.Context) (capture.Mark, error)

	// Next returns the first transaction after the position after, and waits
	// until there is one that is durable or ctx ends. It refuses with
	// capture.ErrGap when changes after that position were trimmed and are no
	// longer held; zero precedes everything, and is refused once anything was
	// removed.
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

// ErrFull is wrapped by the error of a Write for which there is no room: the
// queue's own limit is reached or its disk is full. Nothing of the transaction
// is kept; the source still holds it. The error is retryable.
var ErrFull = errors.New("queue is full")
