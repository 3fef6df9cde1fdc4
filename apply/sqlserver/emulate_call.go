package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// Call implements [resolve.Target]. A value goes to the procedure as text, which
// the server turns into the parameter's type; binary it does not take so. Triggers
// fire on what the procedure writes. One that commits or rolls back fails the
// transaction: it finds itself in an inner one, so that its COMMIT ends nothing.
func (t *openTarget) Call(ctx context.Context, procedure string, args []resolve.Argument) (resolve.Result, error) {
	if err := t.usable(); err != nil {
		return resolve.Result{}, err
	}
	n, err := parseTarget(procedure)
	if err != nil {
		return resolve.Result{}, err
	}
	w := &builder{}
	w.WriteString("SET NOCOUNT ON; BEGIN TRANSACTION;\nEXEC " + n.quoted())
	if err := procedureArguments(w, n, args); err != nil {
		return resolve.Result{}, err
	}
	w.WriteString(";\n" + answer(0, "@@TRANCOUNT") + "; IF @@TRANCOUNT = 2 COMMIT TRANSACTION")
	if err := t.isProcedure(ctx, n); err != nil {
		return resolve.Result{}, err
	}
	return t.lastResult(ctx, n, w)
}

// parameterName is what can stand behind the @ of a parameter: such a name cannot
// be quoted. Of no more than mostParameterName: said in the expression, that would
// take megabytes.
var parameterName = regexp.MustCompile(`^[\pL_@#$][\pL\p{Nd}_@#$]*$`)

const mostParameterName = 127 // characters

func procedureArguments(w *builder, procedure name, args []resolve.Argument) error {
	separator := " "
	for _, arg := range args {
		parameter := strings.TrimPrefix(arg.Name, "@")
		if !parameterName.MatchString(parameter) || utf8.RuneCountInString(parameter) > mostParameterName {
			return fmt.Errorf("procedure %s is called with a parameter %q, which is no parameter's name", procedure, arg.Name)
		}
		if arg.Value.IsAbsent() {
			return fmt.Errorf("procedure %s is called with parameter %s and no value", procedure, arg.Name)
		}
		w.WriteString(separator + "@" + parameter + " = ")
		separator = ", "
		if text, ok := arg.Value.Text(); ok {
			w.argument(text)
		} else {
			w.WriteString("NULL")
		}
	}
	return nil
}

// isProcedure looks first: a call of what does not exist would end the
// transaction.
func (t *openTarget) isProcedure(ctx context.Context, n name) error {
	var id sql.NullInt64
	w := &builder{}
	w.WriteString("SELECT OBJECT_ID(" + quoteText(n.quoted()) + ", N'P')")
	if err := t.queried(ctx, w, func(rows *sql.Rows) error { return rows.Scan(&id) }); err != nil {
		return err
	}
	if !id.Valid || strings.EqualFold(n.schema, t.cfg.Schema) {
		return fmt.Errorf("there is no procedure %s, or the login may not see it", n)
	}
	return nil
}

// lastResult runs a call to its end and returns the last result before the
// batch's own answer.
func (t *openTarget) lastResult(ctx context.Context, procedure name, w *builder) (resolve.Result, error) {
	b := &batchText{}
	b.statement(&statement{text: w.String(), args: w.args})
	rows, err := t.tx.QueryContext(ctx, b.String(), b.args...)
	if err != nil {
		return resolve.Result{}, t.fails(ctx, err)
	}
	defer rows.Close()
	var last resolve.Result
	answered, count := false, int64(0)
	for more := true; more; more = rows.NextResultSet() {
		columns, err := rows.ColumnTypes()
		if err != nil {
			return resolve.Result{}, t.fails(ctx, err)
		}
		if len(columns) == 2 && columns[0].Name() == answerColumn {
			for rows.Next() { // to its end, where the error of a procedure may stand that went on
				answered = rows.Scan(new(int64), &count) == nil
			}
			continue
		}
		if len(columns) == 0 {
			continue
		}
		if last, err = readResult(rows, columns); err != nil {
			return resolve.Result{}, t.fails(ctx, err)
		}
	}
	if err := rows.Err(); err != nil {
		return resolve.Result{}, t.fails(ctx, err)
	}
	if !answered || count != 2 {
		t.failed = &ServerError{Constraint: procedure.String(), Reason: "the transaction was ended from within; the procedure commits or rolls back"}
		return resolve.Result{}, t.failed
	}
	if len(last.Rows) > mostRows {
		return resolve.Result{}, fmt.Errorf("procedure %s selects more than %d rows", procedure, mostRows)
	}
	return last, nil
}

// readResult reads one result, up to one row more than is taken.
func readResult(rows *sql.Rows, columns []*sql.ColumnType) (resolve.Result, error) {
	out := resolve.Result{}
	types := make([]sqlType, len(columns))
	for i, c := range columns {
		types[i] = resultType(c)
		out.Columns = append(out.Columns, capture.Column{Name: c.Name(), Base: types[i].String(), Modifier: -1})
	}
	var failed error
	for rows.Next() {
		if failed != nil || len(out.Rows) > mostRows {
			continue // it is read to its end: see query
		}
		var r capture.Row
		r, failed = scanResult(rows, types)
		out.Rows = append(out.Rows, r)
	}
	return out, errors.Join(failed)
}

// scanResult reads a row that a procedure selects. What arrives is as the driver
// has it, and not as selectExpr would.
func scanResult(rows *sql.Rows, types []sqlType) (capture.Row, error) {
	scanned, err := scanAny(rows, len(types))
	if err != nil {
		return nil, err
	}
	for i, typ := range types {
		if b, ok := scanned[i].([]byte); ok && typ.class() == classUUID {
			var u mssql.UniqueIdentifier
			if err := u.Scan(b); err != nil {
				return nil, &unreadError{err}
			}
			scanned[i] = u.String()
		}
	}
	return rowOf(scanned, types)
}

// resultType is the type of a column of a result, as far as the driver tells it.
// What it does not tell is taken for the longest.
func resultType(c *sql.ColumnType) sqlType {
	t := sqlType{name: strings.ToLower(c.DatabaseTypeName()), length: -1, scale: 7}
	if n, ok := c.Length(); ok && n > 0 && n <= 8000 {
		t.length = int(n)
	}
	if precision, scale, ok := c.DecimalSize(); ok && t.class() == classDecimal {
		t.precision, t.scale = int(precision), int(scale)
	}
	return t
}
