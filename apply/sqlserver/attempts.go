package sqlserver

import (
	"context"
	"time"

	"github.com/syncback/syncback/capture"
)

// attempts are how often what the target refused for a moment is tried again.
type attempts struct {
	backoff capture.Backoff
	left    int
}

const readAttempts = 8

func newAttempts() *attempts {
	return &attempts{backoff: capture.Backoff{Max: 5 * time.Second}, left: readAttempts}
}

// wait waits before the next attempt. It returns err where there is none.
func (p *attempts) wait(ctx context.Context, err error, moved bool) error {
	if moved {
		p.left = readAttempts
		p.backoff.Reset()
	}
	if p.left--; p.left == 0 || !capture.Retryable(err) {
		return err
	}
	return p.backoff.Wait(ctx)
}

// again does something, and tries it again where the target refused it for a
// moment.
func again(ctx context.Context, do func() error) error {
	for retry := newAttempts(); ; {
		err := do()
		if err == nil {
			return nil
		}
		if err := retry.wait(ctx, err, false); err != nil {
			return err
		}
	}
}
