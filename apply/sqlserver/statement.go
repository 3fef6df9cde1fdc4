package sqlserver

import (
	"strings"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// statement is one T-SQL statement of a batch.
type statement struct {
	// text has the byte 0 where a parameter's name belongs: the name depends on
	// the batch that the statement ends up in. An identifier cannot hold a 0.
	text string
	args []any
	size int64 // approximate bytes of args

	// What the statement is of, for errors. table is nil for our own tables.
	table    *targetTable
	op       capture.Op
	position capture.Position

	// anyCount says that it may touch any number of rows; else it must touch
	// exactly one.
	anyCount bool
	// identity says that it writes an identity column's value.
	identity bool
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
}

// bind encodes a row's value for a planned column.
func (c *change) bind(column *planColumn, v capture.Value) (boundColumn, error) {
	b, err := column.codec.encode(v)
	if err != nil {
		return boundColumn{}, c.valueError(column.to, err.Error())
	}
	return boundColumn{column, b}, nil
}

func (c *change) valueError(to *targetColumn, reason string) error {
	return &apply.ValueError{Table: c.target.name.String(), Column: to.name, Position: c.position, Reason: reason}
}

func (c *change) statement(w *builder) *statement {
	return &statement{text: w.String(), args: w.args, size: w.size + int64(w.Len()), table: c.target, op: c.op, position: c.position}
}

// insert writes every column that is present in the new row, and the fixed
// ones.
func (c *change) insert(after capture.Row) (*statement, error) {
	var values []boundColumn
	identity := false
	for i := range c.columns {
		column := &c.columns[i]
		if after[column.from].IsAbsent() {
			continue
		}
		b, err := c.bind(column, after[column.from])
		if err != nil {
			return nil, err
		}
		identity = identity || column.to.identity
		values = append(values, b)
	}
	s := c.statement(c.insertText(values))
	s.identity = identity
	return s, nil
}

func (c *change) insertText(values []boundColumn) *builder {
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
	separator = ") VALUES ("
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
	w.WriteString(")")
	return w
}

// update sets the given columns of the row that where finds. set is not empty.
func (c *change) update(set []boundColumn, where func(*builder)) (*statement, error) {
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
func (c *change) delete(where func(*builder)) *statement {
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

// truncateAll deletes every row: a TRUNCATE would pass foreign keys and
// triggers by, and needs ALTER.
func (c *change) truncateAll() *statement {
	w := &builder{}
	w.WriteString("DELETE FROM " + c.target.name.quoted())
	s := c.statement(w)
	s.anyCount = true
	return s
}

// where returns the predicate that finds the row whose image is row: by its
// key, or by all of it.
func (c *change) where(row capture.Row) (func(*builder), error) {
	indexes := c.key
	predicate := (*builder).matches
	if indexes == nil {
		predicate = (*builder).isExactly
		indexes = make([]int, len(c.columns))
		for i := range indexes {
			indexes[i] = i
		}
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
	return func(w *builder) {
		separator := ""
		for _, v := range values {
			w.WriteString(separator)
			predicate(w, v.to, v.bound)
			separator = " AND "
		}
	}, nil
}
