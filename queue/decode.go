package queue

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/syncback/syncback/capture"
)

// A decoder reads back what an encoder wrote.
type decoder struct {
	next   func() ([]byte, error) // the data of the next frame; io.EOF behind the last
	most   int64                  // no text of the transaction is longer
	buf    []byte                 // what is left of the current one
	shapes *shapes
	tables []*capture.Table
	sizes  []uint64 // scratch of row
}

// maxColumns bounds what a damaged row can make the decoder allocate. It is far
// above what any database has (PostgreSQL 1,600, SQL Server 30,000).
const maxColumns = 1 << 17

// change returns the next change, and io.EOF behind the last.
func (d *decoder) change() (capture.Change, error) {
	for {
		op, err := d.byte()
		if err != nil {
			return capture.Change{}, err
		}
		if op == opTable {
			err = d.table()
		} else {
			var c capture.Change
			if c, err = d.body(capture.Op(op)); err == nil {
				return c, nil
			}
		}
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return capture.Change{}, err
		}
	}
}

func (d *decoder) table() error {
	n, err := d.uvarint()
	if err != nil {
		return err
	}
	var shape []byte
	if n <= uint64(len(d.buf)) {
		shape, d.buf = d.buf[:n], d.buf[n:]
	} else {
		s, err := d.text(n)
		if err != nil {
			return err
		}
		shape = []byte(s)
	}
	t, err := d.shapes.table(shape)
	if err != nil {
		return err
	}
	d.tables = append(d.tables, t)
	return nil
}

func (d *decoder) body(op capture.Op) (capture.Change, error) {
	c := capture.Change{Op: op}
	switch op {
	case capture.Message:
		var err error
		c.Message, err = d.message()
		return c, err
	case capture.Insert, capture.Update, capture.Delete, capture.Truncate:
	default:
		return c, fmt.Errorf("a change with the operation %d, which is none", op)
	}
	n, err := d.uvarint()
	if err != nil {
		return c, err
	}
	if n >= uint64(len(d.tables)) {
		return c, errors.New("a change of a table that was not defined")
	}
	c.Table = d.tables[n]
	if c.Before, err = d.row(c.Table); err != nil {
		return c, err
	}
	c.After, err = d.row(c.Table)
	return c, err
}

func (d *decoder) message() (*capture.LogicalMessage, error) {
	prefix, err := d.string()
	if err != nil {
		return nil, err
	}
	content, err := d.string()
	if err != nil {
		return nil, err
	}
	return &capture.LogicalMessage{Prefix: prefix, Content: []byte(content)}, nil
}

// row reads one image. Its values share one string, so that a row costs two
// allocations and not one a column.
func (d *decoder) row(t *capture.Table) (capture.Row, error) {
	n, err := d.uvarint()
	if err != nil || n == 0 {
		return nil, err
	}
	n--
	if n > maxColumns || n != uint64(len(t.Columns)) {
		return nil, fmt.Errorf("a row of %d values in %s, which has %d columns", n, t, len(t.Columns))
	}
	total, err := d.rowSizes(n)
	if err != nil {
		return nil, err
	}
	text, err := d.text(total)
	if err != nil {
		return nil, err
	}
	row := make(capture.Row, n)
	for i, size := range d.sizes {
		switch size {
		case 0:
		case 1:
			row[i] = capture.Null()
		default:
			if size-2 > uint64(len(text)) { // the sum ran over
				return nil, errors.New("a value that is longer than its row")
			}
			row[i] = capture.Text(text[:size-2])
			text = text[size-2:]
		}
	}
	return row, nil
}

// rowSizes reads what the values of a row are, into d.sizes, and returns how long
// their texts are together.
func (d *decoder) rowSizes(n uint64) (total uint64, err error) {
	d.sizes = d.sizes[:0]
	for range n {
		size, err := d.uvarint()
		if err != nil {
			return 0, err
		}
		d.sizes = append(d.sizes, size)
		if size > 2 {
			total += size - 2
		}
	}
	return total, nil
}

func (d *decoder) byte() (byte, error) {
	for len(d.buf) == 0 {
		b, err := d.next()
		if err != nil {
			return 0, err
		}
		d.buf = b
	}
	b := d.buf[0]
	d.buf = d.buf[1:]
	return b, nil
}

func (d *decoder) uvarint() (uint64, error) {
	v := uint64(0)
	for shift := 0; shift < 64; shift += 7 {
		b, err := d.byte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
	return 0, errors.New("a number of more than 64 bits")
}

func (d *decoder) string() (string, error) {
	n, err := d.uvarint()
	if err != nil {
		return "", err
	}
	return d.text(n)
}

// text reads n bytes over as many frames as they take. It allocates at once what
// the transaction can hold, and as it reads otherwise, so that a length that is
// damaged costs nothing.
func (d *decoder) text(n uint64) (string, error) {
	if n <= uint64(len(d.buf)) {
		s := string(d.buf[:n])
		d.buf = d.buf[n:]
		return s, nil
	}
	var s strings.Builder
	if n <= uint64(max(d.most, 0)) {
		s.Grow(int(n))
	}
	for n > 0 {
		if len(d.buf) == 0 {
			b, err := d.next()
			if err != nil {
				return "", err
			}
			d.buf = b
			continue
		}
		part := min(n, uint64(len(d.buf)))
		s.Write(d.buf[:part])
		d.buf = d.buf[part:]
		n -= part
	}
	return s.String(), nil
}
