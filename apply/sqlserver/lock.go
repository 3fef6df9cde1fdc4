package sqlserver

import (
	"fmt"
	"slices"
)

// RecordLock says how the target's own application marks a record that someone
// has open. Nothing is written to one meanwhile: see resolve.Locked.
type RecordLock struct {
	// Table holds the locks, one a row: schema.name, unquoted or with either part
	// in brackets. With "" a lock is in the row itself, in its column Holder.
	Table string
	// On says which lock is of which row: for columns of Table the target column
	// that has the same.
	On map[string]string
	// Where are columns of Table with what they have in the locks of these rows, as
	// the text of a T-SQL literal without its quotes.
	Where map[string]string
	// Holder is the column that says who has the record open: it is locked while
	// that is neither null nor blank, nor 0. With "" each row of Table is a lock.
	Holder string
}

// check returns what is wrong with a lock by itself.
func (l *RecordLock) check(of string) error {
	if l == nil {
		return nil
	}
	switch {
	case l.Table == "" && len(l.On)+len(l.Where) > 0:
		return fmt.Errorf("table %s: its lock has `on` or `where`, and no table of locks; name the table, or leave them out", of)
	case l.Table == "" && l.Holder == "":
		return fmt.Errorf("table %s: its lock names neither a table of locks nor a holder; name the table, or the column of the row that says who has it", of)
	case l.Table == "":
		return nil
	case len(l.On) == 0:
		return fmt.Errorf("table %s: its lock does not say which lock is of which row; name the columns of both with `on`", of)
	}
	target, err := parseTarget(of)
	if err != nil {
		return err
	}
	table, err := parseTarget(l.Table)
	if err != nil {
		return fmt.Errorf("table %s: lock: %w", of, err)
	}
	if table.fold() == target.fold() {
		return fmt.Errorf("table %s: its lock is in the table itself; leave the lock's table out, and name the holder", of)
	}
	return nil
}

// recordLock is a Table's RecordLock, matched with the catalogue.
type recordLock struct {
	table  *targetTable // of the locks; nil where holder is a column of the row
	on     []lockColumn
	where  []fixedColumn
	holder *targetColumn
}

// lockColumn is a column of a table of locks, and the one of the row that has the
// same.
type lockColumn struct{ lock, row *targetColumn }

// findLock matches the configured lock.
func (m *mapping) findLock(cat catalogue) error {
	cfg := m.config.Lock
	if cfg == nil {
		return nil
	}
	l := &recordLock{}
	in := m.target
	if cfg.Table != "" {
		table, err := parseTarget(cfg.Table)
		if err != nil {
			return err
		}
		if l.table = cat.find(table); l.table == nil {
			return fmt.Errorf("%s: lock names table %s, which %s", m.target.name, table, cat.lacks(table))
		}
		in = l.table
	}
	if err := l.findColumns(cfg, m.target); err != nil {
		return fmt.Errorf("%s: lock, %w", m.target.name, err)
	}
	if cfg.Holder != "" {
		if l.holder = in.column(cfg.Holder); l.holder == nil {
			return fmt.Errorf("%s: lock, holder names column %q, which %s; correct the name", m.target.name, cfg.Holder, in.lacks(cfg.Holder, in.name.String()))
		}
		if blank(l.holder.typ, "") == "" {
			return fmt.Errorf("%s: lock, holder names column %q, which is of type %s; name one that is text, a number or a bit", m.target.name, cfg.Holder, l.holder.typ)
		}
	}
	m.lock = l
	return nil
}

// findColumns matches the columns of a table of locks.
func (l *recordLock) findColumns(cfg *RecordLock, row *targetTable) error {
	for _, name := range sorted(cfg.On) {
		on := lockColumn{l.table.column(name), row.column(cfg.On[name])}
		switch {
		case on.lock == nil:
			return fmt.Errorf("on names column %q, which %s; correct the name", name, l.table.lacks(name, l.table.name.String()))
		case on.row == nil:
			return fmt.Errorf("on names column %q, which %s; correct the name", cfg.On[name], row.lacks(cfg.On[name], "the target table"))
		case !on.comparable():
			return fmt.Errorf("on compares column %q, which is of type %s, with %q, which is of type %s; name columns of like types", name, on.lock.typ, on.row.name, on.row.typ)
		}
		l.on = append(l.on, on)
	}
	for _, name := range sorted(cfg.Where) {
		to := l.table.column(name)
		if to == nil {
			return fmt.Errorf("where names column %q, which %s; correct the name", name, l.table.lacks(name, l.table.name.String()))
		}
		value, err := literal(to.typ, cfg.Where[name])
		if err != nil {
			return fmt.Errorf("where has a value for column %q that does not fit %s: %w; correct it", name, to.typ, err)
		}
		l.where = append(l.where, fixedColumn{to, value})
	}
	return nil
}

// name is what a conflict says of who refused.
func (l *recordLock) name() string {
	if l.table != nil {
		return l.table.name.String()
	}
	return l.holder.name
}

// sorted are the keys of a map in order, so that a statement is the same each
// time.
func sorted(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// isPlainText reports whether a type is text that can be compared with =.
func (t sqlType) isPlainText() bool {
	return (t.class() == classChar || t.class() == classNChar) && t.castType() == t.String()
}

func (t sqlType) isNumber() bool { return t.class() == classInteger || t.class() == classDecimal }

// comparable reports whether the two columns can be compared. A lock's text may
// be the number of a row.
func (on lockColumn) comparable() bool {
	a, b := on.lock.typ, on.row.typ
	switch {
	case a.isPlainText():
		return b.isPlainText() || b.class() == classInteger
	case a.isNumber():
		return b.isNumber()
	default:
		return a.class() == classUUID && b.class() == classUUID
	}
}

// asLock returns an expression of the row's type as the lock's column is compared
// with it. A number becomes text: the other way the server would read every
// lock's text as a number, those of other tables among them.
func (on lockColumn) asLock(expr string) string {
	if on.lock.typ.isPlainText() && !on.row.typ.isPlainText() {
		return cast(expr, "varchar(20)")
	}
	return expr
}

// blank returns the predicate that a column of type t says that nobody has the
// record open; "" where the type cannot say so.
func blank(t sqlType, column string) string {
	switch {
	case t.isPlainText():
		return "COALESCE(RTRIM(" + column + "), '') = ''"
	case t.isNumber(), t.class() == classBit:
		return "COALESCE(" + column + ", 0) = 0"
	default:
		return ""
	}
}

// The names in a statement of a lock, and of a row that is not the statement's
// own. A table's own name could be both.
const (
	lockAlias = "syncback_lock"
	rowAlias  = "syncback_row"
)

// free writes the predicate that nobody has a record open: row is what its columns
// are called by, and values are those that it gets, which count in place of what
// it has. It is never unknown, so that NOT is its contrary.
func (l *recordLock) free(w *builder, row string, values []boundColumn) {
	if l.table == nil {
		w.WriteString(blank(l.holder.typ, row+"."+quote(l.holder.name)))
		return
	}
	w.WriteString("NOT EXISTS (SELECT 1 FROM " + l.table.name.quoted() + " AS " + lockAlias + " WHERE ")
	for i, on := range l.on {
		if i > 0 {
			w.WriteString(" AND ")
		}
		w.WriteString(lockAlias + "." + quote(on.lock.name))
		if v, ok := valueOf(values, on.row); !ok {
			w.WriteString(" = " + on.asLock(row+"."+quote(on.row.name)))
			if a, b := on.lock.typ.collation, on.row.typ.collation; on.row.typ.isPlainText() && a != b && a != "" {
				w.WriteString(" COLLATE " + a)
			}
		} else if v.null {
			w.WriteString(" IS NULL AND 1 = 0") // null is equal to nothing
		} else {
			w.WriteString(" = " + on.asLock(v.expr("\x00")))
			w.arg(v)
		}
	}
	for _, f := range l.where {
		w.WriteString(" AND " + lockAlias + ".")
		w.matches(f.to, f.bound)
	}
	if l.holder != nil {
		w.WriteString(" AND NOT " + blank(l.holder.typ, lockAlias+"."+quote(l.holder.name)))
	}
	w.WriteString(")")
}

// valueOf returns what a target column gets.
func valueOf(values []boundColumn, to *targetColumn) (bound, bool) {
	for _, v := range values {
		if v.to == to {
			return v.bound, true
		}
	}
	return bound{}, false
}

// unlocked returns the predicate that nobody has the row open that a statement
// finds, neither as it is nor as it becomes when it gets values; nil where its
// table has no locks.
func (c *change) unlocked(values []boundColumn) predicate {
	l := c.mapping.lock
	if l == nil {
		return nil
	}
	own := quote(c.target.name.table)
	free := predicate(func(w *builder) { l.free(w, own, nil) })
	if slices.ContainsFunc(l.on, func(on lockColumn) bool { _, ok := valueOf(values, on.row); return ok }) {
		return free.and(func(w *builder) { l.free(w, own, values) })
	}
	return free
}

// unlockedNew returns the predicate that nobody has the record open that a row of
// these values is of; nil where that cannot be, and where it is not known which
// record it is.
func (c *change) unlockedNew(values []boundColumn) predicate {
	l := c.mapping.lock
	if l == nil || l.table == nil {
		return nil
	}
	values = slices.Clone(values)
	for _, f := range c.fixed {
		values = append(values, boundColumn{&planColumn{to: f.to}, f.bound})
	}
	for _, on := range l.on {
		if _, ok := valueOf(values, on.row); !ok {
			return nil
		}
	}
	return func(w *builder) { l.free(w, "", values) }
}

// checkHolder refuses a holder in the row itself that is written from the source.
func (p *plan) checkHolder() error {
	l := p.mapping.lock
	if l == nil || l.table != nil {
		return nil
	}
	fixed := slices.ContainsFunc(p.fixed, func(f fixedColumn) bool { return f.to == l.holder })
	if fixed || p.indexOf(l.holder) >= 0 {
		return fmt.Errorf("%s: lock's holder, column %q, is written from here, which would take the record from who has it; `exclude` it, or skip the source's column", p.target.name, l.holder.name)
	}
	return nil
}
