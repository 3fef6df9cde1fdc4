package apply

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/syncback/syncback/capture"
)

// feed asks the queue for one transaction after the other, ahead of their use,
// since Next waits where there is none.
type feed struct {
	items   chan item
	held    *item // received and not used yet
	started time.Time
	cancel  context.CancelFunc
	done    chan struct{}
}

// item is what Next returned.
type item struct {
	tx  *capture.Tx
	err error
}

// follow starts a feed of what comes after the position after, at most ahead
// transactions of it. It is to be stopped.
func follow(ctx context.Context, q Queue, after capture.Position, ahead int) *feed {
	ctx, cancel := context.WithCancel(ctx)
	f := &feed{
		items:   make(chan item, ahead),
		started: time.Now(),
		cancel:  cancel,
		done:    make(chan struct{}),
	}
	go func() {
		defer close(f.done)
		for {
			tx, err := q.Next(ctx, after)
			if err == nil && tx.Position <= after {
				err = fmt.Errorf("it returned %s, which is not after that", tx.Position)
			}
			if err != nil {
				err = fmt.Errorf("after %s: %w", after, err)
			}
			select {
			case f.items <- item{tx, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
			after = tx.Position
		}
	}()
	return f
}

// stop ends the feed, and waits until it has.
func (f *feed) stop() {
	f.cancel()
	<-f.done
}

// ready returns what is immediately there, and leaves it there.
func (f *feed) ready() *item {
	if f.held == nil {
		select {
		case it := <-f.items:
			f.held = &it
		default:
		}
	}
	return f.held
}

// group returns the transactions to apply together next. It waits for the
// first, and returns nil when there is none for this window.
func (d *drain) group(ctx context.Context, f *feed) ([]*capture.Tx, error) {
	first, err := d.first(ctx, f)
	if first == nil || err != nil {
		return nil, err
	}
	f.held = nil
	batch := []*capture.Tx{first}
	changes, bytes := first.Count, first.Bytes
	for len(batch) < d.cfg.MaxTxs {
		last := batch[len(batch)-1].Position
		if last <= d.alone || d.reaches(last) {
			break
		}
		it := f.ready()
		if it == nil || it.err != nil || it.tx.Source != first.Source || it.tx.Position > d.win.bound {
			break
		}
		changes += it.tx.Count
		bytes += it.tx.Bytes
		if changes > d.cfg.MaxChanges || bytes > d.cfg.MaxBytes {
			break
		}
		f.held = nil
		batch = append(batch, it.tx)
	}
	return batch, nil
}

// first waits for the first transaction of a group, which it leaves in the
// feed. It returns nil when the window has none, or is over.
func (d *drain) first(ctx context.Context, f *feed) (*capture.Tx, error) {
	if d.win.scheduled && d.position >= d.win.bound {
		d.win = nil
		return nil, nil
	}
	if f.ready() == nil {
		d.await(ctx, f)
	}
	it := f.held
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case d.win.isOver(time.Now()):
		return nil, nil // the gate closes it
	case it == nil:
		d.win = nil // it has nothing more
		return nil, nil
	case it.err != nil:
		return nil, d.nextFailed(ctx, f, it.err)
	}
	d.next.reset()
	switch tx := it.tx; {
	case d.source != "" && tx.Source != d.source:
		return nil, otherSource(tx, d.source)
	case tx.Position > d.win.bound:
		d.win = nil
		return nil, nil
	default:
		return tx, nil
	}
}

// await waits until the feed has something, the window is over, or it counts as
// done because nothing came.
func (d *drain) await(ctx context.Context, f *feed) {
	idle := time.Now().Add(d.cfg.Idle)
	for {
		now := time.Now()
		if d.win.isOver(now) {
			return
		}
		until := d.win.closes
		switch {
		case now.Before(idle):
			if until.IsZero() || idle.Before(until) {
				until = idle
			}
		case d.win.scheduled:
			return
		default:
			d.observe(Progress{State: Idle})
		}
		timer := time.NewTimer(untilNext(now, until))
		select {
		case it := <-f.items:
			timer.Stop()
			f.held = &it
			return
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// nextFailed decides what follows from an error of the queue.
func (d *drain) nextFailed(ctx context.Context, f *feed, err error) error {
	// A Next that waited this long was waiting for a transaction, and so the
	// queue was well meanwhile.
	if time.Since(f.started) > time.Minute {
		d.next.reset()
	}
	if errors.Is(err, capture.ErrGap) {
		return fmt.Errorf("drain: read the queue %w; the target is at an older position than the queue goes back to: "+
			"bring the target to a later day, or compare and repair it and start anew", err)
	}
	return d.retry(ctx, &d.next, "read the queue", err)
}

func otherSource(tx *capture.Tx, source capture.Source) error {
	return fmt.Errorf("drain: the queue's transaction at %s is of %q and the target's checkpoint is of %q: %w; "+
		"connect the source that the target was fed from, or compare the target with the new one and start under a new pipeline name",
		tx.Position, tx.Source, source, capture.ErrOtherSource)
}
