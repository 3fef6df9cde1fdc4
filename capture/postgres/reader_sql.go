package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
)

// keyColumn is a column of a table's key.
type keyColumn struct {
	index int    // among the table's columns
	typ   string // as SQL spells it
	place int    // in the key's index
}

// scan asks for the rows of a table, those that came left out.
type scan struct {
	table *capture.Table
	keyed bool
	last  capture.Row // that came; nil before the first
}

func (s *scan) of() *capture.Table   { return s.table }
func (s *scan) took(row capture.Row) { s.last = row }
func (s *scan) goesOn() bool         { return s.keyed || s.last == nil }

func (s *scan) sql(key []keyColumn) (text string, args []any) {
	text = "SELECT " + columnsSQL(s.table) + " FROM " + tableSQL(s.table) + " t"
	if !s.keyed {
		return text, nil
	}
	var columns, values []string
	for i, k := range key {
		columns = append(columns, columnSQL(s.table, k.index))
		values = append(values, fmt.Sprintf("$%d::text::%s", i+1, k.typ))
	}
	order := strings.Join(columns, ", ")
	if s.last != nil {
		text += " WHERE (" + order + ") > (" + strings.Join(values, ", ") + ")"
		for _, k := range key {
			v, _ := s.last[k.index].Text()
			args = append(args, v)
		}
	}
	return text + fmt.Sprintf(" ORDER BY %s LIMIT %d", order, scanRows), args
}

// find asks for the rows that have the keys of given ones. Behind the columns
// come the index of the given row, and the version.
type find struct {
	table *capture.Table
	rows  []capture.Row
	found []capture.Row
}

func (f *find) of() *capture.Table   { return f.table }
func (f *find) took(row capture.Row) { f.found = append(f.found, row) }
func (f *find) goesOn() bool         { return true } // nothing of it was told yet

func (f *find) sql(key []keyColumn) (text string, args []any) {
	f.found = nil // what came of an answer that was cut off comes again
	var arrays, names, on []string
	for i, k := range key {
		values := make([]string, len(f.rows))
		for j, row := range f.rows {
			values[j], _ = row[k.index].Text()
		}
		args = append(args, values)
		arrays = append(arrays, fmt.Sprintf("$%d::text[]", i+1))
		names = append(names, fmt.Sprintf("k%d", i))
		on = append(on, fmt.Sprintf("%s = k.k%d::%s", columnSQL(f.table, k.index), i, k.typ))
	}
	// A row's version is the transaction that made it, and its place: the place
	// alone could be used again, and one transaction can change a row twice.
	return fmt.Sprintf("SELECT %s, k.n - 1, concat(t.xmin, ' ', t.tableoid, t.ctid) FROM unnest(%s) WITH ORDINALITY AS k(%s, n) JOIN %s t ON %s",
		columnsSQL(f.table), strings.Join(arrays, ", "), strings.Join(names, ", "), tableSQL(f.table), strings.Join(on, " AND ")), args
}

func hasKey(t *capture.Table) bool {
	return slices.ContainsFunc(t.Columns, func(c capture.Column) bool { return c.Key })
}

func tableSQL(t *capture.Table) string { return name{t.Schema, t.Name}.sql() }

func columnSQL(t *capture.Table, i int) string {
	return "t." + pgx.Identifier{t.Columns[i].Name}.Sanitize()
}

func columnsSQL(t *capture.Table) string {
	var columns []string
	for i := range t.Columns {
		columns = append(columns, columnSQL(t, i))
	}
	return strings.Join(columns, ", ")
}
