package queue

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/syncback/syncback/capture"
)

// shapes turns bytes into tables, and remembers them, because the same few come
// with every transaction. Readers thereby get the same *Table for the same shape,
// most of the time.
type shapes struct {
	mu     sync.Mutex
	tables map[string]*capture.Table
}

// maxShapes bounds what is remembered; beyond it everything is forgotten.
const maxShapes = 4096

// table returns the table that b is. It keeps no hold of b.
func (s *shapes) table(b []byte) (*capture.Table, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t, ok := s.tables[string(b)]; ok {
		return t, nil
	}
	t, err := parseTable(b)
	if err != nil {
		return nil, err
	}
	if s.tables == nil || len(s.tables) >= maxShapes {
		s.tables = make(map[string]*capture.Table)
	}
	s.tables[string(b)] = t
	return t, nil
}

func appendTable(b []byte, t *capture.Table) []byte {
	str := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	str(t.Schema)
	str(t.Name)
	b = append(b, byte(t.Identity))
	b = binary.AppendUvarint(b, uint64(len(t.Columns)))
	for _, c := range t.Columns {
		str(c.Name)
		b = binary.AppendUvarint(b, uint64(c.OID))
		str(c.Base)
		b = binary.AppendVarint(b, int64(c.Modifier))
		key := byte(0)
		if c.Key {
			key = 1
		}
		b = append(b, key)
	}
	return b
}

func parseTable(b []byte) (*capture.Table, error) {
	p := parser{b: b}
	t := &capture.Table{Schema: p.string(), Name: p.string(), Identity: capture.Identity(p.byte())}
	n := p.uvarint()
	if n > uint64(len(p.b)) { // a column takes more than a byte
		return nil, fmt.Errorf("a table of %d columns in %d bytes", n, len(b))
	}
	t.Columns = make([]capture.Column, n)
	for i := range t.Columns {
		c := &t.Columns[i]
		c.Name = p.string()
		c.OID = uint32(p.uvarint())
		c.Base = p.string()
		c.Modifier = int32(p.varint())
		c.Key = p.byte() == 1
	}
	if p.bad || len(p.b) > 0 {
		return nil, fmt.Errorf("a table that is not whole")
	}
	return t, nil
}

// A parser takes values off the front of b, and turns bad where it cannot.
type parser struct {
	b   []byte
	bad bool
}

func (p *parser) take(n uint64) []byte {
	if p.bad || n > uint64(len(p.b)) {
		p.bad = true
		return nil
	}
	b := p.b[:n]
	p.b = p.b[n:]
	return b
}

func (p *parser) byte() byte {
	if b := p.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (p *parser) uvarint() uint64 {
	v, n := binary.Uvarint(p.b)
	p.took(n)
	return v
}

func (p *parser) varint() int64 {
	v, n := binary.Varint(p.b)
	p.took(n)
	return v
}

func (p *parser) took(n int) {
	if n <= 0 {
		p.bad = true
		return
	}
	p.take(uint64(n))
}

func (p *parser) string() string { return string(p.take(p.uvarint())) }
