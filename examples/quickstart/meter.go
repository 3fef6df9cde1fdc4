package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// meter counts what was applied. Its methods may be called from several
// goroutines.
type meter struct {
	txs, changes atomic.Int64 // committed in the target
	inHand       atomic.Int64 // changes that the open transaction has taken
}

// observe is what apply.Drain calls.
func (m *meter) observe(p apply.Progress) {
	if p.State == apply.Applied {
		m.txs.Add(int64(p.Txs))
		m.changes.Add(p.Changes)
	}
	m.inHand.Store(0)
}

// String says how far the target has come.
func (m *meter) String() string {
	text := fmt.Sprintf("%d transactions, %d changes committed", m.txs.Load(), m.changes.Load())
	if n := m.inHand.Load(); n > 0 {
		text += fmt.Sprintf(", %d more in the transaction that is open", n)
	}
	return text
}

// watch returns q, with each change counted as the applier takes it: a large
// transaction is one step for the target, and yet one wants to see it move.
func (m *meter) watch(q apply.Queue) apply.Queue { return watched{q, m} }

type watched struct {
	apply.Queue
	meter *meter
}

func (w watched) Next(ctx context.Context, after capture.Position) (*capture.Tx, error) {
	tx, err := w.Queue.Next(ctx, after)
	if err != nil {
		return nil, err
	}
	counted := *tx
	counted.Changes = func(yield func(capture.Change, error) bool) {
		for change, err := range tx.Changes {
			w.meter.inHand.Add(1)
			if !yield(change, err) {
				return
			}
		}
	}
	return &counted, nil
}
