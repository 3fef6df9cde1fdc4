package main

import (
	"context"
	"fmt"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres"
)

// following lets a comparison wait for a run that applies meanwhile.
type following struct {
	*session
	capturer *postgres.Capturer
	applier  *sqlserver.Applier
	gaveUp   bool // nothing is waited for any more
}

// still is how long the target may stand still before a comparison no longer
// waits for it.
const still = time.Minute

// begin says whether a run applies, and what follows from it.
func (f *following) begin(ctx context.Context) error {
	why, err := f.idle(ctx)
	if err != nil {
		return err
	}
	if why != "" {
		return f.giveUp(ctx, why)
	}
	_, err = fmt.Fprintln(f.stdout, "a run applies meanwhile: rows that are under way to the target are waited for")
	return err
}

// idle says why nothing is applied now; "" is that something is.
func (f *following) idle(ctx context.Context) (string, error) {
	cp, err := f.applier.Checkpoint(ctx)
	if capture.Retryable(err) {
		return "", nil // it is locked: by a transaction that is being applied
	}
	if err != nil {
		return "", failure("target", err)
	}
	file, _ := readProgress(f.cfg.queue.Dir) // who may not read it is told by the slot
	alive := file != nil && file.alive(time.Now())
	switch {
	case cp.Source == "":
		return "the pipeline has not begun", nil
	case cp.Paused:
		return "the pipeline is paused", nil
	case alive && (file.State == string(apply.InBlackout) || file.State == string(apply.Waiting)):
		return "the run applies nothing now (" + file.State + ")", nil
	case alive:
		return "", nil
	}
	source, err := f.capturer.Status(ctx)
	if err != nil {
		return "", failure("source", err)
	}
	if source.ActivePID == 0 {
		return "no run is active", nil
	}
	return "", nil
}

// giveUp says how far behind the target is.
func (f *following) giveUp(ctx context.Context, why string) error {
	f.gaveUp = true
	cp, err := f.applier.Checkpoint(ctx)
	if capture.Retryable(err) {
		_, err = fmt.Fprintf(f.stdout, "%s, and where it is is not known: rows that change in the source from now on show as different\n", why)
		return err
	}
	if err != nil {
		return failure("target", err)
	}
	source, err := f.capturer.Status(ctx)
	if err != nil {
		return failure("source", err)
	}
	if cp.Source == "" {
		_, err = fmt.Fprintf(f.stdout, "%s: rows that change in the source from now on show as different\n", why)
		return err
	}
	_, err = fmt.Fprintf(f.stdout, "%s: the target is at %s and the source's log ends %d bytes further, at %s; rows that changed in between show as different\n",
		why, cp.Position, source.Current-min(cp.Position, source.Current), source.Current)
	return err
}

// catchUp waits until the target has what was committed by now. It reports false
// when it will not have it soon.
func (f *following) catchUp(ctx context.Context) (bool, error) {
	if f.gaveUp {
		return false, nil
	}
	marker, err := f.capturer.Marker(ctx)
	if err != nil {
		return false, failure("source", err)
	}
	moved, asked := time.Now(), time.Now()
	last := capture.Position(0)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		cp, err := f.applier.Checkpoint(ctx)
		switch {
		case err != nil && !capture.Retryable(err):
			return false, failure("target", err)
		case err == nil && cp.Position >= marker:
			return true, nil
		case err == nil && cp.Position != last:
			last, moved = cp.Position, time.Now()
		}
		if time.Since(moved) > still {
			return false, f.giveUp(ctx, fmt.Sprintf("the target has stood still for %s", still))
		}
		if time.Since(asked) > time.Second {
			why, err := f.idle(ctx)
			if err != nil {
				return false, err
			}
			if why != "" {
				return false, f.giveUp(ctx, why)
			}
			asked = time.Now()
		}
		select {
		case <-ctx.Done():
			return false, context.Cause(ctx)
		case <-tick.C:
		}
	}
}
