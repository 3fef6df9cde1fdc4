package main

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/capture/postgres"
	"github.com/syncback/syncback/queue"
)

// pipeline says what a service wants to be kept in step.
type pipeline struct {
	Source  postgres.Config
	Target  sqlserver.Config
	Dir     string               // of the queue
	When    apply.Schedule       // when to apply
	Observe func(apply.Progress) // called when something was applied, or is waited for
}

// keepInStep captures and applies until ctx ends, whose cause it then returns,
// or until one of the two cannot go on.
func keepInStep(ctx context.Context, p pipeline) error {
	capturer, err := postgres.New(p.Source)
	if err != nil {
		return err
	}
	q, err := queue.Open(queue.Config{Dir: p.Dir})
	if err != nil {
		return err
	}
	defer q.Close()
	applier, err := sqlserver.Open(ctx, p.Target)
	if err != nil {
		return err
	}
	defer applier.Close()
	// A new pipeline gets its publication and its slot.
	if err := apply.Begin(ctx, q, applier, capturer.Begin); err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return queue.Fill(ctx, capturer, q, queue.FillConfig{}) })
	g.Go(func() error {
		return apply.Drain(ctx, q, applier, apply.Config{Schedule: p.When, Observe: p.Observe})
	})
	return g.Wait()
}
