package sqlserver

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// targetScan reads the rows of a target table: by pages in the order of a unique
// index, so that no statement is long and none has to sort; or by one statement
// where there is no such index.
type targetScan struct {
	*verification
	ctx   context.Context
	order []*targetColumn // the index's columns
	last  []term          // of them, in the row that came last; nil before the first
}

const pageRows = 1000

func (v *verification) newTargetScan(ctx context.Context) *targetScan {
	return &targetScan{verification: v, ctx: ctx, order: v.plan.pageOrder()}
}

// pageOrder returns the columns of a unique index that has no nulls: one on the
// key where there is one, since a row then keeps its place. nil is none.
func (p *plan) pageOrder() (order []*targetColumn) {
	byKey := false
	for _, u := range p.target.uniques {
		var columns []*targetColumn
		keys, usable := true, true
		for _, name := range u.columns {
			c := p.target.column(name)
			usable = usable && c != nil && !c.nullable && c.typ.class() != classNone
			columns = append(columns, c)
			keys = keys && c != nil && p.isKey(p.indexOf(c))
		}
		better := order == nil || keys && !byKey || keys == byKey && len(columns) < len(order)
		if usable && better {
			order, byKey = columns, keys
		}
	}
	return order
}

// run calls each with every row.
func (s *targetScan) run(each func(image) error) error {
	for {
		n, err := s.page(each)
		if err != nil || s.order == nil || n < pageRows {
			return err
		}
	}
}

// page reads a page, on from where it was when the server refused to go on.
func (s *targetScan) page(each func(image) error) (int, error) {
	retry := newAttempts()
	for {
		text, args, err := s.sql()
		if err != nil {
			return 0, err
		}
		n, stop, err := s.read(text, args, each)
		switch {
		case stop != nil:
			return n, stop
		case err == nil:
			return n, nil
		case s.order == nil:
			return n, err
		}
		if err := retry.wait(s.ctx, err, n > 0); err != nil {
			return n, err
		}
	}
}

// read runs the statement. stop is what each returned, and err what went wrong
// with the target.
func (s *targetScan) read(text string, args []any, each func(image) error) (n int, stop, err error) {
	columns := len(s.plan.columns)
	err = s.ask(s.ctx, text, args, columns+len(s.order), func(values []any) error {
		last := make([]term, len(s.order))
		for i, c := range s.order {
			text, ok, err := c.typ.terms(values[columns+i])
			if err != nil {
				return fmt.Errorf("%s, column %s: what the target holds cannot be read: %w", s.plan.target.name, c.name, err)
			}
			last[i] = term{!ok, text}
		}
		if s.order != nil && slices.Equal(last, s.last) {
			return fmt.Errorf("%s does not come back in the order of its columns %s: the server compares them otherwise than it sorts them", s.plan.target.name, names(s.order))
		}
		s.last = last
		n++
		stop = each(s.imageRead(values))
		return stop
	})
	return n, stop, err
}

// sql returns the statement for the rows behind the last one.
func (s *targetScan) sql() (string, []any, error) {
	w := &builder{}
	w.WriteString("SELECT ")
	if s.order != nil {
		fmt.Fprintf(w, "TOP (%d) ", pageRows)
	}
	w.WriteString(s.plan.selectList("t."))
	for i, c := range s.order {
		fmt.Fprintf(w, ", %s AS k%d", c.typ.selectExpr("t."+quote(c.name)), i)
	}
	w.WriteString(" FROM " + s.plan.target.name.quoted() + " AS t")
	if s.order == nil {
		return w.String(), nil, nil
	}
	if s.last != nil {
		if err := s.behind(w); err != nil {
			return "", nil, err
		}
	}
	separator := " ORDER BY "
	for _, c := range s.order {
		w.WriteString(separator + "t." + quote(c.name))
		separator = ", "
	}
	text, args := w.named()
	return text, args, nil
}

// behind writes the predicate for the rows that come after the last one: the
// first column alone bounds where the index is entered.
func (s *targetScan) behind(w *builder) error {
	values := make([]bound, len(s.order))
	for i, c := range s.order {
		var err error
		if values[i], err = bindTerms(c, s.last[i]); err != nil {
			return fmt.Errorf("%s, %w", s.plan.target.name, err)
		}
	}
	compare := func(i int, operator string) {
		w.WriteString("t." + quote(s.order[i].name) + operator)
		w.value(values[i])
	}
	w.WriteString(" WHERE ")
	compare(0, " >= ")
	separator := " AND ("
	for i := range s.order {
		w.WriteString(separator)
		for j := range i {
			compare(j, " = ")
			w.WriteString(" AND ")
		}
		compare(i, " > ")
		separator = " OR "
	}
	w.WriteString(")")
	return nil
}

// selectList is the plan's columns as they are read.
func (p *plan) selectList(of string) string {
	var list []string
	for i, c := range p.columns {
		list = append(list, fmt.Sprintf("%s AS c%d", c.to.typ.selectExpr(of+quote(c.to.name)), i))
	}
	return strings.Join(list, ", ")
}

// named returns the text with its parameters named, and their arguments.
func (w *builder) named() (string, []any) {
	b := &batchText{}
	b.statement(&statement{text: w.String(), args: w.args})
	return b.String(), b.args
}

func names(columns []*targetColumn) string {
	var out []string
	for _, c := range columns {
		out = append(out, c.name)
	}
	return strings.Join(out, ", ")
}

// ask runs a query on the session and calls each with the n values of every row,
// of each of its results. After an error the session is given up.
func (a *Applier) ask(ctx context.Context, text string, args []any, n int, each func([]any) error) error {
	conn, err := a.session(ctx)
	if err != nil {
		return err
	}
	err = readEach(ctx, conn, text, args, n, each)
	if err != nil {
		a.discard()
	}
	return err
}

// readEach runs a query and calls each with the n values of every row, of each
// of its results.
func readEach(ctx context.Context, q querier, text string, args []any, n int, each func([]any) error) error {
	rows, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return translate(ctx, err)
	}
	defer rows.Close()
	for more := true; more; more = rows.NextResultSet() {
		for rows.Next() {
			values, err := scanAny(rows, n)
			if err != nil {
				return translate(ctx, err)
			}
			if err := each(values); err != nil {
				return err
			}
		}
	}
	return translate(ctx, rows.Err())
}
