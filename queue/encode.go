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

// An encoder appends transactions' data to buf.
type encoder struct {
	buf   []byte
	piece int          // index in buf at which the current frame's data begins
	max   int          // how much data goes into a frame
	cut   func() error // ends the current frame; it sets buf and piece anew

	// tables are those of the transactions so far, because the same few come with
	// every one. Beyond maxShapes all are forgotten, and are encoded anew where
	// they come again, in the middle of a transaction too.
	tables map[*capture.Table]*encodedTable
	last   *encodedTable // of the change before, which most changes share
	tx     uint64        // how many transactions there were, this one included

	numbered     uint64 // how many tables stand in this transaction
	count, bytes int64
}

type encodedTable struct {
	table  *capture.Table
	shape  string
	tx     uint64 // the transaction in which it stands last
	number uint64 // in that one
}

// begin begins a transaction.
func (e *encoder) begin() {
	e.tx++
	e.numbered, e.count, e.bytes = 0, 0, 0
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
	if e.last == nil || e.last.table != t {
		e.last = e.encoded(t)
	}
	known := e.last
	if known.tx == e.tx {
		return known.number, nil
	}
	known.tx, known.number = e.tx, e.numbered
	e.numbered++
	e.byte(opTable)
	return known.number, e.string(known.shape)
}

func (e *encoder) encoded(t *capture.Table) *encodedTable {
	if known, ok := e.tables[t]; ok {
		return known
	}
	if e.tables == nil || len(e.tables) >= maxShapes {
		e.tables = make(map[*capture.Table]*encodedTable)
	}
	known := &encodedTable{table: t, shape: string(appendTable(nil, t))}
	e.tables[t] = known
	return known
}

func (e *encoder) row(r capture.Row) error {
	if r == nil {
		e.byte(0)
		return nil
	}
	e.uvarint(uint64(len(r)) + 1)
	total := 0
	buf := e.buf
	for i := range r {
		text, ok := r[i].Text()
		switch size := len(text) + 2; {
		case !ok && r[i].IsNull():
			buf = append(buf, 1)
		case !ok:
			buf = append(buf, 0)
		case size < 0x80: // a varint of one byte, as most are
			buf = append(buf, byte(size))
		default:
			buf = binary.AppendUvarint(buf, uint64(size))
		}
		total += len(text)
	}
	e.bytes += 32*int64(len(r)) + int64(total)
	if total > e.max-(len(buf)-e.piece) {
		e.buf = buf
		return e.longTexts(r)
	}
	for i := range r {
		text, _ := r[i].Text()
		buf = append(buf, text...)
	}
	e.buf = buf
	return nil
}

// longTexts appends the texts of a row for which the frame has no room.
func (e *encoder) longTexts(r capture.Row) error {
	for i := range r {
		text, _ := r[i].Text()
		if err := e.raw(text); err != nil {
			return err
		}
	}
	return nil
}

func (e *encoder) byte(b byte) { e.buf = append(e.buf, b) }

func (e *encoder) uvarint(v uint64) { e.buf = binary.AppendUvarint(e.buf, v) }

func (e *encoder) string(s string) error {
	e.uvarint(uint64(len(s)))
	e.bytes += int64(len(s))
	return e.raw(s)
}

// raw appends s over as many frames as it takes.
func (e *encoder) raw(s string) error {
	for {
		room := e.max - (len(e.buf) - e.piece)
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
	if len(e.buf)-e.piece < e.max {
		return nil
	}
	return e.cut()
}
