package sqlserver

import (
	"github.com/syncback/syncback/apply/internal/spill"
	"github.com/syncback/syncback/capture"
)

// Rows of a table without a key are told apart by all that they hold: the two
// sides are compared as what number of each row they have.

// passes is how often both sides are read while the target is being applied to:
// a row that was under way differs in one pass, and hardly in all.
const passes = 3

// compareKeyless reads both sides until nothing differs, or differs still.
func (v *verification) compareKeyless() error {
	var left *spill.Sorter // what differed in every pass so far
	defer func() { closeSorter(left) }()
	for pass := 1; ; pass++ {
		next, caughtUp, err := v.pass(left)
		if err != nil {
			return err
		}
		closeSorter(left)
		left = next
		n, err := countRows(left)
		if err != nil {
			return err
		}
		if n == 0 || !caughtUp || pass == passes {
			return v.tellKeyless(left, "")
		}
	}
}

func countRows(s *spill.Sorter) (n int, err error) {
	for _, err := range s.All() {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// pass reads both sides and returns which rows differ in number, in the same
// direction as in before, which may be nil.
func (v *verification) pass(before *spill.Sorter) (left *spill.Sorter, caughtUp bool, err error) {
	ours := v.sorter()
	defer ours.Close()
	v.verdict.SourceRows = 0
	if err := v.source.Scan(v.ctx, v.table, func(row capture.Row) error {
		v.verdict.SourceRows++
		d := v.imageOf(row).digest
		return ours.Add(spill.Record{Key: d[:]})
	}); err != nil {
		return nil, false, err
	}
	if caughtUp, err = v.catchUp(); err != nil {
		return nil, false, err
	}
	theirs, err := v.targetRows(v.ctx, func(im image) spill.Record { return spill.Record{Key: im.digest[:]} })
	if err != nil {
		return nil, false, err
	}
	defer theirs.Close()
	left = v.sorter()
	if err := v.mergeKeyless(ours, theirs, before, left); err != nil {
		closeSorter(left)
		return nil, false, err
	}
	return left, caughtUp, nil
}

// mergeKeyless adds to left which rows one side has more of: the digest, and
// whether it is the source.
func (v *verification) mergeKeyless(ours, theirs, before, left *spill.Sorter) error {
	sides := make([]*side, 0, 3)
	for _, s := range []*spill.Sorter{ours, theirs, before} {
		if s == nil {
			continue
		}
		side, stop, err := newSide(s)
		defer stop()
		if err != nil {
			return err
		}
		sides = append(sides, side)
	}
	v.verdict.Equal = 0
	for key := lowest(sides); key != nil; key = lowest(sides) {
		var n [3]int64
		for i, s := range sides {
			sign := int64(1)
			if i == 2 && string(s.at.Value) == onlyTarget {
				sign = -1
			}
			count, err := s.count(key)
			if err != nil {
				return err
			}
			n[i] = sign * count
		}
		more := n[0] - n[1]
		v.verdict.Equal += min(n[0], n[1])
		if len(sides) == 3 {
			if more > 0 {
				more = max(0, min(more, n[2]))
			} else {
				more = min(0, max(more, n[2]))
			}
		}
		if err := addRows(left, key, more); err != nil {
			return err
		}
	}
	return nil
}

const (
	onlySource = "s"
	onlyTarget = "t"
)

// addRows adds a record for each row that one side has more of.
func addRows(to *spill.Sorter, key []byte, more int64) error {
	value := onlySource
	if more < 0 {
		value, more = onlyTarget, -more
	}
	for range more {
		if err := to.Add(spill.Record{Key: key, Value: []byte(value)}); err != nil {
			return err
		}
	}
	return nil
}

// count counts the records that have the key.
func (s *side) count(key []byte) (n int64, err error) {
	for s.ok && string(s.at.Key) == string(key) {
		n++
		if err := s.advance(); err != nil {
			return n, err
		}
	}
	return n, nil
}

// tellKeyless tells how many rows each side has more of, and why they were not
// mended.
func (v *verification) tellKeyless(left *spill.Sorter, why string) error {
	n := map[string]int64{}
	for r, err := range left.All() {
		if err != nil {
			return err
		}
		n[string(r.Value)]++
	}
	for _, d := range []Difference{
		{Kind: Missing, Count: n[onlySource], Left: why},
		{Kind: Extra, Count: n[onlyTarget], Left: why},
	} {
		if d.Count > 0 {
			if err := v.tell(d); err != nil {
				return err
			}
		}
	}
	return nil
}
