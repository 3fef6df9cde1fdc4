package sqlserver

import (
	"context"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// countingRule counts the calls of a rule.
type countingRule struct {
	resolve.Resolver
	calls int
}

func (c *countingRule) Resolve(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
	c.calls++
	return c.Resolver.Resolve(ctx, conflicts)
}

// BenchmarkPlugin applies one transaction of 1,000 rows with other keys, each of
// which is a conflict, by a rule that is a plugin's and by the same rule in this
// process. The ratio is of the two within one run; the control, which is of the
// rule in this process to itself, is what it is worth. Rows without a conflict make
// no call.
func BenchmarkPlugin(b *testing.B) {
	const rows = 1000
	s := newAskedSite(b, rows)
	near := &countingRule{Resolver: &summing{folder: b.TempDir()}}
	far := &countingRule{Resolver: startSumming(b, b.TempDir(), nil).Resolver}
	here, there := s.open(s.mapping(near)), s.open(s.mapping(far))

	// apply applies the same changes each time: rows in which the target has what it
	// had, or what the source knows.
	apply := func(a *Applier, target int) time.Duration {
		b.StopTimer()
		s.exec(`UPDATE dbo.account SET note = NULL, amount = @p1`, target)
		s.exec(`DELETE FROM syncback.conflict`)
		if _, err := a.Checkpoint(b.Context()); err != nil { // which the other one has moved
			b.Fatal(err)
		}
		var changes []capture.Change
		for ref := range rows {
			before := s.known[ref]
			changes = append(changes, s.adding(ref, 1, "more"))
			s.known[ref] = before
		}
		tx := s.next(changes...)
		b.StartTimer()
		from := time.Now()
		if err := a.Apply(b.Context(), []*capture.Tx{tx}); err != nil {
			b.Fatal(err)
		}
		return time.Since(from)
	}
	apply(there, 10)
	if far.calls > 0 {
		b.Fatalf("%d calls for rows without a conflict", far.calls)
	}
	var inProcess, plugin, again time.Duration
	rounds := 0
	for b.Loop() {
		inProcess += apply(here, 110)
		plugin += apply(there, 110)
		again += apply(here, 110)
		rounds++
	}
	b.ReportMetric(inProcess.Seconds()*1000/float64(rounds), "ms-in-process")
	b.ReportMetric(plugin.Seconds()*1000/float64(rounds), "ms-plugin")
	b.ReportMetric(plugin.Seconds()/inProcess.Seconds(), "ratio")
	b.ReportMetric(again.Seconds()/inProcess.Seconds(), "control")
	b.ReportMetric(float64(far.calls)/float64(rounds), "calls/op")
}
