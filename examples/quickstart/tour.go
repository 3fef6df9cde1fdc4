package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/syncback/syncback/examples/internal/estate"
)

// own is what the slot, the publication and the target's schema are called.
const own = "syncback_quickstart"

// visit is one run of the example.
type visit struct {
	options
	*screen
	servers
	model    *estate.Model
	pipe     *pipeline
	versions map[*estate.Table]map[string]string // of the target's rows, before anything is applied
	report   report
}

// errLeftBehind is wrapped by the error of what could not be cleared away.
var errLeftBehind = errors.New("something is left behind")

// tour does all there is to do, and reports whether every row is as it must be.
func tour(ctx context.Context, o options, out *screen) (equal bool, err error) {
	v := &visit{options: o, screen: out}
	defer func() {
		if e := v.leave(context.WithoutCancel(ctx)); e != nil {
			err = errors.Join(err, fmt.Errorf("%w: %w", errLeftBehind, e))
		}
	}()
	began := time.Now()
	for _, stage := range []struct {
		what string
		do   func(context.Context) error
	}{
		{v.opening(), v.open},
		{"The same housing estate on both sides, before anything is captured", v.settle},
		{"A council's rules are built and started; publication and slot in PostgreSQL, checkpoint in SQL Server", v.prepare},
		{"A day of officers' changes in PostgreSQL", v.play},
		{"PostgreSQL → queue → SQL Server", v.carry},
		{"Both sides change the same rows: the rules decide, or park it", v.clash},
		{"A person decides about what is parked", v.decide},
		{"Every row of both sides is read, and compared with the model", v.compare},
	} {
		if err := v.stage(stage.what, func() error { return stage.do(ctx) }); err != nil {
			return false, err
		}
	}
	v.report.print(v.screen)
	v.printf("All of it took %.1f s.", time.Since(began).Seconds())
	return v.report.equal(), v.remain(ctx)
}

func (v *visit) opening() string {
	if v.options.source != "" {
		return "Connecting to PostgreSQL and SQL Server"
	}
	return "Starting a private PostgreSQL, and a stand-in for SQL Server"
}

func (v *visit) open(ctx context.Context) error { return v.servers.open(ctx, v.options) }

// settle makes the tables on both sides and fills them with the same estate, as
// a migration to the cloud would have left them.
func (v *visit) settle(ctx context.Context) (err error) {
	if v.model, err = estate.Seed(v.seed, v.tenancies); err != nil {
		return err
	}
	for _, g := range v.grounds() {
		if err := g.clear(ctx, v.reset); err != nil {
			return err
		}
		if err := g.refuse(ctx, v.things(g.side)); err != nil {
			return err
		}
	}
	for _, g := range v.grounds() {
		if err := v.build(ctx, g); err != nil {
			return err
		}
	}
	rows := 0
	for _, t := range v.model.Tables {
		rows += v.model.Count(t)
	}
	v.printf("   %d rows in %d tables, from seed %d", rows, len(v.model.Tables), v.seed)
	return nil
}

// build makes and fills the tables of one side.
func (v *visit) build(ctx context.Context, g ground) error {
	if err := g.note(ctx, v.things(g.side)); err != nil {
		return err
	}
	for _, t := range v.model.Tables {
		for _, statement := range t.Create(g.side) {
			if _, err := g.db.ExecContext(ctx, statement); err != nil {
				return fmt.Errorf("make %s: %w", t.Name(g.side), err)
			}
		}
	}
	return v.model.Load(ctx, g.db, g.side)
}

func (v *visit) grounds() []ground {
	return []ground{{estate.Cloud, v.servers.source}, {estate.Legacy, v.servers.target}}
}

// things are all that the example makes on a side, in the order in which it
// makes them.
func (v *visit) things(s estate.Side) []thing {
	var things []thing
	for _, t := range v.model.Tables {
		things = append(things, thing{table, t.Name(s)})
	}
	if s == estate.Cloud {
		return append(things, thing{publication, own}, thing{slot, own})
	}
	return append(things, thing{schema, own})
}

func (v *visit) prepare(ctx context.Context) (err error) {
	v.versions = make(map[*estate.Table]map[string]string)
	for _, t := range v.model.Tables {
		if v.versions[t], err = estate.Versions(ctx, v.servers.target, t); err != nil {
			return err
		}
	}
	v.pipe, err = newPipeline(ctx, &v.servers, v.model.Tables)
	return err
}

// play lets the officers work. Whatever they do moves the model too.
func (v *visit) play(ctx context.Context) error {
	last, times := "", 0
	say := func() {
		if times > 1 {
			v.printf("   %s (%d times)", last, times)
		} else if times == 1 {
			v.printf("   %s", last)
		}
	}
	for a := range v.model.Day(v.seed) {
		if err := a.Run(ctx, v.servers.source); err != nil {
			return err
		}
		v.model.Do(a)
		if a.Title != last {
			say()
			last, times = a.Title, 0
		}
		times++
	}
	say()
	return nil
}

// carry runs the pipeline until all that the officers did is in the target.
func (v *visit) carry(ctx context.Context) error {
	until, err := v.pipe.marker(ctx)
	if err != nil {
		return err
	}
	if err := v.watch(v.pipe.progress, func() error { return v.pipe.run(ctx, until) }); err != nil {
		return err
	}
	if !v.tamper {
		return nil
	}
	v.printf("   and one row of dbo.tenagree is altered, behind everyone's back")
	_, err = v.servers.target.ExecContext(ctx, "UPDATE dbo.tenagree SET rent = rent + 1 WHERE tag_ref = '000005/01'")
	return err
}

// compare reads every table from both sides, and compares all of it.
func (v *visit) compare(ctx context.Context) error {
	v.report = report{model: v.model}
	for _, t := range v.model.Tables {
		for _, g := range v.grounds() {
			rows, err := estate.Read(ctx, g.db, t, g.side)
			if err != nil {
				return err
			}
			result := v.model.Compare(t, g.side, rows)
			if g.side == estate.Legacy {
				if err := v.rewritten(ctx, t, &result); err != nil {
					return err
				}
			}
			v.report.sides = append(v.report.sides, side{t, g.side, rows, result})
		}
	}
	return nil
}

// rewritten looks for rows that were written needlessly: triggers of the legacy
// system would have fired for nothing.
func (v *visit) rewritten(ctx context.Context, t *estate.Table, result *estate.Result) error {
	after, err := estate.Versions(ctx, v.servers.target, t)
	if err != nil {
		return err
	}
	v.model.Rewritten(result, t, v.versions[t], after)
	return nil
}

// remain stays in step until ctx ends, if that was asked for.
func (v *visit) remain(ctx context.Context) error {
	if !v.keep || ctx.Err() != nil {
		return nil
	}
	v.printf("\nBoth stay in step until Ctrl-C. Change something in one, and look at it in the other:")
	v.printf("   source  %s", v.sourceDSN)
	v.printf("   target  %s", v.targetDSN)
	err := v.pipe.run(ctx, 0)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// leave stops everything. A slot that nobody reads keeps the source's log for
// ever, so it and its publication go in any case.
func (v *visit) leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	var errs []error
	if v.pipe != nil {
		errs = append(errs, v.pipe.close())
	}
	if v.options.source != "" && v.servers.source != nil {
		g := v.grounds()[estate.Cloud]
		made, err := g.made(ctx)
		errs = append(errs, err)
		for _, t := range made {
			if t.kind == slot || t.kind == publication {
				errs = append(errs, g.remove(ctx, t))
			}
		}
	}
	return errors.Join(append(errs, v.stop())...)
}
