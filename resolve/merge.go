package resolve

import (
	"maps"
	"slices"
	"strings"

	"github.com/syncback/syncback/capture"
)

// Merging says how [Merge] puts a row together from both sides.
type Merging struct {
	// Both decides a column that both sides changed, to different values; nil
	// leaves it undecided, and with it the conflict.
	Both ColumnRule
	// Columns decide columns by their names in the target, compared without
	// regard to case, whatever changed.
	Columns map[string]ColumnRule
}

// Merge is a three-way merge by column: what only one side changed since the
// source's old row is taken from that side, and what both changed alike is as
// they have it. Every column that differs is one that both changed where the old
// row is not known, as with an insert of a row that exists.
//
// It passes where one column remains undecided, and where there are no two rows:
// deletes, and updates of a row that is missing. What the target refuses is
// merged only if one of m.Columns puts another value in the place of the one
// that is refused. What someone has open is not merged.
func Merge(m Merging) Resolver {
	columns := make(map[string]ColumnRule, len(m.Columns))
	for name, rule := range m.Columns {
		columns[strings.ToLower(name)] = rule
	}
	names := slices.Sorted(maps.Keys(m.Columns))
	m.Columns = columns
	return decide(func(c *Conflict) Resolution {
		row, ok := m.row(c)
		if !ok {
			return Resolution{Action: Pass}
		}
		r := Resolution{Action: TakeRow, Row: row, Reason: "merged by column"}
		if r.Verify(c) != nil {
			return Resolution{Action: Pass}
		}
		return r
	}, names...)
}

func (m Merging) row(c *Conflict) (capture.Row, bool) {
	if c.Incoming == nil || c.Kind == SeveralMatch || c.Current == nil && !c.Kind.Refused() {
		return nil, false
	}
	row := make(capture.Row, len(c.Table.Columns))
	for i, column := range c.Table.Columns {
		v := ColumnValues{Type: column.Base, Base: c.at(c.Base, i), Incoming: c.at(c.Incoming, i), Current: c.at(c.Current, i)}
		rule, named := m.Columns[strings.ToLower(column.Name)]
		if !named {
			rule = v.threeWay(m.Both)
		}
		merged, ok := capture.Value{}, false
		if rule != nil {
			merged, ok = rule(v)
		}
		refused := c.Kind.Refused() && slices.Contains(c.Differs, i)
		if !ok || refused && !named {
			return nil, false
		}
		row[i] = merged
	}
	return row, !c.Kind.Refused() || c.mends(row)
}

// mends reports whether a row has something else in place of what was refused.
func (c *Conflict) mends(row capture.Row) bool {
	for i := range row {
		suspect := len(c.Differs) == 0 || slices.Contains(c.Differs, i)
		if suspect && row[i] != c.Incoming[i] {
			return true
		}
	}
	return false
}

// at returns a row's value, absent where there is no row.
func (c *Conflict) at(r capture.Row, i int) capture.Value {
	if r == nil {
		return capture.Value{}
	}
	return r[i]
}

// threeWay returns the rule for a column that none is named for.
func (v ColumnValues) threeWay(both ColumnRule) ColumnRule {
	switch {
	case v.Incoming.IsAbsent(), v.Incoming == v.Current, v.Incoming == v.Base:
		return TargetColumn()
	case v.Current.IsAbsent(), v.Current == v.Base:
		return SourceColumn()
	default:
		return both
	}
}
