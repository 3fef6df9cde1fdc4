package queuetest

import (
	"github.com/syncback/syncback/capture"
)

var markChecks = []check{
	{"ZeroMark", "a queue that never was written to returns the zero Mark", func(k *checker) {
		if m := k.last(); m != (capture.Mark{}) {
			k.failf("last is %+v", m)
		}
	}},
	{"MarkIsDurable", "Last returns the mark that is durable: that of the last Sync; Sync returns the position that is now durable", func(k *checker) {
		k.advance(capture.Mark{Source: source, Timeline: 3, Position: 100})
		if m := k.last(); m != (capture.Mark{}) {
			k.failf("last is %+v before a Sync", m)
		}
		if p := k.sync(); p != 100 {
			k.failf("sync returned %s after Advance to %s", p, capture.Position(100))
		}
		k.write(newTx(200, insertOf(tenancy(), "1")))
		if m := k.last(); m.Position != 100 {
			k.failf("last is at %s before the Sync of what was written", m.Position)
		}
		if p := k.sync(); p != 200 {
			k.failf("sync returned %s after a transaction at %s", p, capture.Position(200))
		}
		want := capture.Mark{Source: source, Timeline: 3, Position: 200}
		if m := k.last(); m != want {
			k.failf("last is %+v, want %+v", m, want)
		}
		k.reopen()
		if m := k.last(); m != want {
			k.failf("last is %+v once reopened, want %+v", m, want)
		}
	}},
	{"OlderMark", "a mark before the one that is held changes nothing", func(k *checker) {
		held := capture.Mark{Source: source, Timeline: 3, Position: 100}
		k.advance(held)
		k.sync()
		k.advance(capture.Mark{Source: source, Timeline: 2, Position: 99})
		if p := k.sync(); p != 100 {
			k.failf("sync returned %s, want %s", p, held.Position)
		}
		if m := k.last(); m != held {
			k.failf("last is %+v, want %+v", m, held)
		}
	}},
	{"Timeline", "a failover raises the timeline of the mark", func(k *checker) {
		k.advance(capture.Mark{Source: source, Timeline: 1, Position: 100})
		k.sync()
		to := capture.Mark{Source: source, Timeline: 2, Position: 100}
		k.advance(to)
		k.sync()
		k.reopen()
		if m := k.last(); m != to {
			k.failf("last is %+v, want %+v", m, to)
		}
	}},
	{"OtherSource", "another source than the one that is held is refused with ErrOtherSource, and changes nothing", func(k *checker) {
		held := capture.Mark{Source: source, Position: 100}
		k.advance(held)
		k.sync()
		for range 2 {
			k.mustBe("advance with another source", k.q.Advance(k.ctx, capture.Mark{Source: "other", Position: 300}), capture.ErrOtherSource)
			tx := newTx(400)
			tx.Source = "other"
			k.mustBe("write from another source", k.q.Write(k.ctx, tx.live()), capture.ErrOtherSource)
			k.sync()
			if m := k.last(); m != held {
				k.failf("last is %+v, want %+v", m, held)
			}
			k.reopen()
		}
		tx := newTx(200)
		tx.Source = source
		k.write(tx)
		k.sync()
		if got := k.next(100).Source; got != source {
			k.failf("the source of a Tx is %q, want %q", got, source)
		}
	}},
}
