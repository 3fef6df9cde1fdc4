package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres"
)

// verify compares the two sides, and with --repair mends the target.
func (s *session) verify(ctx context.Context) error {
	if s.repair {
		return s.repairTables(ctx)
	}
	capturer, err := postgres.New(s.cfg.source)
	if err != nil {
		return failure("source", err)
	}
	tables, err := capturer.Tables(ctx)
	if err != nil {
		return failure("source", err)
	}
	applier, err := sqlserver.Open(ctx, s.cfg.target)
	if err != nil {
		return failure("target", err)
	}
	defer applier.Close()
	reader := capturer.Reader()
	defer reader.Close(ctx)
	f := &following{session: s, capturer: capturer, applier: applier}
	if err := f.begin(ctx); err != nil {
		return err
	}
	r := newComparison(s)
	for _, t := range tables {
		v, err := applier.Verify(ctx, reader, t, sqlserver.VerifyConfig{CatchUp: f.catchUp, Report: r.difference, Dir: s.temporary()})
		if err != nil {
			return fmt.Errorf("verify %s: %w", t, err)
		}
		r.add(v)
	}
	return r.finish()
}

// temporary is the folder for temporary files: beside the queue, which holds
// rows too, or the system's where this user has none.
func (s *session) temporary() string {
	f, err := os.CreateTemp(s.cfg.queue.Dir, "verify-*")
	if err != nil {
		return ""
	}
	_ = errors.Join(f.Close(), os.Remove(f.Name()))
	return s.cfg.queue.Dir
}

// repairTables mends the target. It holds the queue, so that no run applies
// meanwhile, and captures into it, to know what waits for the target.
func (s *session) repairTables(ctx context.Context) error {
	ctx, cancel, err := s.allowed(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	p, err := s.open(ctx)
	if err != nil {
		return err
	}
	err = p.withFill(ctx, func(ctx context.Context) error { return p.repair(ctx, s) })
	if errors.Is(err, context.DeadlineExceeded) {
		err = context.Cause(ctx)
	}
	return errors.Join(err, p.close(nil))
}

// repair goes over the tables until all are the same, or nothing more can be
// mended: a row may have to wait for one of another table.
func (p *pipeline) repair(ctx context.Context, s *session) error {
	if err := p.settle(ctx, s); err != nil {
		return err
	}
	tables, err := p.capturer.Tables(ctx)
	if err != nil {
		return failure("source", err)
	}
	reader := p.capturer.Reader()
	defer reader.Close(ctx)
	cfg := sqlserver.VerifyConfig{Dir: s.temporary()}
	r := newComparison(s)
	cfg.Report = r.difference
	const passes = 5
	for pass := 1; len(tables) > 0 && pass <= passes; pass++ {
		if pass > 1 {
			fmt.Fprintln(s.stdout, "looking again at what was not the same")
		}
		mended := int64(0)
		var again []*capture.Table
		for _, t := range tables {
			v, err := p.applier.Repair(ctx, reader, t, p.pending, cfg)
			if err != nil {
				return fmt.Errorf("repair %s: %w", t, err)
			}
			r.add(v)
			mended += v.Mended
			if v.Mended > 0 || !v.Same() {
				again = append(again, t)
			}
		}
		if tables = again; mended == 0 {
			break
		}
	}
	return r.finish()
}

// settle waits for the transactions that are open in the source, and says so
// where they take their time.
func (p *pipeline) settle(ctx context.Context, s *session) error {
	long := time.AfterFunc(2*time.Second, func() {
		fmt.Fprintln(s.stdout, "waiting for the transactions that are open in the source to end")
	})
	defer long.Stop()
	if err := p.capturer.Settle(ctx); err != nil {
		return failure("source", err)
	}
	return nil
}
