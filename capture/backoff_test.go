package capture_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncback/syncback/capture"
)

// waited returns how long one Wait takes, by the clock of the bubble.
func waited(t *testing.T, b *capture.Backoff) time.Duration {
	t.Helper()
	began := time.Now()
	if err := b.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

func TestBackoffDoublesUpToMax(t *testing.T) {
	for _, test := range []struct {
		b        capture.Backoff
		min, max time.Duration
	}{
		{capture.Backoff{}, 100 * time.Millisecond, 30 * time.Second},
		{capture.Backoff{Min: time.Second, Max: 10 * time.Second}, time.Second, 10 * time.Second},
		{capture.Backoff{Min: time.Minute, Max: time.Second}, time.Second, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			for range 2 {
				for step := test.min; step < 4*test.max; step *= 2 {
					want := min(step, test.max)
					if d := waited(t, &test.b); d < want/2 || d > want {
						t.Errorf("%+v: waited %s, want between half and all of %s", test.b, d, want)
					}
				}
				test.b.Reset() // begins anew
			}
		})
	}
}

func TestBackoffIsJittered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		seen := make(map[time.Duration]bool)
		for range 50 {
			var b capture.Backoff
			seen[waited(t, &b)] = true
		}
		if len(seen) < 40 {
			t.Errorf("50 first waits had %d lengths", len(seen))
		}
	})
}

func TestBackoffEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		why := errors.New("why")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		b := capture.Backoff{Min: time.Hour, Max: time.Hour}
		began := time.Now()
		if err := b.Wait(ctx); !errors.Is(err, why) {
			t.Errorf("got %v", err)
		}
		if d := time.Since(began); d != time.Second {
			t.Errorf("it took %s", d)
		}
	})
}
