package applytest

import (
	"errors"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// rowChecks are about what becomes of single rows.
func rowChecks() []check {
	return []check{
		{"insert", "Apply writes all of batch", insertRow},
		{"insert of a key that exists", "No change is passed over: one that cannot be written is refused", insertTwice},
		{"update", "Apply writes all of batch", updateRow},
		{"update with the key alone as its old image", "Apply writes all of batch", updateWithoutImage},
		{"update of a row that differs in other columns", "Only what changed is written, and the rest of the row does not matter", updateBesides},
		{"update of the key", "Apply writes all of batch", updateKey},
		{"delete", "Apply writes all of batch", deleteRow},
		{"absent is not written", "An absent value is not written", absentStays},
		{"null is written", "An absent value is not written, null is", nullWritten},
		{"change of a row of nulls", "A change finds its one row, whatever else the row holds", nullFound},
		{"update that changes nothing", "A change that changes nothing is no statement", updateOfNothing},
		{"only its own row", "A change finds its one row", onlyItsRow},
		{"update that matches nothing", "A change that does not find its one row is refused with a *MismatchError", updateMissing},
		{"delete that matches nothing", "A change that does not find its one row is refused with a *MismatchError", deleteMissing},
	}
}

func insertRow(s *stage) {
	s.apply(s.open(), tx(first,
		insert(s.item, row("1", "Şahin O'Neill ☂", "12.50", "two\nlines")),
		insert(s.item, row("2", "", "-0.05", nullText)),
		insert(s.line, row("1", " blanks kept "))))
	s.holds(s.item, "1|Şahin O'Neill ☂|12.50|two\nlines", "2||-0.05|(null)")
	s.holds(s.line, "1| blanks kept ")
}

func insertTwice(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.line, row("1", "a"))))
	s.refused(a, tx(second, insert(s.line, row("1", "b"))))
	s.holds(s.line, "1|a")
	s.at(first)
}

func updateRow(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.item, row("1", "a", "1.00", "n")), insert(s.item, row("2", "a", "1.00", "n"))))
	s.apply(a, tx(second, update(s.item, row("1", "a", "1.00", "n"), row("1", "b", "1.00", "m"))))
	s.holds(s.item, "1|b|1.00|m", "2|a|1.00|n")
}

func updateWithoutImage(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.item, row("1", "a", "1.00", "n"))))
	s.apply(a, tx(second, update(s.item,
		row("1", absentText, absentText, absentText), row("1", "b", "2.00", absentText))))
	s.holds(s.item, "1|b|2.00|n")
}

func updateBesides(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.item, row("1", "theirs", "1.00", nullText))))
	s.apply(a, tx(second, update(s.item,
		row("1", "ours", "1.00", nullText), row("1", "ours", "2.00", nullText))))
	s.holds(s.item, "1|theirs|2.00|(null)")
}

func updateKey(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.item, row("1", "a", "1.00", "n")), insert(s.item, row("2", "b", "1.00", "n"))))
	s.apply(a, tx(second, update(s.item, row("1", "a", "1.00", "n"), row("7", "c", "1.00", absentText))))
	s.holds(s.item, "7|c|1.00|n", "2|b|1.00|n")
}

func deleteRow(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.line, row("1", "a")), insert(s.line, row("2", "b"))))
	s.apply(a, tx(second, remove(s.line, row("1", "a"))))
	s.holds(s.line, "2|b")
}

func absentStays(s *stage) {
	a := s.open()
	s.apply(a, tx(first,
		insert(s.item, row("1", "a", "1.00", "long")),
		insert(s.item, row("2", absentText, "1.00", absentText))))
	s.apply(a, tx(second, update(s.item, row("1", "a", "1.00", "long"), row("1", absentText, "2.00", absentText))))
	s.holds(s.item, "1|a|2.00|long", "2|(null)|1.00|(null)")
}

func nullWritten(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.item, row("1", "a", "1.00", "n")), insert(s.item, row("2", nullText, nullText, nullText))))
	s.apply(a, tx(second, update(s.item, row("1", "a", "1.00", "n"), row("1", "a", nullText, nullText))))
	s.holds(s.item, "1|a|(null)|(null)", "2|(null)|(null)|(null)")
}

func nullFound(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.item, row("1", nullText, nullText, nullText)), insert(s.item, row("2", nullText, nullText, nullText))))
	s.apply(a, tx(second,
		update(s.item, row("1", nullText, nullText, nullText), row("1", "a", "0.00", "")),
		remove(s.item, row("2", nullText, nullText, nullText))))
	s.holds(s.item, "1|a|0.00|")
}

func updateOfNothing(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.item, row("1", "a", "1.00", nullText))))
	before := s.writes(s.item)
	if before == 0 {
		s.Fatal("the harness's Writes did not count an insert")
	}
	s.apply(a, tx(second,
		update(s.item, row("1", "a", "1.00", nullText), row("1", "a", "1.00", nullText)),
		update(s.item, row("1", "a", "1.00", nullText), row("1", "a", absentText, absentText))))
	if after := s.writes(s.item); after != before {
		s.Fatalf("updates that change nothing wrote %d rows", after-before)
	}
	s.at(second)
	s.apply(a, tx(third, update(s.item, row("1", "a", "1.00", nullText), row("1", "b", "1.00", nullText))))
	if after := s.writes(s.item); after != before+1 {
		s.Fatalf("an update of one row wrote %d rows", after-before)
	}
}

// onlyItsRow has rows that are alike in all but the key.
func onlyItsRow(s *stage) {
	a := s.open()
	for _, id := range []string{"1", "2", "3"} {
		s.apply(a, tx(s.checkpoint(a).Position+1, insert(s.item, row(id, "same", "1.00", nullText))))
	}
	s.apply(a, tx(second,
		update(s.item, row("2", "same", "1.00", nullText), row("2", "other", "1.00", nullText)),
		remove(s.item, row("3", "same", "1.00", nullText))))
	s.holds(s.item, "1|same|1.00|(null)", "2|other|1.00|(null)")
}

func updateMissing(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.item, row("1", "a", "1.00", nullText))))
	err := s.refused(a, tx(second, update(s.item, row("2", "a", "1.00", nullText), row("2", "b", "1.00", nullText))))
	s.mismatch(err, capture.Update)
	s.holds(s.item, "1|a|1.00|(null)")
}

func deleteMissing(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.line, row("1", "a"))))
	err := s.refused(a, tx(second, remove(s.line, row("2", "a"))))
	s.mismatch(err, capture.Delete)
	s.holds(s.line, "1|a")
}

// mismatch expects err to be of a change in the second transaction that found
// nothing, and the checkpoint to be at the first.
func (s *stage) mismatch(err error, op capture.Op) {
	s.Helper()
	var m *apply.MismatchError
	if !errors.As(err, &m) {
		s.Fatalf("the error is no *MismatchError: %v", err)
	}
	if m.Op != op || m.Position != second || m.Matched != 0 || m.Table == "" {
		s.Fatalf("the *MismatchError does not name the change: %+v", *m)
	}
	s.at(first)
}
