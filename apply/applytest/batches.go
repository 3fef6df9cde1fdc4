package applytest

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"

	"github.com/syncback/syncback/capture"
)

// batchChecks are about what happens to several changes together.
func batchChecks() []check {
	return []check{
		{"order within a transaction", "The changes are written in their order", orderWithin},
		{"order across transactions", "Apply writes one or more transactions in ascending order of their positions", orderAcross},
		{"order across tables", "The changes are written in their order", orderAcrossTables},
		{"a batch is one transaction", "Apply writes batch in one transaction of the target: all of it or nothing", batchIsWhole},
		{"empty batch", "An empty batch does nothing", emptyBatch},
		{"transaction without changes", "The last one's position is the new checkpoint", txWithoutChanges},
		{"message", "A message is no statement", message},
		{"unknown table", "No change is passed over: one that cannot be written is refused", unknownTable},
		{"invalid operation", "No change is passed over: one that cannot be written is refused", invalidOp},
		{"sequence that ends with an error", "The error with which a transaction's sequence ends is returned wrapped, and nothing is written", brokenSequence},
		{"huge transaction", "The changes of a transaction are written as they are pulled, and not held", hugeTx},
	}
}

func orderWithin(s *stage) {
	s.apply(s.open(), tx(first,
		insert(s.line, row("1", "a")),
		update(s.line, row("1", "a"), row("1", "b")),
		remove(s.line, row("1", "b")),
		insert(s.line, row("1", "c")),
		insert(s.line, row("2", "d")),
		update(s.line, row("1", "c"), row("3", "c")),
		update(s.line, row("2", "d"), row("1", "e"))))
	s.holds(s.line, "3|c", "1|e")
}

func orderAcross(s *stage) {
	s.apply(s.open(),
		tx(first, insert(s.line, row("1", "a")), insert(s.line, row("2", "a"))),
		tx(second, update(s.line, row("1", "a"), row("1", "b")), remove(s.line, row("2", "a"))),
		tx(third, update(s.line, row("1", "b"), row("1", "c")), insert(s.line, row("2", "c"))))
	s.holds(s.line, "1|c", "2|c")
	s.at(third)
}

// orderAcrossTables ends with a change that is refused, after changes that
// alternate between tables: which one is refused shows the order.
func orderAcrossTables(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.item, row("1", "a", "1.00", nullText)), insert(s.line, row("1", "a"))))
	err := s.refused(a, tx(second,
		update(s.item, row("1", "a", "1.00", nullText), row("1", "b", "1.00", nullText)),
		remove(s.line, row("9", "a")),
		update(s.item, row("9", "b", "1.00", nullText), row("9", "c", "1.00", nullText))))
	s.mismatch(err, capture.Delete)
}

func batchIsWhole(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.line, row("1", "a"))))
	err := s.refused(a,
		tx(second, insert(s.line, row("2", "b")), update(s.line, row("1", "a"), row("1", "c"))),
		tx(third, insert(s.item, row("1", "a", "1.00", nullText)), remove(s.line, row("9", "missing"))))
	s.holds(s.line, "1|a")
	s.holds(s.item)
	s.at(first)
	if !strings.Contains(err.Error(), third.String()) {
		s.Errorf("the error does not name the transaction at %s: %v", third, err)
	}
	s.checkpoint(a)
	s.apply(a, tx(second, insert(s.line, row("2", "b"))))
	s.holds(s.line, "1|a", "2|b")
}

func emptyBatch(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.line, row("1", "a"))))
	s.apply(a)
	s.at(first)
	s.apply(a, tx(second, insert(s.line, row("2", "b"))))
	s.holds(s.line, "1|a", "2|b")
}

func txWithoutChanges(s *stage) {
	a := s.open()
	s.apply(a, tx(first))
	s.at(first)
	s.apply(a, tx(second, insert(s.line, row("1", "a"))), tx(third))
	s.at(third)
	s.holds(s.line, "1|a")
}

func message(s *stage) {
	a := s.open()
	before := s.writes(s.item) + s.writes(s.line)
	s.apply(a, tx(first, capture.Change{
		Op:      capture.Message,
		Message: &capture.LogicalMessage{Prefix: "marker", Content: []byte{0, 255}},
	}))
	if after := s.writes(s.item) + s.writes(s.line); after != before {
		s.Fatalf("a message wrote %d rows", after-before)
	}
	s.at(first)
}

func unknownTable(s *stage) {
	a := s.open()
	stranger := line()
	stranger.Name = "applytest_unknown"
	s.refused(a, tx(first, insert(s.line, row("1", "a")), insert(stranger, row("1", "a"))))
	s.holds(s.line)
	s.at(0)
}

func invalidOp(s *stage) {
	a := s.open()
	s.refused(a, tx(first, insert(s.line, row("1", "a")), capture.Change{Table: s.line, After: row("2", "a")}))
	s.holds(s.line)
	s.at(0)
}

func brokenSequence(s *stage) {
	a := s.open()
	broken := errors.New("the queue's file ends early")
	cut := tx(second)
	cut.Changes = func(yield func(capture.Change, error) bool) {
		if yield(insert(s.line, row("2", "b")), nil) {
			yield(capture.Change{}, broken)
		}
	}
	err := s.refused(a, tx(first, insert(s.line, row("1", "a"))), cut)
	if !errors.Is(err, broken) {
		s.Errorf("the error does not wrap the sequence's: %v", err)
	}
	s.holds(s.line)
	s.at(0)
	s.checkpoint(a)
	s.apply(a, tx(first, insert(s.line, row("1", "a"))))
	s.holds(s.line, "1|a")
}

// hugeTx writes 100 MiB through one row, and looks at the heap meanwhile.
func hugeTx(s *stage) {
	const (
		changes = 400
		size    = 64 << 10
		most    = 24 << 20
	)
	a := s.open()
	note := func(i int) string { return strings.Repeat(strconv.Itoa(i%10), size) }
	s.apply(a, tx(first, insert(s.item, row("1", "a", "1.00", note(0)))))
	base, peak := heap(), uint64(0)
	huge := tx(second)
	huge.Count, huge.Bytes = changes, 2*size*changes
	huge.Changes = func(yield func(capture.Change, error) bool) {
		for i := range changes {
			if i%100 == 99 {
				peak = max(peak, heap())
			}
			c := update(s.item, row("1", "a", "1.00", note(i)), row("1", "a", "1.00", note(i+1)))
			if !yield(c, nil) {
				return
			}
		}
	}
	s.apply(a, huge)
	if peak > base+most {
		s.Errorf("%d MiB of changes took %d MiB of memory", 2*size*changes>>20, (peak-base)>>20)
	}
	s.holds(s.item, "1|a|1.00|"+note(changes))
}

// heap is what is in use, in bytes.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// cancelled is a transaction that cancels the context in its midst.
func cancelled(s *stage, cancel context.CancelFunc) *capture.Tx {
	t := tx(second)
	t.Changes = func(yield func(capture.Change, error) bool) {
		if !yield(insert(s.line, row("2", "b")), nil) {
			return
		}
		cancel()
		yield(insert(s.line, row("3", "c")), nil)
	}
	return t
}
