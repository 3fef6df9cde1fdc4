package main

import (
	"context"

	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/resolve"
)

// clash has both sides change the same rows, and carries what the cloud did: the
// council's rules decide, or leave it to a person.
func (v *visit) clash(ctx context.Context) error {
	for _, c := range v.model.Clashes() {
		if err := c.Run(ctx, v.servers.source, v.servers.target); err != nil {
			return err
		}
		v.model.Settle(c)
		v.printf("   %s", c.Title)
	}
	until, err := v.pipe.marker(ctx)
	if err != nil {
		return err
	}
	if err := v.pipe.run(ctx, until); err != nil {
		return err
	}
	return v.ledger(ctx, sqlserver.LedgerQuery{}, func(e sqlserver.LedgerEntry) error {
		v.printf("   %s of %s: %s, by %q", e.Kind, e.Table, e.Action, e.Reason)
		return nil
	})
}

// decide does what a person does about what is parked, as
// `syncback conflicts resolve ID --take source` does.
func (v *visit) decide(ctx context.Context) error {
	return v.ledger(ctx, sqlserver.LedgerQuery{Waiting: true}, func(e sqlserver.LedgerEntry) error {
		_, err := v.pipe.applier.Decide(ctx, e.ID, sqlserver.Decision{Action: resolve.TakeSource, By: "quickstart", Reason: "the member was entered twice"})
		if err == nil {
			v.printf("   conflict %d, %s of %s: the source is taken, and the transaction written", e.ID, e.Kind, e.Table)
		}
		return err
	})
}

// ledger calls each for the conflicts that q asks for.
func (v *visit) ledger(ctx context.Context, q sqlserver.LedgerQuery, each func(sqlserver.LedgerEntry) error) error {
	control, err := sqlserver.OpenControl(ctx, v.pipe.target)
	if err != nil {
		return err
	}
	defer control.Close()
	var entries []sqlserver.LedgerEntry
	for e, err := range control.Ledger(ctx, q) {
		if err != nil {
			return err
		}
		entries = append(entries, e)
	}
	for _, e := range entries {
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}
