package sqlserver

import (
	"database/sql"
	"strings"
	"unicode/utf8"

	"github.com/syncback/syncback/capture"
)

// read reads the rows that where finds, at most two of them, and keeps other
// sessions from changing them. It sees what was sent so far: the batch was
// flushed before.
func (w *writing) read(c *change, where predicate) ([]rowImage, error) {
	out, _, err := w.readWith(c, where, nil)
	return out, err
}

// joined is what is read along with a row: columns of a table of one row or none.
type joined struct {
	columns []string // select expressions, in the order of their values
	table   predicate
}

// readWith is read with what is joined to each row; nil is nothing.
func (w *writing) readWith(c *change, where predicate, with *joined) (out []rowImage, more [][]any, err error) {
	n := len(c.columns)
	if with != nil {
		n += len(with.columns)
	}
	text, args := c.selectRow(where, with)
	rows, err := w.tx.QueryContext(w.ctx, text, args...)
	if err != nil {
		return nil, nil, translate(w.ctx, err)
	}
	defer rows.Close()
	for rows.Next() {
		scanned, err := scanAny(rows, n)
		if err != nil {
			return nil, nil, translate(w.ctx, err)
		}
		im, err := c.imageRead(scanned)
		if err != nil {
			return nil, nil, err
		}
		out, more = append(out, im), append(more, scanned[len(c.columns):])
	}
	return out, more, translate(w.ctx, rows.Err())
}

// selectRow returns the query for the columns of the rows that where finds. More
// than two of them say no more than two.
func (c *change) selectRow(where predicate, with *joined) (text string, args []any) {
	q := &builder{}
	q.WriteString("SELECT TOP (2) " + c.selectList(""))
	if with != nil {
		q.WriteString(", " + strings.Join(with.columns, ", "))
	}
	q.WriteString(" FROM " + c.target.name.quoted() + " WITH (UPDLOCK)")
	if with != nil {
		q.WriteString(" LEFT JOIN ")
		with.table(q)
		q.WriteString(" ON 1 = 1")
	}
	q.WriteString(" WHERE ")
	where(q)
	b := &batchText{}
	b.statement(c.statement(q))
	return b.String(), b.args
}

// imageRead makes an image of what the driver scanned.
func (c *change) imageRead(scanned []any) (rowImage, error) {
	out := make(rowImage, len(c.columns))
	for i, column := range c.columns {
		terms, ok, err := column.to.typ.terms(scanned[i])
		if err != nil {
			return nil, c.valueError(column.to, "what the target holds cannot be read: "+err.Error())
		}
		out[i] = column.to.typ.read(terms, ok)
	}
	return out, nil
}

// read returns a value that the target holds, from its terms; ok is false for
// NULL. It is not known where another may have the same terms, and where no
// parameter holds it: such as half of a pair in UTF-16, which arrives as U+FFFD,
// or a byte that the code page does not define. The terms then tell what was
// read, and are the same again where the target holds the same.
func (t sqlType) read(terms string, ok bool) imageValue {
	v := capture.Null()
	if ok {
		v = capture.Text(terms)
	}
	b, err := t.bind(v)
	replaced := strings.ContainsRune(terms, utf8.RuneError) && (t.class() == classChar || t.class() == classNChar)
	if err != nil || replaced {
		return imageValue{bound: bound{terms: terms}}
	}
	return imageValue{known: true, bound: b}
}

// scanRow reads a row of columns of the given types.
func scanRow(rows *sql.Rows, types []sqlType) (capture.Row, error) {
	scanned, err := scanAny(rows, len(types))
	if err != nil {
		return nil, err
	}
	return rowOf(scanned, types)
}

// scanAny reads a row of n columns as the driver has it.
func scanAny(rows *sql.Rows, n int) ([]any, error) {
	scanned := make([]any, n)
	into := make([]any, n)
	for i := range scanned {
		into[i] = &scanned[i]
	}
	return scanned, rows.Scan(into...)
}

// rowOf returns what was scanned in the text form of the types.
func rowOf(scanned []any, types []sqlType) (capture.Row, error) {
	out := make(capture.Row, len(types))
	for i, typ := range types {
		text, ok, err := typ.terms(scanned[i])
		switch {
		case err != nil:
			return nil, &unreadError{err}
		case ok:
			out[i] = capture.Text(text)
		default:
			out[i] = capture.Null()
		}
	}
	return out, nil
}
