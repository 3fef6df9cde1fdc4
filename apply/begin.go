package apply

import (
	"context"
	"fmt"

	"github.com/syncback/syncback/capture"
)

// Beginner is an [Applier] whose target can hold where a pipeline began, before
// anything was applied. It is optional.
type Beginner interface {
	Applier
	// Begin moves the checkpoint of a pipeline that is new, empty and at zero,
	// to m's source and just before m's position: the target is to get all that
	// was committed from m on. It says so durably before it returns. Where the
	// checkpoint is neither new nor right there it is refused with ErrFenced.
	// Begin is called before the first Apply, paused or not.
	Begin(ctx context.Context, m capture.Mark) error
}

// Begin settles where a queue that holds nothing begins. It is called before
// Fill and Drain are, at each start; a queue that was begun is left as it is.
//
// The queue of a new pipeline begins where its source does, and the target is
// told so first. From then on a queue that is lost is noticed, even one of which
// nothing was applied: where the target knows of a beginning or has come
// further, the queue is to begin there, and admit refuses when the source has
// moved on meanwhile.
//
// admit is the capturer's: it returns the mark to begin with where the target
// stands at from, the zero Mark for a new pipeline, or why it cannot. An applier
// that is no [Beginner] holds nothing of a pipeline before the first Apply, and
// the loss of a queue before then goes unnoticed.
func Begin(ctx context.Context, q interface {
	capture.Sink
	Last(ctx context.Context) (capture.Mark, error)
}, a Applier, admit func(ctx context.Context, from capture.Mark) (capture.Mark, error),
) error {
	held, err := q.Last(ctx)
	if err != nil || held != (capture.Mark{}) {
		return err
	}
	cp, err := a.Checkpoint(ctx)
	if err != nil {
		return fmt.Errorf("begin: read the checkpoint: %w", err)
	}
	var from capture.Mark
	if cp.Source != "" {
		from = capture.Mark{Source: cp.Source, Position: cp.Position + 1}
	}
	m, err := admit(ctx, from)
	if err != nil {
		if cp.Source != "" {
			err = fmt.Errorf("the queue is empty and the target stands at %s: %w", cp.Position, err)
		}
		return fmt.Errorf("begin: %w", err)
	}
	if b, ok := a.(Beginner); ok && cp.Source == "" {
		if err := b.Begin(ctx, m); err != nil {
			return fmt.Errorf("begin: note in the target where the queue begins: %w", err)
		}
	}
	if err := q.Advance(ctx, m); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if _, err := q.Sync(ctx); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	return nil
}
