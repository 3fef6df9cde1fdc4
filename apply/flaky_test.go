package apply_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// flaky makes calls slow, and loses some of them before or after their effect.
type flaky struct {
	mu   sync.Mutex
	rnd  *rand.Rand
	calm atomic.Bool
}

func (f *flaky) call(ctx context.Context, do func() error) error {
	f.mu.Lock()
	fate, delay := f.rnd.IntN(10), time.Duration(f.rnd.IntN(400))*time.Millisecond
	f.mu.Unlock()
	if f.calm.Load() {
		return do()
	}
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if fate == 0 {
		return lost{"before"}
	}
	if err := do(); err != nil {
		return err
	}
	if fate == 1 {
		return lost{"after"}
	}
	return nil
}

type flakyQueue struct {
	lastQueue
	*flaky
}

func (q flakyQueue) Next(ctx context.Context, after capture.Position) (tx *capture.Tx, err error) {
	err = q.call(ctx, func() error { tx, err = q.lastQueue.Next(ctx, after); return err })
	if err != nil {
		return nil, err
	}
	return tx, nil
}

func (q flakyQueue) Trim(ctx context.Context, upTo capture.Position) error {
	return q.call(ctx, func() error { return q.lastQueue.Trim(ctx, upTo) })
}

type flakyApplier struct {
	apply.Applier
	*flaky
}

func (a flakyApplier) Apply(ctx context.Context, batch []*capture.Tx) error {
	return a.call(ctx, func() error { return a.Applier.Apply(ctx, batch) })
}

func (a flakyApplier) Checkpoint(ctx context.Context) (cp apply.Checkpoint, err error) {
	err = a.call(ctx, func() error { cp, err = a.Applier.Checkpoint(ctx); return err })
	return cp, err
}
