package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres"
	"github.com/syncback/syncback/examples/internal/estate"
	"github.com/syncback/syncback/queue"
	"github.com/syncback/syncback/resolve/plugin"
)

// pipeline is syncback, put together: a capturer, a queue and an applier, and the
// rules that it asks.
type pipeline struct {
	capturer *postgres.Capturer
	queue    *queue.Disk
	dir      string         // of the queue, and of the rules' program
	rules    *plugin.Plugin // who decides where both sides changed the same
	target   sqlserver.Config
	applier  *sqlserver.Applier
	meter    meter
}

// newPipeline builds and starts the rules, prepares both databases, and puts the
// parts together. What was
// committed in the source before is not captured.
// Close must be called, also after an error.
func newPipeline(ctx context.Context, s *servers, tables []*estate.Table) (p *pipeline, err error) {
	p = &pipeline{}
	if p.dir, err = os.MkdirTemp("", "syncback-quickstart-"); err != nil {
		return p, err
	}
	if p.rules, err = startRules(ctx, p.dir); err != nil {
		return p, err
	}
	if p.capturer, err = openSource(ctx, s, tables); err != nil {
		return p, err
	}
	if p.queue, err = queue.Open(queue.Config{Dir: filepath.Join(p.dir, "queue")}); err != nil {
		return p, err
	}
	if err = p.openTarget(ctx, s, tables); err != nil {
		return p, err
	}
	return p, apply.Begin(ctx, p.queue, p.applier, p.capturer.Begin)
}

// openSource makes the publication and the slot.
func openSource(ctx context.Context, s *servers, tables []*estate.Table) (*postgres.Capturer, error) {
	config := postgres.Config{DSN: s.sourceDSN, Slot: own, Publication: own}
	for _, t := range tables {
		config.Tables = append(config.Tables, t.Cloud)
	}
	capturer, err := postgres.New(config)
	if err != nil {
		return nil, err
	}
	return capturer, capturer.Setup(ctx)
}

// openTarget makes syncback's own tables, which a DBA would otherwise review and
// run, and matches the tables of the two sides.
func (p *pipeline) openTarget(ctx context.Context, s *servers, tables []*estate.Table) error {
	if _, err := s.target.ExecContext(ctx, sqlserver.DDL(own)); err != nil {
		return fmt.Errorf("make our own tables in the target: %w", err)
	}
	clock, err := estate.London()
	if err != nil {
		return err
	}
	p.target = sqlserver.Config{DSN: s.targetDSN, Pipeline: "quickstart", Schema: own, Zone: clock}
	for _, t := range tables {
		m := mapping(t)
		m.Conflict, m.Rule = p.rules.Resolver, "plugin housing"
		p.target.Tables = append(p.target.Tables, m)
	}
	p.applier, err = sqlserver.Open(ctx, p.target)
	return err
}

// mapping says how a table of the cloud becomes one of the legacy system.
func mapping(t *estate.Table) sqlserver.Table {
	m := sqlserver.Table{Source: t.Cloud, Target: t.Legacy, Columns: make(map[string]sqlserver.Column)}
	if t.Version != "" {
		m.Exclude = append(m.Exclude, t.Version)
	}
	for _, c := range t.Columns {
		if c.Cloud.Name == "" { // the legacy database fills it by itself
			m.Exclude = append(m.Exclude, c.Legacy.Name)
			continue
		}
		m.Columns[c.Cloud.Name] = sqlserver.Column{
			To:          c.Legacy.Name,
			NullAs:      c.NullAs,
			OwnerTarget: c.Owned,
			Lossy:       sqlserver.Lossy{Round: c.Rounded},
		}
	}
	return m
}

// marker returns a position after everything that is committed by now.
func (p *pipeline) marker(ctx context.Context) (capture.Position, error) {
	return p.capturer.Marker(ctx)
}

// errCaughtUp ends the capture once everything was applied.
var errCaughtUp = errors.New("caught up")

// run captures into the queue, and applies from it, at the same time: until the
// target has come as far as until, or until ctx ends if until is 0.
func (p *pipeline) run(ctx context.Context, until capture.Position) error {
	group, ctx := errgroup.WithContext(ctx)
	capturing, stop := context.WithCancelCause(ctx)
	group.Go(func() error {
		err := queue.Fill(capturing, p.capturer, p.queue, queue.FillConfig{})
		if context.Cause(capturing) == errCaughtUp {
			return nil
		}
		return err
	})
	group.Go(func() error {
		defer stop(errCaughtUp)
		return apply.Drain(ctx, p.meter.watch(p.queue), p.applier, apply.Config{Until: until, Observe: p.meter.observe})
	})
	return group.Wait()
}

// progress says how far the target has come.
func (p *pipeline) progress() string { return p.meter.String() }

// close ends what was opened, and removes the queue and the rules' program.
func (p *pipeline) close() error {
	var errs []error
	if p.applier != nil {
		errs = append(errs, p.applier.Close())
	}
	if p.queue != nil {
		errs = append(errs, p.queue.Close())
	}
	if p.rules != nil {
		errs = append(errs, p.rules.Close())
	}
	if p.dir != "" {
		errs = append(errs, os.RemoveAll(p.dir))
	}
	return errors.Join(errs...)
}
