package plugin

import (
	"context"
	"crypto/sha256"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/syncback/syncback/resolve/plugin/internal/wire"
)

// errHung is the cause with which a call is cancelled that takes too long.
var errHung = errors.New("plugin hangs")

// errAnswered wraps what a plugin answered with that is an error.
type errAnswered struct{ error }

// call makes one call. do returns an errAnswered where the plugin answered with
// an error; any other error means that there is no answer.
func (h *host) call(ctx context.Context, of func() sum, do func(context.Context, wire.RulesClient, *clock) error) error {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := h.givenUpOn(of); err != nil {
		return err
	}
	i, err := h.current()
	if err != nil {
		return err
	}
	callCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	i.called.Store(true)
	clock := startClock(h.CallTimeout, func() { cancel(errHung) })
	err = do(callCtx, i.rules, clock)
	clock.pause()
	if answer := (errAnswered{}); err == nil || errors.As(err, &answer) {
		i.called.Store(false)
		h.forgive(of)
		return answer.error
	}
	return h.failed(ctx, callCtx, i, of, err)
}

// failed says what became of a call without an answer.
func (h *host) failed(ctx, callCtx context.Context, i *instance, of func() sum, err error) error {
	own := (*Error)(nil)
	switch {
	case ctx.Err() != nil:
		i.called.Store(false)
		return context.Cause(ctx)
	case errors.As(err, &own): // nothing is wrong with the plugin
		i.called.Store(false)
		return err
	case status.Code(err) == codes.ResourceExhausted:
		i.called.Store(false)
		return h.oversized()
	case errors.Is(context.Cause(callCtx), errHung):
		i.kill()
		return h.blamed(of, h.passing("did not answer within %s and was killed", h.CallTimeout))
	case errors.Is(err, errMalformed):
		i.kill()
		return h.blamed(of, h.passing("answered with what cannot be read, and was killed: %v", err))
	default:
		i.kill() // where it is only the connection that was lost
		return h.blamed(of, h.passing("ended with %s during a call", i.process.status()))
	}
}

func (h *host) oversized() *Error {
	return h.permanent("has an answer of more than %d bytes, which is not taken", h.MaxAnswer)
}

// sum tells one call from another.
type sum [sha256.Size]byte

// sumOf hashes what a call is about.
func sumOf[T proto.Message](items []T) sum {
	h := sha256.New()
	for _, m := range items {
		text, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			continue // then it is not sent either
		}
		h.Write(text)
	}
	return sum(h.Sum(nil))
}

// blame is the call that the plugin failed at last, and how often in a row.
type blame struct {
	call  sum
	times int
}

// blamed notes that the plugin failed at a call. Behind the last attempt the
// error is not retryable, and the call is not made again: who asks once more may
// be the same transaction, which is then tried alone, or behind another that was
// given up.
func (h *host) blamed(of func() sum, err *Error) *Error {
	h.mu.Lock()
	defer h.mu.Unlock()
	call := of()
	if h.blame.times == 0 || h.blame.call != call {
		h.blame = blame{call: call}
	}
	h.blame.times++
	if h.blame.times < h.Attempts {
		return err
	}
	err = h.permanent("failed %d times at the same call, and is not asked again; the last time it %s", h.blame.times, err.Problem)
	if len(h.givenUp) == 0 || len(h.givenUp) >= mostGivenUp {
		h.givenUp = make(map[sum]*Error)
	}
	h.givenUp[call] = err
	h.blame = blame{}
	return err
}

// mostGivenUp bounds the calls that are remembered as given up; beyond it all are
// forgotten, and made again.
const mostGivenUp = 1000

// givenUpOn returns the error of a call that is not made again, nil of any other.
func (h *host) givenUpOn(of func() sum) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.givenUp) == 0 {
		return nil
	}
	if err := h.givenUp[of()]; err != nil {
		return err
	}
	return nil
}

// forgive notes that a call was answered.
func (h *host) forgive(of func() sum) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.worked = true
	if h.blame.times > 0 && h.blame.call == of() {
		h.blame = blame{}
	}
}

// clock measures what the plugin takes for a call. It is used from one
// goroutine.
type clock struct {
	timer *time.Timer
	left  time.Duration
	since time.Time
}

func startClock(d time.Duration, over func()) *clock {
	return &clock{timer: time.AfterFunc(d, over), left: d, since: time.Now()}
}

// pause stops the clock, while something else is waited for.
func (c *clock) pause() {
	c.timer.Stop()
	c.left -= time.Since(c.since)
}

// resume lets the clock go on.
func (c *clock) resume() {
	c.since = time.Now()
	c.timer.Reset(c.left)
}
