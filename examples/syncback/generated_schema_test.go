package main_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
)

// genTable is a table of both sides, and what the test knows of it.
type genTable struct {
	id      int
	source  pgx.Identifier
	target  [2]string // schema, table
	columns []*genColumn
	key     []*genColumn // none: no primary key on either side
	keyOnly bool         // replica identity default, not full
	plain   bool         // no large values: for the large batch

	rows []*genRow
	last int // row number given last
}

// genColumn is a column of the source, and where it goes.
type genColumn struct {
	typePair
	name, target string
	isKey        bool
	fresh        func(n int) string // values of a key column: distinct by n
	identity     bool
	sentinel     *cell  // what NULL becomes
	left         string // what the target holds from the first, as nothing is written there
}

// genRow is a row as the test expects it.
type genRow struct {
	n     int // value of rowNumber, by which the load finds it in the source
	cells []cell
}

// rowNumber is a column of each source table that the target lacks, so that the
// load can tell rows apart that are the same to the target.
const rowNumber = "row number"

// Target columns that the source lacks, or that are not written, and what they
// hold from the first to the last.
const (
	fixedColumn, fixedValue = "origin", "CLOUD"
	keptColumn, keptValue   = "kept", "as it was"
)

// generator makes tables at random.
type generator struct {
	*rand.Rand
	names    []string // odd ones that the target takes
	identity string   // name of an identity column and its table
	used     int
	pairs    []typePair
}

// oddNames are kinds of names. Each is made unique by a number behind it.
func oddNames() []string {
	return []string{
		`say "hi"`, `it's`, `[in] brackets`, `ends]in]`, `dot.ted`, `two  blanks`, `MiXeD`, `Straße Ñ`, `日本`, `😀`,
		`select`, `a--b/*c*/`, `@p1`, `no #1`, `100%s`, `- x: {y}, &z !t`, `$price`, `\back\slash`, `;drop`, `tab	`,
		`a name that is nearly as long as PostgreSQL lets it`,
	}
}

// name returns an odd name, or a plain one now and then.
func (g *generator) name() string {
	g.used++
	suffix := strconv.Itoa(g.used)
	if g.IntN(4) == 0 {
		return "c" + suffix
	}
	return g.names[g.IntN(len(g.names))] + suffix
}

func (g *generator) table(id int, columns int) *genTable {
	t := &genTable{id: id, source: pgx.Identifier{"public", fmt.Sprintf("t%d", id)}, target: [2]string{"dbo", fmt.Sprintf("T%d", id)}}
	for range columns {
		t.add(g.column(g.pairs[g.IntN(len(g.pairs))]))
	}
	return t
}

func (t *genTable) add(columns ...*genColumn) { t.columns = append(t.columns, columns...) }

// column makes a column, of another name in the target every other time, and
// with a value for NULL every sixth.
func (g *generator) column(p typePair) *genColumn {
	c := &genColumn{typePair: p, name: g.name()}
	c.target = c.name
	if g.IntN(2) == 0 {
		c.target = g.name()
	}
	if g.IntN(6) == 0 {
		c.sentinel = sentinelOf(p)
	}
	return c
}

// sentinelOf returns one of the values, where the text of its T-SQL literal is
// simply its own.
func sentinelOf(p typePair) *cell {
	switch p.to {
	case "float", "real", "image", "binary(3)", "varbinary(4)", "varbinary(max)", "datetimeoffset(6)":
		return nil
	}
	for _, v := range p.values {
		c := p.cellOf(v)
		if text := strings.TrimRight(c.want, " "); text != "" {
			return &cell{null: true, in: text, want: c.want}
		}
	}
	return nil
}

// primaryKey puts key columns before the others.
func (t *genTable) primaryKey(columns ...*genColumn) {
	for _, c := range columns {
		c.isKey, c.sentinel = true, nil
	}
	t.key = columns
	t.columns = append(append([]*genColumn{}, columns...), t.columns...)
}

func keyColumn(name, target, from, to string, fresh func(int) string) *genColumn {
	return &genColumn{typePair: typePair{from: from, to: to}, name: name, target: target, fresh: fresh}
}

func intKey(name, target string) *genColumn {
	return keyColumn(name, target, "int4", "int", strconv.Itoa)
}

// tables makes the schema: a column of each pair of types, 240 columns, keys of
// each kind and none, an identity, a replica identity of the key alone.
func (g *generator) tables(schemas [2]string) []*genTable {
	wide := g.table(1, 237)
	wide.primaryKey(intKey("wide id", "wide_id"))
	numbered := g.table(2, 10)
	numbered.target[1] = g.identity
	id := keyColumn("id", g.identity, "int8", "bigint", strconv.Itoa)
	id.identity = true
	numbered.primaryKey(id)
	keyOnly := g.table(3, 25)
	keyOnly.keyOnly = true
	keyOnly.primaryKey(intKey("id", "id"))
	tables := []*genTable{wide, numbered, keyOnly, g.everyType(4), g.manyKeys(5), g.keyless(6)}
	for i := 7; i < 10; i++ {
		odd := g.table(i, 12)
		odd.source, odd.target = pgx.Identifier{schemas[0], g.name()}, [2]string{schemas[1], g.name()}
		odd.primaryKey(intKey(g.name(), g.name()))
		tables = append(tables, odd)
	}
	for _, t := range tables {
		t.add(
			&genColumn{typePair: typePair{from: "numeric", to: "numeric(9,2)", values: []string{"1", "2"}}, name: "balance", target: "owned", left: "NULL"},
			&genColumn{typePair: typePair{from: "text", to: "varchar(20)", values: []string{"a", "b"}}, name: "excluded", target: "Excluded", left: keptValue})
	}
	return tables
}

func (g *generator) everyType(id int) *genTable {
	t := g.table(id, 0)
	for _, p := range g.pairs {
		t.add(g.column(p))
	}
	t.primaryKey(keyColumn("id", "id", "uuid", "uniqueidentifier",
		func(n int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", n) }))
	return t
}

// manyKeys has a key of three columns; the first alone makes it unique.
func (g *generator) manyKeys(id int) *genTable {
	t := g.table(id, 8)
	t.plain = true
	t.primaryKey(
		keyColumn("ref", "tag_ref", "text", "char(11)", func(n int) string { return fmt.Sprintf("%06d/%02d", n/7, n%7) }),
		keyColumn("day", "day", "date", "smalldatetime", func(n int) string {
			d := fmt.Sprintf("2024-%02d-%02d", 1+n%12, 1+n%28)
			return d + " => " + d + " 00:00:00"
		}),
		keyColumn("line", "line", "int4", "smallint", func(n int) string { return strconv.Itoa(n % 1000) }))
	return t
}

// keyless has no primary key, and columns of all types that are hard to compare:
// a row is found by all of them.
func (g *generator) keyless(id int) *genTable {
	t := g.table(id, 6)
	for _, p := range g.pairs {
		switch p.to {
		case "text", "ntext", "image", "xml", "float", "real", "datetimeoffset(6)":
			t.add(g.column(p))
		}
	}
	return t
}
