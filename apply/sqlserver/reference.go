package sqlserver

import (
	"fmt"
	"slices"
	"strings"
)

// reference is a Reference, or a declared foreign key, matched with the
// catalogue: columns that hold those of a row of another table.
type reference struct {
	columns []*targetColumn
	table   name
	to      []string // folded names of the other table's columns
}

// findReferences matches the configured and the declared references of a table
// to other mapped ones: what is never changed from here is never parked.
func (m *mapping) findReferences(mappings map[name]*mapping) error {
	for _, f := range m.target.foreign {
		for _, other := range mappings {
			if other.target.id == f.table {
				m.references = append(m.references, m.declared(f, other.target))
			}
		}
	}
	for _, r := range m.config.References {
		ref, err := m.configured(r, mappings)
		if err != nil {
			return fmt.Errorf("%s: references: %w", m.target.name, err)
		}
		m.references = append(m.references, ref)
	}
	return nil
}

func (m *mapping) declared(f foreignKey, other *targetTable) reference {
	ref := reference{table: other.name}
	for i := range f.columns {
		ref.columns = append(ref.columns, m.target.columnByID(f.columns[i]))
		ref.to = append(ref.to, strings.ToLower(other.columnByID(f.to[i]).name))
	}
	return ref
}

func (m *mapping) configured(r Reference, mappings map[name]*mapping) (ref reference, err error) {
	if ref.table, err = parseTarget(r.Target); err != nil {
		return ref, err
	}
	var other *mapping
	for _, candidate := range mappings {
		if candidate.target.name.fold() == ref.table.fold() {
			other = candidate
		}
	}
	if other == nil {
		return ref, fmt.Errorf("%s is not among the mapped tables; map it, or take the reference out", ref.table)
	}
	to := r.To
	if to == nil {
		to = other.keyColumns(len(r.Columns))
	}
	if len(to) != len(r.Columns) || len(to) == 0 {
		return ref, fmt.Errorf("%d columns refer to %d of %s; name as many with `to`", len(r.Columns), len(to), ref.table)
	}
	for i, column := range r.Columns {
		c := m.target.column(column)
		if c == nil {
			return ref, fmt.Errorf("it names column %q, which %s; correct the name", column, m.target.lacks(column, "the target table"))
		}
		t := other.target.column(to[i])
		if t == nil {
			return ref, fmt.Errorf("it names column %q, which %s; correct the name", to[i], other.target.lacks(to[i], ref.table.String()))
		}
		ref.columns, ref.to = append(ref.columns, c), append(ref.to, strings.ToLower(t.name))
	}
	return ref, nil
}

// keyColumns are the target columns by which rows are found, as far as they are
// known before the source's table is: the configured key, else the first unique
// index of so many columns.
func (m *mapping) keyColumns(n int) []string {
	if m.config.Key != nil {
		return m.config.Key
	}
	i := slices.IndexFunc(m.target.uniques, func(u uniqueIndex) bool { return len(u.columns) == n })
	if i < 0 {
		return nil
	}
	return m.target.uniques[i].columns
}
