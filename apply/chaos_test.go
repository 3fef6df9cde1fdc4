package apply_test

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest/chaostest"
)

var seed = flag.Uint64("seed", 0, "seed of the model test; 0 draws one")

type chaosQueue struct {
	lastQueue
	*chaostest.Chaos
}

func (q chaosQueue) Next(ctx context.Context, after capture.Position) (tx *capture.Tx, err error) {
	err = q.Call("Next", func() error { tx, err = q.lastQueue.Next(ctx, after); return err })
	if err != nil {
		return nil, err
	}
	return tx, nil
}

func (q chaosQueue) Trim(ctx context.Context, upTo capture.Position) error {
	return q.Call("Trim", func() error { return q.lastQueue.Trim(ctx, upTo) })
}

func (q chaosQueue) Last(ctx context.Context) (m capture.Mark, err error) {
	err = q.Call("Last", func() error { m, err = q.lastQueue.Last(ctx); return err })
	return m, err
}

type chaosApplier struct {
	apply.Applier
	*chaostest.Chaos
}

func (a chaosApplier) Apply(ctx context.Context, batch []*capture.Tx) error {
	return a.Call("Apply", func() error { return a.Applier.Apply(ctx, batch) })
}

func (a chaosApplier) Checkpoint(ctx context.Context) (cp apply.Checkpoint, err error) {
	err = a.Call("Checkpoint", func() error { cp, err = a.Applier.Checkpoint(ctx); return err })
	return cp, err
}

// TestChaos loses every kind of call, before and after its effect.
func TestChaos(t *testing.T) {
	for name, schedule := range map[string]apply.Schedule{
		"continuous": {}, "every": {Mode: apply.Every, Every: time.Minute}, "manual": {Mode: apply.Manual},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t)
				s.cfg.Schedule, s.cfg.MaxTxs = schedule, 3
				c := &chaostest.Chaos{Times: 2}
				ctx, cancel := context.WithCancel(t.Context())
				ended := make(chan error, 1)
				go func() {
					ended <- apply.Drain(ctx, chaosQueue{lastQueue{s.q}, c}, chaosApplier{s.a, c}, s.cfg)
				}()
				want := []string{}
				for p := capture.Position(1); p <= 15; p++ {
					want = append(want, fmt.Sprintf("%d=x", uint64(p)))
					s.q.add(inserts(p))
					time.Sleep(time.Hour)
					s.pause(p%3 == 0)
				}
				s.pause(false)
				time.Sleep(time.Hour)
				cancel()
				if err := <-ended; err != context.Canceled {
					t.Errorf("Drain returned %v", err)
				}
				slices.Sort(want)
				s.expectRows(strings.Join(want, " "))
				for site, n := range c.Sites() {
					if !c.Failed(n) && !strings.Contains(site, "resync") {
						t.Errorf("%s was called %d times, which is not enough to fail it", site, n)
					}
				}
			})
		})
	}
}

// TestModel drains random transactions through random failures, crashes and
// pauses. The target ends as if each had been applied once, in order.
func TestModel(t *testing.T) {
	first := *seed
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	for i := range uint64(100) {
		if *seed != 0 && i > 0 {
			break
		}
		t.Run(fmt.Sprint("seed=", first+i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runModel(t, first+i) })
		})
	}
}

func runModel(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 0))
	want := map[int]string{}
	var history []*capture.Tx
	for p := range 60 {
		history = append(history, randomTx(rnd, capture.Position(3*p+3), want))
	}
	s := newStage(t)
	s.cfg.MaxTxs, s.cfg.MaxChanges = 1+rnd.IntN(8), 1+int64(rnd.IntN(12))
	s.cfg.Grace = time.Duration(rnd.IntN(3)-1) * time.Second
	if rnd.IntN(2) == 0 {
		s.cfg.Schedule = apply.Schedule{Mode: apply.Every, Every: time.Duration(1+rnd.IntN(20)) * time.Second}
	}
	f := &flaky{rnd: rand.New(rand.NewPCG(seed, 1))}
	feeding := make(chan struct{})
	go func() {
		defer close(feeding)
		for _, tx := range history {
			s.q.add(tx)
			if rnd.IntN(3) == 0 {
				time.Sleep(time.Duration(rnd.IntN(5000)) * time.Millisecond)
			}
		}
	}()
	crashes := rand.New(rand.NewPCG(seed, 2))
	for range 20 {
		crashed(t, s, f, time.Duration(crashes.IntN(10_000))*time.Millisecond)
		s.pause(crashes.IntN(4) == 0)
	}
	<-feeding
	s.pause(false)
	f.calm.Store(true)
	// A Trim that a crash prevented comes with the next group.
	history = append(history, randomTx(rnd, 1000, want))
	s.q.add(history[len(history)-1])
	crashed(t, s, f, time.Hour)
	var rows []string
	for id, v := range want {
		rows = append(rows, strconv.Itoa(id)+"="+v)
	}
	slices.Sort(rows)
	s.expectRows(strings.Join(rows, " "))
	if last := history[len(history)-1].Position; s.q.trimmed != last {
		t.Errorf("the queue is trimmed to %s, not to %s", s.q.trimmed, last)
	}
}

// crashed runs a Drain of a new process for a while.
func crashed(t *testing.T, s *stage, f *flaky, after time.Duration) {
	t.Helper()
	a, err := s.m.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	err = apply.Drain(ctx, flakyQueue{lastQueue{s.q}, f}, flakyApplier{a, f}, s.cfg)
	if err != context.DeadlineExceeded {
		t.Fatalf("Drain returned %v", err)
	}
}

// randomTx is a transaction that fits the model's state, which it changes.
func randomTx(rnd *rand.Rand, at capture.Position, state map[int]string) *capture.Tx {
	var changes []capture.Change
	for range rnd.IntN(5) {
		id, text := rnd.IntN(10), fmt.Sprint("v", rnd.IntN(1000))
		old, exists := state[id]
		c := capture.Change{Op: capture.Update, Table: table(), Before: image(id, old), After: image(id, text)}
		switch to := rnd.IntN(10); {
		case !exists:
			c.Op, c.Before = capture.Insert, nil
			state[id] = text
		case rnd.IntN(3) == 0:
			c.Op, c.After = capture.Delete, nil
			delete(state, id)
		case rnd.IntN(3) == 0 && !slices.Contains(slices.Collect(maps.Keys(state)), to):
			c.After = image(to, text)
			delete(state, id)
			state[to] = text
		default:
			state[id] = text
		}
		changes = append(changes, c)
	}
	return newTx(at, changes...)
}
