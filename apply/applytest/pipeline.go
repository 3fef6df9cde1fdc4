package applytest

import (
	"errors"
	"sync"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// pipelineChecks are about the checkpoint, and who may move it.
func pipelineChecks() []check {
	return []check{
		{"new pipeline", "Source and Position are empty and zero when nothing was applied", newPipeline},
		{"begin", "Begin moves the checkpoint of a pipeline that is new to just before m; otherwise it is refused with ErrFenced", begin},
		{"checkpoint moves with the data", "Apply writes the last one's position as the new checkpoint", checkpointMoves},
		{"second applier", "Of two appliers of one pipeline only one goes on; the other is refused with ErrFenced", fence},
		{"two appliers at once", "Of two appliers of one pipeline only one goes on", race},
		{"pause", "While the pipeline is paused Apply is refused with ErrPaused", pause},
		{"pause of a new pipeline", "While the pipeline is paused Apply is refused with ErrPaused", pauseFirst},
		{"resume", "ChangedAt is of the last pause or resume", resume},
		{"other source", "Where the checkpoint is of another source Apply is refused with capture.ErrOtherSource", otherSource},
	}
}

func newPipeline(s *stage) {
	if cp := s.checkpoint(s.open()); cp != (apply.Checkpoint{}) {
		s.Fatalf("the checkpoint of a new pipeline is %+v", cp)
	}
}

// begin is for an applier that is a Beginner, paused or not.
func begin(s *stage) {
	a, ok := s.open().(apply.Beginner)
	if !ok {
		return
	}
	s.pause(true)
	m := capture.Mark{Source: source, Timeline: 1, Position: first}
	for _, again := range []apply.Applier{a, s.open()} { // its answer may be lost
		if err := again.(apply.Beginner).Begin(s.ctx, m); err != nil {
			s.Fatalf("begin: %v", err)
		}
		if cp := s.checkpoint(s.open()); cp.Source != source || cp.Position != first-1 || !cp.AppliedAt.IsZero() || !cp.Paused {
			s.Fatalf("the checkpoint is %+v", cp)
		}
	}
	s.pause(false)
	s.apply(a, tx(first, insert(s.line, row("1", "a"))))
	s.holds(s.line, "1|a")
	late := s.open().(apply.Beginner)
	for _, m := range []capture.Mark{m, {Source: source, Position: second}, {Source: "other", Position: first + 1}} {
		if err := late.Begin(s.ctx, m); !errors.Is(err, apply.ErrFenced) {
			s.Errorf("begin at %s once something was applied: %v, want ErrFenced", m.Position, err)
		}
	}
	s.at(first)
}

func checkpointMoves(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.line, row("1", "a"))), tx(second, insert(s.line, row("2", "b"))))
	for _, a := range []apply.Applier{a, s.open()} {
		cp := s.checkpoint(a)
		if cp.Source != source || cp.Position != second || cp.AppliedAt.IsZero() || cp.Paused {
			s.Errorf("the checkpoint is %+v", cp)
		}
	}
	high := capture.Position(0x7EDCBA98_76543211)
	s.apply(a, tx(high, insert(s.line, row("3", "c"))))
	s.at(high)
}

func fence(s *stage) {
	a, b := s.open(), s.open()
	s.apply(a, tx(first, insert(s.line, row("1", "a"))))
	for range 2 {
		if err := s.refused(b, tx(first, insert(s.line, row("1", "b")))); !errors.Is(err, apply.ErrFenced) {
			s.Fatalf("the second applier's error is not ErrFenced: %v", err)
		}
	}
	s.apply(a, tx(second, insert(s.line, row("2", "a"))))
	if err := s.refused(b, tx(third, insert(s.line, row("3", "b")))); !errors.Is(err, apply.ErrFenced) {
		s.Fatalf("the second applier's error is not ErrFenced: %v", err)
	}
	s.holds(s.line, "1|a", "2|a")
	s.at(second)
}

// race has two appliers do the same at once: each round one of them wins. They
// are new each round, since one that was fenced may stay so.
func race(s *stage) {
	var want []string
	for i := range 3 {
		appliers := []apply.Applier{s.open(), s.open()}
		at := first + capture.Position(i)
		id := string(rune('1' + i))
		want = append(want, id+"|a")
		errs := make([]error, len(appliers))
		var both sync.WaitGroup
		for n, a := range appliers {
			both.Go(func() { errs[n] = a.Apply(s.ctx, []*capture.Tx{tx(at, insert(s.line, row(id, "a")))}) })
		}
		both.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, apply.ErrFenced) && !capture.Retryable(err):
				s.Fatalf("the loser's error is neither ErrFenced nor retryable: %v", err)
			}
		}
		if won != 1 {
			s.Fatalf("%d of two appliers applied the same transaction: %v", won, errs)
		}
	}
	s.holds(s.line, want...)
}

func pause(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.line, row("1", "a"))))
	s.pause(true)
	if err := s.refused(a, tx(second, insert(s.line, row("2", "b")))); !errors.Is(err, apply.ErrPaused) {
		s.Fatalf("the error is not ErrPaused: %v", err)
	}
	b := s.open()
	if err := s.refused(b, tx(second, insert(s.line, row("2", "b")))); !errors.Is(err, apply.ErrPaused) {
		s.Fatalf("the pause does not hold for an applier that was opened later: %v", err)
	}
	cp := s.checkpoint(b)
	if !cp.Paused || cp.ChangedAt.IsZero() || cp.Position != first || cp.Source != source {
		s.Fatalf("the checkpoint while paused is %+v", cp)
	}
	s.holds(s.line, "1|a")
	s.pause(false)
	s.checkpoint(a)
	s.apply(a, tx(second, insert(s.line, row("2", "b"))))
	s.holds(s.line, "1|a", "2|b")
}

func pauseFirst(s *stage) {
	s.pause(true)
	a := s.open()
	if err := s.refused(a, tx(first, insert(s.line, row("1", "a")))); !errors.Is(err, apply.ErrPaused) {
		s.Fatalf("the error is not ErrPaused: %v", err)
	}
	if cp := s.checkpoint(a); !cp.Paused || cp.Position != 0 || cp.Source != "" {
		s.Fatalf("the checkpoint is %+v", cp)
	}
	s.pause(false)
	s.checkpoint(a)
	s.apply(a, tx(first, insert(s.line, row("1", "a"))))
	s.holds(s.line, "1|a")
}

func resume(s *stage) {
	a := s.open()
	s.pause(true)
	paused := s.checkpoint(a)
	resumed := s.resumedAfter(a, paused)
	again := s.resumedAfter(a, resumed)
	s.apply(a, tx(first))
	if cp := s.checkpoint(a); !cp.ChangedAt.Equal(again.ChangedAt) {
		s.Errorf("an Apply moved ChangedAt from %s to %s", again.ChangedAt, cp.ChangedAt)
	}
}

// resumedAfter resumes until ChangedAt has moved, which it does as soon as the
// target's clock has: a resume of what is not paused counts too.
func (s *stage) resumedAfter(a apply.Applier, last apply.Checkpoint) apply.Checkpoint {
	s.Helper()
	for s.ctx.Err() == nil {
		s.pause(false)
		if cp := s.checkpoint(a); !cp.Paused && cp.ChangedAt.After(last.ChangedAt) {
			return cp
		}
	}
	s.Fatalf("a resume does not move ChangedAt past %s", last.ChangedAt)
	return last
}

func otherSource(s *stage) {
	a := s.open()
	s.apply(a, tx(first, insert(s.line, row("1", "a"))))
	stranger := tx(second, insert(s.line, row("2", "b")))
	stranger.Source = "applytest/2/source"
	if err := s.refused(a, stranger); !errors.Is(err, capture.ErrOtherSource) {
		s.Fatalf("the error is not ErrOtherSource: %v", err)
	}
	s.holds(s.line, "1|a")
	s.at(first)
	s.checkpoint(a)
	s.apply(a, tx(second, insert(s.line, row("2", "b"))))
	s.holds(s.line, "1|a", "2|b")
}
