package sqlserver

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// Replayed is a conflict of the ledger, with what the configured rules say of it
// today.
type Replayed struct {
	LedgerEntry
	// Would is what the rule answers. Pass, and a table without a rule, is Halt,
	// as when changes are applied.
	Would       resolve.Action
	WouldReason string
	WouldRule   string // that is asked today
	// Columns are those in which the target's row would have become another than
	// it did, in the target's order. Gone and There say that there would have
	// been no row, or one, where it was the other way.
	Columns     []string
	Gone, There bool
	// Err says why the rule gives no answer that can be used; nil where it does.
	Err error
}

// Differs reports whether something else would have come of the conflict.
func (r Replayed) Differs() bool {
	return r.Err != nil || r.Gone || r.There || len(r.Columns) > 0 || r.Waits() != (r.Action == resolve.Park.String())
}

// Waits reports whether the conflict would wait for a person.
func (r Replayed) Waits() bool { return r.Would == resolve.Park || r.Would == resolve.Halt }

// Replay asks the rules of the Config about every conflict of the pipeline's
// ledger about which a rule was asked then, the oldest first, and writes nothing.
// What a person decided is left out: no rule was asked.
//
// Of secret columns the ledger has hashes, so that a rule can tell equal values
// from others, and no more. What the ledger does not have, such as the origin of
// a transaction, is empty. An error ends the sequence.
func (a *Applier) Replay(ctx context.Context) iter.Seq2[Replayed, error] {
	mappings := map[string]*mapping{}
	for _, m := range a.mappings {
		mappings[m.target.name.String()] = m
	}
	return func(yield func(Replayed, error) bool) {
		for e, err := range a.control.Ledger(ctx, LedgerQuery{}) {
			if err == nil && e.DecidedBy != "" {
				continue
			}
			r := Replayed{LedgerEntry: e}
			if err == nil {
				err = r.ask(ctx, mappings[e.Table])
			}
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

// ask fills in what the rule of m says. Where it fails, that stands in r.Err.
func (r *Replayed) ask(ctx context.Context, m *mapping) error {
	if m == nil {
		r.Err = fmt.Errorf("no configured table has the target %s", r.Table)
		return nil
	}
	c, since, err := r.conflict(m)
	if err != nil {
		return fmt.Errorf("conflict %d: a row in the ledger cannot be read: %w", r.ID, err)
	}
	r.WouldRule = c.Rule
	if m.config.Conflict == nil {
		return nil
	}
	answers, err := resolve.Ask(ctx, m.config.Conflict, []*resolve.Conflict{c})
	if err != nil {
		r.Err = err
		return ctx.Err()
	}
	if r.Would, r.WouldReason = answers[0].Action, answers[0].Reason; r.Would == resolve.Pass {
		r.Would = resolve.Halt
	}
	if !r.Waits() {
		r.compare(c.Table, outcome(c, answers[0]), since)
	}
	return nil
}

// compare says in what the row would have become another than it did.
func (r *Replayed) compare(t *capture.Table, would, did capture.Row) {
	if would == nil || did == nil {
		r.Gone, r.There = would == nil && did != nil, would != nil && did == nil
		return
	}
	for i, column := range t.Columns {
		if !would[i].IsAbsent() && would[i] != did[i] {
			r.Columns = append(r.Columns, column.Name)
		}
	}
}

// outcome is the target's row after an answer was carried out; nil is no row.
func outcome(c *resolve.Conflict, answer resolve.Resolution) capture.Row {
	switch {
	case answer.Action == resolve.TakeTarget:
		return c.Current
	case answer.Action == resolve.TakeRow:
		return overlaid(c.Current, answer.Row)
	case c.Op == capture.Delete:
		return nil
	case c.Op == capture.Insert || c.Current == nil || c.Base == nil:
		return overlaid(c.Current, c.Incoming)
	}
	set := slices.Clone(c.Incoming)
	for i := range set {
		if set[i] == c.Base[i] {
			set[i] = capture.Value{} // the update leaves it alone
		}
	}
	return overlaid(c.Current, set)
}

// overlaid is a row with the values of another in it, where that has any.
func overlaid(row, with capture.Row) capture.Row {
	if row == nil {
		return with
	}
	out := slices.Clone(row)
	for i, v := range with {
		if !v.IsAbsent() {
			out[i] = v
		}
	}
	return out
}
