package sqlserver

import (
	"errors"
	"slices"
	"strings"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// statement is one T-SQL statement of a batch.
type statement struct {
	// text has the byte 0 where a parameter's name belongs: the name depends on
	// the batch that the statement ends up in. An identifier cannot hold a 0.
	text string
	args []any
	size int64 // approximate bytes of args

	// What the statement is of, for errors. table is nil for our own tables,
	// and change for what is written because of a conflict.
	table    *targetTable
	op       capture.Op
	position capture.Position
	change   *change

	// anyCount says that it may touch any number of rows; else it must touch
	// exactly one, and missed says what follows where it did not.
	anyCount bool
	missed   func(matched int64) error
	// identity says that it writes an identity column's value.
	identity bool
	// silent says that its table's triggers are to stay silent.
	silent bool
}

// builder builds one statement's text.
type builder struct {
	strings.Builder
	args []any
	size int64
}

// value writes an expression that is the bound value.
func (w *builder) value(b bound) {
	if b.null {
		w.WriteString("NULL")
		return
	}
	w.WriteString(b.expr("\x00"))
	w.arg(b)
}

// matches writes the predicate that a key column has the bound value, by the
// target's own collation: the target decides which keys are the same.
func (w *builder) matches(to *targetColumn, b bound) {
	w.WriteString(quote(to.name))
	if b.null {
		w.WriteString(" IS NULL")
		return
	}
	w.WriteString(" = ")
	w.value(b)
}

// isExactly writes the predicate that a column holds the bound value to the
// letter.
func (w *builder) isExactly(to *targetColumn, b bound) {
	if b.null {
		w.matches(to, b)
		return
	}
	w.WriteString(to.typ.equals(quote(to.name), b.expr("\x00")))
	w.arg(b)
}

// arg adds the argument of a value whose expression was written.
func (w *builder) arg(b bound) {
	w.args = append(w.args, b.arg)
	w.size += int64(len(b.terms)) + 16
}

// boundColumn is a planned column with the value that it gets.
type boundColumn struct {
	*planColumn
	bound bound
}

// change is one change, bound to the columns of its plan.
type change struct {
	*plan
	op       capture.Op
	position capture.Position
	in       capture.Change // as the source sent it
	tx       *capture.Tx    // that it is of
	index    int64          // of the change in its transaction, from 0
	found    rowImage       // the target's row before, where it was read
	effect   *effect        // what was written; nil where nothing was
}

// bind encodes a row's value for a planned column.
func (c *change) bind(column *planColumn, v capture.Value) (boundColumn, error) {
	b, err := column.codec.encode(v)
	if err != nil {
		return boundColumn{}, c.unfit(column.to, err)
	}
	return boundColumn{column, b}, nil
}

// unfitError says that the target's column cannot hold a value of a change, and
// which kind of conflict that is.
type unfitError struct {
	*apply.ValueError
	kind   resolve.Kind
	column int // index into the plan's columns
}

// Unwrap returns the error as others know it.
func (e *unfitError) Unwrap() error { return e.ValueError }

func (c *change) unfit(to *targetColumn, err error) error {
	out := &unfitError{c.valueError(to, err.Error()), resolve.NotEncodable, c.indexOf(to)}
	if r, ok := errors.AsType[*refusal](err); ok {
		out.kind = r.kind
	}
	return out
}

func (c *change) valueError(to *targetColumn, reason string) *apply.ValueError {
	return &apply.ValueError{Table: c.target.name.String(), Column: to.name, Position: c.position, Reason: reason}
}

func (c *change) statement(w *builder) *statement {
	return &statement{text: w.String(), args: w.args, size: w.size + int64(w.Len()), table: c.target, op: c.op, position: c.position, change: c, silent: c.mapping.silences()}
}

// present binds the columns of a row that are not absent.
func (c *change) present(row capture.Row) ([]boundColumn, error) {
	values := make([]boundColumn, 0, len(c.columns))
	for i := range c.columns {
		column := &c.columns[i]
		if row[column.from].IsAbsent() {
			continue
		}
		b, err := c.bind(column, row[column.from])
		if err != nil {
			return nil, err
		}
		values = append(values, b)
	}
	return values, nil
}

// insert writes the given columns and the fixed ones where a condition holds; nil
// is none.
func (c *change) insert(values []boundColumn, condition predicate) *statement {
	s := c.statement(c.insertText(values, condition))
	s.identity = slices.ContainsFunc(values, func(v boundColumn) bool { return v.to.identity })
	return s
}

// insertRow writes a row of the source, whatever else the target has, unless
// someone has its record open.
func (c *change) insertRow(row capture.Row) (*statement, error) {
	values, err := c.present(row)
	if err != nil {
		return nil, err
	}
	return c.orLocked(c.insert(values, c.unlockedNew(values))), nil
}

// absent returns the predicate that there is no row that row finds; nil where row
// is.
func (c *change) absent(row predicate) predicate {
	if row == nil {
		return nil
	}
	return func(w *builder) {
		w.WriteString("NOT EXISTS (SELECT 1 FROM " + c.target.name.quoted() + " WHERE ")
		row(w)
		w.WriteString(")")
	}
}

// insertText selects the values where there is a condition. It may not stand
// behind VALUES, and is looked at in the same statement.
func (c *change) insertText(values []boundColumn, condition predicate) *builder {
	w := &builder{}
	w.WriteString("INSERT INTO " + c.target.name.quoted())
	if len(values)+len(c.fixed) == 0 {
		w.WriteString(" DEFAULT VALUES")
		return w
	}
	separator := " ("
	for _, v := range values {
		w.WriteString(separator + quote(v.to.name))
		separator = ", "
	}
	for _, f := range c.fixed {
		w.WriteString(separator + quote(f.to.name))
		separator = ", "
	}
	separator = ") SELECT "
	for _, v := range values {
		w.WriteString(separator)
		w.value(v.bound)
		separator = ", "
	}
	for _, f := range c.fixed {
		w.WriteString(separator)
		w.value(f.bound)
		separator = ", "
	}
	if condition != nil {
		w.WriteString(" WHERE ")
		condition(w)
	}
	return w
}

// update sets the given columns of the row that where finds. set is not empty.
func (c *change) update(set []boundColumn, where predicate) (*statement, error) {
	w := &builder{}
	w.WriteString("UPDATE " + c.top() + c.target.name.quoted())
	separator := " SET "
	for _, v := range set {
		if v.to.identity {
			return nil, c.valueError(v.to, "an identity column cannot be updated; delete the row and insert it again in the source, or exclude the column")
		}
		w.WriteString(separator + quote(v.to.name) + " = ")
		w.value(v.bound)
		separator = ", "
	}
	w.WriteString(" WHERE ")
	where(w)
	return c.statement(w), nil
}

// delete deletes the row that where finds.
func (c *change) delete(where predicate) *statement {
	w := &builder{}
	w.WriteString("DELETE " + c.top() + "FROM " + c.target.name.quoted() + " WHERE ")
	where(w)
	return c.statement(w)
}

// top limits a statement to one row where there is no key: rows that are the
// same in every column that the source knows are as good as each other.
func (c *change) top() string {
	if c.key == nil {
		return "TOP (1) "
	}
	return ""
}

// truncateAll deletes every row where a condition holds; nil is none. A TRUNCATE
// would pass foreign keys and triggers by, and needs ALTER.
func (c *change) truncateAll(condition predicate) *statement {
	w := &builder{}
	w.WriteString("DELETE FROM " + c.target.name.quoted())
	if condition != nil {
		w.WriteString(" WHERE ")
		condition(w)
	}
	s := c.statement(w)
	s.anyCount = true
	return s
}

// predicate writes what a row must be like to be found.
type predicate func(*builder)

// and returns a predicate that wants both; one that is nil wants nothing.
func (p predicate) and(q predicate) predicate {
	switch {
	case p == nil:
		return q
	case q == nil:
		return p
	}
	return func(w *builder) {
		p(w)
		w.WriteString(" AND ")
		q(w)
	}
}

// all returns a predicate that wants each of values, compared by one; nil where
// there are none.
func all(values []boundColumn, one func(*builder, *targetColumn, bound)) predicate {
	if len(values) == 0 {
		return nil
	}
	return func(w *builder) {
		separator := ""
		for _, v := range values {
			w.WriteString(separator)
			one(w, v.to, v.bound)
			separator = " AND "
		}
	}
}

// alone narrows a predicate that finds a row by its key down to where it finds
// one row, if the target does not promise that there is no other.
func (c *change) alone(where predicate) predicate {
	if c.key == nil || c.unique {
		return where
	}
	return where.and(func(w *builder) {
		w.WriteString("(SELECT COUNT(*) FROM " + c.target.name.quoted() + " WHERE ")
		where(w)
		w.WriteString(") = 1")
	})
}

// where returns the predicate that finds the row whose image is row: by its
// key, or by all of it.
func (c *change) where(row capture.Row) (predicate, error) {
	indexes := c.key
	one := (*builder).matches
	if indexes == nil {
		one = (*builder).isExactly
		indexes = c.allColumns()
	}
	values := make([]boundColumn, 0, len(indexes))
	for _, i := range indexes {
		column := &c.columns[i]
		if row[column.from].IsAbsent() {
			return nil, c.valueError(column.to, "the source sent no value for it, and it is needed to find the row; set the source table's replica identity to full")
		}
		b, err := c.bind(column, row[column.from])
		if err != nil {
			return nil, err
		}
		values = append(values, b)
	}
	return all(values, one), nil
}
