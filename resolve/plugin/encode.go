package plugin

import (
	"google.golang.org/protobuf/proto"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin/internal/wire"
)

// The states of a value, as rules.proto numbers them.
const (
	stateAbsent = iota
	stateNull
	stateText
)

func encodeRow(r capture.Row) *wire.Row {
	if r == nil {
		return nil
	}
	out := &wire.Row{States: make([]byte, len(r))}
	for i, v := range r {
		text, ok := v.Text()
		switch {
		case ok:
			out.States[i] = stateText
			out.Texts = append(out.Texts, []byte(text))
		case v.IsNull():
			out.States[i] = stateNull
		}
	}
	return out
}

func encodeColumns(columns []capture.Column) []*wire.Column {
	out := make([]*wire.Column, len(columns))
	for i, c := range columns {
		out[i] = &wire.Column{Name: []byte(c.Name), Oid: c.OID, Base: []byte(c.Base), Modifier: c.Modifier, Key: c.Key}
	}
	return out
}

// tableNumbers numbers the tables of one call from 1, in the order in which they
// come.
type tableNumbers struct {
	numbers map[*capture.Table]uint32
	tables  []*wire.Table
}

func (n *tableNumbers) of(t *capture.Table) uint32 {
	if t == nil {
		return 0
	}
	if at, ok := n.numbers[t]; ok {
		return at
	}
	if n.numbers == nil {
		n.numbers = map[*capture.Table]uint32{}
	}
	n.tables = append(n.tables, &wire.Table{
		Schema: []byte(t.Schema), Name: []byte(t.Name), Identity: uint32(t.Identity), Columns: encodeColumns(t.Columns),
	})
	n.numbers[t] = uint32(len(n.tables))
	return n.numbers[t]
}

func (n *tableNumbers) conflict(c *resolve.Conflict) *wire.Conflict {
	out := &wire.Conflict{
		Kind: uint32(c.Kind), Op: uint32(c.Op), Table: n.of(c.Table),
		Base: encodeRow(c.Base), Incoming: encodeRow(c.Incoming), Current: encodeRow(c.Current),
		Constraint: []byte(c.Constraint), Position: uint64(c.Position), TxId: c.TxID,
		Origin: []byte(c.Origin), Rule: []byte(c.Rule),
	}
	for _, i := range c.Differs {
		out.Differs = append(out.Differs, uint32(i))
	}
	if !c.CommitTime.IsZero() {
		out.CommitTime = &wire.Time{Seconds: c.CommitTime.Unix(), Nanos: uint32(c.CommitTime.Nanosecond())}
	}
	return out
}

func (n *tableNumbers) change(c capture.Change) *wire.Change {
	out := &wire.Change{Op: uint32(c.Op), Table: n.of(c.Table), Before: encodeRow(c.Before), After: encodeRow(c.After)}
	if c.Message != nil {
		out.Message = &wire.LogicalMessage{Prefix: []byte(c.Message.Prefix), Content: c.Message.Content}
	}
	return out
}

func encodeResolution(r resolve.Resolution) *wire.Resolution {
	return &wire.Resolution{Action: uint32(r.Action), Row: encodeRow(r.Row), Reason: []byte(r.Reason)}
}

// encodeArguments splits arguments into names and a row of values.
func encodeArguments(args []resolve.Argument) (names [][]byte, values *wire.Row) {
	row := make(capture.Row, len(args))
	for i, a := range args {
		names, row[i] = append(names, []byte(a.Name)), a.Value
	}
	return names, encodeRow(row)
}

func encodeNames(names []string) (out [][]byte) {
	for _, n := range names {
		out = append(out, []byte(n))
	}
	return out
}

// What one message holds.
const (
	fullMessage    = 1 << 20  // bytes from which on a message takes nothing more
	longestMessage = 64 << 20 // bytes of the largest one, which is of one large item
)

// parts cuts items into parts that are each sent as one message.
func parts[T proto.Message](items []T) (out [][]T) {
	for len(items) > 0 {
		n, size := 0, 0
		for n < len(items) && size < fullMessage {
			next := proto.Size(items[n])
			if n > 0 && size+next > fullMessage {
				break
			}
			size += next
			n++
		}
		out = append(out, items[:n])
		items = items[n:]
	}
	return out
}
