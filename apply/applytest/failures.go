package applytest

import (
	"context"

	"github.com/syncback/syncback/capture"
)

// failureChecks are about what is interrupted.
func failureChecks() []check {
	return []check{
		{"context that has ended", "Apply writes all of batch or nothing", endedContext},
		{"context that ends meanwhile", "Apply writes all of batch or nothing", endingContext},
		{"connection lost before the commit", "A lost connection is an error for which capture.Retryable is true, and Checkpoint tells what was committed", lostBefore},
		{"answer to the commit lost", "A lost connection is an error for which capture.Retryable is true, and Checkpoint tells what was committed", lostAfter},
	}
}

func endedContext(s *stage) {
	a := s.open()
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	if err := a.Apply(ctx, []*capture.Tx{tx(first, insert(s.line, row("1", "a")))}); err == nil {
		s.Error("Apply succeeded under a context that had ended")
	}
	s.holds(s.line)
	s.at(0)
	s.checkpoint(a)
	s.apply(a, tx(first, insert(s.line, row("1", "a"))))
	s.holds(s.line, "1|a")
}

func endingContext(s *stage) {
	a := s.open()
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	batch := []*capture.Tx{tx(first, insert(s.line, row("1", "a"))), cancelled(s, cancel)}
	if err := a.Apply(ctx, batch); err == nil {
		s.Error("Apply succeeded although its context ended before it had written everything")
	}
	s.holds(s.line)
	s.at(0)
	s.checkpoint(a)
	s.apply(a, tx(first, insert(s.line, row("1", "a"))))
	s.holds(s.line, "1|a")
}

func lostBefore(s *stage) { lost(s, BeforeCommit, 0) }
func lostAfter(s *stage)  { lost(s, AfterCommit, first) }

// lost loses the connection at a commit, reads what became of it, and goes on.
func lost(s *stage, fault Fault, want capture.Position) {
	target, ok := s.target.(Faulty)
	if !ok {
		s.Skip("the harness offers no faults")
	}
	a := s.open()
	if err := target.Fail(s.ctx, fault); err != nil {
		s.Fatalf("the harness's Fail: %v", err)
	}
	batch := tx(first, insert(s.line, row("1", "a")))
	if err := a.Apply(s.ctx, []*capture.Tx{batch}); !capture.Retryable(err) {
		s.Fatalf("the error of a lost connection is not retryable: %v", err)
	}
	if got := s.checkpoint(a).Position; got != want {
		s.Fatalf("the checkpoint is at %s, not at %s", got, want)
	}
	if want == 0 {
		s.holds(s.line)
		s.apply(a, batch)
	}
	s.apply(a, tx(second, update(s.line, row("1", "a"), row("1", "b"))))
	s.holds(s.line, "1|b")
	s.at(second)
}
