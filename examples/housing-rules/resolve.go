package main

import (
	"context"
	"slices"
	"strings"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// blanks are what the system on premises writes for "not set".
var blanks = []string{"", "?", "0", "000", "1900-01-01", "1900-01-01T00:00:00"}

// Resolve implements resolve.Resolver. A table that has no rule passes: whoever
// asks has another policy for it, or halts.
func (r *rules) Resolve(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
	byTable := map[string]resolve.Resolver{
		"tenagree":  r.tenancy(),
		"courtcase": r.courtCase(),
		"eviction":  eviction(),
		"araagr":    agreement(),
		"property":  r.property(),
		"member":    r.member(),
		"araction":  diary(),
		"rtrans":    payments(),
	}
	return resolve.Func(func(ctx context.Context, c *resolve.Conflict) (resolve.Resolution, error) {
		rule, ok := byTable[strings.ToLower(c.Table.Name)]
		if !ok {
			return resolve.Resolution{Action: resolve.Pass}, nil
		}
		answers, err := resolve.Ask(ctx, rule, []*resolve.Conflict{c})
		if err != nil {
			return resolve.Resolution{}, err
		}
		return answers[0], nil
	}).Resolve(ctx, conflicts)
}

// named gives a rule's decisions its name.
func named(name, because string, rule resolve.Resolver) resolve.Resolver {
	return resolve.Func(func(ctx context.Context, c *resolve.Conflict) (resolve.Resolution, error) {
		answers, err := rule.Resolve(ctx, []*resolve.Conflict{c})
		if err != nil || answers[0].Action == resolve.Pass {
			return resolve.Resolution{Action: resolve.Pass}, err
		}
		answers[0].Reason = name + ": " + because
		return answers[0], nil
	})
}

// when asks a rule only where a condition holds.
func when(holds func(c *resolve.Conflict) bool, rule resolve.Resolver) resolve.Resolver {
	return resolve.Func(func(ctx context.Context, c *resolve.Conflict) (resolve.Resolution, error) {
		if !holds(c) {
			return resolve.Resolution{Action: resolve.Pass}, nil
		}
		answers, err := rule.Resolve(ctx, []*resolve.Conflict{c})
		if err != nil {
			return resolve.Resolution{}, err
		}
		return answers[0], nil
	})
}

// isBlank reports whether a value is one of those that stand for none.
func isBlank(v capture.Value) bool {
	text, ok := v.Text()
	return !ok || slices.Contains(blanks, strings.TrimRight(text, " "))
}

// field returns a row's value of a column, without the blanks at its end.
func field(c *resolve.Conflict, r capture.Row, name string) string {
	i := c.Column(name)
	if i < 0 || r == nil {
		return ""
	}
	text, _ := r[i].Text()
	return strings.TrimRight(text, " ")
}

// tenancy: balance and rent are the system's on premises, always; the rest is
// the cloud's.
func (r *rules) tenancy() resolve.Resolver {
	merge := resolve.Merge(resolve.Merging{
		Both: resolve.SourceColumn(),
		Columns: map[string]resolve.ColumnRule{
			"cur_bal": resolve.TargetColumn(),
			"rent":    resolve.TargetColumn(),
		},
	})
	return resolve.First(
		named("balance-and-rent", "they are those on premises, and the rest is the cloud's", merge),
		resolve.Parked("tenancy: a person must look at it"),
	)
}

// eviction: of two dates the newer wins; equal ones are no change.
func eviction() resolve.Resolver {
	merge := resolve.Merge(resolve.Merging{
		Both:    resolve.SourceColumn(),
		Columns: map[string]resolve.ColumnRule{"eviction_date": resolve.LaterColumn()},
	})
	return resolve.First(
		named("eviction-date", "the newer date wins", merge),
		resolve.Parked("eviction: a person must look at it"),
	)
}

// property: the cloud's services know dwellings alone. What they change of a
// block or an estate is not taken.
func (r *rules) property() resolve.Resolver {
	dwelling := func(c *resolve.Conflict) bool { return field(c, c.Current, "level_code") == r.dwellingLevel }
	other := func(c *resolve.Conflict) bool { return c.Current != nil && !dwelling(c) }
	return resolve.First(
		when(other, named("dwellings-only", "it is no dwelling, and stays as it is on premises", resolve.TargetWins())),
		when(dwelling, named("dwellings-only", "it is a dwelling, and the cloud's", resolve.SourceWins())),
		resolve.Parked("dwellings-only: a person must look at it"),
	)
}

// agreement: what the emulated trigger refuses goes to a person. Of one that both
// changed, the one on premises is the one that collects.
func agreement() resolve.Resolver {
	return resolve.First(
		resolve.ByKind(map[resolve.Kind]resolve.Resolver{
			resolve.TriggerFailed: resolve.Parked("quarterly-agreement: a quarterly agreement does not go live; agree on another frequency"),
		}),
		named("agreement", "the one on premises collects", when(func(c *resolve.Conflict) bool { return c.Current != nil && !c.Kind.Refused() }, resolve.TargetWins())),
		resolve.Parked("agreement: a person must look at it"),
	)
}

// member: nobody is ever deleted from a household; a deleted member is marked as
// one who left. A row that fits is deleted before any Resolver is asked, so that
// the rule needs the Emulator, too: it refuses the deletion, and the refusal
// comes here.
func (r *rules) member() resolve.Resolver {
	deleted := func(c *resolve.Conflict) bool { return c.Op == capture.Delete }
	leave := resolve.Func(func(_ context.Context, c *resolve.Conflict) (resolve.Resolution, error) {
		i := c.Column(r.ended[0])
		if i < 0 || c.Current == nil {
			return resolve.Resolution{Action: resolve.Pass}, nil
		}
		row := make(capture.Row, len(c.Table.Columns))
		row[i] = capture.Text(r.ended[1])
		return resolve.Resolution{Action: resolve.TakeRow, Row: row}, nil
	})
	gone := func(c *resolve.Conflict) bool { return c.Kind == resolve.DeleteMissing }
	return resolve.First(
		when(gone, named("keep-members", "there is no such member", resolve.TargetWins())),
		when(deleted, named("keep-members", "a member is marked as one who left, not deleted", leave)),
		when(deleted, resolve.Parked("keep-members: "+r.ended[0]+" is not mapped, so the member cannot be marked as one who left")),
		named("member", "the cloud has the household", resolve.SourceWins()),
		resolve.Parked("member: a person must look at it"),
	)
}
