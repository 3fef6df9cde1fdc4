package sqlserver

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// ledgerObject is a row as the ledger has it: values by the target's columns, nil
// for NULL. A nil object is no row.
type ledgerObject map[string]*string

// conflict puts the conflict together as a rule is given it, and the row that the
// target has had since.
func (e LedgerEntry) conflict(m *mapping) (c *resolve.Conflict, since capture.Row, err error) {
	var key, base, incoming, current, result ledgerObject
	for _, o := range []struct {
		text string
		into *ledgerObject
	}{{e.Key, &key}, {e.Base, &base}, {e.Incoming, &incoming}, {e.Current, &current}, {e.Result, &result}} {
		if o.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(o.text), o.into); err != nil {
			return nil, nil, err
		}
	}
	about := ledgerObject{} // a column that could not hold its value is in no row
	for _, column := range e.Differs {
		about[column] = nil
	}
	t := ledgerShape(m.target, key, base, incoming, current, result, about)
	kind, _ := resolve.ParseKind(e.Kind) // we wrote it
	c = &resolve.Conflict{
		Kind: kind, Op: parseOp(e.Op), Table: t, Rule: m.rule(), Constraint: e.Constraint,
		Base: base.row(t), Incoming: incoming.row(t), Current: current.row(t),
		Position: e.Position, TxID: e.TxID, CommitTime: e.CommittedAt,
	}
	for _, column := range e.Differs {
		c.Differs = append(c.Differs, c.Column(column))
	}
	return c, result.row(t), nil
}

// ledgerShape is the target's table with the columns that the ledger has of it,
// in the target's order. One that the target has lost since comes last, and has
// no type.
func ledgerShape(target *targetTable, key ledgerObject, others ...ledgerObject) *capture.Table {
	known := ledgerObject{}
	for _, o := range append(others, key) {
		maps.Copy(known, o)
	}
	t := &capture.Table{Schema: target.name.schema, Name: target.name.table}
	add := func(column, base string) {
		_, isKey := key[column]
		t.Columns = append(t.Columns, capture.Column{Name: column, Base: base, Modifier: -1, Key: isKey})
		delete(known, column)
	}
	for _, column := range target.columns {
		if _, ok := known[column.name]; ok {
			add(column.name, column.typ.String())
		}
	}
	for _, column := range slices.Sorted(maps.Keys(known)) {
		add(column, "")
	}
	return t
}

// row returns the object as a Conflict has it.
func (o ledgerObject) row(t *capture.Table) capture.Row {
	if o == nil {
		return nil
	}
	row := make(capture.Row, len(t.Columns))
	for i, column := range t.Columns {
		v, known := o[column.Name]
		switch {
		case !known:
		case v == nil:
			row[i] = capture.Null()
		default:
			row[i] = capture.Text(*v)
		}
	}
	return row
}

func parseOp(name string) capture.Op {
	for _, op := range []capture.Op{capture.Insert, capture.Update, capture.Delete, capture.Truncate} {
		if op.String() == name {
			return op
		}
	}
	return 0
}
