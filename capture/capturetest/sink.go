package capturetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/syncback/syncback/capture"
)

// Tx is a transaction as a Sink took it in.
type Tx struct {
	capture.Tx // its Changes can be ranged over any number of times
	List       []capture.Change
}

// Sink is a capture.Sink in memory, which keeps to the contract and holds its
// Capturer to it. Its zero value is ready to use.
//
// What was written and advanced to becomes visible with Sync, and Crash takes
// back the rest. Hooks let a test fail or delay a call; set them before the
// Sink is used.
type Sink struct {
	// OnChange, if set, is called with each change as it is read.
	OnChange func(ctx context.Context, c capture.Change) error
	// OnWrite, if set, is called before the changes of a transaction are read.
	OnWrite func(ctx context.Context, tx *capture.Tx) error
	// OnSync, if set, is called before a Sync makes anything durable.
	OnSync func(ctx context.Context) error
	// Discard has the Sink keep the number of a transaction's changes, in
	// Count, and not the changes themselves.
	Discard bool

	busy atomic.Bool

	mu      sync.Mutex
	txs     []Tx // all, those that are durable first
	durable int  // how many of txs are
	mark    capture.Mark
	synced  capture.Mark
	syncs   int
	changed chan struct{} // closed and replaced whenever something is durable
}

var _ capture.Sink = (*Sink)(nil)

// enter refuses a second goroutine.
func (s *Sink) enter() (leave func(), err error) {
	if !s.busy.CompareAndSwap(false, true) {
		return nil, errors.New("the sink is used from two goroutines at a time")
	}
	return func() { s.busy.Store(false) }, nil
}

// Write takes in a transaction.
func (s *Sink) Write(ctx context.Context, tx *capture.Tx) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	if s.OnWrite != nil {
		if err := s.OnWrite(ctx, tx); err != nil {
			return err
		}
	}
	got := Tx{Tx: *tx}
	for c, err := range tx.Changes {
		if err == nil && s.OnChange != nil {
			err = s.OnChange(ctx, c)
		}
		if err != nil {
			return err
		}
		got.Count++
		if !s.Discard {
			got.List = append(got.List, c)
		}
	}
	got.Changes = Changes(got.List...)
	return s.keep(got)
}

// keep adds a transaction, or drops it if it arrived again.
func (s *Sink) keep(tx Tx) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if tx.Source == "" {
		tx.Source = s.mark.Source
	}
	if s.mark.Source != "" && tx.Source != s.mark.Source {
		return fmt.Errorf("%w: a transaction of %q, but the sink holds those of %q", capture.ErrOtherSource, tx.Source, s.mark.Source)
	}
	held := slices.ContainsFunc(s.txs, func(h Tx) bool {
		return h.Position == tx.Position && h.ID == tx.ID && h.CommitTime.Equal(tx.CommitTime)
	})
	if held {
		return nil
	}
	if tx.Position < s.mark.Position && tx.Count == 0 {
		return nil
	}
	if last := len(s.txs) - 1; tx.Position < s.mark.Position || last >= 0 && tx.Position <= s.txs[last].Position {
		return fmt.Errorf("%w: a transaction at %s, which the sink does not hold although its mark is %s",
			capture.ErrDiverged, tx.Position, s.mark.Position)
	}
	s.txs = append(s.txs, tx)
	s.mark.Source, s.mark.Position = tx.Source, tx.Position
	return nil
}

// Advance raises the mark.
func (s *Sink) Advance(_ context.Context, m capture.Mark) error {
	leave, err := s.enter()
	if err != nil {
		return err
	}
	defer leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mark.Source != "" && m.Source != s.mark.Source {
		return fmt.Errorf("%w: %q, but the sink holds %q", capture.ErrOtherSource, m.Source, s.mark.Source)
	}
	if m.Position >= s.mark.Position {
		s.mark = m
	}
	return nil
}

// Sync makes everything durable.
func (s *Sink) Sync(ctx context.Context) (capture.Position, error) {
	leave, err := s.enter()
	if err != nil {
		return 0, err
	}
	defer leave()
	if s.OnSync != nil {
		if err := s.OnSync(ctx); err != nil {
			return 0, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.durable, s.synced = len(s.txs), s.mark
	s.syncs++
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
	return s.synced.Position, nil
}

// Crash takes back all that is not durable.
func (s *Sink) Crash() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.txs, s.mark = s.txs[:s.durable], s.synced
}

// Mark returns the durable mark, from which a Capturer goes on.
func (s *Sink) Mark() capture.Mark {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.synced
}

// Syncs returns how often Sync has succeeded.
func (s *Sink) Syncs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.syncs
}

// Txs returns the durable transactions.
func (s *Sink) Txs() []Tx {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.txs[:s.durable])
}

// Written returns all transactions, durable or not.
func (s *Sink) Written() []Tx {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.txs)
}

// Wait waits until ok holds for what is durable, and returns the transactions.
func (s *Sink) Wait(ctx context.Context, ok func(txs []Tx, mark capture.Mark) bool) ([]Tx, error) {
	for {
		s.mu.Lock()
		txs, mark := slices.Clone(s.txs[:s.durable]), s.synced
		if s.changed == nil {
			s.changed = make(chan struct{})
		}
		changed := s.changed
		s.mu.Unlock()
		if ok(txs, mark) {
			return txs, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return txs, fmt.Errorf("%d transactions are durable, the mark is %s: %w", len(txs), mark.Position, context.Cause(ctx))
		}
	}
}

// WaitFor waits until n transactions are durable, and returns them.
func (s *Sink) WaitFor(ctx context.Context, n int) ([]Tx, error) {
	return s.Wait(ctx, func(txs []Tx, _ capture.Mark) bool { return len(txs) >= n })
}
