package ownqueue

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
)

// line is a queue of one's own: a slice. It is as durable as the process.
type line struct {
	mu          sync.Mutex
	txs         []*capture.Tx
	synced      int              // how many of txs can be read
	mark, last  capture.Mark     // of all that was taken in, and as of the last Sync
	begin, gone capture.Position // the first mark, and the last that was trimmed
	news        chan struct{}    // closed by the next Sync; nil while q is closed
}

func (q *line) lock() (unlock func()) { q.mu.Lock(); return q.mu.Unlock }

func (q *line) open() *line {
	q.txs, q.mark, q.news = q.txs[:q.synced], q.last, make(chan struct{})
	return q
}

func (q *line) Write(ctx context.Context, tx *capture.Tx) error {
	var changes []capture.Change // those from the wire are read once
	for c, err := range tx.Changes {
		if err != nil {
			return err
		}
		changes = append(changes, c)
	}
	if err := q.Advance(ctx, capture.Mark{Source: tx.Source}); err != nil {
		return err
	}
	defer q.lock()()
	i := slices.IndexFunc(q.txs, func(h *capture.Tx) bool { return h.Position == tx.Position })
	switch {
	case tx.Position <= q.gone, tx.Position < q.begin, i >= 0 && q.txs[i].ID == tx.ID && q.txs[i].CommitTime.Equal(tx.CommitTime):
		return nil // it was here, or is from before
	case i < 0 && tx.Position < q.mark.Position && len(changes) == 0:
		return nil // it was not for us
	case i >= 0, tx.Position < q.mark.Position:
		return fmt.Errorf("%w at %s", capture.ErrDiverged, tx.Position)
	}
	held := *tx
	held.Source, held.Count, held.Bytes = q.mark.Source, int64(len(changes)), 100*int64(len(changes))
	held.Changes = func(yield func(capture.Change, error) bool) {
		for _, c := range changes {
			c.Before, c.After = slices.Clone(c.Before), slices.Clone(c.After) // a reader may change them
			if !yield(c, nil) {
				return
			}
		}
	}
	q.txs = append(q.txs, &held)
	q.take(tx.Position)
	return nil
}

func (q *line) take(p capture.Position) {
	if q.mark.Position == 0 {
		q.begin = p
	}
	q.mark.Position = p
}

func (q *line) Advance(_ context.Context, m capture.Mark) error {
	defer q.lock()()
	switch {
	case q.news == nil:
		return queue.ErrClosed
	case q.mark.Source == "":
		q.mark.Source = m.Source
	case m.Source != "" && m.Source != q.mark.Source:
		return fmt.Errorf("%w: %s", capture.ErrOtherSource, m.Source)
	}
	if m.Position > 0 && m.Position >= q.mark.Position {
		q.take(m.Position)
		q.mark.Timeline = m.Timeline
	}
	return nil
}

func (q *line) Sync(context.Context) (capture.Position, error) {
	defer q.lock()()
	if q.news == nil {
		return 0, queue.ErrClosed
	}
	q.last, q.synced = q.mark, len(q.txs)
	close(q.news)
	q.news = make(chan struct{})
	return q.last.Position, nil
}

func (q *line) Last(context.Context) (capture.Mark, error) {
	defer q.lock()()
	return q.last, nil
}

func (q *line) Next(ctx context.Context, after capture.Position) (*capture.Tx, error) {
	for {
		tx, news, err := q.find(after)
		if tx != nil || err != nil {
			return tx, err
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-news:
		}
	}
}

func (q *line) find(after capture.Position) (*capture.Tx, <-chan struct{}, error) {
	defer q.lock()()
	switch {
	case q.news == nil:
		return nil, nil, queue.ErrClosed
	case after < q.gone, after > 0 && after+1 < q.begin:
		return nil, nil, fmt.Errorf("%w after %s", capture.ErrGap, after)
	case q.last.Position > 0 && after > q.last.Position:
		return nil, nil, fmt.Errorf("%w: %s", queue.ErrAhead, after)
	}
	if i := slices.IndexFunc(q.txs[:q.synced], func(h *capture.Tx) bool { return h.Position > after }); i >= 0 {
		return q.txs[i], nil, nil
	}
	return nil, q.news, nil
}

func (q *line) Trim(_ context.Context, upTo capture.Position) error {
	defer q.lock()()
	for q.synced > 0 && q.txs[0].Position <= upTo {
		q.gone, q.txs, q.synced = q.txs[0].Position, q.txs[1:], q.synced-1
	}
	return nil
}

func (q *line) Close() error {
	defer q.lock()()
	if q.news != nil {
		close(q.news) // whoever waits
		q.news = nil
	}
	return nil
}
