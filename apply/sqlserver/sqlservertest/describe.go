package sqlservertest

import (
	"fmt"
	"strconv"
	"strings"
)

// describe writes what the catalogue views say of t, and puts it in the
// catalogue.
func (b *binder) describe(d *definition, t *tableInfo) *definition {
	d.apply = func(c *catalogue) func() { return c.put(t.schema, t.name, t) }
	if t.temporary() {
		return d
	}
	d.sql = append(d.sql, forget(t.id)...)
	schema := fmt.Sprintf("(SELECT schema_id FROM sys.schemas WHERE name = %s)", quote(t.schema))
	w := &describer{d: d, t: t, schema: schema}
	w.object(t.name, t.id, 0, t.kind, map[string]string{objectTable: "USER_TABLE", objectView: "VIEW"}[t.kind])
	if t.text != "" {
		w.insert("sql_modules", t.id, t.text)
	}
	for _, c := range t.cols {
		w.column(c)
	}
	for _, r := range t.rules {
		w.rule(r)
	}
	w.indexes()
	for _, tr := range t.triggers {
		w.trigger(tr)
	}
	return d
}

// forget takes an object and what belongs to it out of the catalogue views.
func forget(id int) []string {
	var sql []string
	for _, of := range []string{
		"trigger_events WHERE object_id IN (SELECT object_id FROM sys.triggers WHERE parent_id = %[1]d)",
		"sql_modules WHERE object_id = %[1]d OR object_id IN (SELECT object_id FROM sys.triggers WHERE parent_id = %[1]d)",
		"triggers WHERE parent_id = %[1]d",
		"objects WHERE object_id = %[1]d OR parent_object_id = %[1]d",
		"columns WHERE object_id = %[1]d", "identity_columns WHERE object_id = %[1]d", "computed_columns WHERE object_id = %[1]d",
		"default_constraints WHERE parent_object_id = %[1]d", "check_constraints WHERE parent_object_id = %[1]d",
		"key_constraints WHERE parent_object_id = %[1]d", "indexes WHERE object_id = %[1]d", "index_columns WHERE object_id = %[1]d",
		"foreign_keys WHERE parent_object_id = %[1]d", "foreign_key_columns WHERE parent_object_id = %[1]d",
	} {
		sql = append(sql, "DELETE FROM sys."+fmt.Sprintf(of, id))
	}
	return sql
}

// describer writes the rows of one table.
type describer struct {
	d      *definition
	t      *tableInfo
	schema string // its id, as SQL
}

// sqlText is SQL that stands for itself among values.
type sqlText string

// insert adds a row; nil is NULL.
func (w *describer) insert(view string, values ...any) {
	w.d.add("INSERT INTO sys.%s VALUES (%s)", view, valueList(values))
}

func valueList(values []any) string {
	var list []string
	for _, v := range values {
		switch v := v.(type) {
		case nil:
			list = append(list, "NULL")
		case string:
			list = append(list, quote(v))
		case bool:
			list = append(list, strconv.Itoa(int(bit(v))))
		default:
			list = append(list, fmt.Sprint(v))
		}
	}
	return strings.Join(list, ", ")
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (w *describer) object(name string, id, parent int, kind, desc string) {
	w.d.add("INSERT INTO sys.objects (name, object_id, principal_id, schema_id, parent_object_id, type, type_desc) VALUES (%s)",
		valueList([]any{name, id, nil, sqlText(w.schema), parent, fmt.Sprintf("%-2s", kind), desc}))
}

func (w *describer) column(c *columnInfo) {
	prec, scale := c.typ.precision()
	var coll any
	if c.typ.isString() && c.typ.kind != kXML {
		coll = c.typ.coll
	}
	def := 0
	for _, r := range w.t.rules {
		if r.kind == "DEFAULT" && r.cols[0] == c.name {
			def = r.id
		}
	}
	typ := c.typ.systemType()
	w.insert("columns", w.t.id, c.name, c.id, typ, typ, c.typ.maxLength(), prec, scale, coll, c.nullable, 1, 0,
		c.identity != nil, c.computed != "", def, c.period, 0, 0)
	if c.identity != nil {
		w.insert("identity_columns", w.t.id, c.name, c.id, c.identity[0], c.identity[1], nil, 0)
	}
	if c.computed != "" {
		w.insert("computed_columns", w.t.id, c.name, c.id, c.computed, c.persisted, 1)
	}
}

func (w *describer) rule(r *ruleInfo) {
	parent := 0
	if len(r.cols) == 1 {
		parent = w.t.column(r.cols[0]).id
	}
	schema := sqlText(w.schema)
	switch r.kind {
	case "PK", "UQ":
		desc := map[string]string{"PK": "PRIMARY_KEY_CONSTRAINT", "UQ": "UNIQUE_CONSTRAINT"}[r.kind]
		w.object(r.name, r.id, w.t.id, r.kind, desc)
		w.insert("key_constraints", r.name, r.id, schema, w.t.id, r.kind, desc, w.indexID(r), r.generated)
	case "FK":
		w.object(r.name, r.id, w.t.id, "F", "FOREIGN_KEY_CONSTRAINT")
		del, upd := action(r.onDelete), action(r.onUpdate)
		w.insert("foreign_keys", r.name, r.id, schema, w.t.id, r.ref.id, 1, 0, 0, del, actionName(del), upd, actionName(upd), r.generated)
		for i, name := range r.cols {
			w.insert("foreign_key_columns", r.id, i+1, w.t.id, w.t.column(name).id, r.ref.id, r.ref.column(r.refCols[i]).id)
		}
	case "CHECK":
		w.object(r.name, r.id, w.t.id, "C", "CHECK_CONSTRAINT")
		w.insert("check_constraints", r.name, r.id, schema, w.t.id, parent, r.text, r.generated, 0, 0)
	case "DEFAULT":
		w.object(r.name, r.id, w.t.id, "D", "DEFAULT_CONSTRAINT")
		w.insert("default_constraints", r.name, r.id, schema, w.t.id, parent, r.text, r.generated)
	}
}

var actions = []string{"NO ACTION", "CASCADE", "SET NULL", "SET DEFAULT"}

func action(name string) int {
	for i, a := range actions {
		if a == name {
			return i
		}
	}
	return 0
}

func actionName(n int) string { return strings.ReplaceAll(actions[n], " ", "_") }

// indexNumber numbers the clustered index 1 and the others from 2.
func (w *describer) indexNumber(x *indexInfo) int {
	if x.clustered {
		return 1
	}
	n := 2
	for _, other := range w.t.indexes {
		if other == x {
			break
		}
		if !other.clustered {
			n++
		}
	}
	return n
}

func (w *describer) indexID(r *ruleInfo) int {
	for _, x := range w.t.indexes {
		if x.rule == r {
			return w.indexNumber(x)
		}
	}
	return 0
}

func (w *describer) indexes() {
	heap := w.t.kind == objectTable
	for _, x := range w.t.indexes {
		n := w.indexNumber(x)
		typ, desc := 2, "NONCLUSTERED"
		if x.clustered {
			typ, desc, heap = 1, "CLUSTERED", false
		}
		var filter any
		if x.filter != "" {
			filter = "(" + x.filter + ")"
		}
		w.insert("indexes", w.t.id, x.name, n, typ, desc, x.unique, x.rule != nil && x.rule.kind == "PK", x.rule != nil && x.rule.kind == "UQ", x.disabled, x.filter != "", filter, x.ignoreDup, 0)
		for i, name := range x.cols {
			desc := i < len(x.desc) && x.desc[i]
			w.insert("index_columns", w.t.id, n, i+1, w.t.column(name).id, i+1, desc, 0)
		}
		for i, name := range x.include {
			w.insert("index_columns", w.t.id, n, len(x.cols)+i+1, w.t.column(name).id, 0, 0, 1)
		}
	}
	if heap {
		w.insert("indexes", w.t.id, nil, 0, 0, "HEAP", 0, 0, 0, 0, 0, nil, 0, 0)
	}
}

func (w *describer) trigger(tr *triggerInfo) {
	w.object(tr.name, tr.id, w.t.id, "TR", "SQL_TRIGGER")
	w.insert("triggers", tr.name, tr.id, 1, "OBJECT_OR_COLUMN", w.t.id, "TR", 0, tr.disabled, 0, 0)
	for _, e := range tr.events {
		w.insert("trigger_events", tr.id, map[string]int{"INSERT": 1, "UPDATE": 2, "DELETE": 3}[e], e, 0, 0)
	}
	w.insert("sql_modules", tr.id, tr.text)
}
