package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/syncback/syncback/apply"
)

// The bounds of one round trip. SQL Server takes 2,100 parameters, two of which
// sp_executesql uses itself; a statement alone may use them all.
const (
	maxParameters = 2000
	maxStatements = 200
	maxBytes      = 4 << 20
)

// batch is the statements that share one round trip, in order.
type batch struct {
	statements []*statement
	parameters int
	bytes      int64
}

// full reports whether s no longer fits.
func (b *batch) full(s *statement) bool {
	return len(b.statements) > 0 &&
		(len(b.statements) == maxStatements || b.parameters+len(s.args) > maxParameters || b.bytes+s.size > maxBytes)
}

func (b *batch) add(s *statement) {
	b.statements = append(b.statements, s)
	b.parameters += len(s.args)
	b.bytes += s.size
}

// What a batch answers with instead of the number of its statements, where it
// did not find itself in the transaction that it belongs to.
const noTransaction = -1

// render returns the batch's text, its arguments, and the line on which each
// statement begins.
//
// Each statement is followed by a look at how many rows it touched. That number
// is asked for, and not read from the server's counts: those lie under NOCOUNT,
// and triggers add theirs. The batch stops at the first statement that did not
// touch the one row that it is of, and answers with its index and its count, so
// that nothing is written that builds on it. It does nothing outside a
// transaction: there each statement would commit by itself. It runs inside an
// inner transaction, so that a trigger that commits ends that one, which is
// noticed, and not what was written so far with the checkpoint that goes with it.
func (b *batch) render() (text string, args []any, lines []int) {
	w := &batchText{line: 1}
	w.put("SET NOCOUNT ON; DECLARE @n int;\n")
	w.put("IF @@TRANCOUNT <> 1 BEGIN " + answer(noTransaction, "@@TRANCOUNT") + "; RETURN END; BEGIN TRANSACTION\n")
	for i, s := range b.statements {
		w.identityInsert(s)
		w.silence(s)
		lines = append(lines, w.line)
		w.statement(s)
		if !s.anyCount {
			w.put("SET @n = @@ROWCOUNT; IF @n <> 1 BEGIN " + w.silenceOff() + w.identityOff() + leaveInner + answer(i, "@n") + "; RETURN END\n")
		}
	}
	w.silence(&statement{})
	w.identityInsert(&statement{})
	w.put(leaveInner + answer(len(b.statements), "@@TRANCOUNT"))
	return w.String(), w.args, lines
}

// leaveInner ends the inner transaction of a batch, where it is still there.
var leaveInner = "IF @@TRANCOUNT <> 2 BEGIN " + answer(noTransaction, "@@TRANCOUNT") + "; RETURN END; COMMIT TRANSACTION; "

// answerColumn names the column by which the batch's own answer is told from
// what a trigger selects.
const answerColumn = "syncback_statement"

func answer(index int, count string) string {
	return fmt.Sprintf("SELECT %d AS %s, %s AS syncback_rows", index, answerColumn, count)
}

// batchText is a batch's text as it is written.
type batchText struct {
	strings.Builder
	line     int
	args     []any
	identity *targetTable // for which IDENTITY_INSERT is on
	silent   bool         // whether triggers are told to stay silent
}

func (w *batchText) put(s string) {
	w.WriteString(s)
	w.line += strings.Count(s, "\n")
}

// statement writes a statement, its parameters named in the order of the batch.
func (w *batchText) statement(s *statement) {
	rest := s.text
	for _, arg := range s.args {
		i := strings.IndexByte(rest, 0)
		w.args = append(w.args, arg)
		w.put(rest[:i])
		w.put("@p" + strconv.Itoa(len(w.args)))
		rest = rest[i+1:]
	}
	w.put(rest + ";\n")
}

// identityInsert turns IDENTITY_INSERT off for the table that needed it, and on
// for the one that s needs it for: a session has it on for one at a time.
func (w *batchText) identityInsert(s *statement) {
	needs := s.table
	if !s.identity {
		needs = nil
	}
	if w.identity == needs {
		return
	}
	if w.identity != nil {
		w.put(strings.TrimRight(w.identityOff(), " ") + "\n")
	}
	if needs != nil {
		w.put("SET IDENTITY_INSERT " + needs.name.quoted() + " ON;\n")
	}
	w.identity = needs
}

// identityOff is the statement that turns IDENTITY_INSERT off where it is on.
func (w *batchText) identityOff() string {
	if w.identity == nil {
		return ""
	}
	return "SET IDENTITY_INSERT " + w.identity.name.quoted() + " OFF; "
}

// run runs the batch in tx, to its end or to the first statement that did not
// touch the one row that it is of. It returns that one's index, and how many rows
// it touched; the number of statements where there was none.
func (b *batch) run(ctx context.Context, tx *sql.Tx) (stopped int, matched int64, err error) {
	text, args, lines := b.render()
	index, count, err := ask(ctx, tx, text, args)
	switch {
	case err != nil:
		return 0, 0, b.locate(ctx, err, lines)
	case index == noTransaction || index == len(b.statements) && count != 1:
		return 0, 0, &ServerError{Reason: "the transaction was ended from within; a trigger commits or rolls back"}
	case index < 0 || index > len(b.statements):
		return 0, 0, fmt.Errorf("the target answered a batch of %d statements with the number %d", len(b.statements), index)
	}
	return index, count, nil
}

// perform runs the batch to its end: each statement that did not touch its one
// row is settled before the next one runs.
func (b *batch) perform(ctx context.Context, tx *sql.Tx) error {
	for rest := b; len(rest.statements) > 0; {
		stopped, matched, err := rest.run(ctx, tx)
		if err != nil || stopped == len(rest.statements) {
			return err
		}
		if err := rest.statements[stopped].settle(matched); err != nil {
			return err
		}
		rest = &batch{statements: rest.statements[stopped+1:]}
	}
	return nil
}

// ask runs a batch to its end and returns its answer.
func ask(ctx context.Context, tx *sql.Tx, text string, args []any) (index int, count int64, err error) {
	rows, err := tx.QueryContext(ctx, text, args...)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	answered := false
	for more := true; more; more = rows.NextResultSet() {
		columns, err := rows.Columns()
		if err != nil {
			return 0, 0, err
		}
		ours := len(columns) == 2 && columns[0] == answerColumn
		for rows.Next() {
			if !ours {
				continue
			}
			if err := rows.Scan(&index, &count); err != nil {
				return 0, 0, err
			}
			answered = true
		}
	}
	if err := rows.Err(); err != nil {
		return 0, 0, err
	}
	if !answered {
		return 0, 0, errNoAnswer
	}
	return index, count, nil
}

// errNoAnswer says that a batch ended before its last line, without an error.
var errNoAnswer = &ServerError{Reason: "the batch ended without an answer; a trigger ended the transaction"}

// settle does what follows where a statement did not touch exactly one row.
func (s *statement) settle(matched int64) error {
	if s.missed != nil {
		return s.missed(matched)
	}
	return &apply.MismatchError{Table: s.table.name.String(), Op: s.op, Position: s.position, Matched: matched}
}

// errCheckpointHeld says that the checkpoint did not move; why must be read.
var errCheckpointHeld = errors.New("the checkpoint did not move")

// locate adds to an error which statement it was: the one on whose lines the
// server stood, or, inside a trigger, the first one of the trigger's table.
func (b *batch) locate(ctx context.Context, err error, lines []int) error {
	if errors.Is(err, errNoAnswer) {
		return err
	}
	out := translate(ctx, err)
	var ours *ServerError
	var theirs mssql.Error
	if !errors.As(out, &ours) || !errors.As(err, &theirs) {
		return out
	}
	if s := b.find(firstError(theirs), lines); s != nil && s.table != nil {
		ours.Table, ours.Op, ours.Position = s.table.name.String(), s.op, s.position
		ours.change, ours.certain = s.change, len(b.statements) == 1
	}
	return out
}

// find returns the statement that an error is of, or nil where it cannot tell: it
// may have come from a procedure, or another table's trigger, that a trigger has led
// to.
func (b *batch) find(e mssql.Error, lines []int) *statement {
	if len(b.statements) == 1 {
		return b.statements[0]
	}
	if !inProcedure(e) && e.Number < 50000 {
		for i := len(lines) - 1; i >= 0; i-- {
			if int(e.LineNo) >= lines[i] {
				return b.statements[i]
			}
		}
	}
	return b.findTriggered(procedureName(e))
}

// findTriggered returns the first statement whose table has the trigger of that
// name; where the server did not name it, the first whose table has one at all,
// unless tables differ.
func (b *batch) findTriggered(trigger string) *statement {
	var found *statement
	for _, s := range b.statements {
		switch {
		case s.table == nil || !s.table.hasTrigger(trigger):
		case found == nil:
			found = s
		case found.table != s.table && trigger == "":
			return nil
		}
	}
	return found
}

// hasTrigger reports whether an enabled trigger of that name is on the table;
// "" is any.
func (t *targetTable) hasTrigger(name string) bool {
	return slices.ContainsFunc(t.triggers, func(t trigger) bool {
		return !t.disabled && (name == "" || strings.EqualFold(t.name, name))
	})
}
