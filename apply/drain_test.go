package apply_test

import (
	"cmp"
	"context"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/applytest"
	"github.com/syncback/syncback/capture"
)

func TestDrainFollowsTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1), inserts(2))
		r := s.start(s.q)
		s.expectRows("1=x 2=x")
		time.Sleep(time.Hour)
		s.q.add(inserts(3))
		synctest.Wait()
		s.expectRows("1=x 2=x 3=x")
		if s.q.trimmed != 3 {
			t.Errorf("the queue is trimmed to %s", s.q.trimmed)
		}
		time.Sleep(time.Hour)
		r.end(t)
		s.expectStates(apply.Idle, apply.Idle)
	})
}

func TestDrainStartsAtTheCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1), inserts(2), inserts(3))
		s.cfg.Until = 2
		if err := s.drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.expectRows("1=x 2=x")
		s.cfg.Until = 3
		if err := s.drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.expectRows("1=x 2=x 3=x")
	})
}

// TestGroups holds the first Apply until the queue has been read ahead.
func TestGroups(t *testing.T) {
	large := inserts(5)
	large.Count = 50
	heavy := inserts(5)
	heavy.Bytes = 5000
	for name, c := range map[string]struct {
		cfg   apply.Config
		fifth *capture.Tx
		want  [][]capture.Position
	}{
		"by default all that is there": {apply.Config{}, inserts(5), [][]capture.Position{{1}, span(2, 9)}},
		"transactions":                 {apply.Config{MaxTxs: 3}, inserts(5), [][]capture.Position{{1}, span(2, 4), span(5, 7), span(8, 9)}},
		"changes":                      {apply.Config{MaxChanges: 2}, inserts(5), [][]capture.Position{{1}, span(2, 3), span(4, 5), span(6, 7), span(8, 9)}},
		"bytes":                        {apply.Config{MaxBytes: 399}, inserts(5), [][]capture.Position{{1}, span(2, 4), span(5, 7), span(8, 9)}},
		"one of many changes":          {apply.Config{MaxChanges: 10}, large, [][]capture.Position{{1}, span(2, 4), {5}, span(6, 9)}},
		"one of many bytes":            {apply.Config{MaxBytes: 1000}, heavy, [][]capture.Position{{1}, span(2, 4), {5}, span(6, 9)}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, inserts(1))
				s.cfg.MaxTxs, s.cfg.MaxChanges, s.cfg.MaxBytes, s.cfg.Until = c.cfg.MaxTxs, c.cfg.MaxChanges, c.cfg.MaxBytes, 9
				s.a.do = func(ctx context.Context, batch []*capture.Tx) error {
					if batch[0].Position == 1 {
						s.q.add(inserts(2), inserts(3), inserts(4), c.fifth, inserts(6), inserts(7), inserts(8), inserts(9))
					}
					time.Sleep(time.Second) // the feed reads ahead meanwhile
					return s.a.Applier.Apply(ctx, batch)
				}
				if err := s.drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				s.expectGroups(c.want...)
			})
		})
	}
}

func TestRetry(t *testing.T) {
	for name, fault := range map[string]applytest.Fault{"before the commit": applytest.BeforeCommit, "after the commit": applytest.AfterCommit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, inserts(1), inserts(2))
				s.cfg.Until = 2
				if err := s.m.Fail(t.Context(), fault); err != nil {
					t.Fatal(err)
				}
				if err := s.drain(t.Context()); err != nil {
					t.Fatal(err)
				}
				s.expectRows("1=x 2=x")
				if s.q.trimmed != 2 {
					t.Errorf("the queue is trimmed to %s", s.q.trimmed)
				}
				var txs int
				for _, p := range s.seen {
					txs += p.Txs
				}
				if txs != 2 {
					t.Errorf("%d transactions were observed", txs)
				}
				s.expectStates(apply.Retrying)
			})
		})
	}
}

func TestRetriesBackOffAndStartAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1), inserts(2))
		s.cfg.Until = 2
		s.cfg.MaxTxs = 1
		var waits []time.Duration
		last := time.Now()
		failures := map[capture.Position]int{1: 5, 2: 1}
		s.a.do = func(ctx context.Context, batch []*capture.Tx) error {
			waits = append(waits, time.Since(last))
			last = time.Now()
			if at := batch[0].Position; failures[at] > 0 {
				failures[at]--
				return lost{"apply"}
			}
			return s.a.Applier.Apply(ctx, batch)
		}
		if err := s.drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The sixth attempt comes after 1.6 s at most and half of it at least,
		// the one after the success after 100 ms at most.
		if len(waits) != 8 || waits[5] < 800*time.Millisecond || waits[7] > 100*time.Millisecond {
			t.Errorf("the waits were %v", waits)
		}
		s.expectStates(slices.Repeat([]apply.State{apply.Retrying}, 6)...)
	})
}

func TestGiveUp(t *testing.T) {
	for name, fail := range map[string]func(*stage){
		"apply": func(s *stage) { s.a.do = func(context.Context, []*capture.Tx) error { return lost{"it"} } },
		"queue": func(s *stage) { s.q.next = func(capture.Position) error { return lost{"it"} } },
		"trim":  func(s *stage) { s.q.trim = func(capture.Position) error { return lost{"it"} } },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				ended := make(chan struct{})
				defer func() { <-ended }()
				go func() { // one a minute, so that a Trim has reason to be tried again
					defer close(ended)
					for i := range 20 {
						s.q.add(inserts(capture.Position(i + 1)))
						time.Sleep(time.Minute)
					}
				}()
				fail(s)
				s.cfg.GiveUpAfter = 10 * time.Minute
				start := time.Now()
				err := s.drain(t.Context())
				if !errors.As(err, &lost{}) || !strings.Contains(err.Error(), "gave up") {
					t.Fatalf("Drain returned %v", err)
				}
				if d := time.Since(start); d < 10*time.Minute || d > 12*time.Minute {
					t.Errorf("it gave up after %s", d)
				}
			})
		})
	}
}

// TestGivingUpDoesNotCountIdleTime has a queue fail once an hour while nothing
// is there.
func TestGivingUpDoesNotCountIdleTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.cfg.GiveUpAfter = 30 * time.Minute
		r := s.start(failingHourly{s.q})
		time.Sleep(10 * time.Hour)
		synctest.Wait()
		s.q.add(inserts(1))
		time.Sleep(2 * time.Hour)
		s.expectRows("1=x")
		r.end(t)
	})
}

// TestGivingUpDoesNotCountSuccess has a queue fail and recover again and again.
func TestGivingUpDoesNotCountSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.cfg.GiveUpAfter = 10 * time.Minute
		calls := 0
		s.q.next = func(capture.Position) error {
			if calls++; calls%5 == 0 {
				return lost{"queue"}
			}
			return nil
		}
		r := s.start(s.q)
		for p := capture.Position(1); p < 200; p++ {
			s.q.add(inserts(p))
			time.Sleep(10 * time.Second)
		}
		r.end(t)
	})
}

type failingHourly struct{ *fakeQueue }

func (q failingHourly) Next(ctx context.Context, after capture.Position) (*capture.Tx, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Hour, lost{"queue"})
	defer cancel()
	return q.fakeQueue.Next(ctx, after)
}

func TestRefusedTransactionIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		var added []*capture.Tx
		for p := capture.Position(1); p <= 9; p++ {
			added = append(added, inserts(p))
		}
		added[6] = bad(7)
		s.q.add(added...)
		s.cfg.MaxTxs = 5
		err := s.drain(t.Context())
		var e *apply.TxError
		if !errors.As(err, &e) || e.Position != 7 || e.ID != 707 || e.Hint == "" {
			t.Errorf("Drain returned %v", err)
		}
		var m *apply.MismatchError
		if !errors.As(err, &m) {
			t.Errorf("the reason is not wrapped: %v", err)
		}
		s.expectRows("1=x 2=x 3=x 4=x 5=x 6=x")
		if s.q.trimmed != 6 {
			t.Errorf("the queue is trimmed to %s", s.q.trimmed)
		}
	})
}

// TestGroupRefusedOnceGoesOn has a group refused that is accepted one by one.
func TestGroupRefusedOnceGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1))
		s.cfg.Until = 9
		refused := 0
		s.a.do = func(ctx context.Context, batch []*capture.Tx) error {
			if len(s.a.groups) == 0 {
				s.q.add(inserts(2), inserts(3), inserts(4), inserts(5), inserts(6), inserts(7), inserts(8), inserts(9))
			}
			time.Sleep(time.Second)
			if len(batch) > 1 && batch[0].Position < 5 {
				refused++
				return errors.New("no room")
			}
			return s.a.Applier.Apply(ctx, batch)
		}
		s.cfg.MaxTxs = 3
		if err := s.drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if refused != 1 {
			t.Errorf("%d groups were refused", refused)
		}
		s.expectGroups(span(1, 1), span(2, 2), span(3, 3), span(4, 4), span(5, 7), span(8, 9))
	})
}

func TestPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1))
		r := s.start(s.q)
		time.Sleep(time.Minute)
		s.pause(true)
		s.q.add(inserts(2))
		time.Sleep(time.Hour)
		synctest.Wait()
		s.expectRows("1=x")
		s.expectStates(apply.Idle, apply.Paused)
		s.pause(false)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		s.expectRows("1=x 2=x")
		r.end(t)
	})
}

func TestFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1))
		r := s.start(s.q)
		other, _ := s.m.Open(t.Context())
		if _, err := other.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := other.Apply(t.Context(), []*capture.Tx{inserts(2)}); err != nil {
			t.Fatal(err)
		}
		s.q.add(inserts(2))
		var e *apply.TxError
		if err := <-r.err; !errors.Is(err, apply.ErrFenced) || errors.As(err, &e) {
			t.Fatalf("Drain returned %v", err)
		}
	})
}

// TestCommitThatComesLate lets a session that lost its connection commit while
// the next attempt waits for it: that is not another process. What another one
// commits meanwhile is.
func TestCommitThatComesLate(t *testing.T) {
	for name, other := range map[string]*capture.Tx{"ours": nil, "another's": inserts(7)} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, inserts(1), inserts(2), inserts(3))
				s.cfg.Until, s.cfg.MaxTxs = 3, 1
				attempts := 0
				s.a.do = func(ctx context.Context, batch []*capture.Tx) error {
					switch attempts++; attempts {
					case 2:
						return lost{"during COMMIT"}
					case 3:
						s.commitElsewhere(cmp.Or(other, batch[0]))
					}
					return s.a.Applier.Apply(ctx, batch)
				}
				err := s.drain(t.Context())
				if other != nil {
					if !errors.Is(err, apply.ErrFenced) {
						t.Errorf("Drain returned %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				s.expectRows("1=x 2=x 3=x")
				if s.q.trimmed != 3 || s.last().Position != 3 {
					t.Errorf("the queue is trimmed to %s; last observed: %+v", s.q.trimmed, s.last())
				}
			})
		})
	}
}

// commitElsewhere commits tx in a session of another process.
func (s *stage) commitElsewhere(tx *capture.Tx) {
	s.t.Helper()
	other, err := s.m.Open(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := other.Checkpoint(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	if err := other.Apply(s.t.Context(), []*capture.Tx{tx}); err != nil {
		s.t.Fatal(err)
	}
}

// TestCommitOfAnEarlierProcessComesLate starts a Drain while a session of one
// that was killed still commits a group of its own. It does so once: what
// commits a second time lives.
func TestCommitOfAnEarlierProcessComesLate(t *testing.T) {
	for name, times := range map[string]int{"once": 1, "again and again": 2} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, inserts(1), inserts(2), inserts(3), inserts(4))
				s.cfg.Until = 4
				attempts := 0
				s.a.do = func(ctx context.Context, batch []*capture.Tx) error {
					if attempts++; attempts <= times {
						s.commitElsewhere(batch[0])
					}
					return s.a.Applier.Apply(ctx, batch)
				}
				err := s.drain(t.Context())
				if times > 1 {
					if !errors.Is(err, apply.ErrFenced) {
						t.Errorf("Drain returned %v", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				s.expectRows("1=x 2=x 3=x 4=x")
				s.expectGroups([]capture.Position{2, 3, 4})
			})
		})
	}
}

// TestTrimRefused has a queue that cannot trim, after a group of which the
// answer came and one of which it was lost.
func TestTrimRefused(t *testing.T) {
	for name, fault := range map[string]applytest.Fault{"applied": 0, "answer lost": applytest.AfterCommit} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, inserts(1))
				broken := errors.New("read-only disk")
				s.q.trim = func(capture.Position) error { return broken }
				if err := s.m.Fail(t.Context(), fault); err != nil {
					t.Fatal(err)
				}
				if err := s.drain(t.Context()); !errors.Is(err, broken) {
					t.Errorf("Drain returned %v", err)
				}
				s.expectRows("1=x")
			})
		})
	}
}

func TestOtherSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1), inserts(2))
		s.cfg.Until = 2
		if err := s.drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		stranger := inserts(3)
		stranger.Source = "test/another"
		s.q = newQueue(stranger)
		s.cfg.Until = 3
		s.a.do = func(context.Context, []*capture.Tx) error {
			t.Error("it was given to the applier")
			return nil
		}
		err := s.drain(t.Context())
		if !errors.Is(err, capture.ErrOtherSource) || !strings.Contains(err.Error(), "test/another") {
			t.Fatalf("Drain returned %v", err)
		}
		s.expectRows("1=x 2=x")
		if s.q.trimmed != 0 {
			t.Error("the other source's queue was trimmed")
		}
	})
}

func TestOtherSourceInOneGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stranger := inserts(2)
		stranger.Source = "test/another"
		s := newStage(t, inserts(1), stranger)
		if err := s.drain(t.Context()); !errors.Is(err, capture.ErrOtherSource) {
			t.Fatalf("Drain returned %v", err)
		}
		s.expectRows("1=x")
	})
}

func TestGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(5))
		s.q.trimmed = 4
		err := s.drain(t.Context())
		if !errors.Is(err, capture.ErrGap) || !strings.Contains(err.Error(), "after 0/0") {
			t.Fatalf("Drain returned %v", err)
		}
	})
}

func TestQueueThatGoesBackIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		err := apply.Drain(t.Context(), backwards{s.q}, s.a, s.cfg)
		if err == nil || !strings.Contains(err.Error(), "not after") {
			t.Fatalf("Drain returned %v", err)
		}
		s.expectRows("3=x")
	})
}

// backwards returns the same transaction whatever it is asked for.
type backwards struct{ *fakeQueue }

func (backwards) Next(context.Context, capture.Position) (*capture.Tx, error) { return inserts(3), nil }

func TestUntil(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1), inserts(2), inserts(7), inserts(9))
		s.cfg.Until = 5 // which no transaction has
		if err := s.drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.expectRows("1=x 2=x 7=x")
		s.pause(true)
		if err := s.drain(t.Context()); err != nil {
			t.Errorf("paused, with nothing left before it, Drain returned %v", err)
		}
		s.cfg.Until = 8
		if err := s.drain(t.Context()); !errors.Is(err, apply.ErrPaused) {
			t.Errorf("paused, Drain returned %v", err)
		}
		s.pause(false)
		s.cfg.Until = 9
		var err error
		s.cfg.Schedule, err = blackouts("Sat 00:00-01:00") // the bubble's clock starts there
		if err != nil {
			t.Fatal(err)
		}
		if err := s.drain(t.Context()); !errors.Is(err, apply.ErrClosed) || !strings.Contains(err.Error(), "2000-01-01 01:00") {
			t.Errorf("in a blackout, Drain returned %v", err)
		}
		time.Sleep(time.Hour)
		s.cfg.Schedule.Mode = apply.Manual
		if err := s.drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.expectRows("1=x 2=x 7=x 9=x")
	})
}

func TestUntilIsPausedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1))
		s.cfg.Until = 2
		r := s.start(s.q)
		s.pause(true)
		s.q.add(inserts(2))
		if err := <-r.err; !errors.Is(err, apply.ErrPaused) {
			t.Errorf("Drain returned %v", err)
		}
	})
}

func TestBadScheduleIsRefused(t *testing.T) {
	s := newStage(t)
	s.cfg.Schedule.Mode = apply.Every
	if err := s.drain(t.Context()); err == nil {
		t.Error("a schedule without an interval was accepted")
	}
}

func TestApplierRefusesTheSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1))
		s.a.do = func(context.Context, []*capture.Tx) error { return capture.ErrOtherSource }
		err := s.drain(t.Context())
		var e *apply.TxError
		if !errors.Is(err, capture.ErrOtherSource) || errors.As(err, &e) {
			t.Fatalf("Drain returned %v", err)
		}
	})
}

// TestTxErrorSaysWhatToDo has a hint for each kind of refusal.
func TestTxErrorSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"missing":   {&apply.MismatchError{Table: "dbo.t", Op: capture.Update}, "missing"},
		"ambiguous": {&apply.MismatchError{Table: "dbo.t", Op: capture.Update, Matched: 2}, "key"},
		"value":     {&apply.ValueError{Table: "dbo.t", Column: "c", Position: 1, Reason: "is too long"}, "Map the column"},
		"anything":  {errors.New("no"), "run again"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, inserts(0x1A))
				s.a.do = func(context.Context, []*capture.Tx) error { return c.err }
				err := s.drain(t.Context())
				for _, part := range []string{c.want, c.err.Error(), "transaction 726 at 0/1A"} {
					if err == nil || !strings.Contains(err.Error(), part) {
						t.Errorf("the error does not say %q: %v", part, err)
					}
				}
			})
		})
	}
}

// TestImports keeps plugin authors and drivers from compiling each other.
func TestImports(t *testing.T) {
	const module = "github.com/syncback/syncback/"
	allowed := map[string]bool{
		module + "apply": true, module + "capture": true, "github.com/robfig/cron/v3": true,
		"golang.org/x/sync/errgroup": true,
	}
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", module+"apply").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(out)) {
		if !allowed[path] {
			t.Errorf("apply imports %s", path)
		}
	}
}
