package queue_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
)

// TestHugeTransactionCostsDisk passes 100 MB in one transaction through a queue,
// and looks at the heap on the way.
func TestHugeTransactionCostsDisk(t *testing.T) {
	q := open(t, queue.Config{Dir: t.TempDir()})
	peak, n := uint64(0), 0
	look := func() {
		if n++; n%20_000 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
	}
	huge := tx(1, 100_000)
	wire := huge.Changes
	huge.Changes = func(yield func(capture.Change, error) bool) {
		for c, err := range wire {
			look()
			if !yield(c, err) {
				return
			}
		}
	}
	put(t, q, huge)
	held, err := q.Next(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range held.Changes {
		if err != nil {
			t.Fatal(err)
		}
		look()
	}
	if held.Count != 100_000 || held.Bytes < 100<<20*9/10 || n != 200_000 {
		t.Errorf("%d changes in %d bytes; %d were seen", held.Count, held.Bytes, n)
	}
	if peak == 0 || peak > 16<<20 {
		t.Errorf("%d bytes of heap at the peak", peak)
	}
}
