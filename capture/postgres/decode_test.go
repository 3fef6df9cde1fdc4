package postgres

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/jackc/pglogrepl"

	"github.com/syncback/syncback/capture"
)

// message puts a message together: integers by their size, strings with a zero
// behind them, bytes as they are.
func message(parts ...any) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b.WriteString(p)
			b.WriteByte(0)
		case []byte:
			b.Write(p)
		default:
			if err := binary.Write(&b, binary.BigEndian, p); err != nil {
				panic(err)
			}
		}
	}
	return b.Bytes()
}

var messages = [][]byte{
	message(byte('B'), uint64(0x16B374D848), uint64(1_000_001), uint32(77)),
	message(byte('C'), byte(0), uint64(16), uint64(24), uint64(1)),
	message(byte('O'), uint64(1), "origin"),
	message(byte('Y'), uint32(70000), "public", "colour"),
	message(byte('R'), uint32(7), "public", "t", byte('f'), uint16(2), byte(1), "id", uint32(23), int32(-1), byte(0), "n", uint32(25), int32(-1)),
	message(byte('I'), uint32(7), byte('N'), uint16(3), byte('t'), uint32(2), []byte("12"), byte('n'), byte('u')),
	message(byte('U'), uint32(7), byte('K'), uint16(1), byte('t'), uint32(1), []byte("1"), byte('N'), uint16(1), byte('n')),
	message(byte('U'), uint32(7), byte('N'), uint16(1), byte('u')),
	message(byte('D'), uint32(7), byte('O'), uint16(1), byte('t'), uint32(0)),
	message(byte('T'), uint32(2), byte(3), uint32(7), uint32(8)),
	message(byte('M'), byte(1), uint64(9), "syncback", uint32(9), []byte("heartbeat")),
}

func TestDecode(t *testing.T) {
	m, err := decode(messages[5])
	c, ok := m.(rowChange)
	if err != nil || !ok || c.op != capture.Insert || len(c.new) != 3 {
		t.Fatalf("an insert is %+v, %v", m, err)
	}
	if text, _ := c.new[0].Text(); text != "12" || !c.new[1].IsNull() || !c.new[2].IsAbsent() {
		t.Errorf("its row is %v", c.new)
	}
	if m, err := decode(messages[10]); err != nil || !m.(logicalMessage).isHeartbeat() {
		t.Errorf("a heartbeat is %+v, %v", m, err)
	}
	if m, _ := decode(messages[0]); m.(begin).at.UnixMicro() != 946_684_800_000_000+1_000_001 {
		t.Errorf("commit time %v", m.(begin).at)
	}
}

// TestMalformedMessagesAreRefused cuts every message at every byte, and so those
// that they come in: what trusts them panics. An LSN with more behind it is none.
func TestMalformedMessagesAreRefused(t *testing.T) {
	for _, whole := range messages {
		if _, err := decode(whole); err != nil {
			t.Errorf("%q: %v", whole[0], err)
		}
		for n := range len(whole) {
			short := 9 // flags and positions that a commit does not need may be missing at its end
			if whole[0] == 'C' && n >= len(whole)-short+1 {
				continue
			}
			if m, err := decode(whole[:n]); err == nil {
				t.Errorf("%d of the %d bytes of %q are read as %+v", n, len(whole), whole[0], m)
			}
		}
	}
	huge := message(byte('T'), uint32(1<<31), byte(0), uint32(7))
	if _, err := decode(huge); !errors.Is(err, errCutShort) {
		t.Errorf("a count that is too large: %v", err)
	}
	s := &stream{line: newLine(1 << 20)}
	for _, whole := range [][]byte{
		message(byte('w'), uint64(1), uint64(2), uint64(3), byte('B')),
		message(byte('k'), uint64(1), uint64(2), byte(0)),
	} {
		for n := range len(whole) {
			if err := s.handleData(t.Context(), whole[:n]); err == nil {
				t.Errorf("%d of the %d bytes of %q are taken", n, len(whole), whole[0])
			}
		}
	}
	if lsn, err := parseLSN("16/B374D848xyz"); err == nil {
		t.Errorf("16/B374D848xyz is read as %s", lsn)
	}
}

// FuzzDecode compares with pglogrepl's decoder, where that does not panic.
func FuzzDecode(f *testing.F) {
	for _, m := range messages {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, err := decode(b)
		if err != nil {
			return
		}
		agree(t, ours, parse(b))
	})
}

// agree compares what the two decoders made of a message.
func agree(t *testing.T, ours any, theirs pglogrepl.Message) {
	same := true
	switch m := theirs.(type) {
	case *pglogrepl.BeginMessage:
		same = ours.(begin).final == m.FinalLSN && ours.(begin).xid == m.Xid
	case *pglogrepl.CommitMessage:
		same = ours.(commit).end == m.TransactionEndLSN
	case *pglogrepl.OriginMessage:
		same = ours.(origin).name == m.Name
	case *pglogrepl.TypeMessage:
		same = ours.(typeName) == typeName{m.DataType, m.Name}
	case *pglogrepl.RelationMessage:
		same = sameRelation(ours.(relation), m)
	case *pglogrepl.LogicalDecodingMessage:
		l := ours.(logicalMessage)
		same = l.prefix == m.Prefix && l.content == string(m.Content)
	case *pglogrepl.InsertMessage:
		sameRows(t, ours.(rowChange).new, m.Tuple)
	case *pglogrepl.UpdateMessage:
		sameRows(t, ours.(rowChange).old, m.OldTuple)
		sameRows(t, ours.(rowChange).new, m.NewTuple)
	case *pglogrepl.DeleteMessage:
		sameRows(t, ours.(rowChange).old, m.OldTuple)
	}
	if !same {
		t.Errorf("%+v, %+v", ours, theirs)
	}
}

func sameRelation(r relation, m *pglogrepl.RelationMessage) bool {
	if r.oid != m.RelationID || r.name != (name{cmp.Or(m.Namespace, "pg_catalog"), m.RelationName}) || r.identity != m.ReplicaIdentity {
		return false
	}
	return slices.EqualFunc(r.columns, m.Columns, func(c relationColumn, m *pglogrepl.RelationMessageColumn) bool {
		return c == relationColumn{name: m.Name, oid: m.DataType, modifier: m.TypeModifier, key: m.Flags&1 != 0}
	})
}

// parse is pglogrepl.Parse, nil where that panics or refuses.
func parse(b []byte) (m pglogrepl.Message) {
	defer func() {
		if recover() != nil {
			m = nil
		}
	}()
	if len(b) > 5 && b[0] == 'T' {
		return nil // it would allocate whatever the count says
	}
	m, err := pglogrepl.Parse(b)
	if err != nil {
		return nil
	}
	return m
}

func sameRows(t *testing.T, row capture.Row, tuple *pglogrepl.TupleData) {
	if tuple == nil {
		tuple = &pglogrepl.TupleData{}
	}
	if len(row) != len(tuple.Columns) {
		t.Fatalf("%d columns, %d", len(row), len(tuple.Columns))
	}
	for i, col := range tuple.Columns {
		text, ok := row[i].Text()
		if ok != (col.DataType == 't') || row[i].IsNull() != (col.DataType == 'n') || text != string(col.Data) {
			t.Errorf("column %d is %s %q, %c %q", i, row[i], text, col.DataType, col.Data)
		}
	}
}
