package chaos

import (
	"context"
	"sync/atomic"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest/chaostest"
	"github.com/syncback/syncback/queue"
)

// capturer fails Capture before it begins, and once when it has had something
// synced: that is its effect.
type capturer struct {
	capture.Capturer
	*chaostest.Chaos
	cut atomic.Bool
}

func (c *capturer) Capture(ctx context.Context, from capture.Mark, sink capture.Sink) error {
	return c.Call("Capture", func() error {
		if c.cut.Load() {
			return c.Capturer.Capture(ctx, from, sink)
		}
		cutting, cut := context.WithCancel(ctx)
		defer cut()
		err := c.Capturer.Capture(cutting, from, cutSink{sink, func() { c.cut.Store(true); cut() }})
		if c.cut.Load() && ctx.Err() == nil {
			return nil
		}
		return err
	})
}

// cutSink calls cut when it was synced.
type cutSink struct {
	capture.Sink
	cut func()
}

func (s cutSink) Sync(ctx context.Context) (capture.Position, error) {
	at, err := s.Sink.Sync(ctx)
	if err == nil {
		s.cut()
	}
	return at, err
}

// line is the queue, as the sink of Fill and as the queue of Drain.
type line struct {
	*queue.Disk
	*chaostest.Chaos
}

func (q line) Write(ctx context.Context, tx *capture.Tx) error {
	return q.Call("Write", func() error { return q.Disk.Write(ctx, tx) })
}

func (q line) Advance(ctx context.Context, m capture.Mark) error {
	return q.Call("Advance", func() error { return q.Disk.Advance(ctx, m) })
}

func (q line) Sync(ctx context.Context) (at capture.Position, err error) {
	err = q.Call("Sync", func() error { at, err = q.Disk.Sync(ctx); return err })
	return at, err
}

func (q line) Last(ctx context.Context) (m capture.Mark, err error) {
	err = q.Call("Last", func() error { m, err = q.Disk.Last(ctx); return err })
	return m, err
}

func (q line) Next(ctx context.Context, after capture.Position) (tx *capture.Tx, err error) {
	err = q.Call("Next", func() error { tx, err = q.Disk.Next(ctx, after); return err })
	return tx, err
}

func (q line) Trim(ctx context.Context, upTo capture.Position) error {
	return q.Call("Trim", func() error { return q.Disk.Trim(ctx, upTo) })
}

type applier struct {
	*sqlserver.Applier
	*chaostest.Chaos
}

func (a applier) Begin(ctx context.Context, m capture.Mark) error {
	return a.Call("Begin", func() error { return a.Applier.Begin(ctx, m) })
}

func (a applier) Apply(ctx context.Context, batch []*capture.Tx) error {
	return a.Call("Apply", func() error { return a.Applier.Apply(ctx, batch) })
}

func (a applier) Checkpoint(ctx context.Context) (cp apply.Checkpoint, err error) {
	err = a.Call("Checkpoint", func() error { cp, err = a.Applier.Checkpoint(ctx); return err })
	return cp, err
}
