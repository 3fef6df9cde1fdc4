package queue

import (
	"encoding/binary"
	"fmt"

	"github.com/syncback/syncback/capture"
)

// A transaction's data is a sequence of changes and of the tables that they
// are of, cut into frames wherever a frame is full:
//
//	table    'T' length shape
//	change   op table before after
//	message  op prefix content
//
// A table stands before its first change, and is referred to by its number in
// the transaction. A row is its length plus one, 0 being no row; then for each
// value 0 (absent), 1 (null) or its length plus two; then all texts in one run.
// Numbers are varints, strings have their length before them.
const opTable = 'T'

// pieceSize is how much of a transaction's data goes into one frame. It bounds
// what a reader holds while it ranges.
const pieceSize = 256 << 10

// An encoder appends one transaction's data to buf.
type encoder struct {
	buf   []byte
	piece int          // index in buf at which the current frame's data begins
	cut   func() error // ends the current frame; it sets buf and piece anew

	shapes *shapes
	tables map[*capture.Table]uint64
	count  int64
	bytes  int64
}

// change appends c. What it refuses is a mistake of whoever made c.
func (e *encoder) change(c *capture.Change) error {
	if err := checkChange(c); err != nil {
		return err
	}
	e.count++
	e.bytes += 96
	if c.Op == capture.Message {
		e.byte(byte(c.Op))
		if err := e.string(c.Message.Prefix); err != nil {
			return err
		}
		if err := e.string(string(c.Message.Content)); err != nil {
			return err
		}
		return e.room()
	}
	table, err := e.table(c.Table)
	if err != nil {
		return err
	}
	e.byte(byte(c.Op))
	e.uvarint(table)
	for _, r := range [...]capture.Row{c.Before, c.After} {
		if err := e.row(r); err != nil {
			return err
		}
	}
	return e.room()
}

func checkChange(c *capture.Change) error {
	switch c.Op {
	case capture.Message:
		if c.Message == nil {
			return fmt.Errorf("a message without one")
		}
		return nil
	case capture.Insert, capture.Update, capture.Delete, capture.Truncate:
	default:
		return fmt.Errorf("a change with the operation %d, which is none", c.Op)
	}
	if c.Table == nil {
		return fmt.Errorf("%s without a table", c.Op)
	}
	for _, r := range [...]capture.Row{c.Before, c.After} {
		if r != nil && len(r) != len(c.Table.Columns) {
			return fmt.Errorf("%s of %d values in %s, which has %d columns", c.Op, len(r), c.Table, len(c.Table.Columns))
		}
	}
	return nil
}

// table returns t's number, and appends t where it has none yet.
func (e *encoder) table(t *capture.Table) (uint64, error) {
	if n, ok := e.tables[t]; ok {
		return n, nil
	}
	n := uint64(len(e.tables))
	if e.tables == nil {
		e.tables = make(map[*capture.Table]uint64, 4)
	}
	e.tables[t] = n
	e.byte(opTable)
	return n, e.string(e.shapes.of(t))
}

func (e *encoder) row(r capture.Row) error {
	if r == nil {
		e.byte(0)
		return nil
	}
	e.uvarint(uint64(len(r)) + 1)
	for _, v := range r {
		text, ok := v.Text()
		switch {
		case ok:
			e.uvarint(uint64(len(text)) + 2)
		case v.IsNull():
			e.byte(1)
		default:
			e.byte(0)
		}
	}
	e.bytes += 32 * int64(len(r))
	for _, v := range r {
		if text, ok := v.Text(); ok {
			if err := e.raw(text); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *encoder) byte(b byte) { e.buf = append(e.buf, b) }

func (e *encoder) uvarint(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }

func (e *encoder) string(s string) error {
	e.uvarint(uint64(len(s)))
	return e.raw(s)
}

// raw appends s over as many frames as it takes.
func (e *encoder) raw(s string) error {
	e.bytes += int64(len(s))
	for {
		room := pieceSize - (len(e.buf) - e.piece)
		if len(s) <= room {
			e.buf = append(e.buf, s...)
			return nil
		}
		if room > 0 {
			e.buf = append(e.buf, s[:room]...)
			s = s[room:]
		}
		if err := e.cut(); err != nil {
			return err
		}
	}
}

// room ends the frame when it is full.
func (e *encoder) room() error {
	if len(e.buf)-e.piece < pieceSize {
		return nil
	}
	return e.cut()
}
