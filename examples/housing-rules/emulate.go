package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// Emulate implements resolve.Emulator: what the triggers on premises would have
// made of the changes.
func (r *rules) Emulate(ctx context.Context, changes []capture.Change, target resolve.Target) ([]capture.Change, error) {
	triggers := map[string]func(context.Context, capture.Change, *premises) error{
		"member":   r.keepMembers,
		"araagr":   r.refuseQuarterly,
		"rtrans":   payment,
		"eviction": evictionDiary,
		"rmreqst":  r.recharge,
	}
	p := &premises{target: target}
	for _, c := range changes {
		if c.Table == nil {
			continue
		}
		name := strings.ToLower(c.Table.Name)
		if trigger, ok := triggers[name]; ok {
			if err := trigger(ctx, c, p); err != nil {
				return nil, err
			}
		}
		if slices.Contains(r.history, name) {
			if err := history(ctx, c, p); err != nil {
				return nil, err
			}
		}
	}
	return p.made, nil
}

// keepMembers refuses a deletion, so that the rule keep-members decides.
func (r *rules) keepMembers(_ context.Context, c capture.Change, _ *premises) error {
	if c.Op == capture.Delete {
		return errors.New("keep-members: a member is not deleted")
	}
	return nil
}

// refuseQuarterly keeps a quarterly agreement from going live.
func (r *rules) refuseQuarterly(_ context.Context, c capture.Change, _ *premises) error {
	if c.Op != capture.Delete && value(c, c.After, "freq_code") == r.quarterly && value(c, c.After, "status") == "LIVE" {
		return errors.New("quarterly-agreement: a quarterly agreement does not go live")
	}
	return nil
}

// waitError has the transaction tried again later.
type waitError string

func (e waitError) Error() string { return string(e) }

// Retryable implements the error that capture.Retryable asks for.
func (waitError) Retryable() bool { return true }

// payment moves the tenancy's balance by a payment, once. While the debit run of
// the tenancy's rent group is on it waits for its end.
func payment(ctx context.Context, c capture.Change, p *premises) error {
	if c.Op != capture.Insert {
		return nil
	}
	ref := value(c, c.After, "tag_ref")
	tenancy, err := p.one(ctx, "dbo.tenagree", "tag_ref", ref, "cur_bal", "rentgrp_ref")
	if err != nil {
		return err
	}
	group, err := p.one(ctx, "dbo.rentgrp", "rentgrp_ref", tenancy["rentgrp_ref"], "debit_outst")
	if err != nil {
		return err
	}
	if group["debit_outst"] == "1" {
		return waitError("debit-run: the rent group's debit run is on, and payments wait for its end")
	}
	balance, err := sum(tenancy["cur_bal"], value(c, c.After, "real_value"))
	if err != nil {
		return err
	}
	p.set("tenagree", "tag_ref", ref, "cur_bal", tenancy["cur_bal"], balance)
	return nil
}

// payments: money is never merged. A payment that does not fit, or that nobody on
// premises owes, goes to a person.
func payments() resolve.Resolver {
	return resolve.Parked("payment: a person must look at it")
}

// recharge gives a repair that is rechargeable one more task, for the supplier of
// recharges, if it has none.
func (r *rules) recharge(ctx context.Context, c capture.Change, p *premises) error {
	if c.Op == capture.Delete || value(c, c.After, "rechargeable") != "1" {
		return nil
	}
	ref := value(c, c.After, "rq_ref")
	tasks, err := p.all(ctx, "dbo.rmtask", where("rq_ref", ref), "task_no", "job_code")
	if err != nil {
		return err
	}
	last := 0
	for _, task := range tasks {
		if task["job_code"] == "RECHARGE" {
			return nil
		}
		n, err := number(task["task_no"])
		if err != nil {
			return err
		}
		last = max(last, n)
	}
	p.insert("rmtask", "rq_ref", ref, "task_no", fmt.Sprint(last+1), "job_code", "RECHARGE", "sup_ref", r.supplier)
	return nil
}

// history writes a row of the table's history: the row as it became, or as it was
// before it was deleted, under a number of its own. When it was is the default of
// the history's column.
func history(ctx context.Context, c capture.Change, p *premises) error {
	n, err := p.target.Next(ctx, "dbo.serials_dch")
	if err != nil {
		return err
	}
	row, flag := c.After, "U"
	switch c.Op {
	case capture.Insert:
		flag = "I"
	case capture.Delete:
		row, flag = c.Before, "D"
	}
	made := p.insert(c.Table.Name+"dch", "dchid", fmt.Sprint(n), "actionflag", flag)
	for i, column := range c.Table.Columns {
		if !row[i].IsAbsent() {
			column.Key = false
			made.Table.Columns = append(made.Table.Columns, column)
			made.After = append(made.After, row[i])
		}
	}
	return nil
}
