package sqlservertest

import (
	"fmt"
	"strings"
)

// from translates FROM and adds its tables to the scope.
func (b *binder) from(list []tableExpr) string {
	if len(list) == 0 {
		return ""
	}
	var parts []string
	for _, x := range list {
		parts = append(parts, b.tableExpr(x))
	}
	return " FROM " + strings.Join(parts, ", ")
}

func (b *binder) tableExpr(x tableExpr) string {
	switch x := x.(type) {
	case *tableRef:
		src := b.resolve(x)
		b.add(src)
		return src.from
	case *derived:
		return b.derivedTable(x, "")
	}
	j := x.(*join)
	l := b.tableExpr(j.l)
	switch j.kind {
	case "CROSS":
		return fmt.Sprintf("(%s CROSS JOIN %s)", l, b.tableExpr(j.r))
	case "CROSS APPLY", "OUTER APPLY":
		d, ok := j.r.(*derived)
		if !ok {
			b.fail(errUnknown(j.kind + " of what is no derived table"))
		}
		kind := map[string]string{"CROSS APPLY": "INNER", "OUTER APPLY": "LEFT"}[j.kind]
		return fmt.Sprintf("(%s %s JOIN %s ON true)", l, kind, b.derivedTable(d, "LATERAL "))
	}
	r := b.tableExpr(j.r)
	return fmt.Sprintf("(%s %s JOIN %s ON %s)", l, j.kind, r, b.condition(j.on))
}

func (b *binder) derivedTable(d *derived, prefix string) string {
	if d.alias == "" {
		b.fail(errSyntax(")"))
	}
	outer := b.scope
	if prefix == "" {
		// A derived table does not see its neighbours.
		b.scope = &scope{outer: outer.outer, ctes: outer.ctes}
	}
	sql, cols := b.query(d.q)
	b.scope = outer
	src := derivedSource(d.alias, cols, d.cols)
	b.add(src)
	return fmt.Sprintf("%s(%s) AS %s(%s)", prefix, sql, ident(d.alias), src.names())
}

func (b *binder) add(src *source) {
	for _, other := range b.scope.sources {
		if strings.EqualFold(other.alias, src.alias) && (src.table == nil || other.table == src.table) {
			b.fail(errf(1013, 16, "The objects \"%s\" and \"%s\" in the FROM clause have the same exposed names. Use correlation names to distinguish them.", src.alias, other.alias))
		}
	}
	b.scope.sources = append(b.scope.sources, src)
}

// resolve finds what a name in FROM stands for.
func (b *binder) resolve(x *tableRef) *source {
	alias := x.alias
	if alias == "" {
		alias = x.name[len(x.name)-1]
	}
	if x.function {
		if !strings.EqualFold(x.name[len(x.name)-1], "fn_helpcollations") {
			b.fail(errUnknown("the table function " + strings.Join(x.name, ".")))
		}
		x = &tableRef{name: []string{"sys", "fn_helpcollations"}, alias: alias}
	}
	if len(x.name) == 1 {
		if src := b.special(x.name[0], alias); src != nil {
			return src
		}
	}
	t := b.table(x.name)
	if t.view != nil {
		return b.viewSource(t, alias, x.name)
	}
	src := tableSource(t, alias)
	src.name = x.name
	src.from = t.pg() + " AS " + ident(alias)
	if hasHint(x.hints, "UPDLOCK", "XLOCK", "TABLOCKX") && t.kind == objectTable {
		b.lock(ident(alias))
	}
	return src
}

// special are the tables of a WITH clause, and those that a trigger has.
func (b *binder) special(name, alias string) *source {
	if c := b.cte(name); c != nil {
		src := *c
		src.alias = alias
		src.from = ident(name) + " AS " + ident(alias)
		return &src
	}
	if b.trigger != nil && (strings.EqualFold(name, "inserted") || strings.EqualFold(name, "deleted")) {
		src := tableSource(b.trigger.table, alias)
		src.from = fmt.Sprintf("tsql.kept(NULL::%s, '%s', %d) AS %s", b.trigger.table.pg(), strings.ToLower(name), b.trigger.depth, ident(alias))
		src.name = []string{name}
		return src
	}
	return nil
}

func tableSource(t *tableInfo, alias string) *source {
	src := &source{alias: alias, table: t}
	for _, c := range t.cols {
		src.cols = append(src.cols, boundColumn{name: c.name, pg: ident(c.name), typ: c.typ, info: c, nullable: c.nullable})
	}
	return src
}

// viewSource puts the view's query where its name stands.
func (b *binder) viewSource(t *tableInfo, alias string, name []string) *source {
	inner := &binder{cat: b.cat, collation: b.collation, session: b.session}
	sql, cols := inner.query(t.view)
	src := derivedSource(alias, cols, nil)
	src.table, src.name = t, name
	src.from = fmt.Sprintf("(%s) AS %s(%s)", sql, ident(alias), src.names())
	return src
}

// table finds a table by its name: [[database.]schema.]table.
func (b *binder) table(name []string) *tableInfo {
	t := b.find(name)
	if t == nil {
		b.fail(errObject(strings.Join(name, ".")))
	}
	return t
}

// find is table for a name that may be no table's; nil then.
func (b *binder) find(name []string) *tableInfo {
	if last := name[len(name)-1]; strings.HasPrefix(last, "#") {
		return b.cat.at(b.session.temporary, last)
	}
	return b.cat.find(name)
}

func hasHint(hints []string, any ...string) bool {
	for _, h := range hints {
		for _, a := range any {
			if h == a {
				return true
			}
		}
	}
	return false
}

// lock notes that the rows of a table are to be locked.
func (b *binder) lock(alias string) { b.scope.locked = append(b.scope.locked, alias) }

func (b *binder) locks() string {
	if len(b.scope.locked) == 0 {
		return ""
	}
	return " FOR UPDATE OF " + strings.Join(b.scope.locked, ", ")
}
