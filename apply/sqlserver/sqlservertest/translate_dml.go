package sqlservertest

import (
	"fmt"
	"strings"
)

// write is a translated INSERT, UPDATE or DELETE.
type write struct {
	sql      string
	table    *tableInfo
	event    string   // INSERT, UPDATE, DELETE
	output   []column // of OUTPUT; nil without
	identity bool     // an INSERT that returns its identity
	updated  []string // the columns of SET, or all, in small letters
}

// target finds the table that is written, which must be one.
func (b *binder) target(name []string, alias string) (*tableInfo, *source) {
	t := b.table(name)
	if t.kind != objectTable {
		b.fail(errUnknown("writing to the view " + t.full()))
	}
	src := tableSource(t, alias)
	src.name = name
	return t, src
}

func (b *binder) insert(s *insertStmt) *write {
	b.push()
	defer b.pop()
	if s.top != nil {
		b.fail(errUnknown("INSERT TOP"))
	}
	with := b.withClause(s.with)
	t, _ := b.target(s.table.name, "i")
	cols := b.insertColumns(t, s)
	w := &write{table: t, event: "INSERT"}
	for _, c := range t.cols {
		w.updated = append(w.updated, strings.ToLower(c.name))
	}
	var names []string
	for _, c := range cols {
		names = append(names, ident(c.name))
	}
	into := fmt.Sprintf("INSERT INTO %s AS i", t.pg())
	switch {
	case len(cols) == 0:
		w.sql = into + " DEFAULT VALUES"
	case s.rows != nil:
		w.sql = fmt.Sprintf("%s (%s) VALUES %s", into, strings.Join(names, ", "), b.insertRows(t, cols, s.rows))
	default:
		w.sql = fmt.Sprintf("%s (%s) %s", into, strings.Join(names, ", "), b.insertQuery(t, cols, s.q))
	}
	w.sql += t.ignoringDuplicates()
	w.sql = with + b.returningIdentity(w, s, cols, with != "")
	return w
}

// ignoringDuplicates is what an INSERT says of an index WITH (IGNORE_DUP_KEY = ON).
// PostgreSQL takes one of them.
func (t *tableInfo) ignoringDuplicates() string {
	for _, x := range t.indexes {
		if x.unique && x.ignoreDup && !x.disabled {
			return " ON CONFLICT (" + pgColumns(x.cols) + ") DO NOTHING"
		}
	}
	return ""
}

// insertColumns checks what an INSERT names, and applies the rules of identity
// columns.
func (b *binder) insertColumns(t *tableInfo, s *insertStmt) []*columnInfo {
	if s.defaults {
		return nil
	}
	explicit := b.session.identityInsert == t.id
	var cols []*columnInfo
	if s.cols == nil {
		for _, c := range t.cols {
			if (c.identity == nil || explicit) && c.period == 0 && c.computed == "" && c.typ.kind != kRowversion {
				cols = append(cols, c)
			}
		}
		if explicit && t.identityColumn() != nil {
			b.fail(errf(8101, 16, "An explicit value for the identity column in table '%s' can only be specified when a column list is used and IDENTITY_INSERT is ON.", t.full()))
		}
		return b.counted(cols, s)
	}
	identity := false
	for _, name := range s.cols {
		c := t.column(name)
		switch {
		case c == nil:
			b.fail(errColumn(name))
		case c.computed != "":
			b.fail(errf(271, 16, "The column \"%s\" cannot be modified because it is either a computed column or is the result of a UNION operator.", c.name))
		case c.typ.kind == kRowversion:
			b.fail(errf(273, 16, "Cannot insert an explicit value into a timestamp column. Use INSERT with a column list to exclude the timestamp column, or insert a DEFAULT into the timestamp column."))
		case c.period != 0:
			b.fail(errf(13536, 16, "Cannot insert an explicit value into a GENERATED ALWAYS column in table '%s'.", t.full()))
		case c.identity != nil && !explicit:
			b.fail(errf(544, 16, "Cannot insert explicit value for identity column in table '%s' when IDENTITY_INSERT is set to OFF.", t.name))
		}
		for _, other := range cols {
			if other == c {
				b.fail(errf(264, 16, "The column name '%s' is specified more than once in the SET clause or column list of an INSERT. A column cannot be assigned more than one value in the same clause. Modify the clause to make sure that a column is updated only once. If this statement updates or inserts columns into a view, column aliasing can conceal the duplication in your code.", c.name))
			}
		}
		identity = identity || c.identity != nil
		cols = append(cols, c)
	}
	if explicit && !identity && t.identityColumn() != nil {
		b.fail(errf(545, 16, "Explicit value must be specified for identity column in table '%s' either when IDENTITY_INSERT is set to ON or when a replication user is inserting into a NOT FOR REPLICATION identity column.", t.name))
	}
	return b.counted(cols, s)
}

// counted compares the number of columns with that of the values.
func (b *binder) counted(cols []*columnInfo, s *insertStmt) []*columnInfo {
	if len(s.rows) > 1000 {
		b.fail(errf(10738, 15, "The number of row value expressions in the INSERT statement exceeds the maximum allowed number of 1000 row values."))
	}
	for _, row := range s.rows {
		b.countValues(len(cols), len(row), s.cols != nil)
	}
	return cols
}

func (b *binder) countValues(cols, values int, listed bool) {
	switch {
	case cols == values:
	case !listed:
		b.fail(errf(213, 16, "Column name or number of supplied values does not match table definition."))
	case cols > values:
		b.fail(errf(109, 15, "There are more columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement."))
	default:
		b.fail(errf(110, 15, "There are fewer columns in the INSERT statement than values specified in the VALUES clause. The number of values in the VALUES clause must match the number of columns specified in the INSERT statement."))
	}
}

func (b *binder) insertRows(t *tableInfo, cols []*columnInfo, rows [][]expr) string {
	var lines []string
	for _, row := range rows {
		var items []string
		for i, x := range row {
			if _, ok := x.(*defaultWord); ok {
				items = append(items, "DEFAULT")
				continue
			}
			items = append(items, b.assign(b.value(x), t, cols[i]))
		}
		lines = append(lines, "("+strings.Join(items, ", ")+")")
	}
	return strings.Join(lines, ", ")
}

func (b *binder) insertQuery(t *tableInfo, cols []*columnInfo, q *query) string {
	sql, from := b.query(q)
	b.countValues(len(cols), len(from), true)
	var items, names []string
	for i, c := range from {
		name := fmt.Sprintf("c%d", i)
		names = append(names, name)
		items = append(items, b.assign(val{sql: name, typ: c.typ}, t, cols[i]))
	}
	return fmt.Sprintf("SELECT %s FROM (%s) q(%s)", strings.Join(items, ", "), sql, strings.Join(names, ", "))
}

// returningIdentity adds what an INSERT gives back: OUTPUT's columns, or the
// identity. An explicit identity moves the sequence on.
func (b *binder) returningIdentity(w *write, s *insertStmt, cols []*columnInfo, with bool) string {
	t := w.table
	id := t.identityColumn()
	if s.output != nil {
		return w.sql + b.outputClause(w, s.output, "i", "")
	}
	if id == nil {
		return w.sql
	}
	w.identity = true
	sql := w.sql + " RETURNING i." + ident(id.name)
	if b.session.identityInsert != t.id || with {
		return sql
	}
	return fmt.Sprintf("WITH w AS (%s) SELECT %s, tsql.identity_seen(%s, %s::int8, %d) FROM w",
		sql, ident(id.name), quote(t.pg()), ident(id.name), id.identity[1])
}

// outputClause translates OUTPUT: inserted and deleted are the rows after and before,
// under the aliases that they have here; "" is none.
func (b *binder) outputClause(w *write, items []selectItem, inserted, deleted string) string {
	if len(w.table.fires(w.event)) > 0 {
		b.fail(errf(334, 16, "The target table '%s' of the DML statement cannot have any enabled triggers if the statement contains an OUTPUT clause without INTO clause.", w.table.full()))
	}
	outer := b.scope
	defer func() { b.scope = outer }()
	b.scope = &scope{outer: outer}
	for name, alias := range map[string]string{"inserted": inserted, "deleted": deleted} {
		if alias == "" {
			continue
		}
		src := tableSource(w.table, alias)
		src.shown = name
		b.scope.sources = append(b.scope.sources, src)
	}
	list, cols := b.selectItems(items)
	w.output = cols
	return " RETURNING " + strings.Join(list, ", ")
}

func (b *binder) update(s *updateStmt) *write {
	b.push()
	defer b.pop()
	with := b.withClause(s.with)
	m := b.modify(s.target, s.from, s.top, needsOld(s.output))
	w := &write{table: m.table, event: "UPDATE"}
	var sets []string
	for _, a := range s.set {
		if a.variable != "" {
			b.fail(errUnknown("UPDATE ... SET @variable ="))
		}
		c := b.updatedColumn(m.table, a.col)
		w.updated = append(w.updated, strings.ToLower(c.name))
		value := "DEFAULT"
		if _, ok := a.x.(*defaultWord); !ok {
			value = b.assign(b.value(a.x), m.table, c)
		}
		sets = append(sets, ident(c.name)+" = "+value)
	}
	for _, c := range m.table.cols {
		if c.typ.kind == kRowversion {
			sets = append(sets, ident(c.name)+" = tsql.new_rowversion()")
		}
	}
	w.sql = fmt.Sprintf("%sUPDATE %s AS %s SET %s%s%s", with, m.table.pg(), ident(m.alias), strings.Join(sets, ", "), m.from, m.where(b, s.where))
	if s.output != nil {
		w.sql += b.outputClause(w, s.output, m.alias, m.old)
	}
	return w
}

func (b *binder) updatedColumn(t *tableInfo, name string) *columnInfo {
	c := t.column(name)
	switch {
	case c == nil:
		b.fail(errColumn(name))
	case c.identity != nil:
		b.fail(errf(8102, 16, "Cannot update identity column '%s'.", c.name))
	case c.computed != "":
		b.fail(errf(271, 16, "The column \"%s\" cannot be modified because it is either a computed column or is the result of a UNION operator.", c.name))
	case c.period != 0:
		b.fail(errf(13537, 16, "Cannot update GENERATED ALWAYS columns in table '%s'.", t.full()))
	case c.typ.kind == kRowversion:
		b.fail(errf(272, 16, "Cannot update a timestamp column."))
	}
	return c
}

func (b *binder) delete(s *deleteStmt) *write {
	b.push()
	defer b.pop()
	with := b.withClause(s.with)
	m := b.modify(s.target, s.from, s.top, false)
	w := &write{table: m.table, event: "DELETE"}
	using := strings.Replace(m.from, " FROM ", " USING ", 1)
	w.sql = fmt.Sprintf("%sDELETE FROM %s AS %s%s%s", with, m.table.pg(), ident(m.alias), using, m.where(b, s.where))
	if s.output != nil {
		w.sql += b.outputClause(w, s.output, "", m.alias)
	}
	return w
}

// needsOld says whether OUTPUT asks for the rows as they were.
func needsOld(items []selectItem) bool {
	for _, item := range items {
		switch x := item.x.(type) {
		case *columnRef:
			if len(x.parts) > 1 && strings.EqualFold(x.parts[0], "deleted") {
				return true
			}
		case *star:
			if len(x.qualifier) > 0 && strings.EqualFold(x.qualifier[0], "deleted") {
				return true
			}
		}
	}
	return false
}

// modification is the part that UPDATE and DELETE share.
type modification struct {
	table *tableInfo
	alias string // of the rows that are written
	old   string // of the same rows as they were read; "" where they are not joined
	from  string
	top   *topClause
	pair  string // what ties the rows that are written to those that were read
}

// modify resolves the target. With a FROM of its own the rows that are read are
// tied to those that are written by where PostgreSQL has them.
func (b *binder) modify(target tableRef, from []tableExpr, top *topClause, old bool) *modification {
	if from == nil && !old {
		alias := target.name[len(target.name)-1]
		t, src := b.target(target.name, alias)
		b.scope.sources = append(b.scope.sources, src)
		return &modification{table: t, alias: alias, top: top}
	}
	if top != nil {
		b.fail(errUnknown("TOP in an UPDATE or DELETE with FROM or OUTPUT deleted"))
	}
	if from == nil {
		from = []tableExpr{&tableRef{name: target.name}}
	}
	m := &modification{alias: "$target", from: b.from(from)}
	name := target.name[len(target.name)-1]
	for _, src := range b.scope.sources {
		same := strings.EqualFold(src.alias, name) || src.table != nil && src.table == b.find(target.name)
		if same && src.table != nil && src.table.kind == objectTable {
			m.table, m.old = src.table, src.alias
			break
		}
	}
	if m.table == nil {
		// The target is none of FROM's tables: each of its rows goes with each of theirs.
		t, src := b.target(target.name, m.alias)
		src.shown = name
		b.scope.sources = append(b.scope.sources, src)
		m.table = t
		return m
	}
	m.pair = fmt.Sprintf("%s.ctid = %s.ctid", ident(m.alias), ident(m.old))
	return m
}

func (m *modification) where(b *binder, x expr) string {
	var parts []string
	if m.pair != "" {
		parts = append(parts, m.pair)
	}
	if x != nil {
		parts = append(parts, b.condition(x))
	}
	sql := ""
	if len(parts) > 0 {
		sql = " WHERE " + strings.Join(parts, " AND ")
	}
	if m.top == nil {
		return sql
	}
	n := b.convert(b.value(m.top.n), simple(kBigint), 0).sql
	return fmt.Sprintf(" WHERE %[1]s.ctid = ANY (ARRAY(SELECT %[1]s.ctid FROM %[2]s AS %[1]s%[3]s LIMIT %[4]s FOR UPDATE))",
		ident(m.alias), m.table.pg(), sql, n)
}
