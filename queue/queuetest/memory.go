package queuetest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
	"github.com/syncback/syncback/queue"
)

// Memory is a [queue.Queue] that holds everything in memory, for tests of what
// stands beside a queue. It is the shortest one that passes [Run].
type Memory struct {
	mu      sync.Mutex
	txs     []*capture.Tx    // written
	mark    capture.Mark     // of what was written
	durable capture.Mark     // as of the last Sync
	synced  int              // how many of txs were synced
	base    capture.Position // where the queue began, once begun is set
	floor   capture.Position // of the last one that was trimmed
	begun   bool
	moved   chan struct{} // closed by the next Sync; nil once the queue is closed
}

// NewMemory returns an empty queue.
func NewMemory() *Memory { return &Memory{moved: make(chan struct{})} }

// Reopen opens the queue again, without what was not synced.
func (m *Memory) Reopen() {
	defer m.lock()()
	m.txs, m.mark, m.moved = m.txs[:m.synced:m.synced], m.durable, make(chan struct{})
}

func (m *Memory) lock() (unlock func()) {
	m.mu.Lock()
	return m.mu.Unlock
}

// Write implements [capture.Sink].
func (m *Memory) Write(ctx context.Context, tx *capture.Tx) error {
	var changes []capture.Change
	for c, err := range tx.Changes {
		if err != nil {
			return err
		}
		changes = append(changes, c)
	}
	held := *tx
	held.Changes = capturetest.Changes(changes...)
	held.Count, held.Bytes = int64(len(changes)), 64*int64(len(changes)) // near enough
	if err := m.Advance(ctx, capture.Mark{Source: tx.Source}); err != nil {
		return err
	}
	defer m.lock()()
	at := slices.IndexFunc(m.txs, func(o *capture.Tx) bool { return o.Position == tx.Position })
	switch {
	case tx.Position <= m.floor || m.begun && tx.Position < m.base,
		at >= 0 && m.txs[at].ID == tx.ID && m.txs[at].CommitTime.Equal(tx.CommitTime):
		return nil
	case at < 0 && tx.Position < m.mark.Position && len(changes) == 0:
		return nil
	case at >= 0 || tx.Position < m.mark.Position:
		return fmt.Errorf("%w at %s", capture.ErrDiverged, tx.Position)
	}
	m.begin(tx.Position)
	m.txs = append(m.txs, &held)
	return nil
}

func (m *Memory) begin(p capture.Position) {
	if !m.begun {
		m.base, m.begun = p, true
	}
	m.mark.Position = p
}

// Advance implements [capture.Sink].
func (m *Memory) Advance(_ context.Context, to capture.Mark) error {
	defer m.lock()()
	switch bound := m.mark.Source; {
	case m.moved == nil:
		return queue.ErrClosed
	case bound != "" && to.Source != "" && to.Source != bound:
		return fmt.Errorf("%w: %s, and the queue holds %s", capture.ErrOtherSource, to.Source, bound)
	case bound == "":
		m.mark.Source = to.Source
	}
	if to.Position > 0 && to.Position >= m.mark.Position {
		m.begin(to.Position)
		m.mark.Timeline = to.Timeline
	}
	return nil
}

// Sync implements [capture.Sink].
func (m *Memory) Sync(context.Context) (capture.Position, error) {
	defer m.lock()()
	if m.moved == nil {
		return 0, queue.ErrClosed
	}
	m.durable, m.synced = m.mark, len(m.txs)
	close(m.moved)
	m.moved = make(chan struct{})
	return m.durable.Position, nil
}

// Last implements [queue.Queue].
func (m *Memory) Last(context.Context) (capture.Mark, error) {
	defer m.lock()()
	return m.durable, nil
}

// Next implements [queue.Queue].
func (m *Memory) Next(ctx context.Context, after capture.Position) (*capture.Tx, error) {
	for {
		tx, moved, err := m.find(after)
		if tx != nil || err != nil {
			return tx, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-moved:
		}
	}
}

func (m *Memory) find(after capture.Position) (*capture.Tx, <-chan struct{}, error) {
	defer m.lock()()
	switch {
	case m.moved == nil:
		return nil, nil, queue.ErrClosed
	case after < m.floor || after > 0 && after+1 < m.base:
		return nil, nil, fmt.Errorf("%w after %s", capture.ErrGap, after)
	case m.durable.Position > 0 && after > m.durable.Position:
		return nil, nil, fmt.Errorf("%w: %s", queue.ErrAhead, after)
	}
	for _, tx := range m.txs[:m.synced] {
		if tx.Position > after {
			out := *tx
			out.Source = m.durable.Source
			return &out, nil, nil
		}
	}
	return nil, m.moved, nil
}

// Trim implements [queue.Queue]. It keeps nothing of what was applied.
func (m *Memory) Trim(_ context.Context, upTo capture.Position) error {
	defer m.lock()()
	for m.synced > 0 && m.txs[0].Position <= upTo {
		m.floor, m.txs, m.synced = m.txs[0].Position, m.txs[1:], m.synced-1
	}
	return nil
}

// Close implements [queue.Queue].
func (m *Memory) Close() error {
	defer m.lock()()
	if m.moved != nil {
		close(m.moved)
		m.moved = nil
	}
	return nil
}
