package sqlserver

import (
	"fmt"
	"slices"
	"time"

	"github.com/syncback/syncback/capture"
)

// plan says how the changes of one source table, in one shape of it, are
// written to its target table.
type plan struct {
	mapping *mapping
	source  *capture.Table
	target  *targetTable
	columns []planColumn // those that are written, in the source's order
	// key are indexes into columns; nil means that a row is found by its whole
	// old image.
	key      []int
	unique   bool // see uniquelyKeyed
	fixed    []fixedColumn
	shape    *capture.Table // see targetShape; nil until it is asked for
	emulated *capture.Table // see emulatedShape; likewise
	truncate bool
	// references are the rows that a row refers to.
	references []reference
	remember   *remembering // nil where nothing is remembered
}

// planColumn is one source column that is written to one target column.
type planColumn struct {
	from  int // index into capture.Table.Columns
	to    *targetColumn
	codec *codec
}

// fixedColumn is a target column that gets the same value in every new row.
type fixedColumn struct {
	to    *targetColumn
	bound bound
}

type planOptions struct{ zone *time.Location }

// newPlan returns the plan, or all that keeps it from being one.
func newPlan(m *mapping, t *capture.Table, opt planOptions) (*plan, []error) {
	p := &plan{mapping: m, source: t, target: m.target, truncate: m.config.Truncate, references: m.references}
	var wrong []error
	for i, from := range t.Columns {
		column, err := m.planColumn(i, from, opt)
		if err == nil && column != nil {
			err = p.addColumn(*column)
		}
		if err != nil {
			wrong = append(wrong, err)
		}
	}
	if err := m.checkSourceNames(t); err != nil {
		wrong = append(wrong, err)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	if err := p.findKey(m); err != nil {
		return nil, []error{err}
	}
	p.unique = p.uniquelyKeyed()
	if err := p.addFixed(m); err != nil {
		return nil, []error{err}
	}
	if err := p.findRemembering(); err != nil {
		return nil, []error{err}
	}
	if err := p.checkHolder(); err != nil {
		return nil, []error{err}
	}
	return p, nil
}

func (p *plan) addColumn(c planColumn) error {
	if i := p.indexOf(c.to); i >= 0 {
		return fmt.Errorf("%s: columns %q and %q are both mapped to %q; skip one", p.source,
			p.source.Columns[p.columns[i].from].Name, p.source.Columns[c.from].Name, c.to.name)
	}
	p.columns = append(p.columns, c)
	return nil
}

// planColumn maps one source column; nil means that it is not written.
func (m *mapping) planColumn(i int, from capture.Column, opt planOptions) (*planColumn, error) {
	column, err := m.column(from)
	if column == nil || err != nil {
		return nil, err
	}
	rule := m.config.Columns[from.Name]
	c, err := newCodec(from, column.typ, codecOptions{lossy: rule.Lossy, zone: opt.zone, nullAs: rule.NullAs})
	if err != nil {
		return nil, &pairError{fmt.Errorf("%s, column %q into %s, column %q: %w", m.source, from.Name, m.target.name, column.name, err)}
	}
	return &planColumn{from: i, to: column, codec: c}, nil
}

// pairError says that the types of two columns do not go with each other.
type pairError struct{ error }

func (e *pairError) Unwrap() error { return e.error }

// column returns the target column that a source column is written to; nil means
// that it is not written.
func (m *mapping) column(from capture.Column) (*targetColumn, error) {
	rule := m.config.Columns[from.Name]
	if rule.Skip || rule.OwnerTarget {
		return nil, nil
	}
	to := rule.To
	if to == "" {
		to = from.Name
	}
	column := m.target.column(to)
	if column == nil {
		return nil, fmt.Errorf("%s has column %q, which %s; map it with `to`, or `skip` it", m.source, from.Name, m.target.lacks(to, m.target.name.String()))
	}
	if m.excluded(column) || column.generated() {
		return nil, nil
	}
	return column, nil
}

// checkSourceNames reports a source column in the configuration that the source
// table lacks.
func (m *mapping) checkSourceNames(t *capture.Table) error {
	for from := range m.config.Columns {
		if !slices.ContainsFunc(t.Columns, func(c capture.Column) bool { return c.Name == from }) {
			return fmt.Errorf("%s: columns names %q, which the source table lacks; correct the name", t, from)
		}
	}
	return nil
}

func (p *plan) findKey(m *mapping) error {
	for _, k := range m.config.Key {
		i := p.indexOf(m.target.column(k))
		if i < 0 {
			return fmt.Errorf("%s: key column %q is not written from any column of %s; map one to it", m.target.name, k, p.source)
		}
		p.key = append(p.key, i)
	}
	if len(p.key) > 0 {
		return nil
	}
	for i, c := range p.source.Columns {
		if !c.Key {
			continue
		}
		j := slices.IndexFunc(p.columns, func(pc planColumn) bool { return pc.from == i })
		if j < 0 {
			return fmt.Errorf("%s: key column %q is not written to %s; map it, or name another `key`", p.source, c.Name, m.target.name)
		}
		p.key = append(p.key, j)
	}
	if len(p.key) == 0 && p.source.Identity != capture.IdentityFull {
		return fmt.Errorf("%s has neither a key nor replica identity full, so that its rows cannot be told apart; name a `key`, or ALTER TABLE … REPLICA IDENTITY FULL", p.source)
	}
	return nil
}

func (p *plan) addFixed(m *mapping) error {
	for i := range m.target.columns {
		to := &m.target.columns[i]
		text, ok := m.fixed(to)
		if !ok {
			continue
		}
		if p.indexOf(to) >= 0 {
			return fmt.Errorf("%s: column %q is both fixed and written from the source; keep one", m.target.name, to.name)
		}
		value, err := literal(to.typ, text)
		if err != nil {
			return fmt.Errorf("%s: the fixed value of column %q does not fit %s: %w; correct it", m.target.name, to.name, to.typ, err)
		}
		p.fixed = append(p.fixed, fixedColumn{to, value})
	}
	return nil
}

// indexOf returns the index in columns of the one that is written to a target
// column, or -1.
func (p *plan) indexOf(to *targetColumn) int {
	return slices.IndexFunc(p.columns, func(c planColumn) bool { return c.to == to })
}

// allColumns are the indexes of columns.
func (p *plan) allColumns() []int {
	out := make([]int, len(p.columns))
	for i := range out {
		out[i] = i
	}
	return out
}

// isKey reports whether columns[i] is part of the key.
func (p *plan) isKey(i int) bool { return slices.Contains(p.key, i) }

// unwritten are the target columns that must not be null, have no default, and
// are written by nothing: every insert would be refused.
func (p *plan) unwritten() []string {
	var names []string
	for i := range p.target.columns {
		c := &p.target.columns[i]
		fixed := slices.ContainsFunc(p.fixed, func(f fixedColumn) bool { return f.to == c })
		if !c.nullable && !c.hasDefault && !c.identity && !c.generated() && !fixed && p.indexOf(c) < 0 {
			names = append(names, c.name)
		}
	}
	return names
}

// uniquelyKeyed reports whether the target promises that no two rows have the
// same key.
func (p *plan) uniquelyKeyed() bool {
	return slices.ContainsFunc(p.target.uniques, func(u uniqueIndex) bool {
		return !slices.ContainsFunc(u.columns, func(name string) bool {
			return !slices.ContainsFunc(p.key, func(k int) bool { return p.columns[k].to == p.target.column(name) })
		})
	})
}
