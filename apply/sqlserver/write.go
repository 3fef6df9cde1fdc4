package sqlserver

import (
	"context"
	"database/sql"
	"fmt"
	"slices"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// writing is one transaction of the target as it is written: changes go in one
// at a time, statements go out in batches.
type writing struct {
	*Applier
	ctx       context.Context
	tx        *sql.Tx
	batch     batch
	truncates []*change // those in a row, not yet ordered
}

// write writes every change of every transaction, after the checkpoint.
func (a *Applier) write(ctx context.Context, tx *sql.Tx, batch []*capture.Tx) error {
	w := &writing{Applier: a, ctx: ctx, tx: tx}
	if err := w.put(a.moveCheckpoint(batch[len(batch)-1])); err != nil {
		return err
	}
	for _, t := range batch {
		for c, err := range t.Changes {
			if err != nil {
				return err
			}
			if err := w.change(t, c); err != nil {
				return err
			}
		}
	}
	if err := w.putTruncates(); err != nil {
		return err
	}
	return w.flush()
}

// change writes one change.
func (w *writing) change(t *capture.Tx, in capture.Change) error {
	if in.Op == capture.Message {
		return nil // an intent for someone else: nothing here acts on one
	}
	if in.Table == nil {
		return fmt.Errorf("a change at %s has the operation %q and no table", t.Position, in.Op)
	}
	m := w.mappings[name{in.Table.Schema, in.Table.Name}]
	if m == nil {
		return fmt.Errorf("transaction %s changes %s, which is not among the configured tables; add it, or take it out of the publication", t.Position, in.Table)
	}
	p, err := m.planFor(in.Table, planOptions{zone: w.cfg.Zone})
	if err != nil {
		return fmt.Errorf("transaction %s: %w", t.Position, err)
	}
	c := &change{plan: p, op: in.Op, position: t.Position}
	if in.Op == capture.Truncate {
		return w.truncate(c)
	}
	if err := w.putTruncates(); err != nil {
		return err
	}
	switch in.Op {
	case capture.Insert:
		return w.insert(c, in)
	case capture.Update:
		return w.update(c, in)
	case capture.Delete:
		return w.delete(c, in)
	default:
		return fmt.Errorf("a change of %s at %s has the operation %q", in.Table, t.Position, in.Op)
	}
}

func (w *writing) insert(c *change, in capture.Change) error {
	s, err := c.insert(in.After)
	if err != nil {
		return err
	}
	return w.put(s)
}

func (w *writing) delete(c *change, in capture.Change) error {
	where, err := c.where(in.Before)
	if err != nil {
		return err
	}
	return w.put(c.delete(where))
}

// update sets the columns that differ in the target's own terms, and is no
// statement at all where none does.
func (w *writing) update(c *change, in capture.Change) error {
	old := in.Before
	if old == nil {
		old = in.After // the key did not change, and nothing else is known
	}
	where, err := c.where(old)
	if err != nil {
		return err
	}
	var set, unknown []boundColumn
	for i := range c.columns {
		column := &c.columns[i]
		after := in.After[column.from]
		if after.IsAbsent() {
			continue
		}
		before := old[column.from]
		if in.Before == nil && !c.isKey(i) {
			before = capture.Value{}
		}
		same, err := column.codec.same(before, after)
		if err != nil {
			return c.valueError(column.to, err.Error())
		}
		if same {
			continue
		}
		b, err := c.bind(column, after)
		if err != nil {
			return err
		}
		if before.IsAbsent() {
			unknown = append(unknown, b)
		} else {
			set = append(set, b)
		}
	}
	if len(unknown) > 0 {
		differing, err := w.compare(c, where, unknown)
		if err != nil {
			return err
		}
		set = append(set, differing...)
	}
	if len(set) == 0 {
		return nil
	}
	s, err := c.update(set, where)
	if err != nil {
		return err
	}
	return w.put(s)
}

// compare reads the row that where finds and returns the columns in which it
// differs. It is for a source that does not send the whole old row: which
// columns changed is then known from the target alone.
func (w *writing) compare(c *change, where func(*builder), columns []boundColumn) ([]boundColumn, error) {
	if err := w.flush(); err != nil {
		return nil, err
	}
	text, args := c.selectRow(where, columns)
	rows, err := w.tx.QueryContext(w.ctx, text, args...)
	if err != nil {
		return nil, translate(w.ctx, err)
	}
	defer rows.Close()
	current := make([]any, len(columns))
	into := make([]any, len(columns))
	for i := range current {
		into[i] = &current[i]
	}
	matched := int64(0)
	for ; rows.Next(); matched++ {
		if err := rows.Scan(into...); err != nil {
			return nil, translate(w.ctx, err)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, translate(w.ctx, err)
	}
	if matched != 1 {
		return nil, &apply.MismatchError{Table: c.target.name.String(), Op: c.op, Position: c.position, Matched: matched}
	}
	return c.differing(columns, current)
}

// selectRow returns the query for the given columns of the row that where finds.
func (c *change) selectRow(where func(*builder), columns []boundColumn) (text string, args []any) {
	q := &builder{}
	q.WriteString("SELECT ")
	for i, column := range columns {
		if i > 0 {
			q.WriteString(", ")
		}
		fmt.Fprintf(q, "%s AS c%d", column.to.typ.selectExpr(quote(column.to.name)), i)
	}
	q.WriteString(" FROM " + c.target.name.quoted() + " WITH (UPDLOCK) WHERE ")
	where(q)
	b := &batchText{}
	b.statement(c.statement(q))
	return b.String(), b.args
}

// differing returns those of columns whose bound value is not what the target
// holds.
func (c *change) differing(columns []boundColumn, current []any) ([]boundColumn, error) {
	var out []boundColumn
	for i, column := range columns {
		terms, ok, err := column.to.typ.terms(current[i])
		if err != nil {
			return nil, c.valueError(column.to, "what the target holds cannot be read: "+err.Error())
		}
		if ok == column.bound.null || ok && terms != column.bound.terms {
			out = append(out, column)
		}
	}
	return out, nil
}

// truncate keeps a TRUNCATE until the last of those in a row is known: the
// target's foreign keys may want another order than the source named.
func (w *writing) truncate(c *change) error {
	if !c.plan.truncate {
		return fmt.Errorf("transaction %s truncates %s, which would delete every row of %s, those that only the target has among them; delete the rows in the source instead, or allow it with `truncate`", c.position, c.source, c.target.name)
	}
	w.truncates = append(w.truncates, c)
	return nil
}

// putTruncates writes the kept TRUNCATEs, each table after those that refer to
// it.
func (w *writing) putTruncates() error {
	for _, c := range childrenFirst(w.truncates) {
		if err := w.put(c.truncateAll()); err != nil {
			return err
		}
	}
	w.truncates = nil
	return nil
}

// childrenFirst orders changes of tables so that each comes after those whose
// tables refer to its own. Tables in a circle keep the order they came in.
func childrenFirst(changes []*change) []*change {
	rest := slices.Clone(changes)
	var out []*change
	for len(rest) > 0 {
		i := max(0, slices.IndexFunc(rest, func(c *change) bool {
			return !slices.ContainsFunc(rest, func(other *change) bool {
				return other.target != c.target && slices.Contains(other.target.parents, c.target.id)
			})
		}))
		out = append(out, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	return out
}

// put adds a statement to the batch, which goes out first where it is full.
func (w *writing) put(s *statement) error {
	if w.batch.full(s) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	w.batch.add(s)
	return nil
}

// flush sends the batch.
func (w *writing) flush() error {
	if len(w.batch.statements) == 0 {
		return nil
	}
	b := w.batch
	w.batch = batch{}
	return b.run(w.ctx, w.tx)
}
