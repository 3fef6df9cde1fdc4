package queuetest

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/syncback/syncback/capture"
)

var readChecks = []check{
	{"Waits", "Next waits until there is a transaction that is durable; nothing is visible to a reader before Sync", func(k *checker) {
		k.write(newTx(10))
		k.sync()
		got := k.nextLater(k.ctx, 10)
		k.write(newTx(20, insertOf(tenancy(), "1")))
		k.advance(capture.Mark{Source: source, Position: 25})
		k.notYet(got)
		k.sync()
		if r := k.await(got); r.err != nil || r.tx.Position != 20 {
			k.failf("next woke with %v, %v", r.tx, r.err)
		}
	}},
	{"WaitsPastAdvance", "a mark that moves is no transaction", func(k *checker) {
		got := k.nextLater(k.ctx, 0)
		k.advance(capture.Mark{Source: source, Position: 100})
		k.sync()
		k.notYet(got)
		k.write(newTx(200))
		k.sync()
		if r := k.await(got); r.err != nil || r.tx.Position != 200 {
			k.failf("next woke with %v, %v", r.tx, r.err)
		}
	}},
	{"ContextEnds", "Next waits until ctx ends, and then returns its error", func(k *checker) {
		ctx, cancel := context.WithCancel(k.ctx)
		got := k.nextLater(ctx, 0)
		k.notYet(got)
		cancel()
		k.mustBe("next, once ctx ended", k.await(got).err, context.Canceled)
	}},
	{"Closed", "a closed queue wakes who waits, with an error", func(k *checker) {
		got := k.nextLater(k.ctx, 0)
		k.notYet(got)
		k.must("close", k.q.Close())
		if r := k.await(got); r.err == nil || errors.Is(r.err, context.DeadlineExceeded) {
			k.failf("next on a closed queue returned %v, %v", r.tx, r.err)
		}
		if k.q.Write(k.ctx, newTx(10).live()) == nil {
			k.failf("a closed queue took a transaction in")
		}
		if _, err := k.q.Sync(k.ctx); err == nil {
			k.failf("a closed queue synced")
		}
	}},
	{"RangeAgain", "a Tx can be ranged over any number of times, also when it was left before the end, and by two at once", func(k *checker) {
		t := tenancy()
		want := newTx(10)
		for range 3000 {
			want.changes = append(want.changes, insertOf(t, "x"))
		}
		k.write(want)
		k.sync()
		tx := k.next(0)
		for range tx.Changes {
			break
		}
		k.same(tx, want)
		a, stopA := iter.Pull2(tx.Changes)
		defer stopA()
		b, stopB := iter.Pull2(tx.Changes)
		defer stopB()
		for i := range want.changes {
			ca, errA, _ := a()
			cb, errB, _ := b()
			if errA != nil || errB != nil || !sameChange(ca, cb) {
				k.failf("two who range at once differ at change %d: %v, %v", i, errA, errB)
			}
		}
		k.same(tx, want)
	}},
	{"RowsAreTheConsumers", "the rows that are yielded belong to the consumer", func(k *checker) {
		want := newTx(10, insertOf(tenancy(), "1"), insertOf(tenancy(), "2"))
		k.write(want)
		k.sync()
		tx := k.next(0)
		for c, err := range tx.Changes {
			k.must("range", err)
			for i := range c.After {
				c.After[i] = text("spoilt")
			}
		}
		k.same(tx, newTx(10, insertOf(tenancy(), "1"), insertOf(tenancy(), "2")))
	}},
	{"Together", "one goroutine writes while another reads", func(k *checker) {
		const n = 500
		t := tenancy()
		wrote := make(chan error, 1)
		go func() {
			for p := capture.Position(1); p <= n; p++ {
				err := k.q.Write(k.ctx, newTx(p, insertOf(t, p.String())).live())
				if err == nil && (p%7 == 0 || p == n) {
					_, err = k.q.Sync(k.ctx)
				}
				if err != nil {
					wrote <- err
					return
				}
			}
			wrote <- nil
		}()
		for p := capture.Position(0); p < n; p++ {
			k.expect(p, newTx(p+1, insertOf(t, (p+1).String())))
			k.trim(p)
		}
		k.must("write", <-wrote)
	}},
}

type nextResult struct {
	tx  *capture.Tx
	err error
}

// nextLater asks for the next transaction without waiting for it.
func (k *checker) nextLater(ctx context.Context, after capture.Position) <-chan nextResult {
	got := make(chan nextResult, 1)
	q := k.q
	go func() {
		tx, err := q.Next(ctx, after)
		got <- nextResult{tx, err}
	}()
	return got
}

// notYet fails if there is a result. That it has waited long enough to be one
// that would come cannot be known; a queue that fails this check does so most of
// the time.
func (k *checker) notYet(got <-chan nextResult) {
	select {
	case r := <-got:
		k.failf("next did not wait: it returned %v, %v", r.tx, r.err)
	case <-time.After(30 * time.Millisecond):
	}
}

func (k *checker) await(got <-chan nextResult) nextResult {
	select {
	case r := <-got:
		return r
	case <-time.After(k.harness.patience):
		k.failf("next still waits")
		return nextResult{}
	}
}
