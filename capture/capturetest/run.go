package capturetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
)

// Source is a source under test. It has one table to capture, empty at first,
// with a column "id", a whole number that is the primary key, and a column
// "name", a text that may be null. Its old images are whole.
type Source interface {
	// Capturer returns a new Capturer over the source, which begins with what
	// was committed after the Source was made.
	Capturer() (capture.Capturer, error)
	// Commit commits one transaction that makes the edits, in this order.
	Commit(ctx context.Context, edits ...Edit) error
	// Acknowledged returns the position before which the source was told that
	// it may forget; 0 when it was told nothing.
	Acknowledged(ctx context.Context) (capture.Position, error)
}

// Edit is a change that a Source is to make of one row: insert it, update its
// name, or delete it.
type Edit struct {
	Op   capture.Op // Insert, Update or Delete
	ID   int
	Name capture.Value // null or text; ignored for Delete
}

// A check is one clause of the contract, and how it is tried. An error says what
// was not so.
type check struct {
	name, clause string
	try          func(ctx context.Context, h *harness) error
}

// Run checks that the Capturers of a driver keep the contract. It calls
// newSource for a fresh source for each check.
func Run(t *testing.T, newSource func(t *testing.T) Source) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if err := c.run(ctx, newSource(t)); err != nil {
				t.Errorf("%q\n%v", c.clause, err)
			}
		})
	}
}

// run tries a check over a fresh source, and leaves no capture running.
func (c check) run(ctx context.Context, src Source) error {
	h := &harness{src: src, sink: new(Sink), ctx: ctx}
	defer h.stop()
	return c.try(ctx, h)
}

// harness is a source and what captures from it.
type harness struct {
	src    Source
	sink   *Sink
	ctx    context.Context    // of the check
	cancel context.CancelFunc // nil while nothing is captured
	done   chan error
}

// start captures from the sink's mark until stop.
func (h *harness) start(ctx context.Context) error {
	c, err := h.src.Capturer()
	if err != nil {
		return fmt.Errorf("make a Capturer: %w", err)
	}
	ctx, h.cancel = context.WithCancel(ctx)
	h.done = make(chan error, 1)
	go func(sink *Sink) { h.done <- capturing(ctx, c, sink.Mark, sink) }(h.sink)
	return nil
}

// stop ends capturing and returns what Capture returned, for which it does not
// wait for ever.
func (h *harness) stop() error {
	if h.cancel == nil {
		return nil
	}
	h.cancel()
	h.cancel = nil
	select {
	case err := <-h.done:
		return err
	case <-h.ctx.Done():
	}
	select {
	case err := <-h.done:
		return err
	case <-time.After(time.Second):
		return errors.New("nothing, and still runs,")
	}
}

// capture captures from a mark until that ends by itself.
func (h *harness) capture(ctx context.Context, from capture.Mark) error {
	c, err := h.src.Capturer()
	if err != nil {
		return fmt.Errorf("make a Capturer: %w", err)
	}
	return capturing(ctx, c, func() capture.Mark { return from }, h.sink)
}

// capturing calls Capture again for as long as its error is retryable, as the
// contract has it: a source may not yet have noticed the end of the last one.
func capturing(ctx context.Context, c capture.Capturer, from func() capture.Mark, sink capture.Sink) error {
	wait := capture.Backoff{Min: 10 * time.Millisecond, Max: time.Second}
	for {
		err := c.Capture(ctx, from(), sink)
		if !capture.Retryable(err) {
			return err
		}
		if ended := wait.Wait(ctx); ended != nil {
			return errors.Join(ended, err)
		}
	}
}

// captured captures until n transactions are durable.
func (h *harness) captured(ctx context.Context, n int) ([]Tx, error) {
	if err := h.start(ctx); err != nil {
		return nil, err
	}
	txs, err := h.await(ctx, n)
	if err != nil {
		return nil, err
	}
	if err := h.stop(); !errors.Is(err, context.Canceled) {
		return nil, fmt.Errorf("Capture returned %v after its context was cancelled", err)
	}
	return txs, nil
}

// await waits until n transactions are durable, or Capture has ended.
func (h *harness) await(ctx context.Context, n int) ([]Tx, error) {
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watched := make(chan struct{})
	defer func() { <-watched }()
	go func() {
		defer close(watched)
		select {
		case err := <-h.done:
			h.done <- err
			cancel(fmt.Errorf("Capture ended: %w", err))
		case <-waiting.Done():
		}
	}()
	txs, err := h.sink.WaitFor(waiting, n)
	if err != nil {
		err = fmt.Errorf("waiting for %d transactions: %w", n, err)
	}
	cancel(nil)
	return txs, err
}

// commit commits a transaction for each row from first to last, inserted with
// its number as its name.
func (h *harness) commit(ctx context.Context, first, last int) error {
	for id := first; id <= last; id++ {
		if err := h.src.Commit(ctx, insert(id)); err != nil {
			return fmt.Errorf("commit: %w", err)
		}
	}
	return nil
}

func insert(id int) Edit {
	return Edit{Op: capture.Insert, ID: id, Name: capture.Text(fmt.Sprint("name ", id))}
}

// rows expects that the transactions insert the rows from 1 on, one each, in
// ascending positions.
func rows(txs []Tx, n int) error {
	if len(txs) != n {
		return fmt.Errorf("%d transactions arrived, want %d", len(txs), n)
	}
	for i, tx := range txs {
		if i > 0 && tx.Position <= txs[i-1].Position {
			return fmt.Errorf("a transaction at %s comes after one at %s", tx.Position, txs[i-1].Position)
		}
		if err := same(tx.List, []Edit{insert(i + 1)}, nil); err != nil {
			return fmt.Errorf("transaction %d: %w", i+1, err)
		}
	}
	return nil
}
