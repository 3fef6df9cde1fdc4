package apply_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// TestPace has a target that takes one second, and then ten: the rest behind a
// transaction grows with it.
func TestPace(t *testing.T) {
	for pace, want := range map[float64][]time.Duration{
		0:    {0, time.Second, 11 * time.Second},
		1:    {0, time.Second, 11 * time.Second},
		0.5:  {0, 2 * time.Second, 22 * time.Second},
		0.25: {0, 4 * time.Second, 44 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, inserts(1), inserts(2), inserts(3))
			s.cfg.Until, s.cfg.MaxTxs, s.cfg.Pace = 3, 1, pace
			began := time.Now()
			var starts []time.Duration
			s.a.do = func(ctx context.Context, batch []*capture.Tx) error {
				starts = append(starts, time.Since(began))
				time.Sleep([]time.Duration{1: time.Second, 2: 10 * time.Second, 3: time.Second}[batch[0].Position])
				return s.a.Applier.Apply(ctx, batch)
			}
			if err := s.drain(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(starts, want) {
				t.Errorf("at a pace of %v the transactions began after %v, want %v", pace, starts, want)
			}
			if all, last := time.Since(began), want[2]+time.Second; all != last {
				t.Errorf("at a pace of %v it ended after %v, want %v: there is nothing to rest for", pace, all, last)
			}
		})
	}
}

// TestRestEnds sees a rest cut short by the end of its context, and told of.
func TestRestEnds(t *testing.T) {
	for _, pace := range []float64{0.01, 1e-12, math.SmallestNonzeroFloat64} {
		synctest.Test(t, func(t *testing.T) { restEnds(t, pace) })
	}
}

func restEnds(t *testing.T, pace float64) {
	s := newStage(t, inserts(1), inserts(2))
	s.cfg.MaxTxs, s.cfg.Pace = 1, pace
	s.a.do = func(ctx context.Context, batch []*capture.Tx) error {
		time.Sleep(time.Hour)
		return s.a.Applier.Apply(ctx, batch)
	}
	r := s.start(s.q)
	time.Sleep(2 * time.Hour)
	s.expectRows("1=x")
	r.end(t)
	s.expectStates(apply.Resting)
}

func TestPaceThatIsNoShare(t *testing.T) {
	for _, pace := range []float64{-0.1, 1.1, math.NaN(), math.Inf(1)} {
		err := apply.Drain(t.Context(), nil, nil, apply.Config{Pace: pace})
		if err == nil || !strings.Contains(err.Error(), "it must be a share from 0 to 1") {
			t.Errorf("a pace of %v: %v", pace, err)
		}
	}
}
