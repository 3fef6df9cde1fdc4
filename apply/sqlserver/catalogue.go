package sqlserver

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// targetTable is what the target's catalogue says of a table.
type targetTable struct {
	id       int64
	name     name // as the catalogue spells it
	columns  []targetColumn
	uniques  []uniqueIndex
	triggers []trigger
	foreign  []foreignKey
	history  bool // that the server writes of a temporal table
}

// foreignKey is a declared one: columns, by their ids, that hold those of a row
// of another table, or of the same.
type foreignKey struct {
	id, table   int64
	columns, to []int64
}

// refersTo reports whether a foreign key refers to another table.
func (t *targetTable) refersTo(other *targetTable) bool {
	return slices.ContainsFunc(t.foreign, func(f foreignKey) bool { return f.table == other.id })
}

// columnByID returns the column with that id, or nil.
func (t *targetTable) columnByID(id int64) *targetColumn {
	i := slices.IndexFunc(t.columns, func(c targetColumn) bool { return c.id == id })
	if i < 0 {
		return nil
	}
	return &t.columns[i]
}

// targetColumn is what the target's catalogue says of a column.
type targetColumn struct {
	id         int64
	name       string
	typ        sqlType
	nullable   bool
	identity   bool
	computed   bool
	period     bool // GENERATED ALWAYS: the row's place in time, or in a ledger
	hasDefault bool
}

// generated reports whether the target alone gives the column its value.
func (c *targetColumn) generated() bool {
	return c.computed || c.period || c.isVersion()
}

// isVersion reports whether the column is the row's version, which each write of
// the row moves.
func (c *targetColumn) isVersion() bool {
	return c.typ.name == "timestamp" || c.typ.name == "rowversion"
}

// uniqueIndex is a primary key, a unique constraint or a unique index without a
// filter that is not disabled.
type uniqueIndex struct {
	name      string
	columns   []string
	ignoreDup bool // an insert leaves out a row whose values another has, without an error
}

type trigger struct {
	id        int64
	name      string
	disabled  bool
	insteadOf bool
}

// column returns the column of that name, or else the only one whose name differs
// from it in case alone; nil where there is none, and where there are several.
func (t *targetTable) column(name string) *targetColumn {
	alike := t.columnsAlike(name)
	for _, c := range alike {
		if c.name == name {
			return c
		}
	}
	if len(alike) != 1 {
		return nil
	}
	return alike[0]
}

func (t *targetTable) columnsAlike(name string) (alike []*targetColumn) {
	for i := range t.columns {
		if c := &t.columns[i]; strings.EqualFold(c.name, name) {
			alike = append(alike, c)
		}
	}
	return alike
}

// lacks says of a column that was not found that the table, as it is called in
// the sentence, lacks it, or which it could be.
func (t *targetTable) lacks(name, called string) string {
	alike := t.columnsAlike(name)
	if len(alike) < 2 {
		return called + " lacks"
	}
	return "could be " + strings.ReplaceAll(names(alike), ", ", " or ") + " of " + called
}

// catalogue is the target's tables by their folded names: several have the same
// where the database tells names apart by case.
type catalogue map[name][]*targetTable

// find returns the table of that name, or else the only one whose name differs
// from it in case alone; nil where there is none, and where there are several.
func (c catalogue) find(n name) *targetTable {
	alike := c[n.fold()]
	for _, t := range alike {
		if t.name == n {
			return t
		}
	}
	if len(alike) != 1 {
		return nil
	}
	return alike[0]
}

// lacks says of a table that was not found that it is not there, or which it could
// be.
func (c catalogue) lacks(n name) string {
	alike := c[n.fold()]
	if len(alike) < 2 {
		return "does not exist, or the login may not see it; correct the name or grant SELECT on it"
	}
	return fmt.Sprintf("could be %s or %s; write it with the case of the one that is meant", alike[0].name, alike[1].name)
}

// The catalogue queries use only what every server that speaks T-SQL has; see
// the SQL Server documentation, System catalog views. What came with SQL Server
// 2016 is asked for as a property, which is NULL before. Names are cast to the type
// that they have there: another server may send them in a code page.
const (
	tablesQuery = `SELECT t.object_id, CAST(s.name AS nvarchar(128)), CAST(t.name AS nvarchar(128)),
COALESCE(OBJECTPROPERTY(t.object_id, 'TableTemporalType'), 0)
FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id`

	columnsQuery = `SELECT c.object_id, c.column_id, CAST(c.name AS nvarchar(128)), COALESCE(b.name, y.name), c.max_length, c.precision, c.scale,
COALESCE(c.collation_name, ''), COALESCE(CAST(COLLATIONPROPERTY(c.collation_name, 'CodePage') AS int), 0),
c.is_nullable, c.is_identity, c.is_computed, COALESCE(COLUMNPROPERTY(c.object_id, c.name, 'GeneratedAlwaysType'), 0), c.default_object_id
FROM sys.columns c JOIN sys.tables t ON t.object_id = c.object_id
JOIN sys.types y ON y.user_type_id = c.user_type_id
LEFT JOIN sys.types b ON b.user_type_id = y.system_type_id
ORDER BY c.object_id, c.column_id`

	indexesQuery = `SELECT i.object_id, i.index_id, CAST(c.name AS nvarchar(128)), CAST(COALESCE(i.name, '') AS nvarchar(128)), i.ignore_dup_key
FROM sys.indexes i
JOIN sys.index_columns k ON k.object_id = i.object_id AND k.index_id = i.index_id
JOIN sys.columns c ON c.object_id = k.object_id AND c.column_id = k.column_id
WHERE i.is_unique = 1 AND i.is_disabled = 0 AND i.is_hypothetical = 0 AND i.has_filter = 0 AND k.is_included_column = 0
ORDER BY i.object_id, i.index_id, k.index_column_id`

	triggersQuery = `SELECT parent_id, object_id, CAST(name AS nvarchar(128)), is_disabled, is_instead_of_trigger
FROM sys.triggers WHERE parent_id <> 0 ORDER BY parent_id, name`

	foreignQuery = `SELECT constraint_object_id, parent_object_id, referenced_object_id, parent_column_id, referenced_column_id
FROM sys.foreign_key_columns ORDER BY constraint_object_id, constraint_column_id`
)

// readCatalogue reads all tables that the login may see.
func readCatalogue(ctx context.Context, db *sql.DB) (catalogue, error) {
	byID := map[int64]*targetTable{}
	cat := catalogue{}
	err := query(ctx, db, tablesQuery, func(rows *sql.Rows) error {
		t := &targetTable{}
		var temporal int64
		if err := rows.Scan(&t.id, &t.name.schema, &t.name.table, &temporal); err != nil {
			return err
		}
		const history = 1
		t.history = temporal == history
		byID[t.id], cat[t.name.fold()] = t, append(cat[t.name.fold()], t)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, read := range []func(context.Context, *sql.DB, map[int64]*targetTable) error{
		readColumns, readUniques, readTriggers, readForeignKeys,
	} {
		if err := read(ctx, db, byID); err != nil {
			return nil, err
		}
	}
	return cat, nil
}

func readColumns(ctx context.Context, db *sql.DB, tables map[int64]*targetTable) error {
	return query(ctx, db, columnsQuery, func(rows *sql.Rows) error {
		var table, period, defaultID int64
		var c targetColumn
		t := &c.typ
		if err := rows.Scan(&table, &c.id, &c.name, &t.name, &t.length, &t.precision, &t.scale,
			&t.collation, &t.codePage, &c.nullable, &c.identity, &c.computed, &period, &defaultID); err != nil {
			return err
		}
		t.name = strings.ToLower(t.name)
		if (t.name == "nchar" || t.name == "nvarchar") && t.length > 0 {
			t.length /= 2 // sys.columns counts bytes
		}
		c.period, c.hasDefault = period != 0, defaultID != 0
		if owner := tables[table]; owner != nil {
			owner.columns = append(owner.columns, c)
		}
		return nil
	})
}

func readUniques(ctx context.Context, db *sql.DB, tables map[int64]*targetTable) error {
	var lastTable, lastIndex int64 = -1, -1
	return query(ctx, db, indexesQuery, func(rows *sql.Rows) error {
		var table, index int64
		var column string
		var u uniqueIndex
		if err := rows.Scan(&table, &index, &column, &u.name, &u.ignoreDup); err != nil {
			return err
		}
		owner := tables[table]
		if owner == nil {
			return nil
		}
		if table != lastTable || index != lastIndex {
			owner.uniques = append(owner.uniques, u)
			lastTable, lastIndex = table, index
		}
		last := &owner.uniques[len(owner.uniques)-1]
		last.columns = append(last.columns, column)
		return nil
	})
}

func readTriggers(ctx context.Context, db *sql.DB, tables map[int64]*targetTable) error {
	return query(ctx, db, triggersQuery, func(rows *sql.Rows) error {
		var table int64
		var t trigger
		if err := rows.Scan(&table, &t.id, &t.name, &t.disabled, &t.insteadOf); err != nil {
			return err
		}
		if owner := tables[table]; owner != nil {
			owner.triggers = append(owner.triggers, t)
		}
		return nil
	})
}

func readForeignKeys(ctx context.Context, db *sql.DB, tables map[int64]*targetTable) error {
	return query(ctx, db, foreignQuery, func(rows *sql.Rows) error {
		var id, table, other, column, to int64
		if err := rows.Scan(&id, &table, &other, &column, &to); err != nil {
			return err
		}
		owner := tables[table]
		if owner == nil {
			return nil
		}
		if n := len(owner.foreign); n == 0 || owner.foreign[n-1].id != id {
			owner.foreign = append(owner.foreign, foreignKey{id: id, table: other})
		}
		f := &owner.foreign[len(owner.foreign)-1]
		f.columns, f.to = append(f.columns, column), append(f.to, to)
		return nil
	})
}

// querier is a pool or a session.
type querier interface {
	QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
}

// query runs a query and calls scan for each of its rows. It reads to the end:
// a result that is closed before is cancelled, which not every server answers
// in time.
func query(ctx context.Context, db querier, text string, scan func(*sql.Rows) error, args ...any) error {
	rows, err := db.QueryContext(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var failed error
	for rows.Next() {
		if failed == nil {
			failed = scan(rows)
		}
	}
	return cmp.Or(rows.Err(), failed)
}
