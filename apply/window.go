package apply

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/syncback/syncback/capture"
)

// window is a time in which groups are applied.
type window struct {
	closes time.Time // for a blackout; zero is never
	// scheduled says that the window ends by itself, once everything up to
	// bound is applied.
	scheduled bool
	bound     capture.Position
}

// isOver reports whether no new work may start. A window that was closed is
// over.
func (w *window) isOver(now time.Time) bool {
	return w == nil || !w.closes.IsZero() && !now.Before(w.closes)
}

// gate waits while the schedule says so. On its return nothing but the
// target's own word, a pause or in the mode Manual the want of a resume, is in
// the way.
func (d *drain) gate(ctx context.Context) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		now := time.Now()
		closed := d.cfg.Schedule.blackedOut(now)
		switch {
		case closed && d.cfg.Until != 0:
			return d.closedByHand(now)
		case closed || d.win.isOver(now):
			d.win = nil
		default:
			return nil
		}
		s := d.cfg.Schedule
		if s.Mode == Manual {
			s.Mode = Continuous
		}
		opens := s.Opens(d.opened, now)
		switch {
		case opens.IsZero():
			return errors.New("drain: the schedule never opens a window again")
		case now.Before(opens):
			if err := d.shut(ctx, closed, now, opens); err != nil {
				return err
			}
		case d.cfg.Schedule.Mode == Manual:
			return nil
		default:
			if opened, err := d.open(ctx, now); opened || err != nil {
				return err
			}
		}
	}
}

// closedByHand refuses a run by hand in a blackout.
func (d *drain) closedByHand(now time.Time) error {
	s := d.cfg.Schedule
	s.Mode = Continuous
	return fmt.Errorf("drain: %w until %s; run again then", ErrClosed, s.Opens(time.Time{}, now).Format("Mon 2006-01-02 15:04 MST"))
}

// shut waits towards the opening of the next window.
func (d *drain) shut(ctx context.Context, blackout bool, now, opens time.Time) error {
	state := Waiting
	if blackout {
		state = InBlackout
	}
	d.observe(Progress{State: state, NextWindow: opens})
	for _, r := range []*retry{&d.read, &d.write, &d.next, &d.trim} {
		r.reset()
	}
	return d.wait(ctx, untilNext(now, opens))
}

// open opens a window. It returns false after having waited because the queue
// would not say what it holds.
func (d *drain) open(ctx context.Context, now time.Time) (bool, error) {
	w := &window{closes: d.cfg.Schedule.Closes(now), bound: math.MaxUint64}
	if d.cfg.Schedule.Mode != Continuous {
		w.scheduled = true
		if q, ok := d.q.(interface {
			Last(context.Context) (capture.Mark, error)
		}); ok {
			mark, err := q.Last(ctx)
			if err != nil {
				return false, d.retry(ctx, &d.next, "read the queue's end", err)
			}
			w.bound = mark.Position
		}
	}
	d.win, d.opened = w, now
	return true, nil
}

// window reports whether a window is open. In the mode Manual it opens one when
// the pipeline was resumed since the last, and waits for a while otherwise.
func (d *drain) window(ctx context.Context, cp Checkpoint) (bool, error) {
	if d.win != nil {
		return true, nil
	}
	if cp.ChangedAt.Equal(d.resumed) {
		d.observe(Progress{State: Waiting})
		return false, d.wait(ctx, d.cfg.Poll)
	}
	opened, err := d.open(ctx, time.Now())
	if opened {
		d.resumed = cp.ChangedAt
	}
	return opened, err
}

// wait waits, or returns the cause of ctx's end.
func (d *drain) wait(ctx context.Context, long time.Duration) error {
	t := time.NewTimer(long)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// untilNext is how long to wait towards an instant before looking at the clock
// again: a wall clock is set, a machine sleeps. The zero instant is never.
func untilNext(now, at time.Time) time.Duration {
	if at.IsZero() {
		return time.Minute
	}
	return min(max(0, at.Sub(now)), time.Minute)
}

// withGrace runs do under a context that outlives ctx, and the window, by the
// grace period at most.
func (d *drain) withGrace(ctx context.Context, do func(context.Context)) {
	kept, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	finished, watched := make(chan struct{}), make(chan struct{})
	var closing <-chan time.Time
	if closes := d.win.closes; !closes.IsZero() {
		timer := time.NewTimer(time.Until(closes))
		defer timer.Stop()
		closing = timer.C
	}
	go func() {
		defer close(watched)
		select {
		case <-finished:
			return
		case <-ctx.Done():
		case <-closing:
		}
		grace := time.NewTimer(d.cfg.Grace)
		defer grace.Stop()
		select {
		case <-finished:
		case <-grace.C:
			cancel(errGrace)
		}
	}()
	defer func() {
		close(finished)
		<-watched
		cancel(nil)
	}()
	do(kept)
}
