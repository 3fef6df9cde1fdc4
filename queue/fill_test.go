package queue_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
	"github.com/syncback/syncback/queue/queuetest"
)

// lost is what a connection that is lost looks like.
type lost struct{}

func (lost) Error() string   { return "connection lost" }
func (lost) Retryable() bool { return true }

// script is a Capturer that does one of its steps each time it is asked.
type script struct {
	steps []func(ctx context.Context, from capture.Mark, sink capture.Sink) error
	times []time.Time
}

func (s *script) Capture(ctx context.Context, from capture.Mark, sink capture.Sink) error {
	s.times = append(s.times, time.Now())
	step := s.steps[0]
	if len(s.steps) > 1 {
		s.steps = s.steps[1:]
	}
	return step(ctx, from, sink)
}

func fail(err error) func(context.Context, capture.Mark, capture.Sink) error {
	return func(context.Context, capture.Mark, capture.Sink) error { return err }
}

// oneMore writes the transaction behind the mark, and then loses its connection.
func oneMore(ctx context.Context, from capture.Mark, sink capture.Sink) error {
	if err := sink.Write(ctx, tx(from.Position+1, 1)); err != nil {
		return err
	}
	if _, err := sink.Sync(ctx); err != nil {
		return err
	}
	return lost{}
}

// restarted counts how often a queue is told that its writer starts again.
type restarted struct {
	*queuetest.Memory
	times int
}

func (r *restarted) Restart() { r.times++ }

func TestFillSaysThatItStartsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &restarted{Memory: queuetest.NewMemory()}
		stop := errors.New("slot is gone")
		s := &script{}
		s.steps = append(s.steps, oneMore, fail(lost{}), fail(stop))
		if err := queue.Fill(t.Context(), s, q, queue.FillConfig{}); err != stop {
			t.Fatalf("got %v", err)
		}
		if q.times != len(s.times) {
			t.Errorf("told %d times of %d attempts", q.times, len(s.times))
		}
	})
}

// TestFillSyncsWhatCameBeforeTheEnd: whoever applies what is queued before the
// end waits for what was written, which no one else would make visible.
func TestFillSyncsWhatCameBeforeTheEnd(t *testing.T) {
	q := queuetest.NewMemory()
	stop := errors.New("slot is gone")
	s := &script{}
	s.steps = append(s.steps, func(ctx context.Context, from capture.Mark, sink capture.Sink) error {
		if err := sink.Write(ctx, tx(from.Position+1, 1)); err != nil {
			return err
		}
		return stop
	})
	if err := queue.Fill(t.Context(), s, q, queue.FillConfig{}); err != stop {
		t.Fatalf("got %v", err)
	}
	if m, err := q.Last(t.Context()); err != nil || m.Position != 1 {
		t.Errorf("the queue has come to %s, %v", m.Position, err)
	}
}

// unsynced is a queue whose disk fails.
type unsynced struct{ *queuetest.Memory }

var errDisk = errors.New("disk is gone")

func (unsynced) Sync(context.Context) (capture.Position, error) { return 0, errDisk }

// TestFillSaysWhatIsNotSynced: a capture that ends in order is not done before
// everything is durable; one that fails says why it failed.
func TestFillSaysWhatIsNotSynced(t *testing.T) {
	stop := errors.New("slot is gone")
	for _, test := range []struct{ ends, want error }{{nil, errDisk}, {stop, stop}} {
		s := &script{}
		s.steps = append(s.steps, fail(test.ends))
		if err := queue.Fill(t.Context(), s, unsynced{queuetest.NewMemory()}, queue.FillConfig{}); err != test.want {
			t.Errorf("got %v, want %v", err, test.want)
		}
	}
}

func TestFillGoesOnFromTheMark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queuetest.NewMemory()
		stop := errors.New("slot is gone")
		s := &script{}
		s.steps = append(s.steps, oneMore, fail(lost{}), fail(lost{}), oneMore, oneMore, fail(stop))
		var states []queue.FillState
		err := queue.Fill(t.Context(), s, q, queue.FillConfig{Observe: func(f queue.FillState) { states = append(states, f) }})
		if err != stop {
			t.Fatalf("got %v", err)
		}
		if m, _ := q.Last(t.Context()); m.Position != 3 {
			t.Errorf("the queue has come to %s", m.Position)
		}
		want := []int{0, 1, 2, 3, 0, 1, 0, 1}
		if len(states) != len(want) {
			t.Fatalf("observed %+v", states)
		}
		for i, s := range states {
			if s.Attempts != want[i] || (s.Waiting == nil) != (want[i] == 0) || s.Since.IsZero() {
				t.Errorf("state %d is %+v, want %d attempts", i, s, want[i])
			}
		}
		if !states[3].Since.Equal(states[1].Since) || states[3].Since.After(states[4].Since) {
			t.Errorf("waits since %s, then %s", states[1].Since, states[3].Since)
		}
	})
}

func TestFillSpacesItsAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		var lines bytes.Buffer
		s := &script{}
		s.steps = append(s.steps, fail(lost{}))
		err := queue.Fill(ctx, s, queuetest.NewMemory(), queue.FillConfig{
			Backoff: capture.Backoff{Min: time.Second, Max: 10 * time.Second},
			Logger:  slog.New(slog.NewTextHandler(&lines, nil)),
		})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		for i := 1; i < len(s.times); i++ {
			wait := s.times[i].Sub(s.times[i-1])
			if wait < 500*time.Millisecond || wait > 10*time.Second || i > 5 && wait < 5*time.Second {
				t.Fatalf("attempt %d came after %s", i, wait)
			}
		}
		if n := strings.Count(lines.String(), "\n"); n < 50 || n > 61 {
			t.Errorf("%d lines in an hour", n)
		}
	})
}

// inUse is what a source says that another process captures from.
type inUse struct{ lost }

func (inUse) Unwrap() error { return capture.ErrInUse }

func TestFillStandsBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		s := &script{}
		s.steps = append(s.steps, func(context.Context, capture.Mark, capture.Sink) error {
			if len(s.times) < 100 {
				return inUse{}
			}
			return nil
		})
		err := queue.Fill(t.Context(), s, queuetest.NewMemory(), queue.FillConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(s.times); i++ {
			if d := s.times[i].Sub(s.times[i-1]); d > 5*time.Second {
				t.Fatalf("the source was not asked for %s", d)
			}
		}
		if n := strings.Count(log.String(), "stands by to take over"); n < 2 || n > 10 {
			t.Errorf("it said so %d times in %s:\n%s", n, s.times[99].Sub(s.times[0]), log.String())
		}
	})
}

func TestFillWaitsForRoom(t *testing.T) {
	q := open(t, queue.SmallFiles(queue.Config{Dir: t.TempDir(), Limit: 200 << 10, KeepFor: -1}, 16<<10))
	const last = 200
	s := &script{}
	s.steps = append(s.steps, func(ctx context.Context, from capture.Mark, sink capture.Sink) error {
		for p := from.Position + 1; p <= last; p++ {
			if err := sink.Write(ctx, tx(p, 4)); err != nil {
				return err
			}
			if _, err := sink.Sync(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	full := make(chan struct{}, 1)
	done := make(chan error, 1)
	go func() {
		done <- queue.Fill(t.Context(), s, q, queue.FillConfig{
			Backoff: capture.Backoff{Min: time.Millisecond, Max: 5 * time.Millisecond},
			Observe: func(f queue.FillState) {
				if errors.Is(f.Waiting, queue.ErrFull) {
					select {
					case full <- struct{}{}:
					default:
					}
				}
			},
		})
	}()
	select {
	case <-full:
	case err := <-done:
		t.Fatalf("never full: %v", err)
	}
	for p := capture.Position(0); p < last; p++ {
		tx, err := q.Next(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		if tx.Position != p+1 {
			t.Fatalf("after %s comes %s", p, tx.Position)
		}
		if err := q.Trim(t.Context(), p+1); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestFillReturnsTheCause(t *testing.T) {
	why := errors.New("SIGTERM")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &script{}
	s.steps = append(s.steps, func(ctx context.Context, _ capture.Mark, _ capture.Sink) error {
		cancel(why)
		<-ctx.Done()
		return lost{}
	})
	if err := queue.Fill(ctx, s, queuetest.NewMemory(), queue.FillConfig{}); err != why {
		t.Errorf("got %v", err)
	}
}
