package queuetest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/syncback/syncback/capture"
)

var writeChecks = []check{
	{"Order", "transactions are read whole, in the order of their positions", func(k *checker) {
		t := tenancy()
		var want []*transaction
		for p := capture.Position(10); p <= 200; p += 10 {
			want = append(want, newTx(p, insertOf(t, p.String())))
			want[len(want)-1].Origin = []string{"", "syncback-return"}[p/10%2]
		}
		k.write(want[:7]...)
		k.sync()
		k.write(want[7:]...)
		k.sync()
		k.expect(0, want...)
		k.expect(70, want[7:]...)
		k.expect(65, want[6:]...)
		k.reopen()
		k.expect(0, want...)
	}},
	{"Values", "absent, null and empty stay what they are, and so do images that are not there", func(k *checker) {
		t := tenancy()
		none := tenancy()
		none.Columns = nil
		want := newTx(10,
			capture.Change{Op: capture.Insert, Table: t, After: row(text("a"), capture.Null(), text(""), absent())},
			capture.Change{Op: capture.Update, Table: t, Before: row(text("a"), absent(), absent(), absent()), After: row(absent(), absent(), absent(), absent())},
			capture.Change{Op: capture.Update, Table: t, After: row(text("Şahin 'x' \x00\xff"), text("NULL"), text("\\N"), text("0"))},
			capture.Change{Op: capture.Delete, Table: t, Before: row(capture.Null(), capture.Null(), text(" "), capture.Null())},
			capture.Change{Op: capture.Truncate, Table: t},
			capture.Change{Op: capture.Insert, Table: none, After: capture.Row{}},
			capture.Change{Op: capture.Message, Message: &capture.LogicalMessage{Prefix: "syncback", Content: []byte{0, 1, 255}}},
			capture.Change{Op: capture.Message, Message: &capture.LogicalMessage{}},
		)
		k.write(want)
		k.sync()
		k.expect(0, want)
		k.reopen()
		k.expect(0, want)
	}},
	{"Tables", "each change points to the table as of that change, also where that changes within a transaction", func(k *checker) {
		before, other := tenancy(), tenancy()
		other.Schema, other.Name, other.Identity = "archive", "property.x", capture.IdentityIndex
		after := tenancy(capture.Column{Name: "u_added", OID: 16, Base: "bool", Modifier: -1})
		changed := insertOf(before, "3")
		changed.Table, changed.After = after, append(changed.After, capture.Null())
		want := newTx(10, insertOf(before, "1"), insertOf(other, "2"), insertOf(before, "2"), changed, insertOf(other, "4"))
		k.write(want, newTx(20, changed))
		k.sync()
		k.expect(0, want, newTx(20, changed))
	}},
	{"Empty", "a transaction without changes is one all the same", func(k *checker) {
		k.write(newTx(10), newTx(20))
		k.sync()
		k.expect(0, newTx(10), newTx(20))
	}},
	{"Huge", "a transaction may be of any size", func(k *checker) {
		t := tenancy()
		want := newTx(10)
		for i := range 30_000 {
			want.changes = append(want.changes, insertOf(t, fmt.Sprint(i)))
		}
		small := newTx(20, insertOf(t, "behind"))
		k.write(want, small)
		k.sync()
		k.expect(0, want, small)
		k.reopen()
		k.expect(0, want, small)
	}},
	{"BigValue", "a value may be of any size", func(k *checker) {
		big := insertOf(tenancy(), "1")
		big.After[2] = text(strings.Repeat("0123456789abcdefghijk", 1<<20))
		want := newTx(10, insertOf(big.Table, "0"), big, insertOf(big.Table, "2"))
		k.write(want)
		k.sync()
		k.expect(0, want)
	}},
	{"BrokenSequence", "when the sequence yields an error, Write keeps nothing of the transaction and returns that error", func(k *checker) {
		t := tenancy()
		broken := errors.New("the connection was lost")
		one := newTx(10, insertOf(t, "1"))
		k.write(one)
		for _, n := range []int{0, 1, 30_000} {
			tx := newTx(20)
			tx.err = broken
			for range n {
				tx.changes = append(tx.changes, insertOf(t, "gone"))
			}
			k.mustBe("write of what breaks off", k.q.Write(k.ctx, tx.live()), broken)
			k.sync()
			k.expect(0, one)
			k.nothing(10)
			k.reopen()
			k.nothing(10)
		}
		whole := newTx(20, insertOf(t, "2"))
		k.write(whole)
		k.sync()
		k.expect(0, one, whole)
	}},
	{"Repeat", "a transaction at or before the mark is one that arrives again: it is read past and dropped if it is the one that is held", func(k *checker) {
		t := tenancy()
		var want []*transaction
		for p := capture.Position(10); p <= 50; p += 10 {
			want = append(want, newTx(p, insertOf(t, p.String())))
		}
		k.write(want[:3]...)
		k.sync()
		k.write(want[3:]...)
		k.write(want...) // as after a connection that was lost before the Sync
		k.sync()
		k.reopen()
		again := newTx(30, insertOf(t, "30"))
		k.write(again)
		if again.ranged != 1 {
			k.failf("a transaction that arrives again was not read past")
		}
		k.write(want[4])
		k.sync()
		k.expect(0, want...)
		k.nothing(50)
		k.write(newTx(60))
		k.sync()
		k.expect(50, newTx(60))
	}},
	{"Diverged", "a transaction at or before the mark that is not the one that is held is refused with ErrDiverged", func(k *checker) {
		k.write(newTx(10), newTx(20), newTx(30))
		k.advance(capture.Mark{Source: source, Position: 50})
		for range 2 {
			k.sync()
			otherID, otherTime := newTx(20), newTx(20)
			neverHeld, behind := newTx(25, insertOf(tenancy(), "25")), newTx(40, insertOf(tenancy(), "40"))
			otherID.ID++
			otherTime.CommitTime = otherTime.CommitTime.Add(1000)
			for _, tx := range []*transaction{otherID, otherTime, neverHeld, behind} {
				k.mustBe(fmt.Sprintf("write of another history at %s", tx.Position), k.q.Write(k.ctx, tx.live()), capture.ErrDiverged)
			}
			k.write(newTx(25), newTx(40)) // they have no changes, and were not for us
			k.reopen()
		}
		k.expect(0, newTx(10), newTx(20), newTx(30))
		k.nothing(30)
	}},
	{"AtTheMark", "the watermark says that everything before it was taken in: a transaction right at it, and not held, is new", func(k *checker) {
		k.write(newTx(10))
		k.advance(capture.Mark{Source: source, Position: 20})
		k.sync()
		k.write(newTx(20))
		k.sync()
		k.expect(0, newTx(10), newTx(20))
		k.write(newTx(20))
		k.sync()
		k.nothing(20)
	}},
}
