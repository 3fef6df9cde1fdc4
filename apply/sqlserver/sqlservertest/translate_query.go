package sqlservertest

import (
	"fmt"
	"strconv"
	"strings"
)

// query translates a query; the columns have the names and types that its result
// has.
func (b *binder) query(q *query) (string, []column) {
	b.push()
	defer b.pop()
	with := b.withClause(q.with)
	sql, cols := b.body(q.body, q)
	return with + sql, cols
}

func (b *binder) withClause(list []cte) string {
	if len(list) == 0 {
		return ""
	}
	b.scope.ctes = map[string]*source{}
	var parts []string
	for _, c := range list {
		sql, cols := b.query(c.q)
		src := derivedSource(c.name, cols, c.cols)
		parts = append(parts, fmt.Sprintf("%s(%s) AS (%s)", ident(c.name), src.names(), sql))
		b.scope.ctes[strings.ToLower(c.name)] = src
	}
	return "WITH " + strings.Join(parts, ", ") + " "
}

// derivedSource is a query's result as a table.
func derivedSource(alias string, cols []column, names []string) *source {
	s := &source{alias: alias}
	seen := map[string]bool{}
	for i, c := range cols {
		name := c.name
		if i < len(names) {
			name = names[i]
		}
		pg := ident(name)
		if name == "" || seen[strings.ToLower(name)] {
			pg = ident(fmt.Sprintf("%s#%d", name, i))
		}
		seen[strings.ToLower(name)] = true
		s.cols = append(s.cols, boundColumn{name: name, pg: pg, typ: c.typ, nullable: c.nullable})
	}
	return s
}

func (s *source) names() string {
	var names []string
	for _, c := range s.cols {
		names = append(names, c.pg)
	}
	return strings.Join(names, ", ")
}

// body translates what a query consists of; q has the ORDER BY and OFFSET that
// end it, which belong to the last select where there is one only.
func (b *binder) body(body queryBody, q *query) (string, []column) {
	switch x := body.(type) {
	case *selectCore:
		return b.selectCore(x, q)
	case *query:
		sql, cols := b.query(x)
		return "(" + sql + ")" + b.ordinalOrder(q, cols), cols
	case *valuesBody:
		return b.values(x)
	}
	op := body.(*setOp)
	l, lcols := b.body(op.l, &query{})
	r, rcols := b.body(op.r, &query{})
	if len(lcols) != len(rcols) {
		b.fail(errf(205, 16, "All queries combined using a UNION, INTERSECT or EXCEPT operator must have an equal number of expressions in their target lists."))
	}
	for i := range lcols {
		t, _ := b.commonOf([]val{{typ: lcols[i].typ}, {typ: rcols[i].typ}})
		lcols[i].typ = t
	}
	sql := fmt.Sprintf("(%s) %s (%s)", b.recast(l, lcols), op.op, b.recast(r, lcols))
	return sql + b.ordinalOrder(q, lcols), lcols
}

// recast gives the columns of a query one PostgreSQL type and collation, so that
// two of them can be united.
func (b *binder) recast(sql string, cols []column) string {
	var items, names []string
	for i, c := range cols {
		name := fmt.Sprintf("c%d", i)
		item := fmt.Sprintf("%s::%s", name, c.typ.pg())
		if c.typ.isString() {
			item += " COLLATE " + pgCollation(c.typ.coll)
		}
		items, names = append(items, item), append(names, name)
	}
	return fmt.Sprintf("SELECT %s FROM (%s) u(%s)", strings.Join(items, ", "), sql, strings.Join(names, ", "))
}

// ordinalOrder is ORDER BY over the columns of a result.
func (b *binder) ordinalOrder(q *query, cols []column) string {
	var parts []string
	for _, item := range q.order {
		n := b.outputOf(item.x, cols)
		if n < 0 {
			b.fail(errf(104, 16, "ORDER BY items must appear in the select list if the statement contains a UNION, INTERSECT or EXCEPT operator."))
		}
		parts = append(parts, strconv.Itoa(n+1)+direction(item.desc))
	}
	if len(parts) == 0 {
		return ""
	}
	return " ORDER BY " + strings.Join(parts, ", ") + b.limits(q)
}

// direction has SQL Server's order of NULL: before everything.
func direction(desc bool) string {
	if desc {
		return " DESC NULLS LAST"
	}
	return " ASC NULLS FIRST"
}

func (b *binder) limits(q *query) string {
	sql := ""
	if q.offset != nil {
		sql += " OFFSET " + b.convert(b.value(q.offset), simple(kBigint), 0).sql
	}
	if q.fetch != nil {
		sql += " LIMIT " + b.convert(b.value(q.fetch), simple(kBigint), 0).sql
	}
	return sql
}

// outputOf is which column of the result an ORDER BY item means; -1 for none.
func (b *binder) outputOf(x expr, cols []column) int {
	switch x := x.(type) {
	case *literal:
		if n, err := strconv.Atoi(x.text); err == nil && x.typ.kind == kInt {
			if n < 1 || n > len(cols) {
				b.fail(errf(108, 16, "The ORDER BY position number %d is out of range of the number of items in the select list.", n))
			}
			return n - 1
		}
	case *columnRef:
		if len(x.parts) == 1 {
			for i, c := range cols {
				if strings.EqualFold(c.name, x.parts[0]) {
					return i
				}
			}
		}
	}
	return -1
}

func (b *binder) values(x *valuesBody) (string, []column) {
	rows := make([][]val, len(x.rows))
	for i, row := range x.rows {
		if len(row) != len(x.rows[0]) {
			b.fail(errf(10709, 16, "The number of columns for each row in a table value constructor must be the same."))
		}
		for _, item := range row {
			rows[i] = append(rows[i], b.value(item))
		}
	}
	cols := make([]column, len(x.rows[0]))
	for c := range cols {
		var vals []val
		for _, row := range rows {
			vals = append(vals, row[c])
		}
		cols[c].typ, _ = b.commonOf(vals)
		cols[c].nullable = true
	}
	var lines []string
	for _, row := range rows {
		var items []string
		for c, v := range row {
			items = append(items, b.output(b.convert(v, cols[c].typ, 0)))
		}
		lines = append(lines, "("+strings.Join(items, ", ")+")")
	}
	return "VALUES " + strings.Join(lines, ", "), cols
}

// output is v as an item of a select list: with its collation, for what stands
// around the query.
func (b *binder) output(v val) string {
	if v.typ.isString() && !v.bare {
		return fmt.Sprintf("(%s COLLATE %s)", b.typed(v), pgCollation(v.typ.coll))
	}
	return b.typed(v)
}

func (b *binder) selectCore(s *selectCore, q *query) (string, []column) {
	if s.into != nil {
		b.fail(errUnknown("SELECT ... INTO"))
	}
	b.push()
	defer b.pop()
	from := b.from(s.from)
	items, cols := b.selectItems(s.items)
	var sql strings.Builder
	sql.WriteString("SELECT ")
	if s.distinct {
		sql.WriteString("DISTINCT ")
	}
	sql.WriteString(strings.Join(items, ", "))
	sql.WriteString(from)
	if s.where != nil {
		sql.WriteString(" WHERE " + b.condition(s.where))
	}
	if len(s.group) > 0 {
		var keys []string
		for _, x := range s.group {
			v := b.value(x)
			if v.typ.blob() {
				b.fail(errf(306, 16, "The text, ntext, and image data types cannot be compared or sorted, except when using IS NULL or LIKE operator."))
			}
			keys = append(keys, v.sql)
		}
		sql.WriteString(" GROUP BY " + strings.Join(keys, ", "))
	}
	if s.having != nil {
		sql.WriteString(" HAVING " + b.condition(s.having))
	}
	sql.WriteString(b.order(q, cols))
	switch {
	case s.top != nil && s.top.ties:
		sql.WriteString(fmt.Sprintf(" FETCH FIRST (%s) ROWS WITH TIES", b.convert(b.value(s.top.n), simple(kBigint), 0).sql))
	case s.top != nil:
		sql.WriteString(" LIMIT " + b.convert(b.value(s.top.n), simple(kBigint), 0).sql)
	default:
		sql.WriteString(b.limits(q))
	}
	if len(s.group) == 0 && !s.distinct && s.having == nil && !anyAggregate(s.items) {
		sql.WriteString(b.locks())
	}
	return sql.String(), cols
}

// order is ORDER BY, by the columns of the result or of the tables.
func (b *binder) order(q *query, cols []column) string {
	var parts []string
	for _, item := range q.order {
		if n := b.outputOf(item.x, cols); n >= 0 && cols[n].typ.kind != kUniqueidentifier && cols[n].typ.kind != kDatetimeoffset && !cols[n].typ.blob() {
			parts = append(parts, strconv.Itoa(n+1)+direction(item.desc))
			continue
		}
		parts = append(parts, b.sortKey(item))
	}
	if len(parts) == 0 {
		return ""
	}
	return " ORDER BY " + strings.Join(parts, ", ")
}

// sortKey is an expression in the order that SQL Server has for its type.
func (b *binder) sortKey(item orderItem) string {
	v := b.value(item.x)
	sql := v.sql
	switch {
	case v.typ.blob():
		b.fail(errf(306, 16, "The text, ntext, and image data types cannot be compared or sorted, except when using IS NULL or LIKE operator."))
	case v.typ.kind == kUniqueidentifier:
		sql = "tsql.uuid_key(" + sql + ")"
	case v.typ.kind == kDatetimeoffset:
		sql = "(" + sql + ").utc"
	case v.typ.isString():
		sql = b.collated(v, v.typ.coll)
	case v.lit != nil:
		sql = "(" + sql + " + 0)" // not a position
	}
	return sql + direction(item.desc)
}

// selectItems translates a select list; stars become the columns they stand for.
func (b *binder) selectItems(list []selectItem) (items []string, cols []column) {
	for _, item := range list {
		if s, ok := item.x.(*star); ok {
			for _, src := range b.starred(s) {
				for i := range src.cols {
					v := src.cols[i].val(src)
					items = append(items, v.sql)
					cols = append(cols, v.column(src.cols[i].name))
				}
			}
			continue
		}
		v := b.value(item.x)
		name := item.alias
		if ref, ok := item.x.(*columnRef); ok && name == "" {
			name = ref.parts[len(ref.parts)-1]
			if v.col != nil {
				name = v.col.name
			}
		}
		items, cols = append(items, b.output(v)), append(cols, v.column(name))
	}
	return items, cols
}

func (v val) column(name string) column {
	c := column{name: name, typ: v.typ, nullable: v.nullable}
	if v.col != nil {
		c.identity = v.col.identity != nil
		c.computed = v.col.computed != ""
	}
	return c
}

func (b *binder) starred(s *star) []*source {
	if len(b.scope.sources) == 0 {
		b.fail(errf(263, 16, "Must specify table to select from."))
	}
	if s.qualifier == nil {
		return b.scope.sources
	}
	for _, src := range b.scope.sources {
		if src.answersTo(s.qualifier) {
			return []*source{src}
		}
	}
	b.fail(errf(107, 15, "The column prefix '%s' does not match with a table name or alias name used in the query.", strings.Join(s.qualifier, ".")))
	return nil
}
