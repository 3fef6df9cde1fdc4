package sqlserver

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/syncback/syncback/capture"
)

// leftRows are the rows that were written in the open transaction, and are not
// remembered yet as they are since. They are read back when it is over, or when
// there are many: triggers, defaults and padding make of a row what they will.
type leftRows struct {
	rows  []leftRow
	names map[string]bool
}

// leftRow is a row that was written.
type leftRow struct {
	plan *plan
	name string
	key  predicate
}

// The bounds of how many rows wait to be remembered, and are read back at once.
const (
	mostLeft   = 500
	leftAtOnce = 50
)

func (l *leftRows) has(name string) bool { return l.names[name] }

func (l *leftRows) add(r leftRow) {
	if l.names[r.name] {
		return
	}
	if l.names == nil {
		l.names = make(map[string]bool)
	}
	l.rows, l.names[r.name] = append(l.rows, r), true
}

// leave notes that a change was carried out, or decided about: what its row is
// now, under the old key and the new one, is ours. So a difference about which a
// rule let the target win is not one again.
func (w *writing) leave(c *change) error {
	if c.remember == nil {
		return nil
	}
	for _, row := range []capture.Row{c.in.Before, c.in.After} {
		w.leaveRow(c.plan, c.imageOf(row))
	}
	if len(w.left.rows) >= mostLeft {
		return w.rememberLeft()
	}
	return nil
}

// leaveRow notes a row by its key. One whose key is not known, or does not fit
// the target, is none of the target's.
func (w *writing) leaveRow(p *plan, row rowImage) {
	name := p.rowName(row)
	if name == "" {
		return
	}
	var key []boundColumn
	for _, i := range p.key {
		key = append(key, boundColumn{&p.columns[i], row[i].bound})
	}
	w.left.add(leftRow{p, name, all(key, (*builder).matches)})
}

// rememberLeft remembers the rows that were left, as they are now; those that are
// not there any more are forgotten.
func (w *writing) rememberLeft() error {
	left := w.left.rows
	w.left = leftRows{}
	if len(left) == 0 {
		return nil
	}
	if err := w.flush(); err != nil {
		return err
	}
	for some := range slices.Chunk(left, leftAtOnce) {
		states, err := w.readLeft(some)
		if err != nil {
			return err
		}
		if err := w.putStates(some, states); err != nil {
			return err
		}
	}
	return nil
}

// readLeft reads rows back, each by a query of its own in one round trip. One that
// is not there has no state, and neither has one whose key finds several.
func (w *writing) readLeft(left []leftRow) (map[string]rowState, error) {
	b := &batchText{}
	for i, r := range left {
		q := &builder{}
		fmt.Fprintf(q, "SELECT TOP (2) CAST(%d AS bigint) AS i, %s AS v, %s FROM %s WHERE ", i, r.plan.remember.selectVersion(), r.plan.selectList(""), r.plan.target.name.quoted())
		r.key(q)
		b.statement(&statement{text: q.String(), args: q.args})
	}
	rows, err := w.tx.QueryContext(w.ctx, b.String(), b.args...)
	if err != nil {
		return nil, translate(w.ctx, err)
	}
	defer rows.Close()
	states := map[string]rowState{}
	for more := true; more; more = rows.NextResultSet() {
		if err := w.readStates(rows, left, states); err != nil {
			return nil, err
		}
	}
	return states, translate(w.ctx, rows.Err())
}

// readStates reads the answer to one of the queries of readLeft.
func (w *writing) readStates(rows *sql.Rows, left []leftRow, states map[string]rowState) error {
	columns, err := rows.Columns()
	if err != nil {
		return translate(w.ctx, err)
	}
	found := 0
	for rows.Next() {
		values, err := scanAny(rows, len(columns))
		if err != nil {
			return translate(w.ctx, err)
		}
		i, _ := values[0].(int64)
		r := left[i]
		row, err := (&change{plan: r.plan}).imageRead(values[2:])
		if err != nil {
			return err
		}
		states[r.name] = w.seal.stateOf(r.plan, r.name, row, values[1])
		if found++; found > 1 {
			delete(states, r.name)
		}
	}
	return nil
}

// putStates puts the statements in the batch that remember rows as they are, two a
// table.
func (w *writing) putStates(left []leftRow, states map[string]rowState) error {
	for len(left) > 0 {
		table := left[0].plan.target
		var of, others []leftRow
		for _, r := range left {
			if r.plan.target == table {
				of = append(of, r)
			} else {
				others = append(others, r)
			}
		}
		if err := w.put(w.forgetRows(table, of)); err != nil {
			return err
		}
		if s := w.rememberRows(table, of, states); s != nil {
			if err := w.put(s); err != nil {
				return err
			}
		}
		left = others
	}
	return nil
}

// forgetRows is the statement that forgets rows of a table.
func (w *writing) forgetRows(table *targetTable, rows []leftRow) *statement {
	q := &builder{}
	q.WriteString("DELETE FROM " + w.control.own("written") + " WHERE [pipeline] = ")
	q.argument(w.cfg.Pipeline)
	q.WriteString(" AND [table_name] = ")
	q.argument(table.name.String())
	separator := " AND [resource] IN ("
	for _, r := range rows {
		q.WriteString(separator)
		q.argument(mssqlChar(w.seal.name(r.name)))
		separator = ", "
	}
	q.WriteString(")")
	return &statement{text: q.String(), args: q.args, size: int64(q.Len()), anyCount: true}
}

// rememberRows is the statement that remembers those rows of a table that have a
// state; nil where none has.
func (w *writing) rememberRows(table *targetTable, rows []leftRow, states map[string]rowState) *statement {
	q := &builder{}
	q.WriteString("INSERT INTO " + w.control.own("written") + " ([pipeline], [table_name], [resource], [columns], [hash], [version]) VALUES ")
	separator := "("
	for _, r := range rows {
		s, known := states[r.name]
		if !known {
			continue
		}
		for _, v := range []any{w.cfg.Pipeline, table.name.String(), mssqlChar(w.seal.name(r.name)), mssqlChar(s.columns), mssqlChar(s.hash), s.bytes()} {
			q.WriteString(separator)
			q.argument(v)
			separator = ", "
		}
		separator = "), ("
	}
	if len(q.args) == 0 {
		return nil
	}
	q.WriteString(")")
	return &statement{text: q.String(), args: q.args, size: int64(q.Len()), anyCount: true}
}

// bytes is the version as a parameter; nil is none.
func (s rowState) bytes() any {
	if s.version == nil {
		return nil
	}
	return s.version
}

// forgetTable is the statement that forgets every row of a table.
func (a *Applier) forgetTable(table string) *statement {
	return &statement{text: "DELETE FROM " + a.control.own("written") + " WHERE [pipeline] = \x00 AND [table_name] = \x00",
		args: []any{a.cfg.Pipeline, table}, anyCount: true}
}

// forgetOthers forgets, once, the rows of tables that are not told to remember any
// more: what is written to them since is not known, and would be taken for
// someone else's.
func (a *Applier) forgetOthers(ctx context.Context) error {
	if a.forgotten {
		return nil
	}
	others, err := a.otherTables(ctx)
	if err == nil && len(others.statements) > 0 {
		err = a.transact(ctx, func(tx *sql.Tx) error { return others.perform(ctx, tx) })
	}
	a.forgotten = err == nil
	return err
}

// otherTables returns the statements that forget tables that do not remember.
func (a *Applier) otherTables(ctx context.Context) (*batch, error) {
	others := &batch{}
	err := a.query(ctx, "SELECT DISTINCT [table_name] FROM "+a.control.own("written")+" WHERE [pipeline] = @p1", func(rows *sql.Rows) error {
		var table string
		err := rows.Scan(&table)
		if !a.remembers(table) {
			others.add(a.forgetTable(table))
		}
		return err
	}, a.cfg.Pipeline)
	if err != nil {
		return others, a.control.explainMissing(err, a.cfg.Schema)
	}
	return others, nil
}

// remembers reports whether a table of the target is told to remember its rows.
func (a *Applier) remembers(table string) bool {
	for _, m := range a.mappings {
		if m.config.Remember && m.target.name.String() == table {
			return true
		}
	}
	return false
}
