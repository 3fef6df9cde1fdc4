package sqlserver

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/syncback/syncback/capture"
)

// A trigger that is told to stay silent and does not look for the marker does its
// work all the same, and the Emulator would do it once more. That is looked for
// before the first such change is written in a run, and again when a trigger of
// the table was made anew, altered or switched: the transaction is rolled back,
// and what the Emulator meant to write is looked at in the target just before and
// just behind the change alone. Where that makes a difference, a trigger made it.

// proof is that the triggers of a table, as they are, left alone what an Emulator
// writes because of it.
type proof struct {
	table    int64 // object id
	op       capture.Op
	triggers string // which they were
	does     write
}

// write is an operation on a table.
type write struct {
	table int64 // object id
	op    capture.Op
}

// trial is what an Emulator meant to write because of one change.
type trial struct {
	further []capture.Change
	times   int
}

// mostTrials bounds the attempts of an Emulator that means something else each
// time.
const mostTrials = 3

// trialError ends an attempt in which an Emulator means to write what is not
// proved yet to be its alone.
type trialError struct {
	change  *change // nil where it is one of several
	further []capture.Change
	missing []proof
}

func (e *trialError) Error() string {
	return "whether triggers stay silent is not known yet"
}

// learnTrial has the next attempt find out, for one change at a time.
func (r *refusals) learnTrial(e *trialError) bool {
	r.singly = true
	if e.change == nil {
		r.missing = append(r.missing, e.missing...)
		return true
	}
	if r.trials == nil {
		r.trials = make(map[changeID]*trial)
	}
	t := r.trials[e.change.id()]
	if t == nil {
		t = &trial{}
		r.trials[e.change.id()] = t
	}
	t.further, t.times = e.further, t.times+1
	return true
}

// doubledError says that a trigger does what an Emulator would do as well.
type doubledError struct {
	Table, To string
	Triggers  []string
}

// Error says what to do.
func (e *doubledError) Error() string {
	return fmt.Sprintf("a trigger of %s (%s) writes to %s although it is told to stay silent, so that what is emulated would be there twice; nothing is written: have it begin with IF SUBSTRING(CONTEXT_INFO(), 1, 8) = %s RETURN, or let the table's triggers fire",
		e.Table, strings.Join(e.Triggers, ", "), e.To, SilentMarker)
}

// isHonoured fails with a trialError where it is not known that what an Emulator
// means to write is not there already by a trigger.
func (w *writing) isHonoured(changes []*change, further []capture.Change) error {
	proofs, err := w.proofsOf(changes, w.writesOf(further))
	if err != nil {
		return err
	}
	e := &trialError{further: further}
	for _, p := range proofs {
		if !w.honoured[p] && (len(changes) == 1 || !w.unrelated[p]) {
			e.missing = append(e.missing, p)
		}
	}
	if len(changes) == 1 {
		w.learnUnrelated(changes[0], proofs)
		e.change = changes[0]
		if t := w.refusals.trials[e.change.id()]; t != nil && t.times >= mostTrials {
			return nil
		}
	}
	if len(e.missing) == 0 {
		return nil
	}
	return e
}

// learnUnrelated notes what, of all that a call about several changes led to, is
// not because of one change alone: otherwise each such call would be a trial.
func (w *writing) learnUnrelated(c *change, led []proof) {
	for _, p := range w.refusals.missing {
		if p.table == c.target.id && p.op == c.effect.op && !slices.Contains(led, p) {
			w.unrelated[p] = true
		}
	}
}

// proofsOf are the proofs that writes because of changes need.
func (w *writing) proofsOf(changes []*change, writes []write) (out []proof, err error) {
	done := map[write]bool{}
	for _, c := range changes {
		of := write{c.target.id, c.effect.op}
		if done[of] || len(writes) == 0 {
			continue
		}
		done[of] = true
		triggers, err := w.triggersOf(c.target)
		if err != nil {
			return nil, err
		}
		for _, does := range writes {
			out = append(out, proof{of.table, of.op, triggers, does})
		}
	}
	return out, nil
}

// writesOf are the writes of further changes. What cannot be written is left out:
// to write it says why.
func (w *writing) writesOf(further []capture.Change) (out []write) {
	for _, f := range further {
		t, err := w.tableFor(f)
		if err != nil {
			continue
		}
		if one := (write{t.id, f.Op}); !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}

// triggersOf names the triggers of a table that are switched on, as they are now:
// by number and time, so that one that was made anew is another.
func (w *writing) triggersOf(t *targetTable) (string, error) {
	if known, ok := w.triggers[t.id]; ok {
		return known, nil
	}
	var list []string
	err := w.query("SELECT CAST([object_id] AS varchar(20)) + ' ' + CONVERT(varchar(40), [modify_date], 126) FROM sys.triggers WHERE [parent_id] = @p1 AND [is_disabled] = 0",
		func(rows *sql.Rows) error {
			var one string
			err := rows.Scan(&one)
			list = append(list, one)
			return err
		}, t.id)
	if err != nil {
		return "", err
	}
	if w.triggers == nil {
		w.triggers = make(map[int64]string)
	}
	slices.Sort(list)
	w.triggers[t.id] = strings.Join(list, "\n")
	return w.triggers[t.id], nil
}

// tried writes a change. Where a trial of it is due, it looks at what the Emulator
// meant to write before and behind it.
func (w *writing) tried(c *change) error {
	t := w.refusals.trials[c.id()]
	if t == nil {
		return w.changeOrAsk(c)
	}
	if err := w.flush(); err != nil {
		return err
	}
	before, err := w.lookAround(c, t)
	if err != nil {
		return err
	}
	if err := w.changeOrAsk(c); err != nil {
		return err
	}
	if err := w.flush(); err != nil || c.effect == nil {
		return err
	}
	after, err := w.lookAround(c, t)
	if err != nil {
		return err
	}
	for i, f := range t.further {
		if before[i] != after[i] {
			return c.doubled(f)
		}
	}
	proofs, err := w.proofsOf([]*change{c}, w.writesOf(t.further))
	for _, p := range proofs {
		w.honoured[p] = true
	}
	return err
}

func (c *change) doubled(f capture.Change) error {
	e := &doubledError{Table: c.target.name.String(), To: f.Table.String()}
	for _, t := range c.target.triggers {
		if !t.disabled {
			e.Triggers = append(e.Triggers, t.name)
		}
	}
	return e
}

// lookAround reads what the further changes of a trial are about, each as a text.
func (w *writing) lookAround(c *change, t *trial) ([]string, error) {
	out := make([]string, len(t.further))
	for i, f := range t.further {
		q := w.lookAt(c, f)
		if q == nil {
			continue
		}
		b := &batchText{}
		b.statement(&statement{text: q.String(), args: q.args})
		err := w.query(b.String(), func(rows *sql.Rows) error {
			columns, err := rows.Columns()
			if err != nil {
				return err
			}
			r, err := scanTexts(rows, len(columns))
			out[i] += r
			return err
		}, b.args...)
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// scanTexts reads a row of texts as one text.
func scanTexts(rows *sql.Rows, n int) (string, error) {
	texts := make([]sql.NullString, n)
	into := make([]any, n)
	for i := range texts {
		into[i] = &texts[i]
	}
	err := rows.Scan(into...)
	return fmt.Sprint(texts), err
}

// lookAt returns the query for what a further change is about; nil where the
// change itself may write the same, so that nothing would tell a trigger's hand
// from it, or where it cannot be written anyway.
func (w *writing) lookAt(c *change, f capture.Change) *builder {
	further, err := w.furtherChange(c, f)
	if err != nil {
		return nil
	}
	q := &builder{}
	where, hint := predicate(nil), "HOLDLOCK"
	switch {
	case f.Op == capture.Update:
		where, err = further.furtherKey()
		hint = "UPDLOCK"
		if !q.selectTexts(further.setBy(c)) {
			return nil
		}
	case further.target == c.target:
		return nil
	case f.Op == capture.Delete:
		where, err = further.furtherKey()
		q.WriteString("SELECT COUNT(*)")
	default:
		where, err = further.alike()
		q.WriteString("SELECT COUNT(*)")
	}
	if err != nil || where == nil {
		return nil
	}
	q.WriteString(" FROM " + further.target.name.quoted() + " WITH (" + hint + ") WHERE ")
	where(q)
	return q
}

// setBy are the columns that a further update sets, and cause does not.
func (c *change) setBy(cause *change) (out []*targetColumn) {
	for i := range c.columns {
		to := c.columns[i].to
		if !c.isKey(i) && !c.in.After[i].IsAbsent() && (c.target != cause.target || cause.indexOf(to) < 0) {
			out = append(out, to)
		}
	}
	return out
}

// selectTexts writes a SELECT of columns, and reports whether there are any.
func (w *builder) selectTexts(columns []*targetColumn) bool {
	separator := "SELECT "
	for _, c := range columns {
		w.WriteString(separator + c.typ.selectExpr(quote(c.name)))
		separator = ", "
	}
	return len(columns) > 0
}

// alike returns the predicate that finds rows like the one that is inserted. A
// number in a unique index is taken from a counter, so that a trigger's row has
// another: it is left out. Where a unique index has more than numbers, that is
// what the row is told by; otherwise all that is named is.
func (c *change) alike() (predicate, error) {
	number := func(i int) bool {
		to := c.columns[i].to
		return to.identity || to.typ.class() == classInteger && slices.ContainsFunc(c.target.uniques, func(u uniqueIndex) bool { return u.has(to.name) })
	}
	named := func(i int) bool { return c.columns[i].to.typ.class() != classXML && !number(i) }
	told := named
	for _, u := range c.target.uniques {
		in := func(i int) bool { return named(i) && u.has(c.columns[i].to.name) }
		if slices.ContainsFunc(c.allColumns(), in) {
			told = in
			break
		}
	}
	if !slices.ContainsFunc(c.allColumns(), told) {
		told = func(i int) bool { return c.columns[i].to.typ.class() != classXML }
	}
	values, err := c.furtherValues(c.in.After, told)
	return all(values, (*builder).isExactly), err
}

// has reports whether a column is part of the index.
func (u uniqueIndex) has(column string) bool {
	return slices.ContainsFunc(u.columns, func(c string) bool { return strings.EqualFold(c, column) })
}
