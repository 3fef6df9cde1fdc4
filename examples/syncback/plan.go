package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/syncback/syncback/apply/sqlserver"
)

// validPlan says what is wrong with the call of plan.
func (c call) validPlan() error {
	if c.policy == "" {
		return misuse("plan needs --policy FILE, a configuration with the policies to try")
	}
	return nil
}

// loadOther reads the configuration whose policies are tried. It is of the same
// pipeline, and its target is not asked for anything but its tables.
func (s *session) loadOther(env lookup) (err error) {
	if s.other, err = load(s.policy, loadOptions{env: env, from: policyFile}); err != nil {
		return err
	}
	s.secrets.hide(append(s.cfg.secrets(), s.other.secrets()...)...)
	if s.other.target.Pipeline != s.cfg.target.Pipeline {
		return misuse("%s is of pipeline %q, and %s of %q; give both the same", s.policy, s.other.target.Pipeline, s.config, s.cfg.target.Pipeline)
	}
	s.other.target.DSN, s.other.target.Schema = s.cfg.target.DSN, s.cfg.target.Schema
	return nil
}

// plan asks the policies of another configuration about the conflicts of the
// ledger, and prints which would have come to something else.
func (s *session) plan(ctx context.Context) error {
	rules, err := s.startPlugins(ctx, s.other)
	if err != nil {
		return err
	}
	return errors.Join(s.planBy(ctx), rules.close())
}

// planBy asks the policies while the plugins run.
func (s *session) planBy(ctx context.Context) error {
	applier, err := sqlserver.Open(ctx, s.other.target)
	if err != nil {
		return failure("target", err)
	}
	defer applier.Close()
	var sum planned
	t := tabwriter.NewWriter(s.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "ID\tKIND\tCHANGE\tPOSITION\tRULE\tDECISION\tRULE THEN\tDECISION THEN\tDIFFERENCE")
	for r, err := range applier.Replay(ctx) {
		if err != nil {
			return errors.Join(t.Flush(), failure("target", err))
		}
		sum.add(r)
		if r.Differs() {
			fmt.Fprintf(t, "%d\t%s\t%s of %s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Kind, r.Op, r.Table, r.Position, r.Rule, decision(r.LedgerEntry), r.WouldRule, r.Would, difference(r))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return sum.print(s.stdout)
}

// difference says what would have been another, without a value.
func difference(r sqlserver.Replayed) string {
	switch {
	case r.Err != nil:
		return "no answer: " + sentence(r.Err)
	case r.Gone:
		return "no row"
	case r.There:
		return "a row"
	case len(r.Columns) > 0:
		return strings.Join(r.Columns, ", ")
	default:
		return "-"
	}
}

// planned counts what a plan found.
type planned struct {
	all, differ int
	freed, held int // that would not have waited for a person, and that would have
	unanswered  int
}

func (p *planned) add(r sqlserver.Replayed) {
	p.all++
	if r.Differs() {
		p.differ++
	}
	switch was := r.Action == "park"; {
	case r.Err != nil:
		p.unanswered++
	case was && !r.Waits():
		p.freed++
	case !was && r.Waits():
		p.held++
	}
}

func (p *planned) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, "%d of %d conflicts would have come to something else; %d would not have waited for a person, %d would have, %d would have had no answer\n",
		p.differ, p.all, p.freed, p.held, p.unanswered)
	return err
}
