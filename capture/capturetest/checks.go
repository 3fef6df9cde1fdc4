package capturetest

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/syncback/syncback/capture"
)

// checks are the clauses of capture.Capturer and capture.Sink.
var checks = []check{
	{"order", "Capture writes to sink every transaction that was committed after from, in commit order", tryOrder},
	{"live", "Capture goes on until ctx ends", tryLive},
	{"whole", "Write takes in one whole transaction; the rows that are yielded belong to the consumer", tryWhole},
	{"images", "Before is the old image, nil for an insert; After is the new image, nil for a delete", tryImages},
	{"null", "What the source did not send is absent. It is not null, and null is not empty", tryNull},
	{"bound", "Mark.Source is empty until a Capturer has told the Sink where its changes come from", tryBound},
	{"resume", "Capture writes what was committed after from: nothing is missed, nothing arrives twice", tryResume},
	{"again", "What was not synced arrives again, with the same position, number and commit time", tryAgain},
	{"acknowledge", "It tells the source to forget only what Sync returned", tryAcknowledge},
	{"forget", "It tells the source to forget what Sync returned, so that the source need not keep it", tryForget},
	{"write error", "When Write fails, Capture returns that error, and nothing after it is written", tryWriteError},
	{"sync error", "When Sync fails, Capture returns that error", trySyncError},
	{"context", "Capture returns when ctx ends, and the sink is not used after Capture has returned", tryContext},
	{"other source", "It refuses with ErrOtherSource when from is of another source", tryOtherSource},
	{"gap", "It refuses with ErrGap when the source no longer holds what comes after from", tryGap},
}

func tryOrder(ctx context.Context, h *harness) error {
	const n = 30
	if err := h.commit(ctx, 1, n); err != nil {
		return err
	}
	txs, err := h.captured(ctx, n)
	if err != nil {
		return err
	}
	return rows(txs, n)
}

func tryLive(ctx context.Context, h *harness) error {
	if err := h.start(ctx); err != nil {
		return err
	}
	for id := 1; id <= 5; id++ {
		if err := h.commit(ctx, id, id); err != nil {
			return err
		}
		txs, err := h.await(ctx, id)
		if err != nil {
			return err
		}
		if err := rows(txs, id); err != nil {
			return err
		}
	}
	return nil
}

func tryWhole(ctx context.Context, h *harness) error {
	var edits []Edit
	for id := 1; id <= 500; id++ {
		edits = append(edits, insert(id))
	}
	if err := h.src.Commit(ctx, edits...); err != nil {
		return err
	}
	if err := h.commit(ctx, 501, 501); err != nil {
		return err
	}
	txs, err := h.captured(ctx, 2)
	if err != nil {
		return err
	}
	if len(txs) != 2 {
		return fmt.Errorf("two transactions arrived as %d", len(txs))
	}
	return same(txs[0].List, edits, nil)
}

func tryImages(ctx context.Context, h *harness) error {
	edits := []Edit{
		insert(1),
		{capture.Update, 1, capture.Text("another")},
		insert(2),
		{capture.Delete, 1, capture.Value{}},
	}
	return oneTransaction(ctx, h, edits)
}

func tryNull(ctx context.Context, h *harness) error {
	return oneTransaction(ctx, h, []Edit{
		{capture.Insert, 1, capture.Null()},
		{capture.Insert, 2, capture.Text("")},
		{capture.Insert, 3, capture.Text("null")},
		{capture.Update, 1, capture.Text("")},
		{capture.Update, 2, capture.Null()},
		{capture.Delete, 2, capture.Value{}},
	})
}

func oneTransaction(ctx context.Context, h *harness, edits []Edit) error {
	if err := h.src.Commit(ctx, edits...); err != nil {
		return err
	}
	txs, err := h.captured(ctx, 1)
	if err != nil {
		return err
	}
	return same(txs[0].List, edits, nil)
}

func tryBound(ctx context.Context, h *harness) error {
	if err := h.start(ctx); err != nil {
		return err
	}
	_, err := h.sink.Wait(ctx, func(_ []Tx, m capture.Mark) bool { return m.Source != "" })
	return err
}

func tryResume(ctx context.Context, h *harness) error {
	n := 0
	for range 4 {
		if err := h.commit(ctx, n+1, n+5); err != nil {
			return err
		}
		n += 5
		txs, err := h.captured(ctx, n)
		if err != nil {
			return err
		}
		if err := rows(txs, n); err != nil {
			return err
		}
	}
	return nil
}

var errBroken = errors.New("broken by the test")

// unsynced captures what was committed into a sink that cannot sync, and
// returns what it was given.
func unsynced(ctx context.Context, h *harness) ([]Tx, error) {
	h.sink.OnSync = func(context.Context) error {
		if len(h.sink.Written()) == 0 {
			return nil // it only binds the source
		}
		return errBroken
	}
	defer func() { h.sink.OnSync = nil }()
	if err := h.capture(ctx, h.sink.Mark()); !errors.Is(err, errBroken) {
		return nil, fmt.Errorf("Capture returned %v", err)
	}
	return h.sink.Written(), nil
}

func tryAgain(ctx context.Context, h *harness) error {
	if err := h.commit(ctx, 1, 3); err != nil {
		return err
	}
	first, err := unsynced(ctx, h)
	if err != nil {
		return err
	}
	h.sink.Crash()
	txs, err := h.captured(ctx, 3)
	if err != nil {
		return err
	}
	for i, was := range first {
		if now := txs[i]; now.Position != was.Position || now.ID != was.ID || !now.CommitTime.Equal(was.CommitTime) {
			return fmt.Errorf("it was %d at %s, and is %d at %s", was.ID, was.Position, now.ID, now.Position)
		}
	}
	return rows(txs, 3)
}

func tryAcknowledge(ctx context.Context, h *harness) error {
	if err := h.commit(ctx, 1, 3); err != nil {
		return err
	}
	written, err := unsynced(ctx, h)
	if err != nil {
		return err
	}
	p, err := h.src.Acknowledged(ctx)
	if err == nil && p > written[0].Position {
		err = fmt.Errorf("the source may forget what lies before %s, and nothing after %s was durable", p, h.sink.Mark().Position)
	}
	return err
}

func tryForget(ctx context.Context, h *harness) error {
	if err := h.commit(ctx, 1, 3); err != nil {
		return err
	}
	txs, err := h.captured(ctx, 3)
	if err != nil {
		return err
	}
	for { // the acknowledgement is under way
		p, err := h.src.Acknowledged(ctx)
		if err != nil || p >= txs[2].Position {
			return err
		}
		if ctx.Err() != nil {
			return fmt.Errorf("everything up to %s is durable, and the source was told %s", txs[2].Position, p)
		}
	}
}

func tryWriteError(ctx context.Context, h *harness) error {
	if err := h.commit(ctx, 1, 3); err != nil {
		return err
	}
	writes := 0
	h.sink.OnChange = func(context.Context, capture.Change) error {
		if writes++; writes == 2 {
			return errBroken
		}
		return nil
	}
	if err := h.capture(ctx, capture.Mark{}); !errors.Is(err, errBroken) {
		return fmt.Errorf("Capture returned %v", err)
	}
	if writes > 2 {
		return errors.New("it went on writing")
	}
	return nil
}

func trySyncError(ctx context.Context, h *harness) error {
	if err := h.commit(ctx, 1, 3); err != nil {
		return err
	}
	_, err := unsynced(ctx, h)
	return err
}

func tryContext(ctx context.Context, h *harness) error {
	var over, late atomic.Bool
	h.sink.OnSync = func(context.Context) error {
		late.Store(over.Load())
		return nil
	}
	if err := h.commit(ctx, 1, 3); err != nil {
		return err
	}
	if _, err := h.captured(ctx, 3); err != nil {
		return err
	}
	over.Store(true)
	if err := h.commit(ctx, 4, 6); err != nil {
		return err
	}
	// One that is still in use is seen to be so a moment later, most of the time.
	for range 10 {
		if len(h.sink.Written()) != 3 || late.Load() {
			return errors.New("the sink was used after Capture had returned")
		}
		time.Sleep(5 * time.Millisecond)
	}
	return nil
}

// refused expects that Capture refuses a mark, and writes nothing.
func refused(ctx context.Context, h *harness, from capture.Mark, want error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	h.sink = &Sink{OnWrite: func(context.Context, *capture.Tx) error {
		err := errors.New("it wrote a transaction")
		cancel(err)
		return err
	}}
	err := h.capture(ctx, from)
	if !errors.Is(err, want) {
		return fmt.Errorf("Capture returned %v", err)
	}
	if capture.Retryable(err) {
		return fmt.Errorf("the error is retryable: %w", err)
	}
	return nil
}

func tryOtherSource(ctx context.Context, h *harness) error {
	if err := h.commit(ctx, 1, 3); err != nil {
		return err
	}
	if _, err := h.captured(ctx, 3); err != nil {
		return err
	}
	if err := h.commit(ctx, 4, 4); err != nil {
		return err
	}
	from := h.sink.Mark()
	from.Source = "another/" + from.Source
	return refused(ctx, h, from, capture.ErrOtherSource)
}

func tryGap(ctx context.Context, h *harness) error {
	if err := tryForget(ctx, h); err != nil {
		return err
	}
	if err := h.commit(ctx, 4, 4); err != nil {
		return err
	}
	from := h.sink.Mark()
	from.Position = h.sink.Txs()[0].Position
	return refused(ctx, h, from, capture.ErrGap)
}
