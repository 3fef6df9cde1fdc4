package resolvetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// RunCarrier checks what carries calls to rules that live elsewhere: nothing is
// harmed on the way, there or back. start makes, for each check, the two ends of
// a carrier that has a [Probe] at the other end. The Probe itself passes, too.
func RunCarrier(t *testing.T, start func(t testing.TB) (resolve.Resolver, resolve.Emulator)) {
	for _, c := range carrierChecks {
		t.Run(c.name, func(t *testing.T) {
			if err := c.against(t, start); err != nil {
				t.Fatalf("%v\nThe contract: %s", err, c.clause)
			}
		})
	}
}

type carrierCheck struct {
	name, clause string
	run          func(s *carrier) error
}

// carrier is what is checked.
type carrier struct {
	ctx      context.Context
	resolver resolve.Resolver
	emulator resolve.Emulator
	patience time.Duration
}

func (c carrierCheck) against(t testing.TB, start func(testing.TB) (resolve.Resolver, resolve.Emulator)) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := &carrier{ctx: ctx, patience: 20 * time.Second}
	s.resolver, s.emulator = start(t)
	return c.run(s)
}

const (
	clauseUnharmed = "A call and its answer arrive as they were: a value is absent, null or text of any bytes"
	clauseBatch    = "A call takes a batch, and the rules are asked once of all of it"
	clauseErrors   = "An error says at both ends whether it is retryable"
	clauseNonsense = "A panic, and an answer of another length, is a NonsenseError and not retryable"
	clauseTarget   = "An Emulator reads the open transaction through its Target; an error of the target is found again in the Emulator's"
)

var carrierChecks = []carrierCheck{
	{"Conflicts", clauseUnharmed, conflictsUnharmed},
	{"LargeBatch", clauseBatch, largeBatch},
	{"Error", clauseErrors, errorCrosses},
	{"RetryableError", clauseErrors, retryableCrosses},
	{"Panic", clauseNonsense, panicCrosses},
	{"ShortAnswer", clauseNonsense, shortAnswer},
	{"ContextEnds", clauseContext, contextEnds},
	{"Changes", clauseUnharmed, changesUnharmed},
	{"EmulatorFails", clauseErrors, emulatorFails},
	{"TargetRows", clauseTarget, targetRows},
	{"TargetNext", clauseTarget, targetNext},
	{"TargetCall", clauseTarget, targetCall},
	{"TargetRefuses", clauseTarget, targetRefuses},
}

// echoes asks for an echo of conflicts, and compares it.
func (s *carrier) echoes(conflicts []*resolve.Conflict) error {
	answers, err := s.resolver.Resolve(s.ctx, conflicts)
	if err != nil {
		return err
	}
	if len(answers) != len(conflicts) {
		return fmt.Errorf("%d conflicts have %d answers", len(conflicts), len(answers))
	}
	for i, c := range conflicts {
		if !reflect.DeepEqual(answers[i].Row, c.Incoming) {
			return fmt.Errorf("the row of answer %d is %s, and was %s", i+1, describeRow(answers[i].Row), describeRow(c.Incoming))
		}
		want := fmt.Sprintf("%d of %d: %s", i+1, len(conflicts), describe(c))
		if answers[i].Reason != want || answers[i].Action != resolve.TakeRow {
			return fmt.Errorf("conflict %d arrived as\n\t%.2000s\nand was\n\t%.2000s", i+1, answers[i].Reason, want)
		}
	}
	return nil
}

func conflictsUnharmed(s *carrier) error {
	conflicts := append(withRule(echo, Conflicts()), withRule(echo, strange())...)
	odd := &resolve.Conflict{Table: &capture.Table{Schema: "\xff", Name: "\x00"}, Incoming: capture.Row{}, Rule: echo}
	other := *account
	conflicts = append(conflicts, odd, &resolve.Conflict{Table: &other, Base: row(nullText), Rule: echo})
	return s.echoes(conflicts)
}

// largeBatch is larger than what gRPC takes in one message by default.
func largeBatch(s *carrier) error {
	var conflicts []*resolve.Conflict
	long := strings.Repeat("x", 3000)
	for i := range 600 {
		c := &resolve.Conflict{Kind: resolve.UpdateDiffers, Op: capture.Update, Table: account, Rule: echo}
		c.Base, c.Incoming, c.Current = row("a", "1", long, "b", "c"), row("a", "2", long, "b", "c"), row("a", "3", long, "b", "c")
		c.Position = capture.Position(i)
		conflicts = append(conflicts, c)
	}
	return s.echoes(conflicts)
}

// asks asks for a failure.
func (s *carrier) asks(rule string) error {
	answers, err := resolve.Ask(s.ctx, s.resolver, withRule(rule, Conflicts()[:2]))
	if err == nil {
		return nil
	}
	if len(answers) > 0 {
		return fmt.Errorf("beside the error there are %d answers: %w", len(answers), err)
	}
	return err
}

func errorCrosses(s *carrier) error { return isProbeError(s.asks(fail), false) }

func retryableCrosses(s *carrier) error { return isProbeError(s.asks(failRetryable), true) }

func isProbeError(err error, retryable bool) error {
	switch {
	case err == nil:
		return errors.New("the rules' error did not arrive")
	case !strings.Contains(err.Error(), probeErrorText):
		return fmt.Errorf("the rules' error arrived as %w", err)
	case capture.Retryable(err) != retryable:
		return fmt.Errorf("an error that is retryable (%t) is retryable (%t) behind the carrier", retryable, !retryable)
	}
	return nil
}

func panicCrosses(s *carrier) error { return s.isNonsense(failPanic) }

func shortAnswer(s *carrier) error { return s.isNonsense(failShort) }

func (s *carrier) isNonsense(rule string) error {
	err := s.asks(rule)
	var nonsense *resolve.NonsenseError
	switch {
	case !errors.As(err, &nonsense) || capture.Retryable(err):
		return fmt.Errorf("it arrived as %w", err)
	case strings.Contains(err.Error(), secret):
		return errors.New("the error quotes what was panicked with")
	}
	return s.echoes(withRule(echo, Conflicts()))
}

func contextEnds(s *carrier) error {
	ctx, cancel := context.WithCancel(s.ctx)
	time.AfterFunc(30*time.Millisecond, cancel)
	done := make(chan error, 1)
	go func() {
		_, err := s.resolver.Resolve(ctx, withRule(wait, Conflicts()))
		done <- err
	}()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			return fmt.Errorf("when ctx ended it returned %w", err)
		}
	case <-time.After(s.patience):
		return errors.New("it did not return when ctx ended")
	}
	return s.echoes(withRule(echo, Conflicts()))
}

// changeOf is a change of a table of that name, by which a Probe knows what to do.
func changeOf(name string) []capture.Change {
	table := *account
	table.Name = name
	return []capture.Change{{Op: capture.Update, Table: &table, Before: row("a", absentText, nullText, "", "\xff"), After: row("a\xff", "1", nullText, absentText, "")}}
}

func (s *carrier) emulates(changes []capture.Change, want string) error {
	further, err := s.emulator.Emulate(s.ctx, changes, memory())
	if err != nil {
		return err
	}
	if got := describeChanges(further); got != want {
		return fmt.Errorf("it returned\n\t%.2000s\nand not\n\t%.2000s", got, want)
	}
	return nil
}

func changesUnharmed(s *carrier) error {
	changes := changeOf(echo)
	for _, c := range strange() {
		changes = append(changes, capture.Change{Op: capture.Insert, Table: account, After: c.Incoming}, capture.Change{Op: capture.Delete, Table: account, Before: c.Base})
	}
	changes = append(changes, capture.Change{Op: capture.Message, Message: &capture.LogicalMessage{Prefix: "\xff", Content: []byte{0, 255}}})
	return s.emulates(changes, describeChanges(changes))
}

func emulatorFails(s *carrier) error {
	for how, retryable := range map[string]bool{fail: false, failRetryable: true} {
		_, err := s.emulator.Emulate(s.ctx, changeOf(how), memory())
		if err := isProbeError(err, retryable); err != nil {
			return err
		}
	}
	return s.emulates(changeOf(echo), describeChanges(changeOf(echo)))
}
