package resolvetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// Memory is a target in memory, for tests of an Emulator. Names are compared
// without regard to case; values are compared as they are, but for the blanks at
// their end.
type Memory struct {
	Tables     map[string]resolve.Result // by schema.name
	Numbers    map[string]int64          // the last number that each allocator gave
	Procedures map[string]func(args []resolve.Argument) (resolve.Result, error)
}

// Table makes a table for a Memory: columns, with a * behind those of the key,
// and rows. A "(null)" is null.
func Table(columns string, rows ...[]string) resolve.Result {
	var out resolve.Result
	for name := range strings.FieldsSeq(columns) {
		column, key := strings.CutSuffix(name, "*")
		out.Columns = append(out.Columns, capture.Column{Name: column, Base: "varchar(100)", Modifier: -1, Key: key})
	}
	for _, r := range rows {
		out.Rows = append(out.Rows, row(r...))
	}
	return out
}

// mostRows is how many rows Rows returns at most.
const mostRows = 1000

// Rows implements resolve.Target.
func (m *Memory) Rows(_ context.Context, q resolve.Query) (resolve.Result, error) {
	table, ok := lookup(m.Tables, q.Table)
	if !ok {
		return resolve.Result{}, fmt.Errorf("there is no table %s", q.Table)
	}
	names := q.Columns
	if names == nil {
		for _, c := range table.Columns {
			names = append(names, c.Name)
		}
	}
	read, err := indexesOf(q.Table, table, names)
	if err != nil {
		return resolve.Result{}, err
	}
	out := resolve.Result{}
	for _, i := range read {
		out.Columns = append(out.Columns, table.Columns[i])
	}
	for _, r := range table.Rows {
		matches, err := m.matches(q, table, r)
		if err != nil {
			return resolve.Result{}, err
		}
		if !matches || len(out.Rows) == cmp.Or(q.Limit, mostRows) {
			continue
		}
		var picked capture.Row
		for _, i := range read {
			picked = append(picked, r[i])
		}
		out.Rows = append(out.Rows, picked)
	}
	return out, nil
}

func (m *Memory) matches(q resolve.Query, table resolve.Result, r capture.Row) (bool, error) {
	for _, where := range q.Where {
		at, err := indexesOf(q.Table, table, []string{where.Name})
		if err != nil {
			return false, err
		}
		if trimmed(r[at[0]]) != trimmed(where.Value) {
			return false, nil
		}
	}
	return true, nil
}

func trimmed(v capture.Value) capture.Value {
	if text, ok := v.Text(); ok {
		return capture.Text(strings.TrimRight(text, " "))
	}
	return v
}

// indexesOf returns the indexes of columns.
func indexesOf(name string, table resolve.Result, columns []string) ([]int, error) {
	var out []int
	for _, column := range columns {
		i := slices.IndexFunc(table.Columns, func(c capture.Column) bool { return strings.EqualFold(c.Name, column) })
		if i < 0 {
			return nil, fmt.Errorf("%s has no column %s", name, column)
		}
		out = append(out, i)
	}
	return out, nil
}

// Next implements resolve.Target.
func (m *Memory) Next(_ context.Context, allocator string) (int64, error) {
	for name := range m.Numbers {
		if strings.EqualFold(name, allocator) {
			m.Numbers[name]++
			return m.Numbers[name], nil
		}
	}
	return 0, fmt.Errorf("there is no allocator %s", allocator)
}

// Call implements resolve.Target.
func (m *Memory) Call(_ context.Context, procedure string, args []resolve.Argument) (resolve.Result, error) {
	f, ok := lookup(m.Procedures, procedure)
	if !ok {
		return resolve.Result{}, fmt.Errorf("there is no procedure %s", procedure)
	}
	return f(args)
}

func lookup[T any](of map[string]T, name string) (found T, ok bool) {
	for key, v := range of {
		if strings.EqualFold(key, name) {
			return v, true
		}
	}
	return found, false
}
