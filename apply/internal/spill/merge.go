package spill

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

// All yields the records in their order. The slices of a record belong to the
// consumer. An error ends the sequence.
func (s *Sorter) All() iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		slices.SortFunc(s.held, compare)
		m := merge{&memory{rest: s.held}}
		for _, r := range s.runs {
			m = append(m, &disk{from: s.reader(r)})
		}
		if err := m.start(); err != nil {
			yield(Record{}, s.unreadable(err))
			return
		}
		for len(m) > 0 {
			if !yield(m[0].record(), nil) {
				return
			}
			if err := m.advance(); err != nil {
				yield(Record{}, s.unreadable(err))
				return
			}
		}
	}
}

// reader reads a run. All runs together are given about as much memory as the
// records that are held.
func (s *Sorter) reader(r run) *bufio.Reader {
	size := min(max(s.limit/len(s.runs), 4<<10), 64<<10)
	return bufio.NewReaderSize(io.NewSectionReader(s.file, r.off, r.size), size)
}

func (s *Sorter) unreadable(err error) error {
	return fmt.Errorf("read a temporary file in %s: %w", s.folder(), err)
}

// source is a sorted part of the records.
type source interface {
	next() (bool, error) // whether there is a record
	record() Record      // the one that next went to
}

// memory are the records that did not go to the file.
type memory struct{ at, rest []Record }

func (m *memory) record() Record { return m.at[0] }

func (m *memory) next() (bool, error) {
	if len(m.rest) == 0 {
		return false, nil
	}
	m.at, m.rest = m.rest[:1], m.rest[1:]
	return true, nil
}

// disk is a run.
type disk struct {
	from *bufio.Reader
	at   Record
}

func (d *disk) record() Record { return d.at }

func (d *disk) next() (bool, error) {
	key, err := d.field()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	value, err := d.field()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	d.at = Record{key, value}
	return err == nil, err
}

func (d *disk) field() ([]byte, error) {
	n, err := binary.ReadUvarint(d.from)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	if _, err = io.ReadFull(d.from, b); errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// merge is a heap of sources by the records they are at. It implements
// [heap.Interface].
type merge []source

func (m merge) Len() int           { return len(m) }
func (m merge) Less(i, j int) bool { return compare(m[i].record(), m[j].record()) < 0 }
func (m merge) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *merge) Push(x any)        { *m = append(*m, x.(source)) }

func (m *merge) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// start goes to the first record of each source.
func (m *merge) start() error {
	var failed error
	*m = slices.DeleteFunc(*m, func(s source) bool {
		ok, err := s.next()
		failed = errors.Join(failed, err)
		return !ok
	})
	heap.Init(m)
	return failed
}

// advance goes to the next record.
func (m *merge) advance() error {
	ok, err := (*m)[0].next()
	switch {
	case err != nil:
		return err
	case ok:
		heap.Fix(m, 0)
	default:
		heap.Pop(m)
	}
	return nil
}
