package apply_test

import (
	"context"
	"errors"
	"testing"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/applytest"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue/queuetest"
)

// TestBegin: where a queue that holds nothing begins, and what admit is asked.
func TestBegin(t *testing.T) {
	ctx := t.Context()
	at := func(p capture.Position) capture.Mark { return capture.Mark{Source: source, Position: p} }
	a, err := applytest.NewMemory(table()).Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	begin := func(q *queuetest.Memory, slot capture.Mark) (asked []capture.Mark, err error) {
		err = apply.Begin(ctx, q, a, func(_ context.Context, from capture.Mark) (capture.Mark, error) {
			asked = append(asked, from)
			if from == (capture.Mark{}) {
				return slot, nil
			}
			if from.Position < slot.Position {
				return from, capture.ErrGap
			}
			return from, nil
		})
		return asked, err
	}
	want := func(what string, asked []capture.Mark, err error, from ...capture.Mark) {
		t.Helper()
		if err != nil || len(asked) != len(from) || len(from) > 0 && asked[0] != from[0] {
			t.Errorf("%s: %v, asked for %v, want %v", what, err, asked, from)
		}
	}

	q := queuetest.NewMemory()
	asked, err := begin(q, at(100))
	want("a new pipeline", asked, err, capture.Mark{})
	if cp, err := a.Checkpoint(ctx); err != nil || cp.Source != source || cp.Position != 99 {
		t.Errorf("the target stands at %s of %q, %v", cp.Position, cp.Source, err)
	}
	if m, err := q.Last(ctx); err != nil || m != at(100) {
		t.Errorf("the queue's mark is %+v, %v", m, err)
	}
	asked, err = begin(q, at(500))
	want("a queue that was begun", asked, err)

	// Nothing was applied, and the queue is lost.
	asked, err = begin(queuetest.NewMemory(), at(100))
	want("the source has not moved on", asked, err, at(100))
	lost := queuetest.NewMemory()
	if _, err = begin(lost, at(101)); !errors.Is(err, capture.ErrGap) {
		t.Errorf("the source has moved on: %v, want ErrGap", err)
	}
	if m, err := lost.Last(ctx); err != nil || m != (capture.Mark{}) {
		t.Errorf("the refused queue's mark is %+v, %v", m, err)
	}
}
