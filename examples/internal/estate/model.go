package estate

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/syncback/syncback/capture"
)

// Model is what both databases must hold.
type Model struct {
	Tables []*Table

	rows    map[*Table]map[string][]*row // by key; several only in a keyless table
	touched map[*Table][]string          // keys of rows that an action changed, in order
	clock   *time.Location
}

// row is one row in both shapes: cloud[i] and legacy[i] are the values of
// Columns[i], absent where a database has no such column.
type row struct {
	cloud, legacy capture.Row
	// written says that the legacy row was made or changed since the migration,
	// if only for a while.
	written bool
}

// values gives a new row's columns, by their names in the cloud. A column that
// is not named is null.
type values map[string]string

// changes gives columns their new values.
type changes map[string]capture.Value

func newModel() (*Model, error) {
	clock, err := London()
	if err != nil {
		return nil, err
	}
	m := &Model{Tables: Tables(), clock: clock}
	m.rows = make(map[*Table]map[string][]*row)
	m.touched = make(map[*Table][]string)
	for _, t := range m.Tables {
		m.rows[t] = make(map[string][]*row)
	}
	return m, nil
}

// table finds a table by its name in the cloud, without the schema.
func (m *Model) table(name string) *Table {
	i := slices.IndexFunc(m.Tables, func(t *Table) bool { return t.base() == name })
	return m.Tables[i]
}

// base is the name that Model.table finds the table by.
func (t *Table) base() string { return strings.TrimPrefix(t.Cloud, "public.") }

// column finds a column by its name in the cloud.
func (t *Table) column(name string) int {
	i := slices.IndexFunc(t.Columns, func(c Column) bool { return c.Cloud.Name == name })
	if i < 0 {
		panic("estate: " + t.Cloud + " has no column " + name)
	}
	return i
}

// get returns a value of the cloud's.
func (t *Table) get(r *row, name string) string {
	text, _ := r.cloud[t.column(name)].Text()
	return text
}

// migrate adds a row that both sides have from the start, legacy columns
// included.
func (m *Model) migrate(table string, vals values) {
	t := m.table(table)
	r := m.add(t, vals)
	for i, c := range t.Columns {
		if c.Owned {
			r.legacy[i] = c.legacyForm(r.cloud[i], m.clock)
		}
	}
}

// insert adds a row that the cloud has made.
func (m *Model) insert(table string, vals values) {
	t := m.table(table)
	r := m.add(t, vals)
	r.written = true
	m.touch(t, t.key(r))
}

func (m *Model) add(t *Table, vals values) *row {
	n := len(t.Columns)
	r := &row{cloud: make(capture.Row, n), legacy: make(capture.Row, n)}
	for i, c := range t.Columns {
		if c.Cloud.Name != "" {
			r.cloud[i] = capture.Null()
		}
		if c.Default != "" {
			r.legacy[i] = capture.Text(c.Default)
		}
	}
	for name, text := range vals {
		r.cloud[t.column(name)] = capture.Text(text)
	}
	m.follow(t, r)
	key := t.key(r)
	m.rows[t][key] = append(m.rows[t][key], r)
	return r
}

// update changes every row with the key.
func (m *Model) update(table, key string, set changes) {
	t := m.table(table)
	rows := m.rows[t][key]
	delete(m.rows[t], key)
	for _, r := range rows {
		before := slices.Clone(r.legacy)
		for name, v := range set {
			r.cloud[t.column(name)] = v
		}
		m.follow(t, r)
		r.written = r.written || !slices.Equal(before, r.legacy)
		moved := t.key(r)
		m.rows[t][moved] = append(m.rows[t][moved], r)
		m.touch(t, moved)
	}
}

// remove deletes one row with the key.
func (m *Model) remove(table, key string) {
	t := m.table(table)
	if m.rows[t][key] = m.rows[t][key][1:]; len(m.rows[t][key]) == 0 {
		delete(m.rows[t], key)
	}
}

// follow makes the legacy row what it must be for the cloud's.
func (m *Model) follow(t *Table, r *row) {
	for i, c := range t.Columns {
		if c.Cloud.Name != "" && c.Legacy.Name != "" && !c.Owned {
			r.legacy[i] = c.legacyForm(r.cloud[i], m.clock)
		}
	}
	for i, c := range t.Columns {
		if c.CopyOf != "" {
			r.legacy[i] = r.legacy[slices.IndexFunc(t.Columns, func(o Column) bool { return o.Legacy.Name == c.CopyOf })]
		}
	}
}

// find returns the one row with the key.
func (m *Model) find(table, key string) *row {
	return m.rows[m.table(table)][key][0]
}

// keys returns the keys of a table in order.
func (m *Model) keys(table string) []string {
	t := m.table(table)
	keys := make([]string, 0, len(m.rows[t]))
	for k := range m.rows[t] {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// where returns the keys of the rows with a value in a column, in order.
func (m *Model) where(table, column, value string) []string {
	t := m.table(table)
	return slices.DeleteFunc(m.keys(table), func(k string) bool {
		return t.get(m.rows[t][k][0], column) != value
	})
}

// key is [Table.Key] of a row of the model.
func (t *Table) key(r *row) string { return t.Key(Cloud, t.project(r, Cloud)) }

func (m *Model) touch(t *Table, key string) {
	if !slices.Contains(m.touched[t][:min(len(m.touched[t]), 50)], key) {
		m.touched[t] = append(m.touched[t], key)
	}
}

// Touched returns the keys of n rows: the first that actions changed and that
// are still there, and others if these are too few.
func (m *Model) Touched(t *Table, n int) []string {
	var keys []string
	for _, k := range slices.Concat(m.touched[t], m.keys(t.base())) {
		if len(keys) < n && m.rows[t][k] != nil && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	return keys
}

// Unwritten returns the keys of the rows that the legacy system has had no cause
// to write since the migration.
func (m *Model) Unwritten(t *Table) []string {
	return slices.DeleteFunc(m.keys(t.base()), func(k string) bool { return m.rows[t][k][0].written })
}

// Count returns how many rows a table has.
func (m *Model) Count(t *Table) int {
	n := 0
	for _, rows := range m.rows[t] {
		n += len(rows)
	}
	return n
}

// Rows returns the rows that one side must hold, each with the values of the
// columns of [Table.On], in the order of their keys.
func (m *Model) Rows(t *Table, s Side) []capture.Row {
	var rows []capture.Row
	for _, key := range m.keys(t.base()) {
		for _, r := range m.rows[t][key] {
			rows = append(rows, t.project(r, s))
		}
	}
	return rows
}

// project leaves out what a side does not have.
func (t *Table) project(r *row, s Side) capture.Row {
	all := r.cloud
	if s == Legacy {
		all = r.legacy
	}
	var projected capture.Row
	for i := range t.Columns {
		if t.Columns[i].Field(s).Name != "" {
			projected = append(projected, all[i])
		}
	}
	return projected
}

// money prints pence as pounds, the way numeric(…,2) does.
func money(pence int) string {
	sign := ""
	if pence < 0 {
		sign, pence = "-", -pence
	}
	return fmt.Sprintf("%s%d.%02d", sign, pence/100, pence%100)
}

// pence reads what money prints.
func pence(pounds string) int {
	var n int
	fmt.Sscan(strings.Replace(pounds, ".", "", 1), &n)
	return n
}
