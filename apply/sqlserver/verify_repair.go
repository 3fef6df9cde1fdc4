package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// Repair compares as Verify does, with the source as it was at the target's
// checkpoint, and mends what differs: it inserts rows that the target lacks,
// updates the columns that differ, and deletes rows that the source lacks. The
// target then is what the next transaction expects to find; what waits for it is
// still to be applied.
//
// Nothing else may apply the pipeline meanwhile. Each transaction holds the
// checkpoint where Repair found it and reads the target's rows again before it
// writes, so that another process makes it stop with [apply.ErrFenced], and a
// pause with [apply.ErrPaused]. A row that changed while it was looked at, one
// that the target refuses, and one that does not stay as it was written, is left
// and told of; another Repair may mend it. Of a table without a key nothing is
// mended while changes of it wait.
//
// VerifyConfig's CatchUp is not used.
func (a *Applier) Repair(ctx context.Context, source Source, t *capture.Table, pending Pending, cfg VerifyConfig) (Verdict, error) {
	cfg.CatchUp = nil
	v, err := a.verification(ctx, source, t, cfg)
	if err != nil {
		return Verdict{}, err
	}
	cp, err := a.Checkpoint(ctx)
	if err != nil {
		return Verdict{}, err
	}
	if cp.Paused {
		return Verdict{}, pausedError(cp)
	}
	v.pending = pending
	if v.plan.key == nil {
		err = v.repairKeyless()
		return v.verdict, err
	}
	v.overlay = v.sorter()
	defer closeSorter(v.overlay)
	err = v.compareKeyed(v.repair)
	return v.verdict, err
}

func pausedError(cp apply.Checkpoint) error {
	return fmt.Errorf("%w: by %s at %s", apply.ErrPaused, cp.ChangedBy, cp.ChangedAt.Format("2006-01-02 15:04:05 MST"))
}

// mendRows is how many rows one transaction of the target mends.
const mendRows = 100

// repair mends a block of suspects.
func (v *verification) repair(block []*suspect) error {
	block, err := v.pair(block)
	if err != nil {
		return err
	}
	if err := v.readWanted(block); err != nil {
		return err
	}
	for some := range slices.Chunk(block, mendRows) {
		if err := v.mendAll(some); err != nil {
			return err
		}
	}
	return nil
}

// readWanted finds out what the source had at the checkpoint: what the first
// change that waits says, or else what it has now, if that is what was read
// before the changes that wait were.
func (v *verification) readWanted(block []*suspect) error {
	var located []*suspect
	for _, s := range block {
		switch {
		case !s.waits || s.unknown:
			located = append(located, s)
		case s.waiting != nil:
			s.want = []sourceRow{{row: s.waiting, image: v.imageOf(s.waiting)}}
		}
	}
	if err := v.readSource(located, false); err != nil {
		return err
	}
	for _, s := range located {
		switch {
		case s.unknown:
			s.left = "a change waits for it that does not say what it was"
		case len(s.found) > 1:
			s.left = keyTwice
		case len(s.found) == 1 && (len(s.want) != 1 || s.want[0].image.digest != s.scan):
			s.left = changedMeanwhile
		}
	}
	return nil
}

// Why a row is left.
const (
	keyTwice         = "its key does not tell rows apart"
	changedMeanwhile = "it changed while it was looked at"
)

// mendAll mends suspects in one transaction; where the target refuses it, each in
// one of its own.
func (v *verification) mendAll(list []*suspect) error {
	err := v.mend(list)
	if err == nil {
		for _, s := range list {
			if err := v.tellMended(s); err != nil {
				return err
			}
		}
		return nil
	}
	if v.ctx.Err() != nil || capture.Retryable(err) || errors.Is(err, apply.ErrPaused) || errors.Is(err, apply.ErrFenced) {
		return err
	}
	if len(list) == 1 {
		list[0].left = err.Error()
		return v.tellMended(list[0])
	}
	for _, s := range list {
		if err := v.mendAll([]*suspect{s}); err != nil {
			return err
		}
	}
	return nil
}

// mend writes what makes the suspects the same, and tries again what the target
// refused for a moment.
func (v *verification) mend(list []*suspect) error {
	return again(v.ctx, func() error {
		err := v.transact(v.ctx, func(tx *sql.Tx) error { return v.mendIn(tx, list) })
		if errors.Is(err, errCheckpointHeld) {
			err = v.whyHeld(v.ctx, &capture.Tx{Position: v.held.Position})
		}
		return err
	})
}

// tellMended counts a suspect that was to be mended, and tells of it.
func (v *verification) tellMended(s *suspect) error {
	if len(s.was) == 0 { // the same, when it was looked at again
		if len(s.want) > 0 {
			v.verdict.Equal++
		}
		return nil
	}
	for _, d := range s.was {
		d.Mended, d.Left = s.mended, ""
		if !s.mended {
			d.Left = s.left
		}
		if err := v.tell(d); err != nil {
			return err
		}
	}
	return nil
}
