package sqlserver

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// openTarget is the open transaction as an Emulator reads it.
type openTarget struct {
	*writing
	over   bool  // whether the call is, that it was given to
	failed error // the first error of the server, which has ended the transaction
}

// mostRows is how many rows an Emulator gets at most.
const mostRows = 1000

// Rows implements [resolve.Target]. The rows that it returns are locked, so that
// what an Emulator makes of them still holds when it is written. They come in the
// order of the table's first unique index.
func (t *openTarget) Rows(ctx context.Context, q resolve.Query) (resolve.Result, error) {
	if err := t.usable(); err != nil {
		return resolve.Result{}, err
	}
	table, err := t.tableCalled(q.Table)
	if err != nil {
		return resolve.Result{}, err
	}
	if q.Limit < 0 || q.Limit > mostRows {
		return resolve.Result{}, fmt.Errorf("%s is asked for %d rows; ask for %d at most", table.name, q.Limit, mostRows)
	}
	columns, err := table.readable(q.Columns)
	if err != nil {
		return resolve.Result{}, err
	}
	w, err := table.rowsQuery(q, columns)
	if err != nil {
		return resolve.Result{}, err
	}
	out := resolve.Result{}
	types := make([]sqlType, len(columns))
	for i, c := range columns {
		types[i] = readAs(c)
		out.Columns = append(out.Columns, capture.Column{Name: c.name, Base: c.typ.String(), Modifier: -1, Key: table.inFirstUnique(c)})
	}
	err = t.queried(ctx, w, func(rows *sql.Rows) error {
		r, err := scanRow(rows, types)
		out.Rows = append(out.Rows, r)
		return err
	})
	return out, err
}

// rowsQuery is the query for some columns of the rows that q asks for.
func (t *targetTable) rowsQuery(q resolve.Query, columns []*targetColumn) (*builder, error) {
	w := &builder{}
	fmt.Fprintf(w, "SELECT TOP (%d) ", cmp.Or(q.Limit, mostRows))
	for i, c := range columns {
		if i > 0 {
			w.WriteString(", ")
		}
		fmt.Fprintf(w, "%s AS c%d", readAs(c).selectExpr(quote(c.name)), i)
	}
	w.WriteString(" FROM " + t.name.quoted() + " WITH (UPDLOCK)")
	if err := t.asked(w, q.Where); err != nil {
		return nil, err
	}
	t.inOrder(w)
	return w, nil
}

func (t *openTarget) usable() error {
	switch {
	case t.over:
		return errors.New("the target is asked after the call that it was given to has returned")
	case t.failed != nil:
		return t.failed
	}
	return nil
}

// tableCalled returns the table of that name.
func (w *writing) tableCalled(text string) (*targetTable, error) {
	n, err := parseTarget(text)
	if err != nil {
		return nil, err
	}
	return w.tableNamed(n)
}

// tableNamed returns a table of the target. Our own are none of an Emulator's
// business.
func (w *writing) tableNamed(n name) (*targetTable, error) {
	t := w.cat.find(n)
	if t == nil || strings.EqualFold(n.schema, w.cfg.Schema) {
		return nil, fmt.Errorf("there is no table %s, or the login may not see it", n)
	}
	return t, nil
}

// readable returns the columns of those names; all that can be read where there
// are none.
func (t *targetTable) readable(names []string) ([]*targetColumn, error) {
	var out []*targetColumn
	if names == nil {
		for i := range t.columns {
			if readAs(&t.columns[i]).class() != classNone {
				out = append(out, &t.columns[i])
			}
		}
	}
	for _, n := range names {
		c := t.column(n)
		if c == nil {
			return nil, fmt.Errorf("%s has no column %q", t.name, n)
		}
		if readAs(c).class() == classNone {
			return nil, fmt.Errorf("%s: column %s cannot be read, since it is of type %s", t.name, c.name, c.typ)
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s is asked for no column", t.name)
	}
	return out, nil
}

// readAs is the type as which a column is read: a rowversion is eight bytes.
func readAs(c *targetColumn) sqlType {
	if c.isVersion() {
		return sqlType{name: "binary", length: 8}
	}
	return c.typ
}

// asked writes the WHERE of an Emulator's query.
func (t *targetTable) asked(w *builder, where []resolve.Argument) error {
	separator := " WHERE "
	for _, arg := range where {
		c := t.column(arg.Name)
		switch {
		case c == nil:
			return fmt.Errorf("%s has no column %q", t.name, arg.Name)
		case c.typ.class() == classXML || readAs(c).class() == classNone:
			return fmt.Errorf("%s: rows cannot be asked for by column %s, since it is of type %s", t.name, c.name, c.typ)
		case arg.Value.IsAbsent():
			return fmt.Errorf("%s: rows are asked for by column %s without a value", t.name, c.name)
		}
		typ := readAs(c)
		b, err := typ.bind(arg.Value)
		if err != nil {
			return fmt.Errorf("%s: the value by which rows are asked for does not fit column %s: %s", t.name, c.name, problem(err))
		}
		w.WriteString(separator + typ.castColumn(quote(c.name)))
		if separator = " AND "; b.null {
			w.WriteString(" IS NULL")
			continue
		}
		w.WriteString(" = ")
		w.value(b)
	}
	return nil
}

// inOrder writes the ORDER BY by which the same question has the same answer.
func (t *targetTable) inOrder(w *builder) {
	if len(t.uniques) == 0 {
		return
	}
	separator := " ORDER BY "
	for _, c := range t.uniques[0].columns {
		w.WriteString(separator + quote(c))
		separator = ", "
	}
}

func (t *targetTable) inFirstUnique(c *targetColumn) bool {
	return len(t.uniques) > 0 && slices.ContainsFunc(t.uniques[0].columns, func(n string) bool { return strings.EqualFold(n, c.name) })
}

// unreadError says that a value of the target has no text form.
type unreadError struct{ error }

// Next implements [resolve.Target]: the identity of a new row of the allocator.
// Two sessions never get the same, and neither waits for the other. A number that
// was taken in a transaction that is rolled back is not given again.
func (t *openTarget) Next(ctx context.Context, allocator string) (number int64, err error) {
	if err := t.usable(); err != nil {
		return 0, err
	}
	table, err := t.tableCalled(allocator)
	if err != nil {
		return 0, err
	}
	if !slices.ContainsFunc(table.columns, func(c targetColumn) bool { return c.identity }) {
		return 0, fmt.Errorf("%s is no allocator, since it has no identity column", table.name)
	}
	for _, c := range table.columns {
		if !c.nullable && !c.hasDefault && !c.identity && !c.generated() {
			return 0, fmt.Errorf("%s is no allocator, since its column %s has no default", table.name, c.name)
		}
	}
	text := "SET NOCOUNT ON; INSERT INTO " + table.name.quoted() + " DEFAULT VALUES; " + answer(0, "CAST(SCOPE_IDENTITY() AS bigint)")
	_, number, err = ask(ctx, t.tx, text, nil)
	return number, t.fails(ctx, err)
}

// queried runs a query of the open transaction.
func (t *openTarget) queried(ctx context.Context, w *builder, scan func(*sql.Rows) error) error {
	b := &batchText{}
	b.statement(&statement{text: w.String(), args: w.args})
	return t.fails(ctx, query(ctx, t.tx, b.String(), scan, b.args...))
}

// fails keeps an error that has ended the transaction.
func (t *openTarget) fails(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if unread, ok := errors.AsType[*unreadError](err); ok {
		return fmt.Errorf("what the target holds cannot be read: %w", unread.error)
	}
	if err = translate(ctx, err); ctx.Err() != nil && t.ctx.Err() == nil {
		err = &LostError{Err: context.Cause(ctx)} // the Emulator gave up, and the session with it
	}
	t.failed = err
	return err
}
