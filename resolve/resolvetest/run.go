package resolvetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// Run checks rules against the contract of a Resolver: with [Conflicts], and with
// own, which are of the tables that the rules are for. start makes a new Resolver
// for each check, and again within one: rules that start anew decide the same.
func Run(t *testing.T, start func(t testing.TB) resolve.Resolver, own ...*resolve.Conflict) {
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if err := c.against(t, start, own); err != nil {
				t.Fatalf("%v\nThe contract: %s", err, c.clause)
			}
		})
	}
}

// check is one clause of the contract and what tells whether it is kept.
type check struct {
	name, clause string
	run          func(s *stage) error
}

// stage is what a check plays on.
type stage struct {
	ctx      context.Context
	rules    resolve.Resolver
	anew     func() resolve.Resolver
	own      []*resolve.Conflict
	patience time.Duration
}

func (c check) against(t testing.TB, start func(testing.TB) resolve.Resolver, own []*resolve.Conflict) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := &stage{ctx: ctx, rules: start(t), anew: func() resolve.Resolver { return start(t) }, own: own, patience: 20 * time.Second}
	return c.run(s)
}

const (
	clauseAnswers = "Resolve returns a Resolution for each of the conflicts, in their order, and none that its conflict cannot have"
	clauseSame    = "The same conflicts get the same resolutions: it may be asked again after a crash or a retry, with other conflicts beside them"
	clauseOwn     = "A Conflict belongs to the Resolver that is asked, which does not change it"
	clauseReason  = "A reason, and an error, holds no value of a row"
	clauseContext = "When ctx ends, Resolve returns, and can be called again"
)

var checks = []check{
	{"EveryKind", clauseAnswers, everyKind},
	{"StrangeValues", clauseAnswers, strangeValues},
	{"Nothing", clauseAnswers, nothing},
	{"Again", clauseSame, again},
	{"Anew", clauseSame, anew},
	{"Alone", clauseSame, alone},
	{"Reversed", clauseAnswers, reversed},
	{"Unchanged", clauseOwn, unchanged},
	{"NoValues", clauseReason, noValues},
	{"EndedContext", clauseContext, endedContext},
}

// all returns every conflict that the rules are asked of.
func (s *stage) all() []*resolve.Conflict { return slices.Concat(Conflicts(), clones(s.own)) }

func everyKind(s *stage) error {
	for _, c := range s.all() {
		if _, err := resolve.Ask(s.ctx, s.rules, []*resolve.Conflict{c}); err != nil {
			return fmt.Errorf("asked of %s: %w", c.Kind, err)
		}
	}
	_, err := resolve.Ask(s.ctx, s.rules, s.all())
	return err
}

func strangeValues(s *stage) error {
	for i, c := range strange() {
		if _, err := resolve.Ask(s.ctx, s.rules, []*resolve.Conflict{c}); err != nil {
			return fmt.Errorf("asked of strange value %d: %w", i+1, err)
		}
	}
	return nil
}

func nothing(s *stage) error {
	answers, err := s.rules.Resolve(s.ctx, nil)
	if err != nil || len(answers) > 0 {
		return fmt.Errorf("asked of nothing it answered %d times, with the error %v", len(answers), err)
	}
	return nil
}

func again(s *stage) error {
	first, err := resolve.Ask(s.ctx, s.rules, s.all())
	for range 5 {
		if err != nil {
			return err
		}
		var next []resolve.Resolution
		if next, err = resolve.Ask(s.ctx, s.rules, s.all()); err == nil {
			err = same(s.all(), first, next)
		}
	}
	return err
}

func anew(s *stage) error {
	first, err := resolve.Ask(s.ctx, s.rules, s.all())
	if err != nil {
		return err
	}
	next, err := resolve.Ask(s.ctx, s.anew(), s.all())
	if err != nil {
		return err
	}
	return same(s.all(), first, next)
}

func alone(s *stage) error {
	together, err := resolve.Ask(s.ctx, s.rules, s.all())
	if err != nil {
		return err
	}
	var each []resolve.Resolution
	for _, c := range s.all() {
		answers, err := resolve.Ask(s.ctx, s.rules, []*resolve.Conflict{c})
		if err != nil {
			return err
		}
		each = append(each, answers...)
	}
	return same(s.all(), together, each)
}

func reversed(s *stage) error {
	forwards, err := resolve.Ask(s.ctx, s.rules, s.all())
	if err != nil {
		return err
	}
	conflicts := s.all()
	slices.Reverse(conflicts)
	backwards, err := resolve.Ask(s.ctx, s.rules, conflicts)
	if err != nil {
		return err
	}
	slices.Reverse(backwards)
	return same(s.all(), forwards, backwards)
}

func unchanged(s *stage) error {
	conflicts := slices.Concat(s.all(), strange())
	before := clones(conflicts)
	if _, err := resolve.Ask(s.ctx, s.rules, conflicts); err != nil {
		return err
	}
	for i, c := range conflicts {
		if !reflect.DeepEqual(c, before[i]) {
			return fmt.Errorf("it changed the conflict %s that it was asked of", c.Kind)
		}
	}
	return nil
}

// secret is in no reason.
const secret = "Synthia Backwell"

func noValues(s *stage) error {
	conflicts := s.all()
	for _, c := range conflicts {
		for _, r := range []capture.Row{c.Base, c.Incoming, c.Current} {
			for i := range r {
				if !c.Table.Columns[i].Key {
					r[i] = capture.Text(secret)
				}
			}
		}
	}
	answers, err := resolve.Ask(s.ctx, s.rules, conflicts)
	if err != nil && strings.Contains(err.Error(), secret) {
		return errors.New("its error has a value of a row")
	}
	for i, a := range answers {
		if strings.Contains(a.Reason, secret) {
			return fmt.Errorf("its reason for %s has a value of a row", conflicts[i].Kind)
		}
	}
	return nil
}

func endedContext(s *stage) error {
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = s.rules.Resolve(ctx, s.all()) // both an answer and an error are right
	}()
	select {
	case <-done:
	case <-time.After(s.patience):
		return errors.New("it did not return although its context had ended")
	}
	_, err := resolve.Ask(s.ctx, s.rules, s.all())
	return err
}

// same compares two answers of the same conflicts.
func same(conflicts []*resolve.Conflict, a, b []resolve.Resolution) error {
	for i, c := range conflicts {
		if !reflect.DeepEqual(a[i], b[i]) {
			return fmt.Errorf("%s of %s (conflict %d) was answered with %s and with %s, or with other values or reasons", c.Kind, c.Table, i+1, a[i].Action, b[i].Action)
		}
	}
	return nil
}

func clones(conflicts []*resolve.Conflict) []*resolve.Conflict {
	out := make([]*resolve.Conflict, len(conflicts))
	for i, c := range conflicts {
		clone := *c
		clone.Base, clone.Incoming, clone.Current = slices.Clone(c.Base), slices.Clone(c.Incoming), slices.Clone(c.Current)
		clone.Differs = slices.Clone(c.Differs)
		out[i] = &clone
	}
	return out
}
