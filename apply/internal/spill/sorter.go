// Package spill sorts more records than memory holds, on the local disk.
//
// It is our own because the library that does the same, lanrat/extsort, counts
// its chunks in records: keys and images are of any length here, and what has to
// be bounded is bytes.
package spill

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
)

// Record is what is sorted: by Key, and by Value where keys are equal, in the
// order of their bytes.
type Record struct{ Key, Value []byte }

func compare(a, b Record) int {
	return cmp.Or(bytes.Compare(a.Key, b.Key), bytes.Compare(a.Value, b.Value))
}

// Sorter takes records in any order and gives them back sorted. It holds about
// as many bytes of them as it is allowed; the rest is in one file, which only
// its owner can read, and which has no name as soon as it is made, where the
// system lets it, so that nothing stays behind after a kill.
//
// Its methods are called from one goroutine at a time: Add any number of times,
// then All any number of times, then Close.
type Sorter struct {
	dir   string
	limit int

	held []Record
	size int // of held, in bytes
	file *os.File
	end  int64
	runs []run // sorted pieces of the file
}

// run is a piece of the file.
type run struct{ off, size int64 }

// overhead is what a record takes in memory beside its bytes.
const overhead = 64

// New returns a Sorter that holds up to limit bytes in memory and makes its file
// in dir; "" is the system's folder for temporary files.
func New(dir string, limit int) *Sorter { return &Sorter{dir: dir, limit: limit} }

// Add takes in a record. It keeps r's slices.
func (s *Sorter) Add(r Record) error {
	s.held = append(s.held, r)
	s.size += len(r.Key) + len(r.Value) + overhead
	if s.size < s.limit {
		return nil
	}
	return s.spill()
}

// spill writes what is held to the file, sorted.
func (s *Sorter) spill() error {
	if s.file == nil {
		if err := s.create(); err != nil {
			return err
		}
	}
	slices.SortFunc(s.held, compare)
	w := &counter{w: bufio.NewWriterSize(s.file, 256<<10)}
	for _, r := range s.held {
		w.field(r.Key)
		w.field(r.Value)
	}
	if err := errors.Join(w.err, w.w.Flush()); err != nil {
		return fmt.Errorf("write a temporary file in %s: %w", s.folder(), err)
	}
	s.runs = append(s.runs, run{s.end, w.n})
	s.end += w.n
	clear(s.held)
	s.held, s.size = s.held[:0], 0
	return nil
}

func (s *Sorter) create() error {
	f, err := os.CreateTemp(s.dir, "syncback-sort-*") // for its owner alone: mode 0600
	if err != nil {
		return fmt.Errorf("make a temporary file in %s: %w", s.folder(), err)
	}
	s.file = f
	_ = os.Remove(f.Name()) // where an open file cannot go, Close removes it
	return nil
}

func (s *Sorter) folder() string { return cmp.Or(s.dir, os.TempDir()) }

// Close lets go of the file.
func (s *Sorter) Close() error {
	s.held = nil
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	_ = os.Remove(s.file.Name()) // it is gone already, on most systems
	s.file = nil
	return err
}

// counter writes fields, counts their bytes and keeps the first error.
type counter struct {
	w   *bufio.Writer
	n   int64
	err error
}

func (c *counter) field(b []byte) {
	var head [binary.MaxVarintLen64]byte
	for _, part := range [...][]byte{binary.AppendUvarint(head[:0], uint64(len(b))), b} {
		n, err := c.w.Write(part)
		c.n += int64(n)
		c.err = cmp.Or(c.err, err)
	}
}
