package apply_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// blackouts is a schedule in UTC. The clock of a synctest bubble starts on
// Saturday, 2000-01-01 00:00 UTC.
func blackouts(texts ...string) (apply.Schedule, error) {
	s := apply.Schedule{Location: time.UTC}
	for _, text := range texts {
		b, err := apply.ParseBlackout(text)
		if err != nil {
			return s, err
		}
		s.Blackouts = append(s.Blackouts, b)
	}
	return s, nil
}

// slow makes an Apply take that long, or until its context ends.
func (s *stage) slow(d time.Duration) {
	s.a.do = func(ctx context.Context, batch []*capture.Tx) error {
		select {
		case <-time.After(d):
			return s.a.Applier.Apply(ctx, batch)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func TestGrace(t *testing.T) {
	for name, c := range map[string]struct {
		grace, takes, want time.Duration
		rows               string
	}{
		"enough":        {time.Minute, 30 * time.Second, 30 * time.Second, "1=x"},
		"by default":    {0, 29 * time.Second, 29 * time.Second, "1=x"},
		"too short":     {10 * time.Second, time.Minute, 11 * time.Second, ""},
		"default short": {0, time.Minute, 31 * time.Second, ""},
		"none":          {-1, time.Minute, time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, inserts(1), inserts(2))
				s.cfg.MaxTxs = 1
				s.cfg.Grace = c.grace
				s.slow(c.takes)
				start := time.Now()
				r := s.start(s.q)
				time.Sleep(time.Second)
				r.end(t)
				if took := time.Since(start); took != c.want {
					t.Errorf("Drain returned after %s, not %s", took, c.want)
				}
				s.expectRows(c.rows)
				if done := c.rows != ""; done != (s.q.trimmed == 1) {
					t.Errorf("the queue is trimmed to %s", s.q.trimmed)
				}
			})
		})
	}
}

func TestBlackout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1))
		var err error
		if s.cfg.Schedule, err = blackouts("06:00-10:00"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		r := s.start(s.q)
		s.expectRows("1=x")
		time.Sleep(7 * time.Hour)
		s.q.add(inserts(2))
		synctest.Wait()
		s.expectRows("1=x")
		s.expectStates(apply.Idle, apply.InBlackout)
		if next := s.last().NextWindow; !next.Equal(start.Add(10 * time.Hour)) {
			t.Errorf("the next window is %s", next)
		}
		time.Sleep(3 * time.Hour)
		synctest.Wait()
		s.expectRows("1=x 2=x")
		r.end(t)
	})
}

// TestBlackoutWhileApplying has transactions of four minutes when the blackout
// begins after six: the second is in work then.
func TestBlackoutWhileApplying(t *testing.T) {
	for name, c := range map[string]struct {
		grace  time.Duration
		before string
	}{"enough grace": {3 * time.Minute, "1=x 2=x"}, "too little": {time.Minute, "1=x"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, inserts(1), inserts(2), inserts(3))
				s.cfg.MaxTxs, s.cfg.Grace = 1, c.grace
				var err error
				if s.cfg.Schedule, err = blackouts("00:06-05:00"); err != nil {
					t.Fatal(err)
				}
				s.slow(4 * time.Minute)
				r := s.start(s.q)
				time.Sleep(4 * time.Hour)
				synctest.Wait()
				s.expectRows(c.before)
				time.Sleep(90 * time.Minute)
				synctest.Wait()
				s.expectRows("1=x 2=x 3=x")
				r.end(t)
			})
		})
	}
}

// TestUntilMeetsBlackout is a run by hand that a blackout overtakes.
func TestUntilMeetsBlackout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1), inserts(2), inserts(3))
		s.cfg.MaxTxs, s.cfg.Until = 1, 3
		var err error
		if s.cfg.Schedule, err = blackouts("00:06-05:00"); err != nil {
			t.Fatal(err)
		}
		s.slow(4 * time.Minute)
		if err := s.drain(t.Context()); !errors.Is(err, apply.ErrClosed) {
			t.Errorf("Drain returned %v", err)
		}
		s.expectRows("1=x")
	})
}

func TestEvery(t *testing.T) {
	for name, last := range map[string]bool{"a queue that knows its end": true, "one that does not": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, inserts(1), inserts(2))
				s.cfg.Schedule = apply.Schedule{Mode: apply.Every, Every: 15 * time.Minute, Location: time.UTC}
				var q apply.Queue = s.q
				if last {
					q = lastQueue{s.q}
				}
				r := s.start(q)
				time.Sleep(5 * time.Second)
				s.q.add(inserts(3))
				synctest.Wait()
				s.expectRows("1=x 2=x")
				s.expectStates(apply.Waiting)
				time.Sleep(14 * time.Minute)
				s.q.add(inserts(4))
				synctest.Wait()
				s.expectRows("1=x 2=x")
				time.Sleep(time.Minute)
				synctest.Wait()
				s.expectRows("1=x 2=x 3=x 4=x")
				r.end(t)
			})
		})
	}
}

// TestWindowEndsWithWhatWasThere has a source that never rests.
func TestWindowEndsWithWhatWasThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1), inserts(2))
		s.cfg.MaxTxs = 1
		s.cfg.Schedule = apply.Schedule{Mode: apply.Every, Every: time.Hour, Location: time.UTC}
		s.a.do = func(ctx context.Context, batch []*capture.Tx) error {
			s.q.add(inserts(batch[0].Position + 2))
			return s.a.Applier.Apply(ctx, batch)
		}
		r := s.start(lastQueue{s.q})
		s.expectRows("1=x 2=x")
		time.Sleep(time.Hour)
		synctest.Wait()
		s.expectRows("1=x 2=x 3=x 4=x")
		r.end(t)
	})
}

// TestWindowEndsAtAWatermark has a queue whose mark is past its last
// transaction.
func TestWindowEndsAtAWatermark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1))
		s.q.mark = 50
		s.cfg.Schedule = apply.Schedule{Mode: apply.Every, Every: time.Hour, Location: time.UTC}
		r := s.start(lastQueue{s.q})
		time.Sleep(time.Second)
		synctest.Wait()
		s.expectRows("1=x")
		s.expectStates(apply.Waiting)
		r.end(t)
	})
}

// TestWindowLeavesWhatCameLater has a mark between two transactions.
func TestWindowLeavesWhatCameLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1), inserts(9))
		s.cfg.Schedule = apply.Schedule{Mode: apply.Every, Every: time.Hour, Location: time.UTC}
		r := s.start(markedQueue{s.q, 5})
		s.expectRows("1=x")
		s.expectStates(apply.Waiting)
		r.end(t)
	})
}

// markedQueue is a queue that holds more than it said when it was asked.
type markedQueue struct {
	*fakeQueue
	mark capture.Position
}

func (q markedQueue) Last(context.Context) (capture.Mark, error) {
	return capture.Mark{Source: source, Position: q.mark}, nil
}

func TestCron(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1))
		s.cfg.Schedule = apply.Schedule{Mode: apply.Cron, Cron: "30 20 * * *", Location: time.UTC}
		start := time.Now()
		r := s.start(lastQueue{s.q})
		s.expectStates(apply.Waiting)
		if next := s.last().NextWindow; !next.Equal(start.Add(20*time.Hour + 30*time.Minute)) {
			t.Errorf("the next window is %s", next)
		}
		time.Sleep(20*time.Hour + 29*time.Minute)
		s.q.add(inserts(2))
		synctest.Wait()
		s.expectRows("")
		time.Sleep(time.Minute)
		synctest.Wait()
		s.expectRows("1=x 2=x")
		s.q.add(inserts(3))
		time.Sleep(23 * time.Hour)
		synctest.Wait()
		s.expectRows("1=x 2=x")
		r.end(t)
	})
}

func TestManual(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1))
		s.pause(false) // before Drain runs, which does not count
		s.cfg.Schedule = apply.Schedule{Mode: apply.Manual}
		r := s.start(lastQueue{s.q})
		time.Sleep(time.Hour)
		synctest.Wait()
		s.expectRows("")
		s.expectStates(apply.Waiting)

		s.pause(false)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		s.expectRows("1=x")
		s.q.add(inserts(2))
		time.Sleep(time.Hour)
		synctest.Wait()
		s.expectRows("1=x")

		s.pause(true)
		time.Sleep(time.Hour)
		synctest.Wait()
		s.expectRows("1=x")
		s.pause(false)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		s.expectRows("1=x 2=x")
		r.end(t)
	})
}

// TestGivingUpDoesNotCountClosedHours has the target fail before a blackout and
// once after it.
func TestGivingUpDoesNotCountClosedHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, inserts(1))
		s.cfg.GiveUpAfter = 30 * time.Minute
		var err error
		if s.cfg.Schedule, err = blackouts("00:10-05:00"); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		s.a.do = func(ctx context.Context, batch []*capture.Tx) error {
			if time.Since(start) < 5*time.Hour+time.Minute {
				return lost{"apply"}
			}
			return s.a.Applier.Apply(ctx, batch)
		}
		r := s.start(s.q)
		time.Sleep(6 * time.Hour)
		synctest.Wait()
		s.expectRows("1=x")
		r.end(t)
	})
}
