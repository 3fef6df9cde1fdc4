package resolve

import (
	"context"
	"fmt"
)

// NonsenseError says that a Resolver gave an answer that cannot be used, or
// none: it panicked, returned another number of answers than it was asked for,
// or a Resolution that its conflict cannot have. It is not retryable.
type NonsenseError struct {
	Rule  string // the rule that was asked
	Table string // the target's table; empty where the answer was of no conflict in particular
	Kind  Kind   // of the conflict, 0 likewise
	Err   error  // what was wrong; it holds no value
}

// Error names the rule, and no value.
func (e *NonsenseError) Error() string {
	if e.Table == "" {
		return fmt.Sprintf("rule %s: %v", e.Rule, e.Err)
	}
	return fmt.Sprintf("rule %s on %s of %s: %v", e.Rule, e.Kind, e.Table, e.Err)
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
	if err != nil {
		return nil, err
	}
	rule := conflicts[0].Rule
	if len(answers) != len(conflicts) {
		return nil, &NonsenseError{Rule: rule, Err: fmt.Errorf("it was asked of %d conflicts and answered of %d", len(conflicts), len(answers))}
	}
	for i, c := range conflicts {
		if err := answers[i].Verify(c); err != nil {
			return nil, &NonsenseError{Rule: c.Rule, Table: c.Table.String(), Kind: c.Kind, Err: err}
		}
	}
	return answers, nil
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
