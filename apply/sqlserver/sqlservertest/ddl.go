package sqlservertest

import (
	"fmt"
	"strings"
)

// definition is a translated statement that defines something: what PostgreSQL
// runs, and what becomes of the catalogue then.
type definition struct {
	sql   []string
	apply func(*catalogue) (undo func())
}

func (d *definition) add(format string, args ...any) {
	d.sql = append(d.sql, fmt.Sprintf(format, args...))
}

func (r *ruleInfo) pg() string  { return fmt.Sprintf("c_%d", r.id) }
func (x *indexInfo) pg() string { return fmt.Sprintf("x_%d", x.id) }

// generatedName is the name that SQL Server gives a constraint without one.
func generatedName(kind, table, column string, id int) string {
	prefix := map[string]string{"PK": "PK", "UQ": "UQ", "FK": "FK", "CHECK": "CK", "DEFAULT": "DF"}[kind]
	if kind == "PK" || kind == "UQ" {
		return fmt.Sprintf("%s__%s__%016X", prefix, cutRunes(table, 8), id)
	}
	return fmt.Sprintf("%s__%s__%s__%08X", prefix, cutRunes(table, 9), cutRunes(column, 5), id)
}

// place splits a name into schema and name, and checks the schema.
func (b *binder) place(name []string) (schema, last string) {
	schema, last = "dbo", name[len(name)-1]
	if len(name) > 1 && name[len(name)-2] != "" {
		schema = name[len(name)-2]
	}
	if strings.HasPrefix(last, "##") {
		b.fail(errUnknown("global temporary tables"))
	}
	if strings.HasPrefix(last, "#") {
		return b.own, last
	}
	found, ok := b.cat.schema(schema)
	if !ok || strings.EqualFold(found, "sys") || strings.EqualFold(found, "INFORMATION_SCHEMA") {
		b.fail(errf(2760, 16, "The specified schema name \"%s\" either does not exist or you do not have permission to use it.", schema))
	}
	return found, last
}

func (b *binder) createSchema(s *createSchemaStmt) *definition {
	if _, ok := b.cat.schema(s.name); ok {
		b.fail(errf(2714, 16, "There is already an object named '%s' in the database.", s.name))
	}
	if strings.HasPrefix(strings.ToLower(s.name), "pg_") || strings.EqualFold(s.name, "tsql") || strings.EqualFold(s.name, "infosch") {
		b.fail(errUnknown("a schema named " + s.name))
	}
	d := &definition{apply: func(c *catalogue) func() { return c.putSchema(s.name, true) }}
	d.add("CREATE SCHEMA IF NOT EXISTS %s", ident(s.name))
	d.add("INSERT INTO sys.schemas SELECT %s, max(schema_id) + 1, 1 FROM sys.schemas", quote(s.name))
	return d
}

func (b *binder) createTable(s *createTableStmt) *definition {
	schema, name := b.place(s.name)
	if b.cat.at(schema, name) != nil {
		b.fail(errf(2714, 16, "There is already an object named '%s' in the database.", name))
	}
	t := &tableInfo{id: b.cat.newID(), schema: schema, name: name, kind: objectTable}
	d := &definition{}
	rules := append([]*constraintDef(nil), s.rules...)
	for _, c := range s.cols {
		b.addColumn(t, c)
		rules = append(rules, c.rules...)
	}
	keys := keyColumnsOf(rules)
	for i, c := range t.cols {
		if keys[strings.ToLower(c.name)] {
			if s.cols[i].nullGiven && s.cols[i].null {
				b.fail(errf(8111, 16, "Cannot define PRIMARY KEY constraint on nullable column in table '%s'.", name))
			}
			c.nullable = false
		}
	}
	var lines []string
	for i, c := range t.cols {
		lines = append(lines, b.columnSQL(t, c, s.cols[i]))
	}
	d.add("CREATE TABLE %s (%s)", t.pg(), strings.Join(lines, ", "))
	for _, rule := range rules {
		b.addRule(d, t, rule)
	}
	return b.describe(d, t)
}

func keyColumnsOf(rules []*constraintDef) map[string]bool {
	keys := map[string]bool{}
	for _, r := range rules {
		if r.kind == "PK" {
			for _, c := range r.cols {
				keys[strings.ToLower(c)] = true
			}
		}
	}
	return keys
}

func (b *binder) addColumn(t *tableInfo, def *columnDef) {
	if t.column(def.name) != nil {
		b.fail(errf(2705, 16, "Column names in each table must be unique. Column name '%s' in table '%s' is specified more than once.", def.name, t.name))
	}
	t.nextColumn++
	c := &columnInfo{id: t.nextColumn, name: def.name, typ: def.typ, nullable: def.null, identity: def.identity, period: def.period, persisted: def.persisted}
	switch {
	case def.computed != nil:
		v := b.columnExpr(t, def.computed)
		c.typ, c.computed = v.typ, "("+def.text+")"
		if def.text != "" && strings.HasPrefix(def.text, "(") {
			c.computed = def.text
		}
	case def.identity != nil:
		if t.identityColumn() != nil {
			b.fail(errf(2744, 16, "Multiple identity columns specified for table '%s'. Only one identity column per table is allowed.", t.name))
		}
		if def.typ.family() != fInt || def.typ.kind == kBit {
			b.fail(errUnknown("an identity column of type " + def.typ.name()))
		}
		c.nullable = false
	case def.typ.kind == kRowversion:
		c.nullable = def.nullGiven && def.null
	}
	t.cols = append(t.cols, c)
}

// columnExpr translates an expression over one table's columns.
func (b *binder) columnExpr(t *tableInfo, x expr) val {
	b.inTable(t)
	defer b.pop()
	return b.value(x)
}

func (b *binder) inTable(t *tableInfo) {
	b.push()
	b.scope.sources = []*source{tableSource(t, "")}
}

func pgColumnType(t sqlType) string {
	if t.isString() {
		return t.pg() + " COLLATE " + pgCollation(t.coll)
	}
	return t.pg()
}

func (b *binder) columnSQL(t *tableInfo, c *columnInfo, def *columnDef) string {
	sql := ident(c.name) + " " + pgColumnType(c.typ)
	if !c.nullable {
		sql += " NOT NULL"
	}
	switch {
	case def.computed != nil:
		sql += fmt.Sprintf(" GENERATED ALWAYS AS (%s) STORED", b.columnExpr(t, def.computed).sql)
	case c.identity != nil:
		lim := limits[c.typ.kind]
		bounds := fmt.Sprintf("MINVALUE %s MAXVALUE %s", lim[0], lim[1])
		if c.typ.kind == kBigint {
			bounds = "MINVALUE -9223372036854775808"
		}
		sql += fmt.Sprintf(" GENERATED BY DEFAULT AS IDENTITY (START WITH %d INCREMENT BY %d %s)", c.identity[0], c.identity[1], bounds)
	case c.typ.kind == kRowversion:
		sql += " DEFAULT tsql.new_rowversion()"
	case c.period == 1: // of the insert alone: no update moves it
		sql += " DEFAULT timezone('UTC', clock_timestamp())"
	case c.period == 2:
		sql += " DEFAULT '9999-12-31 23:59:59.999999'"
	}
	return sql
}

// addRule adds a constraint to t, and to what PostgreSQL is told.
func (b *binder) addRule(d *definition, t *tableInfo, def *constraintDef) {
	r := &ruleInfo{
		id: b.cat.newID(), name: def.name, kind: def.kind, desc: def.desc, onDelete: def.onDelete, onUpdate: def.onUpdate, text: def.text,
	}
	for _, name := range def.cols {
		c := t.column(name)
		if c == nil {
			b.fail(errf(1911, 16, "Column name '%s' does not exist in the target table or view.", name))
		}
		r.cols = append(r.cols, c.name)
	}
	if r.name == "" {
		col := ""
		if len(r.cols) > 0 {
			col = r.cols[0]
		}
		r.name, r.generated = generatedName(r.kind, t.name, col, r.id), true
	}
	alter := "ALTER TABLE " + t.pg()
	switch r.kind {
	case "PK":
		d.add("%s ADD CONSTRAINT %s PRIMARY KEY (%s)", alter, r.pg(), pgColumns(r.cols))
		b.keyIndex(t, r, def, true)
	case "UQ":
		d.add("%s ADD CONSTRAINT %s UNIQUE%s (%s)", alter, r.pg(), nullsAlike(t, r.cols), pgColumns(r.cols))
		b.keyIndex(t, r, def, false)
	case "FK":
		b.foreignKey(d, t, r, def)
	case "CHECK":
		b.inTable(t)
		d.add("%s ADD CONSTRAINT %s CHECK (%s)", alter, r.pg(), b.condition(def.x))
		b.pop()
	case "DEFAULT":
		c := t.column(r.cols[0])
		d.add("%s ALTER COLUMN %s SET DEFAULT %s", alter, ident(c.name), b.assign(b.value(def.x), t, c))
	}
	t.rules = append(t.rules, r)
}

// nullsAlike has a unique index take two nulls for the same, where it may have
// any: PostgreSQL 14 cannot be told.
func nullsAlike(t *tableInfo, cols []string) string {
	for _, name := range cols {
		if t.column(name).nullable {
			return " NULLS NOT DISTINCT"
		}
	}
	return ""
}

func pgColumns(cols []string) string {
	var list []string
	for _, c := range cols {
		list = append(list, ident(c))
	}
	return strings.Join(list, ", ")
}

func (b *binder) keyIndex(t *tableInfo, r *ruleInfo, def *constraintDef, clustered bool) {
	if def.clustered != nil {
		clustered = *def.clustered
	}
	for _, x := range t.indexes {
		clustered = clustered && !x.clustered
	}
	r.clustered = clustered
	t.indexes = append(t.indexes, &indexInfo{id: r.id, name: r.name, unique: true, clustered: clustered, cols: r.cols, desc: r.desc, rule: r})
}

func (b *binder) foreignKey(d *definition, t *tableInfo, r *ruleInfo, def *constraintDef) {
	r.ref = b.find(def.refTable)
	if len(def.refTable) == 1 && strings.EqualFold(def.refTable[0], t.name) || r.ref == nil && tableKey(t.schema, t.name) == tableKey(def.refTable[0], def.refTable[len(def.refTable)-1]) {
		r.ref = t
	}
	if r.ref == nil {
		b.fail(errf(1767, 16, "Foreign key '%s' references invalid table '%s'.", r.name, strings.Join(def.refTable, ".")))
	}
	refCols := def.refCols
	if refCols == nil {
		for _, k := range r.ref.rules {
			if k.kind == "PK" {
				refCols = k.cols
			}
		}
	}
	for _, name := range refCols {
		c := r.ref.column(name)
		if c == nil {
			b.fail(errf(1770, 16, "Foreign key '%s' references invalid column '%s' in referenced table '%s'.", r.name, name, r.ref.name))
		}
		r.refCols = append(r.refCols, c.name)
	}
	action := ""
	if r.onDelete != "" {
		action += " ON DELETE " + r.onDelete
	}
	if r.onUpdate != "" {
		action += " ON UPDATE " + r.onUpdate
	}
	d.add("ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s)%s", t.pg(), r.pg(), pgColumns(r.cols), r.ref.pg(), pgColumns(r.refCols), action)
}

func (b *binder) createIndex(s *createIndexStmt) *definition {
	t := b.table(s.table).clone()
	x := &indexInfo{id: b.cat.newID(), name: s.name, unique: s.unique, clustered: s.clustered, desc: s.desc, include: s.include, filter: s.whereText, ignoreDup: s.ignoreDup}
	for _, other := range t.indexes {
		if strings.EqualFold(other.name, s.name) {
			b.fail(errf(1913, 16, "The operation failed because an index or statistics with name '%s' already exists on table '%s'.", s.name, t.full()))
		}
	}
	for _, name := range append(append([]string(nil), s.cols...), s.include...) {
		if t.column(name) == nil {
			b.fail(errf(1911, 16, "Column name '%s' does not exist in the target table or view.", name))
		}
	}
	for _, name := range s.cols {
		x.cols = append(x.cols, t.column(name).name)
	}
	d := &definition{}
	unique, nulls, where := "", "", ""
	if s.unique {
		unique, nulls = "UNIQUE ", nullsAlike(t, x.cols)
	}
	if s.where != nil {
		b.inTable(t)
		where = " WHERE " + b.condition(s.where)
		b.pop()
	}
	d.add("CREATE %sINDEX %s ON %s (%s)%s%s", unique, x.pg(), t.pg(), pgColumns(x.cols), nulls, where)
	t.indexes = append(t.indexes, x)
	return b.describe(d, t)
}

// disableIndex leaves an index in the catalogue alone. It is not made again.
func (b *binder) disableIndex(s *disableIndexStmt) *definition {
	t := b.table(s.table).clone()
	for i, x := range t.indexes {
		if !strings.EqualFold(x.name, s.name) {
			continue
		}
		if x.rule != nil || x.disabled {
			b.fail(errUnknown("ALTER INDEX ... DISABLE of a constraint's index, or of one that is disabled"))
		}
		disabled := *x
		disabled.disabled = true
		t.indexes[i] = &disabled
		d := &definition{}
		d.add("DROP INDEX %s.%s", ident(pgSchema(t)), x.pg())
		return b.describe(d, t)
	}
	b.fail(errf(2727, 11, "Cannot find index '%s'.", s.name))
	return nil
}

func (b *binder) drop(s *dropStmt) *definition {
	d := &definition{}
	var steps []func(*catalogue) func()
	for _, name := range s.names {
		if step := b.dropOne(d, s, name); step != nil {
			steps = append(steps, step)
		}
	}
	d.apply = func(c *catalogue) func() {
		var undo []func()
		for _, step := range steps {
			undo = append(undo, step(c))
		}
		return func() {
			for i := len(undo) - 1; i >= 0; i-- {
				undo[i]()
			}
		}
	}
	return d
}

func (b *binder) dropOne(d *definition, s *dropStmt, name []string) func(*catalogue) func() {
	missing := func() {
		if !s.ifExists {
			b.fail(errf(3701, 11, "Cannot drop the %s '%s', because it does not exist or you do not have permission.", strings.ToLower(s.what), strings.Join(name, ".")))
		}
	}
	switch s.what {
	case "SCHEMA":
		found, ok := b.cat.schema(name[0])
		if !ok {
			missing()
			return nil
		}
		d.add("DROP SCHEMA %s", ident(found))
		d.add("DELETE FROM sys.schemas WHERE name = %s", quote(found))
		return func(c *catalogue) func() { return c.putSchema(found, false) }
	case "TRIGGER":
		t, tr := b.cat.trigger(name)
		if tr == nil {
			missing()
			return nil
		}
		return b.redefine(d, t, func(t *tableInfo) { t.triggers = without(t.triggers, tr) })
	case "PROCEDURE":
		p := b.cat.procedure(name)
		if p == nil {
			missing()
			return nil
		}
		d.sql = append(d.sql, forget(p.id)...)
		return func(c *catalogue) func() { return c.putProcedure(p.schema, p.name, nil) }
	case "INDEX":
		t := b.table(s.on)
		for _, x := range t.indexes {
			if strings.EqualFold(x.name, name[0]) {
				d.add("DROP INDEX %s.%s", ident(t.schema), x.pg())
				return b.redefine(d, t, func(t *tableInfo) { t.indexes = without(t.indexes, x) })
			}
		}
		missing()
		return nil
	}
	kind := map[string]string{"TABLE": objectTable, "VIEW": objectView}[s.what]
	t := b.find(name)
	if t == nil || t.kind != kind {
		missing()
		return nil
	}
	return b.dropTable(d, t)
}

func without[T comparable](list []T, x T) []T {
	var rest []T
	for _, y := range list {
		if y != x {
			rest = append(rest, y)
		}
	}
	return rest
}

func (b *binder) dropTable(d *definition, t *tableInfo) func(*catalogue) func() {
	for _, other := range b.cat.all() {
		for _, r := range other.rules {
			if r.kind == "FK" && r.ref.id == t.id && other.id != t.id {
				b.fail(errf(3726, 16, "Could not drop object '%s' because it is referenced by a FOREIGN KEY constraint.", t.full()))
			}
		}
	}
	if t.kind == objectTable {
		d.add("DROP TABLE %s", t.pg())
	}
	d.sql = append(d.sql, forget(t.id)...)
	return func(c *catalogue) func() { return c.put(t.schema, t.name, nil) }
}

// redefine makes a changed copy of a table, and describes it.
func (b *binder) redefine(d *definition, t *tableInfo, change func(*tableInfo)) func(*catalogue) func() {
	c := t.clone()
	change(c)
	described := b.describe(&definition{}, c)
	d.sql = append(d.sql, described.sql...)
	return described.apply
}

func (b *binder) truncate(s *truncateStmt) *definition {
	t := b.table(s.name)
	for _, other := range b.cat.all() {
		for _, r := range other.rules {
			if r.kind == "FK" && r.ref.id == t.id && other.id != t.id {
				b.fail(errf(4712, 16, "Cannot truncate table '%s' because it is being referenced by a FOREIGN KEY constraint.", t.name))
			}
		}
	}
	d := &definition{apply: func(*catalogue) func() { return func() {} }}
	d.add("TRUNCATE %s RESTART IDENTITY", t.pg())
	return d
}

func (b *binder) createView(s *createViewStmt) *definition {
	schema, name := b.place(s.name)
	if b.find([]string{schema, name}) != nil {
		b.fail(errf(2714, 16, "There is already an object named '%s' in the database.", name))
	}
	t := &tableInfo{id: b.cat.newID(), schema: schema, name: name, kind: objectView, view: s.q, text: s.text}
	_, cols := b.query(s.q)
	for i, c := range cols {
		t.cols = append(t.cols, &columnInfo{id: i + 1, name: c.name, typ: c.typ, nullable: c.nullable})
	}
	return b.describe(&definition{}, t)
}

func (b *binder) createTrigger(s *createTriggerStmt) *definition {
	t := b.table(s.table).clone()
	if t.kind != objectTable {
		b.fail(errUnknown("a trigger on " + t.full()))
	}
	name := s.name[len(s.name)-1]
	if len(s.name) > 1 && !strings.EqualFold(s.name[len(s.name)-2], t.schema) {
		b.fail(errf(2103, 15, "Cannot create trigger '%s' because its schema is different from the schema of the target table or view.", strings.Join(s.name, ".")))
	}
	if other, tr := b.cat.trigger([]string{t.schema, name}); tr != nil || other != nil {
		b.fail(errf(2714, 16, "There is already an object named '%s' in the database.", name))
	}
	tr := &triggerInfo{id: b.cat.newID(), schema: t.schema, name: name, events: s.events, body: s.body, text: s.text}
	d := &definition{}
	if len(t.triggers) == 0 {
		for event, tables := range map[string]string{
			"INSERT": "NEW TABLE AS new_rows", "UPDATE": "OLD TABLE AS old_rows NEW TABLE AS new_rows", "DELETE": "OLD TABLE AS old_rows",
		} {
			d.add("CREATE OR REPLACE TRIGGER keep_%s AFTER %s ON %s REFERENCING %s FOR EACH STATEMENT EXECUTE FUNCTION tsql.keep_rows()",
				strings.ToLower(event), event, t.pg(), tables)
		}
	}
	t.triggers = append(t.triggers, tr)
	return b.describe(d, t)
}
