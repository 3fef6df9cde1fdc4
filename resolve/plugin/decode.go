package plugin

import (
	"errors"
	"fmt"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin/internal/wire"
)

// errMalformed says that the other side does not keep to the protocol.
var errMalformed = errors.New("message cannot be read")

func decodeRow(r *wire.Row) (capture.Row, error) {
	if r == nil {
		return nil, nil
	}
	out := make(capture.Row, len(r.States))
	texts := r.Texts
	for i, state := range r.States {
		switch {
		case state == stateAbsent:
		case state == stateNull:
			out[i] = capture.Null()
		case state == stateText && len(texts) > 0:
			out[i], texts = capture.Text(string(texts[0])), texts[1:]
		default:
			return nil, fmt.Errorf("%w: value %d of a row has no text or the state %d", errMalformed, i+1, state)
		}
	}
	if len(texts) > 0 {
		return nil, fmt.Errorf("%w: a row has %d texts too many", errMalformed, len(texts))
	}
	return out, nil
}

// decodeRows decodes each of rows into the Row behind the same index.
func decodeRows(rows []*wire.Row, into ...*capture.Row) error {
	for i, r := range rows {
		row, err := decodeRow(r)
		if err != nil {
			return err
		}
		*into[i] = row
	}
	return nil
}

func decodeColumns(columns []*wire.Column) []capture.Column {
	out := make([]capture.Column, len(columns))
	for i, c := range columns {
		out[i] = capture.Column{Name: string(c.Name), OID: c.Oid, Base: string(c.Base), Modifier: c.Modifier, Key: c.Key}
	}
	return out
}

// tableList is the tables of one call, as they came.
type tableList []*capture.Table

func (l *tableList) add(tables []*wire.Table) error {
	for _, t := range tables {
		identity, err := small(t.Identity, "replica identity")
		if err != nil {
			return err
		}
		*l = append(*l, &capture.Table{
			Schema: string(t.Schema), Name: string(t.Name), Identity: capture.Identity(identity), Columns: decodeColumns(t.Columns),
		})
	}
	return nil
}

func (l tableList) at(number uint32) (*capture.Table, error) {
	switch {
	case number == 0:
		return nil, nil
	case uint64(number) > uint64(len(l)):
		return nil, fmt.Errorf("%w: there is no table %d", errMalformed, number)
	default:
		return l[number-1], nil
	}
}

// small is for what is a uint8 in Go, so that no number becomes another one.
func small(n uint32, what string) (uint8, error) {
	if n > 255 {
		return 0, fmt.Errorf("%w: there is no %s %d", errMalformed, what, n)
	}
	return uint8(n), nil
}

func (l tableList) conflict(c *wire.Conflict) (*resolve.Conflict, error) {
	table, err := l.at(c.Table)
	kind, err1 := small(c.Kind, "kind")
	op, err2 := small(c.Op, "operation")
	out := &resolve.Conflict{
		Kind: resolve.Kind(kind), Op: capture.Op(op), Table: table,
		Constraint: string(c.Constraint), Position: capture.Position(c.Position), TxID: c.TxId,
		Origin: string(c.Origin), Rule: string(c.Rule),
	}
	err3 := decodeRows([]*wire.Row{c.Base, c.Incoming, c.Current}, &out.Base, &out.Incoming, &out.Current)
	for _, i := range c.Differs {
		out.Differs = append(out.Differs, int(i))
	}
	if t := c.CommitTime; t != nil {
		out.CommitTime = time.Unix(t.Seconds, int64(t.Nanos)).UTC()
	}
	return out, errors.Join(err, err1, err2, err3)
}

func (l tableList) change(c *wire.Change) (capture.Change, error) {
	table, err := l.at(c.Table)
	op, err1 := small(c.Op, "operation")
	out := capture.Change{Op: capture.Op(op), Table: table}
	err2 := decodeRows([]*wire.Row{c.Before, c.After}, &out.Before, &out.After)
	if c.Message != nil {
		out.Message = &capture.LogicalMessage{Prefix: string(c.Message.Prefix), Content: c.Message.Content}
	}
	return out, errors.Join(err, err1, err2)
}

func decodeResolution(r *wire.Resolution) (resolve.Resolution, error) {
	action, err := small(r.Action, "action")
	row, err1 := decodeRow(r.Row)
	return resolve.Resolution{Action: resolve.Action(action), Row: row, Reason: string(r.Reason)}, errors.Join(err, err1)
}

func decodeArguments(names [][]byte, values *wire.Row) ([]resolve.Argument, error) {
	row, err := decodeRow(values)
	if err != nil {
		return nil, err
	}
	if len(names) != len(row) {
		return nil, fmt.Errorf("%w: %d names have %d values", errMalformed, len(names), len(row))
	}
	out := make([]resolve.Argument, len(row))
	for i, v := range row {
		out[i] = resolve.Argument{Name: string(names[i]), Value: v}
	}
	return out, nil
}

func decodeNames(names [][]byte) (out []string) {
	for _, n := range names {
		out = append(out, string(n))
	}
	return out
}
