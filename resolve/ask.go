package resolve

import (
	"context"
	"fmt"
)

// NonsenseError says that a Resolver gave an answer that cannot be used, or
// none: it panicked, returned another number of answers than it was asked for,
// or a Resolution that its conflict cannot have. It is not retryable.
type NonsenseError struct {
	Rule  string // the rule that was asked; empty where a person was
	Table string // the target's table; empty where it was asked about several
	Kind  Kind   // of the conflict; 0 where it was asked about several
	Err   error  // what was wrong; it holds no value
}

// Error names the rule, and no value.
func (e *NonsenseError) Error() string {
	who := "the decision"
	if e.Rule != "" {
		who = "rule " + e.Rule
	}
	switch {
	case e.Table == "":
		return fmt.Sprintf("%s: %v", who, e.Err)
	case e.Kind == 0:
		return fmt.Sprintf("%s on %s: %v", who, e.Table, e.Err)
	default:
		return fmt.Sprintf("%s on %s of %s: %v", who, e.Kind, e.Table, e.Err)
	}
}

// Unwrap returns what was wrong.
func (e *NonsenseError) Unwrap() error { return e.Err }

// Ask asks r, and returns one usable Resolution for each of the conflicts, or an
// error. A panic of r, and an answer that cannot be used, is a *NonsenseError.
func Ask(ctx context.Context, r Resolver, conflicts []*Conflict) ([]Resolution, error) {
	if len(conflicts) == 0 {
		return nil, nil
	}
	answers, err := guarded(ctx, r, conflicts)
	if err == nil && len(answers) != len(conflicts) {
		err = &NonsenseError{Rule: conflicts[0].Rule, Err: fmt.Errorf("it was asked of %d conflicts and answered of %d", len(conflicts), len(answers))}
	}
	if nonsense, ok := err.(*NonsenseError); ok && nonsense.Table == "" {
		named := *nonsense
		named.Table, named.Kind = inCommon(conflicts)
		return nil, &named
	}
	if err != nil {
		return nil, err
	}
	for i, c := range conflicts {
		if err := answers[i].Verify(c); err != nil {
			return nil, &NonsenseError{Rule: c.Rule, Table: c.Table.String(), Kind: c.Kind, Err: err}
		}
	}
	return answers, nil
}

// inCommon is the table of all the conflicts, and their kind; each empty where
// there are several.
func inCommon(conflicts []*Conflict) (table string, kind Kind) {
	table, kind = conflicts[0].Table.String(), conflicts[0].Kind
	for _, c := range conflicts {
		if c.Table.String() != table {
			table = ""
		}
		if c.Kind != kind {
			kind = 0
		}
	}
	return table, kind
}

// guarded turns a panic into an error. What was panicked with may hold values,
// and is left out.
func guarded(ctx context.Context, r Resolver, conflicts []*Conflict) (answers []Resolution, err error) {
	defer func() {
		if v := recover(); v != nil {
			answers, err = nil, &NonsenseError{Rule: conflicts[0].Rule, Err: fmt.Errorf("it panicked with a %T", v)}
		}
	}()
	return r.Resolve(ctx, conflicts)
}
