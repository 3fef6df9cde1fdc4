package sqlservertest

import (
	"slices"
	"strings"
)

// alterTable translates ALTER TABLE.
func (b *binder) alterTable(s *alterTableStmt) *definition {
	t := b.table(s.name).clone()
	d := &definition{}
	switch {
	case s.noCheck:
		b.fail(errUnknown("WITH NOCHECK"))
	case s.alterCol != nil:
		b.alterColumn(d, t, s.alterCol)
	case s.trigger != "":
		b.switchTriggers(t, s)
	}
	for _, def := range s.addCols {
		b.addColumn(t, def)
		c := t.cols[len(t.cols)-1]
		sql := b.columnSQL(t, c, def)
		for _, r := range def.rules {
			if r.kind == "DEFAULT" { // existing rows get it too, where there is no NULL
				sql += " DEFAULT " + b.assign(b.value(r.x), t, c)
			}
		}
		d.add("ALTER TABLE %s ADD COLUMN %s", t.pg(), sql)
		for _, r := range def.rules {
			b.addRule(d, t, r)
		}
	}
	for _, rule := range s.addRules {
		b.addRule(d, t, rule)
	}
	for _, name := range s.dropCols {
		b.dropColumn(d, t, name, s.ifExists)
	}
	for _, name := range s.dropRules {
		b.dropRule(d, t, name, s.ifExists)
	}
	return b.describe(d, t)
}

func (b *binder) switchTriggers(t *tableInfo, s *alterTableStmt) {
	for i, tr := range t.triggers {
		named := s.triggers == nil
		for _, name := range s.triggers {
			named = named || strings.EqualFold(name, tr.name)
		}
		if named {
			changed := *tr
			changed.disabled = s.trigger == "DISABLE"
			t.triggers[i] = &changed
		}
	}
}

func (b *binder) alterColumn(d *definition, t *tableInfo, def *columnDef) {
	c := t.column(def.name)
	if c == nil {
		b.fail(errf(4924, 16, "ALTER TABLE ALTER COLUMN failed because column '%s' does not exist in table '%s'.", def.name, t.name))
	}
	if def.null && !c.nullable {
		b.independent(t, c, "DEFAULT")
	}
	changed := *c
	changed.typ, changed.nullable = def.typ, def.null
	for i := range t.cols {
		if t.cols[i] == c {
			t.cols[i] = &changed
		}
	}
	from := val{sql: ident(c.name), typ: c.typ}
	d.add("ALTER TABLE %s ALTER COLUMN %s TYPE %s USING %s", t.pg(), ident(c.name), pgColumnType(def.typ), b.assign(from, t, &changed))
	null := "DROP"
	if !def.null {
		null = "SET"
	}
	d.add("ALTER TABLE %s ALTER COLUMN %s %s NOT NULL", t.pg(), ident(c.name), null)
}

// independent refuses where a rule, of another kind than the one named, or an
// index depends on a column.
func (b *binder) independent(t *tableInfo, c *columnInfo, but string) {
	isOf := func(cols []string) bool {
		return slices.ContainsFunc(cols, func(col string) bool { return strings.EqualFold(col, c.name) })
	}
	for _, r := range t.rules {
		if r.kind != but && isOf(r.cols) {
			b.fail(errf(5074, 16, "The object '%s' is dependent on column '%s'.", r.name, c.name))
		}
	}
	for _, x := range t.indexes {
		if isOf(x.cols) {
			b.fail(errf(5074, 16, "The index '%s' is dependent on column '%s'.", x.name, c.name))
		}
	}
}

func (b *binder) dropColumn(d *definition, t *tableInfo, name string, ifExists bool) {
	c := t.column(name)
	if c == nil {
		if !ifExists {
			b.fail(errf(4924, 16, "ALTER TABLE DROP COLUMN failed because column '%s' does not exist in table '%s'.", name, t.name))
		}
		return
	}
	b.independent(t, c, "")
	t.cols = without(t.cols, c)
	d.add("ALTER TABLE %s DROP COLUMN %s", t.pg(), ident(c.name))
}

func (b *binder) dropRule(d *definition, t *tableInfo, name string, ifExists bool) {
	for _, r := range t.rules {
		if !strings.EqualFold(r.name, name) {
			continue
		}
		if r.kind == "DEFAULT" {
			d.add("ALTER TABLE %s ALTER COLUMN %s DROP DEFAULT", t.pg(), ident(r.cols[0]))
		} else {
			d.add("ALTER TABLE %s DROP CONSTRAINT %s", t.pg(), r.pg())
		}
		t.rules = without(t.rules, r)
		for _, x := range t.indexes {
			if x.rule == r {
				t.indexes = without(t.indexes, x)
			}
		}
		return
	}
	if !ifExists {
		b.fail(errf(3728, 16, "'%s' is not a constraint.", name))
	}
}
