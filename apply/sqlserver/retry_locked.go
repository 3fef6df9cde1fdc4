package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// retryLocked writes, in order, what was parked because someone had its record
// open, and has no more, and what waits behind it: without a person, and no more
// often than Config.RetryLocked. While the pipeline is paused it waits.
func (a *Applier) retryLocked(ctx context.Context) error {
	now := time.Now()
	if a.cfg.RetryLocked < 0 || a.held.Parked == 0 || now.Sub(a.retried) < a.cfg.RetryLocked {
		return nil
	}
	cp, err := a.readCheckpoint(ctx)
	if err != nil || cp.Paused {
		return err
	}
	waiting, err := a.waitingForLocks(ctx)
	if err != nil {
		return err
	}
	for _, position := range waiting {
		if err := a.retryOne(ctx, position); err != nil {
			return fmt.Errorf("release transaction %s: %w", position, err)
		}
	}
	a.retried = now
	return nil
}

// waitingForLocks are the parked transactions that wait for a record to be free.
func (a *Applier) waitingForLocks(ctx context.Context) (waiting []capture.Position, err error) {
	err = a.query(ctx, "SELECT p.[position] FROM "+a.control.own("parked")+" p JOIN "+a.control.own("conflict")+
		" c ON c.[id] = p.[conflict] WHERE p.[pipeline] = @p1 AND c.[kind] = @p2 ORDER BY p.[position]",
		func(rows *sql.Rows) error {
			var p int64
			err := rows.Scan(&p)
			waiting = append(waiting, capture.Position(p))
			return err
		}, a.cfg.Pipeline, mssqlChar(resolve.Locked.String()))
	return waiting, err
}

// freedBy stands in the ledger for who had it written.
const freedBy = "syncback"

// retryOne writes a transaction that waits for a record, if that is free.
func (a *Applier) retryOne(ctx context.Context, position capture.Position) error {
	free, err := a.isFree(ctx, position)
	if !free || err != nil {
		return err
	}
	kept, err := a.releaseOne(ctx, position, &Decision{Action: resolve.TakeSource, By: freedBy, Reason: "the record was free again", freed: true})
	switch {
	case errors.Is(err, ErrNotWaiting):
		return nil // a person was faster
	case err != nil || kept:
		return err
	}
	_, err = a.Release(ctx)
	return err
}

// isFree reports whether the record that a parked transaction waits for is free. It
// looks without writing anything, since most are still open. What is not mapped
// any more waits for a person.
func (a *Applier) isFree(ctx context.Context, position capture.Position) (free bool, err error) {
	err = a.transact(ctx, func(tx *sql.Tx) error {
		r := &release{writing: &writing{Applier: a, ctx: ctx, tx: tx, refusals: &refusals{}}}
		t, err := r.load(position)
		if err != nil || !r.changeNo.Valid {
			return err
		}
		index := int64(0)
		for in, err := range t.Changes {
			if err != nil {
				return err
			}
			if index < r.changeNo.Int64 {
				index++
				continue
			}
			if in.Table == nil || a.mappings[name{in.Table.Schema, in.Table.Name}] == nil {
				return nil
			}
			free, err = r.isFree(&change{op: in.Op, position: position, in: in, tx: t, index: index})
			return err
		}
		return nil
	})
	return free, err
}

// isFree reports whether nobody has the record open that a change is of.
func (w *writing) isFree(c *change) (bool, error) {
	err := w.bindPlan(c)
	if err != nil {
		return false, err
	}
	locked := false
	switch {
	case c.mapping.lock == nil:
	case c.op == capture.Truncate:
		locked, err = w.isAnyLocked(c)
	default:
		e, lookErr := w.look(c)
		if lookErr != nil {
			return false, lookErr
		}
		kind, _ := e.kind()
		locked, err = w.isLocked(e, kind)
	}
	return !locked && err == nil, err
}
