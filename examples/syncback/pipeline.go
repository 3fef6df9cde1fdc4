package main

import (
	"context"
	"errors"
	"fmt"
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
	if err := p.fits(ctx, at); err != nil {
		return err
	}
	p.queue = newBacklog(ctx, p.disk, at.Position, 5*time.Second)
	p.monitor.counts(p.queue)
	return p.begin(ctx)
}

// fits refuses a pipeline that is new where its mapping would stop it at the first
// change. One that has begun may have changes queued that its tables were made for,
// and is not held up.
func (p *pipeline) fits(ctx context.Context, at apply.Checkpoint) error {
	held, err := p.disk.Last(ctx)
	if err != nil || at.Source != "" || held != (capture.Mark{}) {
		return err
	}
	tables, err := p.capturer.Tables(ctx)
	if err != nil && capture.Retryable(err) {
		return failure("source", err)
	}
	if err != nil {
		return nil // begin refuses a table that is not there, and says more of it
	}
	findings, err := p.applier.Check(ctx, tables)
	if err != nil {
		return failure("target", err)
	}
	for _, f := range findings {
		if f.Level == capture.Blocks {
			return failure("target", refusal(f, blocking(findings)-1))
		}
	}
	return nil
}

// refusal is a finding as a sentence; others is how many more block.
func refusal(f capture.Finding, others int) error {
	text := f.Object + ": " + f.Problem
	if f.Advice != "" {
		text += "; " + f.Advice
	}
	if others > 0 {
		text += fmt.Sprintf(" (check lists %d more)", others)
	}
	return errors.New(text)
}

// begin settles where a new pipeline begins, and asks the source whether one that
// is not new goes on from there: nothing is applied when it does not.
func (p *pipeline) begin(ctx context.Context) error {
	if err := apply.Begin(ctx, p.disk, p.applier, p.admit); err != nil {
		return err
	}
	held, err := p.disk.Last(ctx)
	if err != nil {
		return err
	}
	_, err = p.admit(ctx, held)
	if errors.Is(err, capture.ErrTables) && !p.queue.empty() {
		return nil // capture refuses it again, once what is queued was applied
	}
	return err
}

// admit makes slot and publication for a new pipeline, and asks the source of
// one that is not whether it goes on from there.
func (p *pipeline) admit(ctx context.Context, from capture.Mark) (capture.Mark, error) {
	m, err := p.capturer.Begin(ctx, from)
	if err != nil {
		err = failure("source", err)
	}
	return m, err
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
//
// Where the source's tables no longer let it go on, what is queued is applied
// before it returns: with a configuration that fits the tables as they are by
// then, it could not be applied any more.
func (p *pipeline) fill(ctx context.Context, observe func(queue.FillState)) error {
	err := queue.Fill(ctx, p.capturer, p.queue, queue.FillConfig{Observe: observe, Logger: p.log})
	if !errors.Is(err, capture.ErrTables) {
		return err
	}
	err = failure("source", err)
	if !p.queue.empty() {
		p.log.Error("capture cannot go on; the run ends once what is queued was applied", "err", err)
		p.monitor.capturing(queue.FillState{Waiting: err, Since: time.Now()})
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !p.queue.empty() {
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
	return err
}

// drain applies what is queued, as c says and the file says beside it.
func (p *pipeline) drain(ctx context.Context, c apply.Config) error {
	c.Schedule, c.Grace, c.Pace = p.cfg.schedule, p.cfg.grace, p.cfg.pace
	c.Observe, c.Logger = p.monitor.applying, p.log
	return apply.Drain(ctx, p.queue, p.applier, c)
}
