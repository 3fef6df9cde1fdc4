package apply_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
	"github.com/syncback/syncback/queue/queuetest"
)

// TestDrainOfAQueue drains a queue.Queue while it is written to, in windows
// that the queue's own mark bounds.
func TestDrainOfAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t)
		s.cfg.Schedule = apply.Schedule{Mode: apply.Every, Every: time.Hour}
		var q queue.Queue = queuetest.NewMemory()
		write := func(p capture.Position) {
			t.Helper()
			if err := q.Write(t.Context(), inserts(p)); err != nil {
				t.Fatal(err)
			}
			if err := q.Advance(t.Context(), capture.Mark{Source: source, Position: p + 1}); err != nil {
				t.Fatal(err)
			}
			if _, err := q.Sync(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		write(1)
		r := s.start(q)
		time.Sleep(time.Minute)
		synctest.Wait()
		s.expectRows("1=x")
		write(5)
		write(9)
		time.Sleep(time.Minute)
		synctest.Wait()
		s.expectRows("1=x")
		time.Sleep(time.Hour)
		synctest.Wait()
		s.expectRows("1=x 5=x 9=x")
		r.end(t)
	})
}
