package main

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// allowed refuses a repair in a blackout, and ends one when a blackout begins.
func (s *session) allowed(ctx context.Context) (context.Context, context.CancelFunc, error) {
	schedule, now := s.cfg.schedule, time.Now()
	schedule.Mode = apply.Continuous // a repair is asked for by hand
	if opens := schedule.Opens(time.Time{}, now); opens.After(now) {
		return nil, nil, fmt.Errorf("%w: nothing is written to the target until %s", apply.ErrClosed, opens.Format(time.RFC3339))
	}
	closes := schedule.Closes(now)
	if closes.IsZero() {
		ctx, cancel := context.WithCancel(ctx)
		return ctx, cancel, nil
	}
	ctx, cancel := context.WithDeadlineCause(ctx, closes,
		fmt.Errorf("%w: it began while the target was repaired; repair again when it has ended", apply.ErrClosed))
	return ctx, cancel, nil
}

// pending yields what waits for the target: what is committed in the source by
// now, and comes after the checkpoint.
func (p *pipeline) pending(ctx context.Context) iter.Seq2[capture.Change, error] {
	return func(yield func(capture.Change, error) bool) {
		upTo, err := p.capturer.Marker(ctx)
		if err != nil {
			yield(capture.Change{}, failure("source", err))
			return
		}
		if err := p.awaitCaptured(ctx, upTo); err != nil {
			yield(capture.Change{}, err)
			return
		}
		at, err := p.applier.Checkpoint(ctx)
		if err != nil {
			yield(capture.Change{}, failure("target", err))
			return
		}
		for after := at.Position; after < upTo; {
			tx, err := p.disk.Next(ctx, after)
			if err != nil {
				yield(capture.Change{}, err)
				return
			}
			for c, err := range tx.Changes {
				if !yield(c, err) || err != nil {
					return
				}
			}
			after = tx.Position
		}
	}
}
