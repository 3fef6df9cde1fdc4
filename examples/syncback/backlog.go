package main

import (
	"context"
	"sync"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
)

// backlog is the queue, counted: it knows how much waits to be applied.
type backlog struct {
	*queue.Disk

	mu      sync.Mutex
	known   bool             // whether the counts are those of all that waits
	waiting amount           // what waits
	fresh   amount           // of it what was written since the last Sync
	written capture.Position // of the last transaction that was counted
	oldest  time.Time        // when the first that waits was committed, or before
}

// amount is a number of transactions, and their approximate size in memory.
type amount struct{ txs, bytes int64 }

func (a *amount) add(b amount, sign int64) {
	a.txs += sign * b.txs
	a.bytes += sign * b.bytes
}

// newBacklog counts what waits in q behind the position after. It takes its
// time for that, and no more: a long backlog is known once it was worked off.
func newBacklog(ctx context.Context, q *queue.Disk, after capture.Position, long time.Duration) *backlog {
	last := q.Stats().Last
	b := &backlog{Disk: q, written: last, known: true}
	ctx, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	for after < last {
		tx, err := q.Next(ctx, after)
		if err != nil {
			b.known = false // why, if it matters, is for Drain to say
			return b
		}
		b.count(tx.CommitTime, amount{1, tx.Bytes})
		after = tx.Position
	}
	return b
}

// count adds a transaction to what waits.
func (b *backlog) count(committed time.Time, a amount) {
	if b.waiting.txs <= 0 {
		b.oldest = committed
	}
	b.waiting.add(a, 1)
}

// Write implements [capture.Sink].
func (b *backlog) Write(ctx context.Context, tx *capture.Tx) error {
	measured := *tx
	a := amount{txs: 1}
	measured.Changes = func(yield func(capture.Change, error) bool) {
		a.bytes = 0
		for c, err := range tx.Changes {
			a.bytes += size(c)
			if !yield(c, err) {
				return
			}
		}
	}
	if err := b.Disk.Write(ctx, &measured); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if tx.Position > b.written { // and not one that came again
		b.written = tx.Position
		b.fresh.add(a, 1)
		b.count(tx.CommitTime, a)
	}
	return nil
}

// Sync implements [capture.Sink]. When it fails, what was not durable is gone,
// and comes again.
func (b *backlog) Sync(ctx context.Context) (capture.Position, error) {
	at, err := b.Disk.Sync(ctx)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.waiting.add(b.fresh, -1)
		b.written = b.Disk.Stats().Last
	}
	b.fresh = amount{}
	return at, err
}

// applied takes off what Drain has applied.
func (b *backlog) applied(p apply.Progress) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.State == apply.Applied {
		b.waiting.add(amount{int64(p.Txs), p.Bytes}, -1)
		b.oldest = p.CommitTime
	}
	if p.Position >= b.written {
		b.waiting, b.known = amount{}, true
	}
}

// empty reports whether nothing waits to be applied.
func (b *backlog) empty() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.known && b.waiting.txs <= 0
}

// report puts the counts into a status file.
func (b *backlog) report(p *progress) {
	at := b.Disk.Stats().Mark.Position
	b.mu.Lock()
	defer b.mu.Unlock()
	p.Captured, p.Counted = at, b.known
	p.QueuedTransactions, p.QueuedBytes, p.OldestQueued = 0, 0, time.Time{}
	if b.waiting.txs > 0 {
		p.QueuedTransactions, p.QueuedBytes, p.OldestQueued = b.waiting.txs, max(0, b.waiting.bytes), b.oldest
	}
}

// size is about how much memory a change takes.
func size(c capture.Change) int64 {
	n := int64(96)
	for _, row := range []capture.Row{c.Before, c.After} {
		for _, v := range row {
			text, _ := v.Text()
			n += 32 + int64(len(text))
		}
	}
	if c.Message != nil {
		n += int64(len(c.Message.Prefix) + len(c.Message.Content))
	}
	return n
}
