package postgres

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/syncback/syncback/capture"
)

// The messages of pgoutput, protocol version 1 (manual: Logical Replication
// Message Formats), as far as capturing needs them. pglogrepl has a decoder
// too; it panics on a message that is cut short, and allocates by counts that
// it did not check.
type (
	begin struct {
		final pglogrepl.LSN // of the commit record
		at    time.Time
		xid   uint32
	}
	commit struct {
		end pglogrepl.LSN // behind the commit record
		xid uint32        // of its begin; the message itself has none
	}
	origin   struct{ name string }
	typeName struct {
		oid  uint32
		name string // of the type, or of that below a domain
	}
	relation struct {
		oid      uint32
		name     name
		identity byte // as in pg_class.relreplident
		partial  bool // whether a partition that comes as this one has less than a full one; not of the message
		columns  []relationColumn
	}
	relationColumn struct {
		name     string
		oid      uint32
		modifier int32
		key      bool
	}
	rowChange struct {
		op       capture.Op
		relation uint32
		oldKind  byte // 'K': old is the key alone, 'O': the whole row, 0: there is none
		old, new capture.Row
	}
	truncate struct{ relations []uint32 }
	// logicalMessage is one of a transaction or, where transactional is false,
	// of none.
	logicalMessage struct {
		transactional   bool
		prefix, content string
	}
)

var errCutShort = errors.New("the message is cut short")

// decode reads one message. All text in what it returns is part of one copy of
// b, so that a row costs two allocations.
func decode(b []byte) (any, error) {
	r := reader{s: string(b)}
	kind := r.byte()
	m := r.message(kind)
	switch {
	case r.err != nil:
		return nil, fmt.Errorf("decode message %q of the replication stream: %w", kind, r.err)
	case m == nil:
		return nil, fmt.Errorf("the replication stream has a message %q, which is not of protocol version 1", kind)
	}
	return m, nil
}

func (r *reader) message(kind byte) any {
	switch kind {
	case 'B':
		return begin{final: r.lsn(), at: r.time(), xid: r.uint32()}
	case 'C':
		r.take(1 + 8) // flags, the commit's LSN
		return commit{end: r.lsn()}
	case 'O':
		r.take(8) // the LSN at the origin
		return origin{r.string()}
	case 'Y':
		oid := r.uint32()
		r.string() // its schema
		return typeName{oid, r.string()}
	case 'R':
		return r.relation()
	case 'I':
		return r.insert()
	case 'U':
		return r.update()
	case 'D':
		return r.delete()
	case 'T':
		return r.truncate()
	case 'M':
		flags := r.byte()
		r.take(8) // its LSN
		prefix := r.string()
		return logicalMessage{flags&1 != 0, prefix, r.take(int(r.uint32()))}
	}
	return nil
}

func (r *reader) relation() relation {
	rel := relation{oid: r.uint32()}
	rel.name.schema = r.string()
	if rel.name.schema == "" {
		rel.name.schema = "pg_catalog" // how the protocol abbreviates it
	}
	rel.name.table = r.string()
	rel.identity = r.byte()
	n := r.count(10) // a flag, an empty name, a type, a modifier
	rel.columns = make([]relationColumn, 0, n)
	for range n {
		key := r.byte()&1 != 0
		rel.columns = append(rel.columns, relationColumn{
			key: key, name: r.string(), oid: r.uint32(), modifier: int32(r.uint32()),
		})
	}
	return rel
}

func (r *reader) insert() rowChange {
	c := rowChange{op: capture.Insert, relation: r.uint32()}
	r.expect('N')
	c.new = r.row()
	return c
}

func (r *reader) update() rowChange {
	c := rowChange{op: capture.Update, relation: r.uint32()}
	kind := r.byte()
	if kind == 'K' || kind == 'O' {
		c.oldKind, c.old = kind, r.row()
		kind = r.byte()
	}
	if kind != 'N' {
		r.fail(fmt.Errorf("%q in place of the new row", kind))
	}
	c.new = r.row()
	return c
}

func (r *reader) delete() rowChange {
	c := rowChange{op: capture.Delete, relation: r.uint32(), oldKind: r.byte()}
	if c.oldKind != 'K' && c.oldKind != 'O' {
		r.fail(fmt.Errorf("%q in place of the old row", c.oldKind))
	}
	c.old = r.row()
	return c
}

func (r *reader) truncate() truncate {
	n := int(r.uint32())
	r.take(1) // options: CASCADE, RESTART IDENTITY
	if n > len(r.s)/4 {
		r.fail(errCutShort)
		return truncate{}
	}
	t := truncate{make([]uint32, n)}
	for i := range t.relations {
		t.relations[i] = r.uint32()
	}
	return t
}

// row reads a tuple. A column that was not sent is absent, which is not null.
func (r *reader) row() capture.Row {
	n := r.count(1)
	row := make(capture.Row, n)
	for i := range row {
		switch kind := r.byte(); kind {
		case 't':
			row[i] = capture.Text(r.take(int(r.uint32())))
		case 'n':
			row[i] = capture.Null()
		case 'u': // an unchanged TOAST value stays absent
		default:
			r.fail(fmt.Errorf("a column of kind %q", kind))
			return nil
		}
	}
	return row
}

// reader reads a message from its front. After the first error, which stays,
// everything reads as zero.
type reader struct {
	s   string
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.s = ""
}

func (r *reader) take(n int) string {
	if r.err != nil || n < 0 || n > len(r.s) {
		r.fail(errCutShort)
		return ""
	}
	s := r.s[:n]
	r.s = r.s[n:]
	return s
}

func (r *reader) uint(bytes int) (v uint64) {
	for _, b := range []byte(r.take(bytes)) {
		v = v<<8 | uint64(b)
	}
	return v
}

func (r *reader) byte() byte         { return byte(r.uint(1)) }
func (r *reader) uint32() uint32     { return uint32(r.uint(4)) }
func (r *reader) lsn() pglogrepl.LSN { return pglogrepl.LSN(r.uint(8)) }

// count reads the number of things that follow, each of at least size bytes.
func (r *reader) count(size int) int {
	n := int(r.uint(2))
	if n*size > len(r.s) {
		r.fail(errCutShort)
		return 0
	}
	return n
}

// time reads microseconds since the beginning of 2000.
func (r *reader) time() time.Time {
	const epoch = 946_684_800 // seconds from 1970 to 2000
	return time.UnixMicro(int64(r.uint(8)) + epoch*1_000_000).UTC()
}

func (r *reader) string() string {
	i := strings.IndexByte(r.s, 0)
	if i < 0 {
		r.fail(errCutShort)
		return ""
	}
	s := r.take(i)
	r.take(1)
	return s
}

func (r *reader) expect(kind byte) {
	if got := r.byte(); got != kind && r.err == nil {
		r.fail(fmt.Errorf("%q in place of %q", got, kind))
	}
}
