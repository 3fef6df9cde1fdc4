package capturetest

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/syncback/syncback/capture"
)

// Changes returns a sequence of changes, for a Tx. It can be ranged over again,
// and yields copies of the rows each time.
func Changes(list ...capture.Change) iter.Seq2[capture.Change, error] {
	return func(yield func(capture.Change, error) bool) {
		for _, c := range list {
			c.Before, c.After = slices.Clone(c.Before), slices.Clone(c.After)
			if !yield(c, nil) {
				return
			}
		}
	}
}

// Script is a Capturer that replays transactions from memory, and waits for
// more. It forgets what the sink has made durable, as a real source does. It may
// be used from several goroutines.
type Script struct {
	source   capture.Source
	timeline uint32

	mu    sync.Mutex
	txs   []capture.Tx
	acked capture.Position
	ended bool          // whether Capture ends once all was replayed
	err   error         // what it then ends with
	more  chan struct{} // closed and replaced when something changes
}

var _ capture.Capturer = (*Script)(nil)

// NewScript returns a Script of a source on timeline 1, which holds txs, in
// ascending order of their positions.
func NewScript(source capture.Source, txs ...capture.Tx) *Script {
	return &Script{source: source, timeline: 1, txs: txs, more: make(chan struct{})}
}

// Commit adds a transaction. Its Position must be beyond those before it.
func (s *Script) Commit(tx capture.Tx) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.txs = append(s.txs, tx)
	s.wake()
}

// End has Capture return err, which may be nil, once it has replayed all.
func (s *Script) End(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended, s.err = true, err
	s.wake()
}

// Acknowledged returns the position up to which everything was reported durable.
func (s *Script) Acknowledged() capture.Position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acked
}

func (s *Script) wake() {
	close(s.more)
	s.more = make(chan struct{})
}

// Capture replays what comes after from, has the sink synced whenever nothing
// is left, and waits for more until ctx ends.
func (s *Script) Capture(ctx context.Context, from capture.Mark, sink capture.Sink) error {
	if err := s.admit(from); err != nil {
		return err
	}
	mark := capture.Mark{Source: s.source, Timeline: s.timeline, Position: from.Position}
	if err := sink.Advance(ctx, mark); err != nil {
		return err
	}
	for synced := false; ; {
		tx, more := s.next(mark.Position)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case tx != nil:
			mark.Position, synced = tx.Position, false
			if err := sink.Write(ctx, tx); err != nil {
				return err
			}
			continue
		case !synced:
			synced = true
			if err := s.sync(ctx, sink); err != nil {
				return err
			}
			continue
		case more == nil:
			return s.end()
		}
		select {
		case <-more:
		case <-ctx.Done():
		}
	}
}

// admit refuses a mark that this source does not go on from.
func (s *Script) admit(from capture.Mark) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if from != (capture.Mark{}) && from.Source != s.source {
		return fmt.Errorf("%w: the mark is of %q, the script of %q", capture.ErrOtherSource, from.Source, s.source)
	}
	if from != (capture.Mark{}) && from.Position < s.acked {
		return fmt.Errorf("%w: the mark is %s, but everything up to %s is forgotten", capture.ErrGap, from.Position, s.acked)
	}
	return nil
}

// next returns the first transaction after p, a copy; if there is none, what to
// wait for; and neither at the end.
func (s *Script) next(p capture.Position) (*capture.Tx, <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, tx := range s.txs {
		if tx.Position > p {
			tx.Source = s.source
			return &tx, nil
		}
	}
	if s.ended {
		return nil, nil
	}
	return nil, s.more
}

func (s *Script) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *Script) sync(ctx context.Context, sink capture.Sink) error {
	p, err := sink.Sync(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acked = max(s.acked, p)
	return nil
}
