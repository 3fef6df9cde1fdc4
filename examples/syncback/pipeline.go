package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres"
	"github.com/syncback/syncback/queue"
)

// pipeline is what a run holds open.
type pipeline struct {
	cfg      *config
	log      *slog.Logger
	secrets  *secrets
	capturer *postgres.Capturer
	disk     *queue.Disk
	applier  *sqlserver.Applier
	queue    *backlog
	monitor  *monitor
}

// open opens all that a run needs, and creates slot and publication last: what
// fails before leaves no slot behind that keeps the source's log.
func (s *session) open(ctx context.Context) (*pipeline, error) {
	p := &pipeline{cfg: s.cfg, secrets: s.secrets, log: slog.New(slog.NewTextHandler(s.stderr, nil))}
	if err := p.open(ctx); err != nil {
		return nil, errors.Join(err, p.close(err))
	}
	return p, nil
}

func (p *pipeline) open(ctx context.Context) (err error) {
	source, target, disk := p.cfg.source, p.cfg.target, p.cfg.queue
	source.Logger, target.Logger, disk.Logger = p.log, p.log, p.log
	if p.capturer, err = postgres.New(source); err != nil {
		return failure("source", err)
	}
	if p.disk, err = queue.Open(disk); err != nil {
		return err
	}
	p.monitor = newMonitor(p)
	if p.applier, err = sqlserver.Open(ctx, target); err != nil {
		return failure("target", err)
	}
	at, err := p.applier.Checkpoint(ctx)
	if err != nil {
		return failure("target", err)
	}
	p.queue = newBacklog(ctx, p.disk, at.Position, 5*time.Second)
	p.monitor.counts(p.queue)
	return p.setup(ctx)
}

// setup creates publication and slot for a queue that holds nothing yet. For
// one that was filled, a new slot would hide that its own is gone: then it only
// sees that the source answers, and capturing finds what is missing.
func (p *pipeline) setup(ctx context.Context) error {
	held, err := p.disk.Last(ctx)
	if err != nil {
		return err
	}
	if held == (capture.Mark{}) {
		err = p.capturer.Setup(ctx)
	} else {
		_, err = p.capturer.Status(ctx)
	}
	if err != nil {
		return failure("source", err)
	}
	return nil
}

// close releases what is open, after the status file was told why.
func (p *pipeline) close(why error) error {
	var errs []error
	if p.monitor != nil {
		errs = append(errs, p.monitor.stop(why))
	}
	if p.applier != nil {
		errs = append(errs, p.applier.Close())
	}
	if p.disk != nil {
		errs = append(errs, p.disk.Close())
	}
	return errors.Join(errs...)
}

// fill captures into the queue until ctx ends; observe is told how it goes.
func (p *pipeline) fill(ctx context.Context, observe func(queue.FillState)) error {
	return queue.Fill(ctx, p.capturer, p.queue, queue.FillConfig{Observe: observe, Logger: p.log})
}

// drain applies what is queued, as c says and the file says beside it.
func (p *pipeline) drain(ctx context.Context, c apply.Config) error {
	c.Schedule, c.Grace = p.cfg.schedule, p.cfg.grace
	c.Observe, c.Logger = p.monitor.applying, p.log
	return apply.Drain(ctx, p.queue, p.applier, c)
}
