// Package estate is a small council's housing estate, for the examples and
// their tests: its tables in two shapes, its rows made from a seed, a day of
// its officers' changes, and what both databases must hold afterwards.
//
// The cloud shape is a PostgreSQL database as one would design it today. The
// legacy shape has the tables that a housing system of the 1990s has on SQL
// Server: blank-padded keys, dates where 1900-01-01 means none, a column that
// the database computes and one that only the legacy system may write.
//
// [Model] knows both. It is moved by the same actions as the cloud database,
// and works out each legacy row from them by rules of its own. It shares no
// code with what applies changes, and reads no database: what agrees with it
// was not merely copied from one mistake to another.
package estate

import (
	"strings"

	"github.com/syncback/syncback/capture"
)

// Side is one of the two databases.
type Side uint8

// The sides.
const (
	Cloud  Side = iota // PostgreSQL
	Legacy             // SQL Server
)

// String returns the product's name.
func (s Side) String() string {
	if s == Cloud {
		return "PostgreSQL"
	}
	return "SQL Server"
}

// Table is one table in both shapes.
type Table struct {
	Cloud, Legacy string // schema.name
	Columns       []Column
	// Keyless says that neither database declares a key. The columns that are
	// marked as the key name a row in a report, and may name several.
	Keyless bool
	// CloudOnly are the clauses of CREATE TABLE that follow the columns in the
	// cloud. The legacy system declares nothing but keys.
	CloudOnly []string
	// Version is the legacy table's rowversion column; "" where it has none.
	Version string
}

// Column is one column in both shapes.
type Column struct {
	Cloud, Legacy Field
	// Key says that the column is part of what tells rows apart.
	Key bool
	// NullAs is what the legacy column holds where the cloud's is null; nil
	// means NULL.
	NullAs *string
	// Owned says that the legacy system's value is the one that counts.
	Owned bool
	// Rounded says that the legacy column holds less of a time than the cloud's.
	Rounded bool
	// Default is what the legacy database gives a new row in a column that
	// nobody writes.
	Default string
	// CopyOf is the legacy column whose value this one always has, because the
	// database computes it.
	CopyOf string
	// Shown says that the column is among the few that a reader is shown.
	Shown bool
}

// Field is a column in one of the databases: its name, and its type with what
// follows it in CREATE TABLE. The zero Field is no column at all.
type Field struct{ Name, Type string }

// Name returns the table's name, schema included.
func (t *Table) Name(s Side) string {
	if s == Cloud {
		return t.Cloud
	}
	return t.Legacy
}

// Field returns the column as one database has it.
func (c *Column) Field(s Side) Field {
	if s == Cloud {
		return c.Cloud
	}
	return c.Legacy
}

// On returns the columns that one database has, in the table's order.
func (t *Table) On(s Side) []*Column {
	var on []*Column
	for i := range t.Columns {
		if c := &t.Columns[i]; c.Field(s).Name != "" {
			on = append(on, c)
		}
	}
	return on
}

// Key returns the values of the key's columns with blanks between them, padding
// aside, so that both shapes of a row have the same key. The row's values are
// those of the columns of [Table.On].
func (t *Table) Key(s Side, r capture.Row) string {
	var parts []string
	for i, c := range t.On(s) {
		if c.Key {
			text, _ := r[i].Text()
			parts = append(parts, strings.TrimRight(text, " "))
		}
	}
	return strings.Join(parts, " ")
}

// is reports whether the field's type is the named one, whatever its length and
// constraints.
func (f Field) is(types ...string) bool {
	end := strings.IndexAny(f.Type, "( ")
	if end < 0 {
		end = len(f.Type)
	}
	for _, t := range types {
		if f.Type[:end] == t {
			return true
		}
	}
	return false
}
