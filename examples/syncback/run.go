package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
)

// run captures and applies.
func (s *session) run(ctx context.Context) error {
	err := s.pipe(ctx)
	switch {
	case !endOf(ctx, err):
		return err
	case s.untilIdle:
		return errors.New("interrupted before everything was applied; run again")
	default:
		return nil
	}
}

func (s *session) pipe(ctx context.Context) error {
	rules, err := s.startPlugins(ctx, s.cfg)
	if err != nil {
		return err
	}
	return errors.Join(s.pipeBy(ctx), rules.close())
}

// pipeBy captures and applies while the plugins run.
func (s *session) pipeBy(ctx context.Context) error {
	p, err := s.open(ctx)
	if err != nil {
		return err
	}
	if s.untilIdle {
		err = p.untilIdle(ctx)
	} else {
		err = p.follow(ctx)
	}
	return errors.Join(err, p.close(err))
}

// endOf reports whether err says no more than that ctx has ended. A connection
// that was lost meanwhile was lost because of it.
func endOf(ctx context.Context, err error) bool {
	return ctx.Err() != nil &&
		(errors.Is(err, ctx.Err()) || errors.Is(err, context.Cause(ctx)) || capture.Retryable(err))
}

// follow captures and applies until ctx ends or one of the two cannot go on.
func (p *pipeline) follow(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return p.fill(ctx, p.monitor.capturing) })
	g.Go(func() error { return p.drain(ctx, apply.Config{}) })
	g.Go(func() error { p.monitor.follow(ctx); return nil })
	return g.Wait()
}

// patience is how long a run by hand retries what fails before it gives up.
const patience = 5 * time.Minute

// untilIdle applies what is committed by now. While applying is not allowed it
// still captures that much, and then says why nothing was applied.
func (p *pipeline) untilIdle(ctx context.Context) error {
	marker, err := p.capturer.Marker(ctx)
	if err != nil {
		return failure("source", err)
	}
	return p.withFill(ctx, func(ctx context.Context) error {
		err := p.drain(ctx, apply.Config{Until: marker, GiveUpAfter: patience})
		if errors.Is(err, apply.ErrPaused) || errors.Is(err, apply.ErrClosed) {
			return errors.Join(err, p.awaitCaptured(ctx, marker))
		}
		return err
	})
}

// withFill captures, and reports, while do runs. It returns do's error, or that
// of a capture which could not go on.
func (p *pipeline) withFill(ctx context.Context, do func(context.Context) error) error {
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	g, ctx := errgroup.WithContext(ctx)
	done := errors.New("done") // ends the others, too
	g.Go(func() error {
		return p.fill(ctx, func(s queue.FillState) {
			p.monitor.capturing(s)
			if s.Waiting != nil && time.Since(s.Since) > patience {
				giveUp(fmt.Errorf("capture: gave up after %s: %w", patience, s.Waiting))
			}
		})
	})
	g.Go(func() error { p.monitor.follow(ctx); return nil })
	g.Go(func() error {
		if err := do(ctx); err != nil {
			return err
		}
		return done
	})
	if err := g.Wait(); !errors.Is(err, done) {
		return err
	}
	return nil
}

// awaitCaptured waits until the queue holds everything before upTo, or capture
// cannot go on.
func (p *pipeline) awaitCaptured(ctx context.Context, upTo capture.Position) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for p.disk.Stats().Mark.Position < upTo {
		if err := p.monitor.stuck(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil // who ended it says why
		case <-tick.C:
		}
	}
	return nil
}
