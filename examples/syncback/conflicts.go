package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/resolve"
)

// conflicts shows the ledger, and carries out what a person decides.
func (s *session) conflicts(ctx context.Context) error {
	id, _ := strconv.ParseInt(s.args[1], 10, 64) // it was looked at
	switch s.args[0] {
	case "list":
		return s.listConflicts(ctx)
	case "show":
		return s.showConflict(ctx, id)
	default:
		return s.resolveConflict(ctx, id)
	}
}

// validConflicts says what is wrong with the call of conflicts.
func (c call) validConflicts() error {
	what, id := c.args[0], c.args[1]
	if (what != "list" || id != "") && what != "show" && what != "resolve" {
		return misuse("conflicts takes list, show ID or resolve ID; `syncback help` lists what each takes")
	}
	for _, flag := range []struct {
		name, of string
		given    bool
	}{
		{"all", "list", c.all}, {"take", "resolve", c.take != ""}, {"row", "resolve", c.row != ""}, {"reason", "resolve", c.reason != ""},
	} {
		if flag.given && what != flag.of {
			return misuse("conflicts %s has no flag --%s; `syncback help` lists the flags", what, flag.name)
		}
	}
	if what == "list" {
		return nil
	}
	if n, err := strconv.ParseInt(id, 10, 64); err != nil || n < 1 {
		return misuse("conflicts %s takes the number of a conflict, as `syncback conflicts list` shows it, and was given %q", what, id)
	}
	if what == "show" {
		return nil
	}
	_, err := c.decision()
	return err
}

// listConflicts prints the conflicts that wait for a decision, or all of them,
// without the rows' values.
func (s *session) listConflicts(ctx context.Context) error {
	control, err := s.openControl(ctx)
	if err != nil {
		return err
	}
	defer control.Close()
	t := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tSINCE\tKIND\tCHANGE\tPOSITION\tRULE\tDECISION")
	for e, err := range control.Ledger(ctx, sqlserver.LedgerQuery{Waiting: !s.all}) {
		if err != nil {
			return errors.Join(t.Flush(), failure("target", err))
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s of %s\t%s\t%s\t%s\n", e.ID, e.DecidedAt.UTC().Format(time.RFC3339), e.Kind, e.Op, e.Table, e.Position, e.Rule, decision(e))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	decisions, behind, err := control.Waiting(ctx)
	if err != nil {
		return failure("target", err)
	}
	_, err = fmt.Fprintf(s.stdout, "%d to decide, %d transactions behind them\n", decisions, behind)
	return err
}

// decision is what became of a conflict.
func decision(e sqlserver.LedgerEntry) string {
	switch {
	case e.Waiting:
		return "waits"
	case e.DecidedBy != "":
		return e.Action + " by " + e.DecidedBy
	default:
		return e.Action
	}
}

// showConflict prints one conflict with the rows of both sides: whoever may run
// this may read them in the target.
func (s *session) showConflict(ctx context.Context, id int64) error {
	control, err := s.openControl(ctx)
	if err != nil {
		return err
	}
	defer control.Close()
	found := false
	for e, err := range control.Ledger(ctx, sqlserver.LedgerQuery{ID: id}) {
		if err != nil {
			return failure("target", err)
		}
		found = true
		if err := errors.Join(s.printEntry(e), s.printRows(e)); err != nil {
			return err
		}
	}
	if !found {
		return fmt.Errorf("the ledger of pipeline %q has no conflict %d; `syncback conflicts list --all` lists them", s.cfg.target.Pipeline, id)
	}
	return nil
}

func (s *session) printEntry(e sqlserver.LedgerEntry) error {
	t := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(t, "%s\t%s\n", name, value)
		}
	}
	line("conflict", strconv.FormatInt(e.ID, 10))
	line("kind", e.Kind)
	line("change", e.Op+" of "+e.Table)
	line("columns", strings.Join(e.Differs, ", "))
	line("refused by", e.Constraint)
	line("transaction", fmt.Sprintf("%d at %s", e.TxID, e.Position))
	if !e.CommittedAt.IsZero() {
		line("committed", e.CommittedAt.UTC().Format(time.RFC3339))
	}
	line("rule", e.Rule)
	line("decision", decision(e))
	line("reason", e.Reason)
	line("since", e.DecidedAt.UTC().Format(time.RFC3339))
	return t.Flush()
}

// printRows prints the rows side by side, a column a line. A dot is what was not
// known, or no row.
func (s *session) printRows(e sqlserver.LedgerEntry) error {
	rows := make([]ledgerRow, 4)
	for i, text := range []string{e.Base, e.Incoming, e.Current, e.Result} {
		if err := rows[i].read(text); err != nil {
			return fmt.Errorf("conflict %d: a row in the ledger cannot be read: %w", e.ID, err)
		}
	}
	t := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nCOLUMN\tSOURCE BEFORE\tSOURCE\tTARGET\tTARGET SINCE")
	for _, column := range columnsOf(rows) {
		fmt.Fprint(t, column)
		for _, row := range rows {
			fmt.Fprint(t, "\t"+row.cell(column))
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// resolveConflict carries out the decision that the flags tell.
func (s *session) resolveConflict(ctx context.Context, id int64) error {
	d, err := s.decision()
	if err != nil {
		return err
	}
	rules, err := s.startPlugins(ctx, s.cfg) // for what waits behind it
	if err != nil {
		return err
	}
	released, err := s.decide(ctx, id, d)
	if err := errors.Join(err, rules.close()); err != nil {
		return err
	}
	what := "its transaction is written"
	switch {
	case d.Drop:
		what = "its transaction is dropped"
	case d.Action == resolve.TakeTarget:
		what = "the target's row stays, the rest of its transaction is written"
	}
	_, err = fmt.Fprintf(s.stdout, "conflict %d is decided: %s, and %d that waited behind it were written\n", id, what, released-1)
	return err
}

// decide has the decision carried out.
func (s *session) decide(ctx context.Context, id int64, d sqlserver.Decision) (released int, err error) {
	applier, err := sqlserver.Open(ctx, s.cfg.target)
	if err != nil {
		return 0, failure("target", err)
	}
	defer applier.Close()
	if released, err = applier.Decide(ctx, id, d); err != nil {
		err = failure("target", err)
	}
	return released, err
}

// decision reads what the flags say.
func (c call) decision() (sqlserver.Decision, error) {
	d := sqlserver.Decision{By: operator(), Reason: c.reason}
	switch c.take {
	case "source":
		d.Action = resolve.TakeSource
	case "target":
		d.Action = resolve.TakeTarget
	case "row":
		d.Action = resolve.TakeRow
	case "drop":
		d.Drop = true
	default:
		return d, misuse("conflicts resolve needs --take source, target, row or drop")
	}
	switch {
	case d.Drop && c.reason == "":
		return d, misuse("--take drop needs --reason TEXT: why the transaction is dropped, for the ledger")
	case (c.take == "row") != (c.row != ""):
		return d, misuse("--take row and --row FILE belong together; the file has the row as a JSON object by the target's columns")
	case c.row == "":
		return d, nil
	}
	text, err := rowFile.read(c.row)
	if err != nil {
		return d, err
	}
	var row ledgerRow
	if err := row.read(string(text)); err != nil || len(row) == 0 {
		return d, misuse(`%s is not a JSON object of texts and nulls by the target's columns, such as {"amount": "12.50", "note": null}`, c.row)
	}
	d.Row = row
	return d, nil
}
