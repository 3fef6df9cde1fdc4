package queuetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/syncback/syncback/capture"
)

var keepChecks = []check{
	{"Reopen", "what was synced would survive a crash of this machine", func(k *checker) {
		t := tenancy()
		var want []*transaction
		for round := range capture.Position(5) {
			for i := range capture.Position(4) {
				p := 100*round + 10*i + 10
				want = append(want, newTx(p, insertOf(t, p.String())))
				k.write(want[len(want)-1])
			}
			k.sync()
			k.reopen()
			if m := k.last(); m.Position != want[len(want)-1].Position {
				k.failf("last is at %s once reopened, want %s", m.Position, want[len(want)-1].Position)
			}
			k.expect(0, want...)
		}
	}},
	{"CloseWithoutSync", "what was not synced may be lost, and nothing else; none of it is there in part", func(k *checker) {
		t := tenancy()
		one, two := newTx(10, insertOf(t, "1")), newTx(20, insertOf(t, "2"), insertOf(t, "3"))
		k.write(one)
		k.sync()
		k.write(two)
		k.reopen()
		if k.last().Position == 10 {
			k.write(two)
		}
		k.sync()
		k.expect(0, one, two)
		k.nothing(20)
	}},
	{"Trim", "Trim never removes what comes after upTo; what was removed is a gap, and what is kept is read as before", func(k *checker) {
		t := tenancy()
		var want []*transaction
		for p := capture.Position(10); p <= 400; p += 10 {
			tx := newTx(p)
			for range 30 {
				tx.changes = append(tx.changes, insertOf(t, p.String()))
			}
			want = append(want, tx)
			k.write(tx)
			k.sync()
		}
		for i := 0; i < len(want); i += 7 {
			k.trim(want[i].Position)
			k.keptOrGap(0, want[0])
			if i > 0 {
				k.keptOrGap(want[i-1].Position, want[i])
			}
			k.expect(want[i].Position, want[i+1:]...)
			k.reopen()
			k.expect(want[i].Position, want[i+1:]...)
		}
		k.trim(want[len(want)-1].Position)
		k.write(newTx(1000))
		k.sync()
		k.expect(400, newTx(1000))
	}},
	{"RepeatOfTrimmed", "a transaction older than all that is held cannot be compared, and is dropped", func(k *checker) {
		k.write(newTx(10), newTx(20))
		k.sync()
		k.trim(20)
		k.write(newTx(10), newTx(20), newTx(30))
		k.sync()
		k.expect(20, newTx(30))
		k.nothing(30)
	}},
	{"HeldOverTrim", "a Tx stays readable while it is held, whatever is trimmed meanwhile", func(k *checker) {
		t := tenancy()
		var want []*transaction
		var held []*capture.Tx
		for p := capture.Position(10); p <= 100; p += 10 {
			tx := newTx(p)
			for range 200 {
				tx.changes = append(tx.changes, insertOf(t, fmt.Sprint(p)))
			}
			want = append(want, tx)
			k.write(tx)
			k.sync()
			held = append(held, k.next(p-10))
		}
		for range held[3].Changes {
			break // begun before, and gone on with after the trim
		}
		k.trim(100)
		k.write(newTx(110), newTx(120))
		k.sync()
		k.trim(110)
		runtime.GC()
		for i, tx := range held {
			k.same(tx, want[i])
		}
	}},
	{"BeganLater", "a position before the queue's beginning is refused with ErrGap; zero precedes everything", func(k *checker) {
		k.advance(capture.Mark{Source: source, Position: 100})
		k.write(newTx(100)) // right at the mark is new
		k.write(newTx(150))
		for range 2 {
			k.sync()
			for _, after := range []capture.Position{50, 98} {
				_, err := k.q.Next(k.ctx, after)
				k.mustBe("next after a position from before the queue began", err, capture.ErrGap)
			}
			k.expect(0, newTx(100), newTx(150))
			k.expect(99, newTx(100), newTx(150))
			k.expect(100, newTx(150))
			k.reopen()
		}
	}},
	{"Ahead", "a position that the queue has not come to is refused", func(k *checker) {
		k.write(newTx(100))
		k.sync()
		k.nothing(100)
		ctx, cancel := context.WithTimeout(k.ctx, k.harness.patience)
		defer cancel()
		if _, err := k.q.Next(ctx, 101); err == nil || ctx.Err() != nil {
			k.failf("next after %s returned %v; the queue has come to %s", capture.Position(101), err, capture.Position(100))
		}
	}},
}

// keptOrGap fails unless want is read after that position, or refused as a gap.
func (k *checker) keptOrGap(after capture.Position, want *transaction) {
	tx, err := k.q.Next(k.ctx, after)
	if errors.Is(err, capture.ErrGap) {
		return
	}
	k.must(fmt.Sprintf("next after %s", after), err)
	k.same(tx, want)
}
