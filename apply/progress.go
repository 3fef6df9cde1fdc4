package apply

import (
	"context"
	"fmt"
	"time"

	"github.com/syncback/syncback/capture"
)

// State says what Drain did or began to wait for.
type State string

// The states.
const (
	Applied    State = "applied"            // a group was committed
	Idle       State = "idle"               // everything is applied, since a while (Config.Idle)
	Paused     State = "paused"             // until the pipeline is resumed
	InBlackout State = "blackout"           // until NextWindow
	Waiting    State = "waiting for window" // until NextWindow, or in the mode Manual until asked
	Resting    State = "resting"            // as the pace demands (Config.Pace)
	Retrying   State = "retrying"           // because of Err
)

// Progress is what [Config.Observe] gets.
type Progress struct {
	State State
	// Position is the checkpoint's, 0 until it was read. CommitTime is when the
	// source committed what was applied last; zero until this Drain has applied
	// anything.
	Position   capture.Position
	CommitTime time.Time
	// Txs, Changes and Bytes are those of the group that was Applied, and
	// Duration is how long the target took for it; 0 where its answer was lost.
	Txs            int
	Changes, Bytes int64
	Duration       time.Duration
	// NextWindow is when the next window opens; zero where that is not known.
	NextWindow time.Time
	// Err is why something is retried.
	Err error
}

func progressOf(batch []*capture.Tx) Progress {
	last := batch[len(batch)-1]
	p := Progress{Position: last.Position, CommitTime: last.CommitTime, Txs: len(batch)}
	for _, tx := range batch {
		p.Changes += tx.Count
		p.Bytes += tx.Bytes
	}
	return p
}

// observe tells who watches, once for each thing that is waited for.
func (d *drain) observe(p Progress) {
	if p.State != Applied {
		p.Position, p.CommitTime = d.position, d.seen.CommitTime
	}
	again := p.State == d.seen.State && p.NextWindow.Equal(d.seen.NextWindow) && p.Position == d.seen.Position
	if again && p.State != Retrying {
		return
	}
	d.seen = p
	switch p.State {
	case Paused, InBlackout:
		d.log.Info("not applying", "why", string(p.State), "pos", p.Position.String(), "next", p.NextWindow)
	}
	if d.cfg.Observe != nil {
		d.cfg.Observe(p)
	}
}

// retry is a row of failures of one operation.
type retry struct {
	backoff capture.Backoff
	since   time.Time // of the first; zero when the last attempt was none
	attempt int
}

func (r *retry) reset() {
	r.backoff.Reset()
	r.since, r.attempt = time.Time{}, 0
}

// retry waits before the next attempt at an operation that failed with err. It
// returns an error when another attempt is no use, or not wanted.
func (d *drain) retry(ctx context.Context, r *retry, op string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !capture.Retryable(err) {
		return fmt.Errorf("drain: %s: %w", op, err)
	}
	now := time.Now()
	if r.since.IsZero() {
		r.since = now
	}
	r.attempt++
	if long := now.Sub(r.since); d.cfg.GiveUpAfter > 0 && long >= d.cfg.GiveUpAfter {
		return fmt.Errorf("drain: %s: gave up after %d attempts in %s: %w", op, r.attempt, long.Round(time.Second), err)
	}
	d.log.Warn("retrying", "op", op, "attempt", r.attempt, "pos", d.position.String(), "err", err)
	d.observe(Progress{State: Retrying, Err: err})
	return r.backoff.Wait(ctx)
}
