package capture

import (
	"context"
	"math/rand/v2"
	"time"
)

// Backoff spaces the attempts at something that failed: each wait is a random
// one between half and all of a step that doubles from Min to Max. The zero
// Backoff is ready to use.
type Backoff struct {
	Min time.Duration // first step; 0 means 100ms
	Max time.Duration // longest step; 0 means 30s

	step time.Duration
}

// Wait waits for the next step, or until ctx ends, whose error it then returns.
func (b *Backoff) Wait(ctx context.Context) error {
	t := time.NewTimer(b.next())
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// Reset starts again at Min, as after a success.
func (b *Backoff) Reset() { b.step = 0 }

func (b *Backoff) next() time.Duration {
	longest := b.Max
	if longest == 0 {
		longest = 30 * time.Second
	}
	switch {
	case b.step > 0:
		b.step *= 2
	case b.Min > 0:
		b.step = b.Min
	default:
		b.step = 100 * time.Millisecond
	}
	b.step = min(b.step, longest)
	return b.step/2 + rand.N(b.step/2+1)
}
