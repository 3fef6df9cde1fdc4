package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// caseColumns are those that make a court case complete.
var caseColumns = []string{"court_date", "court_outcome", "outcome_date"}

// courtCase: a case that is complete on premises stays as it is; in one that is
// not, the blanks are filled. Outcomes are mapped; one that is not known goes to
// a person, and so do several open cases of one tenancy.
func (r *rules) courtCase() resolve.Resolver {
	fill := resolve.Merge(resolve.Merging{
		Both:    resolve.FillBlank(blanks...),
		Columns: map[string]resolve.ColumnRule{"court_outcome": r.outcome},
	})
	return resolve.First(
		resolve.ByKind(map[resolve.Kind]resolve.Resolver{
			resolve.SeveralMatch: resolve.Parked("open-cases: the tenancy has several open cases, and a person must say which one it is"),
		}),
		when(complete, named("complete-case", "the case is complete on premises, and stays", resolve.TargetWins())),
		when(r.unknownOutcome, resolve.Parked("outcome-codes: the outcome is none of those that are mapped")),
		named("fill-case", "what was blank on premises is filled", fill),
		resolve.Parked("court-case: a person must look at it"),
	)
}

// complete reports whether the case on premises lacks nothing.
func complete(c *resolve.Conflict) bool {
	return c.Current != nil && !slices.ContainsFunc(caseColumns, func(name string) bool {
		i := c.Column(name)
		return i < 0 || isBlank(c.Current[i])
	})
}

// outcome is the rule of the column court_outcome: what is set on premises stays,
// and what comes from the cloud is put into the codes on premises.
func (r *rules) outcome(v resolve.ColumnValues) (capture.Value, bool) {
	code, _ := v.Incoming.Text()
	code = strings.TrimRight(code, " ")
	switch mapped, known := r.outcomes[code]; {
	case !isBlank(v.Current):
		return v.Current, true
	case isBlank(v.Incoming):
		return v.Incoming, true
	case known:
		return capture.Text(mapped), true
	default:
		return v.Incoming, r.onPremises(code)
	}
}

// onPremises reports whether it is one of the codes on premises.
func (r *rules) onPremises(code string) bool {
	return slices.Contains(slices.Collect(maps.Values(r.outcomes)), code)
}

func (r *rules) unknownOutcome(c *resolve.Conflict) bool {
	code := field(c, c.Incoming, "court_outcome")
	_, known := r.outcomes[code]
	return !known && !r.onPremises(code) && !slices.Contains(blanks, code)
}
