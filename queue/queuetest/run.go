// Package queuetest is what a [queue.Queue] has to do to be one: [Run] checks an
// implementation against the contract, and [Memory] is one that passes.
package queuetest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
)

// A Harness opens one queue's storage.
type Harness struct {
	// Open opens the queue; empty the first time, and with what is durable when
	// it is called again behind a Close.
	Open func(t testing.TB) queue.Queue

	patience time.Duration // for what has to come; 0 means 20s
}

// Run checks a queue against its contract. start makes new, empty storage for
// each check. A failure quotes the clause of the contract that is not kept.
func Run(t *testing.T, start func(t testing.TB) Harness) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if err := c.against(t, start(t)); err != nil {
				t.Fatalf("%v\nThe contract: %s", err, c.clause)
			}
		})
	}
}

// A check is one clause of the contract and what tells whether it is kept.
type check struct {
	name, clause string
	run          func(k *checker)
}

var checks = slices.Concat(markChecks, writeChecks, readChecks, keepChecks)

// against runs the check, and returns what it found.
func (c check) against(t testing.TB, h Harness) (err error) {
	h.patience = cmp.Or(h.patience, 20*time.Second)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	k := &checker{ctx: ctx, t: t, harness: h}
	defer func() {
		cancel()
		if k.q != nil {
			k.q.Close()
		}
		if r := recover(); r != nil {
			f, ok := r.(failure)
			if !ok {
				panic(r)
			}
			err = f.err
		}
	}()
	k.q = h.Open(t)
	c.run(k)
	return nil
}

// failure is what a checker panics with, to end its check.
type failure struct{ err error }

// A checker drives the queue under test. Its methods end the check where the
// queue does not do as it should.
type checker struct {
	ctx     context.Context
	t       testing.TB
	harness Harness
	q       queue.Queue
}

func (k *checker) failf(format string, args ...any) {
	panic(failure{fmt.Errorf(format, args...)})
}

func (k *checker) must(what string, err error) {
	if err != nil {
		k.failf("%s: %w", what, err)
	}
}

// mustBe fails unless err wraps want.
func (k *checker) mustBe(what string, err, want error) {
	if !errors.Is(err, want) {
		k.failf("%s: got %v, want %v", what, err, want)
	}
}

func (k *checker) write(txs ...*transaction) {
	for _, tx := range txs {
		k.must(fmt.Sprintf("write %s", tx.Position), k.q.Write(k.ctx, tx.live()))
	}
}

func (k *checker) sync() capture.Position {
	p, err := k.q.Sync(k.ctx)
	k.must("sync", err)
	return p
}

func (k *checker) advance(m capture.Mark) { k.must("advance", k.q.Advance(k.ctx, m)) }

func (k *checker) last() capture.Mark {
	m, err := k.q.Last(k.ctx)
	k.must("last", err)
	return m
}

func (k *checker) trim(upTo capture.Position) { k.must("trim", k.q.Trim(k.ctx, upTo)) }

func (k *checker) next(after capture.Position) *capture.Tx {
	ctx, cancel := context.WithTimeout(k.ctx, k.harness.patience)
	defer cancel()
	tx, err := k.q.Next(ctx, after)
	k.must(fmt.Sprintf("next after %s", after), err)
	return tx
}

// nothing fails if there is a transaction after that position.
func (k *checker) nothing(after capture.Position) {
	ctx, cancel := context.WithTimeout(k.ctx, 30*time.Millisecond)
	defer cancel()
	tx, err := k.q.Next(ctx, after)
	if err == nil {
		k.failf("next after %s is the transaction at %s, and there should be none", after, tx.Position)
	}
	k.mustBe(fmt.Sprintf("next after %s, with nothing there", after), err, context.DeadlineExceeded)
}

// expect reads want, one behind the other, from after on.
func (k *checker) expect(after capture.Position, want ...*transaction) {
	for _, w := range want {
		tx := k.next(after)
		k.same(tx, w)
		after = tx.Position
	}
}

// reopen closes the queue and opens it again.
func (k *checker) reopen() {
	k.must("close", k.q.Close())
	k.q = k.harness.Open(k.t)
}
