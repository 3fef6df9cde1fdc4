package queue

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/syncback/syncback/capture"
)

// FillConfig says how [Fill] goes on after an error.
type FillConfig struct {
	// Backoff spaces the attempts; its zero value is useful.
	Backoff capture.Backoff
	// Observe is called, from Fill's goroutine, whenever Fill begins to wait or
	// goes on again, for a status; nil means that no one asks. It must not
	// block.
	Observe func(FillState)
	// Logger gets a line when Fill begins to wait, at most one a minute while
	// it does, and one when it goes on; nil discards them.
	Logger *slog.Logger
}

// FillState is what Fill does.
type FillState struct {
	// Waiting is the error after which Fill waits; nil while it captures.
	Waiting error
	// Since is when it began.
	Since time.Time
	// Attempts is how many failed in a row without anything new made durable.
	Attempts int
}

// Fill captures with c into q, from where q has come to, until ctx ends or
// something happens that waiting does not mend, and returns why: ctx's error, or
// the first one for which [capture.Retryable] is false. After a retryable one,
// which a queue that is full is as well as a connection that is lost, it waits
// and starts again from q's mark. A q that has a method Restart(), as [Disk] has,
// is told so by it. While another process captures, which is capture.ErrInUse, it
// stands by: it asks every few seconds, and takes over.
//
// Unless ctx has ended, what was written is synced before Fill returns: it can be
// applied whether or not anyone captures again. Where that fails it comes again.
// Fill returns nil if c ends without an error and everything is synced.
func Fill(ctx context.Context, c capture.Capturer, q Queue, cfg FillConfig) error {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	f := filler{Queue: q, cfg: cfg, standby: cfg.Backoff}
	f.standby.Max = min(cmp.Or(cfg.Backoff.Max, standbyWait), standbyWait)
	f.observe(nil)
	for {
		err := f.attempt(ctx, c)
		if err != nil && ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !capture.Retryable(err) {
			_, unsynced := f.Queue.Sync(ctx)
			if err == nil {
				return unsynced
			}
			return err // matters more than that
		}
		f.failed(err)
		backoff := &f.cfg.Backoff
		if errors.Is(err, capture.ErrInUse) {
			backoff = &f.standby
		}
		if err := backoff.Wait(ctx); err != nil {
			return err
		}
	}
}

// standbyWait is the longest that a source which another process captures from
// goes without being asked whether it still does.
const standbyWait = 5 * time.Second

// A filler is the sink that Fill gives the capturer: the queue, seen to move.
type filler struct {
	Queue
	cfg      FillConfig
	standby  capture.Backoff // in place of cfg's, while another process captures
	durable  capture.Position
	attempts int
	since    time.Time
	logged   time.Time
}

func (f *filler) attempt(ctx context.Context, c capture.Capturer) error {
	if q, ok := f.Queue.(interface{ Restart() }); ok {
		q.Restart()
	}
	mark, err := f.Last(ctx)
	if err != nil {
		return err
	}
	f.durable = mark.Position
	return c.Capture(ctx, mark, f)
}

// Sync implements [capture.Sink]. That the queue moves is what says that an
// attempt succeeded.
func (f *filler) Sync(ctx context.Context) (capture.Position, error) {
	p, err := f.Queue.Sync(ctx)
	if err != nil || p <= f.durable {
		return p, err
	}
	f.durable = p
	if f.attempts > 0 {
		f.cfg.Logger.Info("capture goes on", "pos", p.String(), "attempt", f.attempts)
		f.attempts, f.logged = 0, time.Time{}
		f.cfg.Backoff.Reset()
		f.standby.Reset()
		f.observe(nil)
	}
	return p, nil
}

// failed notes that an attempt failed.
func (f *filler) failed(err error) {
	f.attempts++
	if time.Since(f.logged) >= time.Minute {
		f.logged = time.Now()
		msg := "capture failed and is tried again"
		switch {
		case errors.Is(err, ErrFull):
			msg = "queue is full; capture waits for room"
		case errors.Is(err, capture.ErrInUse):
			msg = "another process captures; this one stands by to take over"
		}
		f.cfg.Logger.Warn(msg, "attempt", f.attempts, "err", err)
	}
	f.observe(err)
}

func (f *filler) observe(err error) {
	if f.cfg.Observe == nil {
		return
	}
	if err == nil || f.since.IsZero() || f.attempts == 1 {
		f.since = time.Now()
	}
	f.cfg.Observe(FillState{Waiting: err, Since: f.since, Attempts: f.attempts})
}
