package main_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// workload is random transactions on the source, and what they make of the model.
type workload struct {
	*generator
	site   *site
	tables []*genTable
	counts map[written]int // writes that the target is to see
	did    map[string]int  // changes that were made in the source, for the log
	sql    strings.Builder // the open transaction
}

// unchangedLarge is what is logged of updates that leave a large value alone.
const unchangedLarge = "updates beside a large value"

// commit runs the open transaction.
func (l *workload) commit() {
	l.site.t.Helper()
	if err := l.run("BEGIN;" + l.sql.String() + "COMMIT"); err != nil {
		l.site.t.Fatal(err)
	}
	l.sql.Reset()
}

func (l *workload) run(sql string) error {
	return l.site.pg.PgConn().Exec(l.site.t.Context(), sql).Close()
}

func (l *workload) count(t *genTable, what string) { l.counts[written{t.id, what}]++ }

// value picks a new value of a column.
func (l *workload) value(t *genTable, c *genColumn) cell {
	switch {
	case !c.isKey && l.IntN(5) == 0:
		return c.nothing()
	case t.plain:
		return c.known(l.Rand)
	default:
		return c.pick(l.Rand)
	}
}

// nothing is NULL, and what it becomes.
func (c *genColumn) nothing() cell {
	if c.sentinel != nil {
		return *c.sentinel
	}
	return cell{null: true, want: "NULL"}
}

func (l *workload) insert(t *genTable) {
	t.last++
	r := &genRow{n: t.last}
	for _, c := range t.columns {
		if c.isKey {
			r.cells = append(r.cells, c.cellOf(c.fresh(t.last)))
		} else {
			r.cells = append(r.cells, l.value(t, c))
		}
	}
	l.insertRow(t, r)
}

func (l *workload) insertRow(t *genTable, r *genRow) {
	fmt.Fprintf(&l.sql, "INSERT INTO %s VALUES (%d", t.source.Sanitize(), r.n)
	for _, c := range r.cells {
		l.sql.WriteString(", " + c.sql())
	}
	l.sql.WriteString(");\n")
	t.rows = append(t.rows, r)
	l.count(t, rowsInserted)
}

// again inserts a row of a table without a key a second time.
func (l *workload) again(t *genTable) {
	if len(t.key) > 0 || len(t.rows) == 0 {
		l.insert(t)
		return
	}
	t.last++
	l.insertRow(t, &genRow{t.last, slices.Clone(t.rows[l.IntN(len(t.rows))].cells)})
}

// set updates columns of a row, and counts those whose value is another to the
// target.
func (l *workload) set(t *genTable, r *genRow, to map[int]cell) {
	separator := "SET "
	fmt.Fprintf(&l.sql, "UPDATE %s ", t.source.Sanitize())
	for _, i := range slices.Sorted(maps.Keys(to)) {
		fmt.Fprintf(&l.sql, "%s%s = %s", separator, quoteSource(t.columns[i].name), to[i].sql())
		separator = ", "
	}
	fmt.Fprintf(&l.sql, " WHERE %s = %d;\n", quoteSource(rowNumber), r.n)
	l.expect(t, r, to)
}

func (l *workload) expect(t *genTable, r *genRow, to map[int]cell) {
	if r.hasLargeBeside(to) {
		l.did[unchangedLarge]++
	}
	changed := false
	for i, v := range to {
		if v.want != r.cells[i].want && t.columns[i].left == "" {
			l.count(t, columnSet(i))
			changed = true
		}
		r.cells[i] = v
	}
	if changed {
		l.count(t, rowsUpdated)
	}
}

// hasLargeBeside reports whether a value outside of to is kept out of line.
func (r *genRow) hasLargeBeside(to map[int]cell) bool {
	for i, c := range r.cells {
		if _, set := to[i]; !set && len(c.in) >= largeValue {
			return true
		}
	}
	return false
}

func (l *workload) updateSome(t *genTable, r *genRow) {
	to := map[int]cell{}
	for range 1 + l.IntN(3) {
		i := len(t.key) + l.IntN(len(t.columns)-len(t.key))
		to[i] = l.value(t, t.columns[i])
	}
	l.set(t, r, to)
}

// updateNothing sets every column to itself.
func (l *workload) updateNothing(t *genTable, r *genRow) {
	fmt.Fprintf(&l.sql, "UPDATE %s SET %s WHERE %s = %d;\n", t.source.Sanitize(),
		join(t.columns, func(c *genColumn) string { return quoteSource(c.name) + " = " + quoteSource(c.name) }), quoteSource(rowNumber), r.n)
}

// updateAlike sets what it can to another spelling of the same value.
func (l *workload) updateAlike(t *genTable, r *genRow) {
	to := map[int]cell{}
	for i, c := range t.columns {
		if other, ok := c.alike(r.cells[i]); ok && !c.isKey {
			to[i] = other
		} else if c.sentinel != nil && !r.cells[i].null && r.cells[i].want == c.sentinel.want {
			to[i] = *c.sentinel
		}
	}
	if len(to) > 0 {
		l.set(t, r, to)
	}
}

// changeKey gives a row another key, or one that only the source takes for
// another: a char is padded. Now and then another column changes with it.
func (l *workload) changeKey(t *genTable, r *genRow) {
	if len(t.key) == 0 || t.key[0].identity { // which cannot be updated
		l.updateSome(t, r)
		return
	}
	set := map[int]cell{}
	i := l.IntN(len(t.key))
	if old := r.cells[i].in; t.key[i].to == "char(11)" && l.IntN(2) == 0 && !strings.HasSuffix(old, " ") {
		set[i] = t.key[i].cellOf(old + " ")
	} else {
		t.last++
		set[i] = t.key[i].cellOf(t.key[i].fresh(t.last))
	}
	if l.IntN(2) == 0 {
		other := len(t.key) + l.IntN(len(t.columns)-len(t.key))
		set[other] = l.value(t, t.columns[other])
	}
	l.set(t, r, set)
}

func (l *workload) remove(t *genTable, r *genRow) {
	fmt.Fprintf(&l.sql, "DELETE FROM %s WHERE %s = %d;\n", t.source.Sanitize(), quoteSource(rowNumber), r.n)
	t.rows = slices.DeleteFunc(t.rows, func(other *genRow) bool { return other == r })
	l.count(t, rowsDeleted)
}

// updateMany sets one column of every row to one value, in one statement.
func (l *workload) updateMany(t *genTable) {
	i := len(t.key) + l.IntN(len(t.columns)-len(t.key))
	to := l.value(t, t.columns[i])
	fmt.Fprintf(&l.sql, "UPDATE %s SET %s = %s;\n", t.source.Sanitize(), quoteSource(t.columns[i].name), to.sql())
	for _, r := range t.rows {
		l.expect(t, r, map[int]cell{i: to})
	}
}

// undone changes what the transaction then takes back.
func (l *workload) undone(t *genTable) {
	fmt.Fprintf(&l.sql, "SAVEPOINT s; DELETE FROM %s; ROLLBACK TO s;\n", t.source.Sanitize())
}

// transactions commits n transactions of up to ten changes each, and leaves some
// out that are rolled back.
func (l *workload) transactions(n int) {
	l.site.t.Helper()
	for range n {
		for range 1 + l.IntN(10) {
			l.change(l.tables[l.IntN(len(l.tables))])
		}
		l.commit()
		if t := l.tables[l.IntN(len(l.tables))]; l.IntN(8) == 0 {
			if err := l.run("BEGIN; DELETE FROM " + t.source.Sanitize() + "; ROLLBACK"); err != nil {
				l.site.t.Fatal(err)
			}
		}
	}
}

// change makes one change of a table.
func (l *workload) change(t *genTable) {
	if len(t.rows) < 3 {
		l.insert(t)
		return
	}
	r := t.rows[l.IntN(len(t.rows))]
	kinds := []struct {
		name   string
		weight int
		do     func()
	}{
		{"insert", 1, func() { l.insert(t) }},
		{"insert of the same again", 1, func() { l.again(t) }},
		{"delete", 1, func() { l.remove(t, r) }},
		{"key change", 2, func() { l.changeKey(t, r) }},
		{"update of nothing", 1, func() { l.updateNothing(t, r) }},
		{"update to what is the same there", 2, func() { l.updateAlike(t, r) }},
		{"undone to a savepoint", 1, func() { l.undone(t) }},
		{"update", 4, func() { l.updateSome(t, r) }},
	}
	at := l.IntN(13)
	for _, k := range kinds {
		if at -= k.weight; at < 0 {
			l.did[k.name]++
			k.do()
			return
		}
	}
}

// batch makes many changes of one table in one transaction.
func (l *workload) batch(do func(t *genTable)) {
	l.site.t.Helper()
	do(l.tables[slices.IndexFunc(l.tables, func(t *genTable) bool { return t.plain })])
	l.commit()
}
