package sqlserver

import (
	"bytes"
	"context"
	"fmt"
	"iter"

	"golang.org/x/sync/errgroup"

	"github.com/syncback/syncback/apply/internal/spill"
	"github.com/syncback/syncback/capture"
)

// Both sides order keys in ways of their own: by case or not, by the last bytes
// of a uniqueidentifier, by locale. So what is read of each is sorted here, in
// the order of the bytes of the target's terms, and merged. A record's key is
// the folded key, and its value the exact key, the digest of the row and what
// the source finds the row by: what the target may take for equal stands
// together.

// compareKeyed reads both sides, merges them, and hands on what differs, in
// blocks that hold together what may belong together.
func (v *verification) compareKeyed(judge func([]*suspect) error) error {
	ours := v.sorter()
	defer ours.Close()
	var theirs *spill.Sorter
	g, ctx := errgroup.WithContext(v.ctx)
	g.Go(func() error {
		return v.source.Scan(ctx, v.table, func(row capture.Row) error {
			v.verdict.SourceRows++
			return ours.Add(v.record(v.imageOf(row), appendRow(nil, row, v.sourceKey())))
		})
	})
	g.Go(func() (err error) {
		theirs, err = v.targetRows(ctx, func(im image) spill.Record { return v.record(im, nil) })
		return err
	})
	err := g.Wait()
	defer closeSorter(theirs)
	if err != nil {
		return err
	}
	if v.overlay != nil {
		if err := v.readPending(); err != nil {
			return err
		}
	}
	return v.merge(ours, theirs, judge)
}

// targetRows sorts the target's rows. What is not read by pages is read from the
// beginning when the server refused to go on.
func (v *verification) targetRows(ctx context.Context, record func(image) spill.Record) (theirs *spill.Sorter, err error) {
	err = again(ctx, func() error {
		closeSorter(theirs)
		theirs = v.sorter()
		v.verdict.TargetRows = 0
		return v.newTargetScan(ctx).run(func(im image) error {
			v.verdict.TargetRows++
			return theirs.Add(record(im))
		})
	})
	if err != nil {
		closeSorter(theirs)
		return nil, err
	}
	return theirs, nil
}

func closeSorter(s *spill.Sorter) {
	if s != nil {
		_ = s.Close() // there is nothing in it that is wanted any more
	}
}

func (v *verification) sorter() *spill.Sorter { return spill.New(v.cfg.Dir, v.cfg.Memory/3) }

// sourceKey are the columns by which the source finds a row; none where it
// cannot.
func (v *verification) sourceKey() (which []int) {
	for i, c := range v.table.Columns {
		if c.Key {
			which = append(which, i)
		}
	}
	return which
}

// record is what is sorted of a row.
func (v *verification) record(im image, found []byte) spill.Record {
	key := v.plan.keyOf(im)
	exact := appendTerms(nil, key)
	value := appendSized(make([]byte, 0, len(exact)+len(im.digest)+len(found)+4), exact)
	value = append(append(value, im.digest[:]...), found...)
	return spill.Record{Key: appendTerms(nil, v.plan.folded(key)), Value: value}
}

// entry is a record that was read back.
type entry struct {
	exact  string
	digest digest
	found  []byte
}

func readEntry(r spill.Record) (e entry) {
	exact, rest := cutSized(r.Value)
	e.exact = string(exact)
	e.found = rest[copy(e.digest[:], rest):]
	return e
}

// side is a sorted side as it is merged.
type side struct {
	next func() (spill.Record, error, bool)
	at   spill.Record
	ok   bool
}

func newSide(s *spill.Sorter) (*side, func(), error) {
	next, stop := iter.Pull2(s.All())
	side := &side{next: next}
	return side, stop, side.advance()
}

func (s *side) advance() (err error) {
	s.at, err, s.ok = s.next()
	return err
}

// take calls each with the records that have the key.
func (s *side) take(key []byte, each func(spill.Record)) error {
	for n := 0; s.ok && bytes.Equal(s.at.Key, key); n++ {
		if n == maxAlike {
			return errAlike
		}
		each(s.at)
		if err := s.advance(); err != nil {
			return err
		}
	}
	return nil
}

// maxAlike is how many rows may have keys that are alike: they are held.
const maxAlike = 10_000

var errAlike = fmt.Errorf("more than %d rows have one key; name columns as its `key` that tell its rows apart", maxAlike)

// blockSize is how many rows that differ are looked at together.
const blockSize = 1000

// merge goes over both sides in one order.
func (v *verification) merge(ours, theirs *spill.Sorter, judge func([]*suspect) error) error {
	sides := make([]*side, 0, 3)
	sorters := []*spill.Sorter{ours, theirs}
	if v.overlay != nil {
		sorters = append(sorters, v.overlay)
	}
	for _, s := range sorters {
		side, stop, err := newSide(s)
		defer stop()
		if err != nil {
			return err
		}
		sides = append(sides, side)
	}
	var block []*suspect
	for {
		key := lowest(sides)
		if key == nil {
			break
		}
		g := newGroup(v)
		for i, take := range []func(spill.Record){g.ours, g.theirs, g.pending}[:len(sides)] {
			if err := sides[i].take(key, take); err != nil {
				return fmt.Errorf("%s: %w", v.plan.target.name, err)
			}
		}
		block = append(block, g.differing()...)
		if len(block) >= blockSize {
			if err := judge(block); err != nil {
				return err
			}
			block = nil
		}
	}
	return judge(block)
}

// lowest returns the lowest key that a side is at; nil at the end of all.
func lowest(sides []*side) (key []byte) {
	for _, s := range sides {
		if s.ok && (key == nil || bytes.Compare(s.at.Key, key) < 0) {
			key = s.at.Key
		}
	}
	return key
}
