package sqlserver

import (
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin"
)

// pluginFailures are the ways in which a plugin fails at one conflict, whose note
// names it, and what is then said.
var pluginFailures = []struct{ note, says string }{
	{"hang", "plugin summing failed 2 times at the same call, and is not asked again; the last time it did not answer within 1s and was killed"},
	{"exit", "plugin summing failed 2 times at the same call, and is not asked again; the last time it ended with exit status 7 during a call"},
	{"panic", "rule summing on update_differs of dbo.account: plugin summing: it panicked with a string"},
	{"huge", "plugin summing has an answer of more than 1048576 bytes, which is not taken"},
	{"nonsense", "rule summing on update_differs of dbo.account: its row has 1 values, and dbo.account has 3 columns"},
}

// failing starts rules that fail soon.
func failing(t testing.TB, note string) resolve.Resolver {
	return startSumming(t, t.TempDir(), func(c *plugin.Config) {
		c.Attempts, c.MaxAnswer = 2, 1<<20
		if note == "hang" {
			c.CallTimeout = time.Second
		}
	}).Resolver
}

// TestPluginFails: the pipeline stops at the transaction whose conflict the plugin
// fails at, with one clear error, and nothing of it is written. With rules that do
// not fail it goes on from there.
func TestPluginFails(t *testing.T) {
	for _, f := range pluginFailures {
		t.Run(f.note, func(t *testing.T) {
			t.Parallel()
			s := newAskedSite(t, 3)
			txs := []*capture.Tx{s.next(s.adding(0, 1, "fine")), s.next(s.adding(1, 1, "fine"), s.adding(2, 1, f.note)), s.next(s.adding(0, 1, "fine"))}
			err := s.drain(s.open(s.mapping(failing(t, f.note))), txs...)
			want := "apply transaction 0 at 0/3: transaction 0/3: " + f.says + ". Nothing of it was written and everything before it was; put right what it names, and run again."
			if err == nil || err.Error() != want || capture.Retryable(err) {
				t.Errorf("%v\nwant %s", err, want)
			}
			s.holds(`SELECT ref, amount, note FROM dbo.account ORDER BY ref`, "0|111.00|fine", "1|110.00|NULL", "2|110.00|NULL")
			s.holds(`SELECT position FROM syncback.conflict`, "2")
			if err := s.drain(s.open(s.mapping(resolve.SourceWins())), txs...); err != nil {
				t.Fatal(err)
			}
			s.holds(`SELECT ref, amount, note FROM dbo.account ORDER BY ref`, "0|12.00|fine", "1|11.00|fine", "2|11.00|"+f.note)
		})
	}
}

// TestPluginFailsAndItsConflictIsParked, where the table says so: the rest goes on,
// and a person decides.
func TestPluginFailsAndItsConflictIsParked(t *testing.T) {
	for _, f := range pluginFailures {
		t.Run(f.note, func(t *testing.T) {
			t.Parallel()
			s := newAskedSite(t, 3)
			mapping := s.mapping(failing(t, f.note))
			mapping.ParkFailures = true
			a := s.open(mapping)
			err := s.drain(a, s.next(s.adding(1, 1, "fine"), s.adding(2, 1, f.note)), s.next(s.adding(0, 1, "fine")), s.next(s.adding(1, 1, "behind")))
			if err != nil {
				t.Fatal(err)
			}
			s.holds(`SELECT ref, amount, note FROM dbo.account ORDER BY ref`, "0|111.00|fine", "1|110.00|NULL", "2|110.00|NULL")
			s.holds(`SELECT position, rule_name, action, reason FROM syncback.conflict ORDER BY id`, "2|summing|park|the rule failed", "3|summing|take_row|merged by column")
			var id int64
			if err := s.db.QueryRow(`SELECT conflict FROM syncback.parked WHERE position = 2`).Scan(&id); err != nil {
				t.Fatal(err)
			}
			if n, err := a.Decide(t.Context(), id, Decision{Action: resolve.TakeSource, By: "ann"}); err != nil || n != 2 {
				t.Fatalf("released %d, %v", n, err)
			}
			s.holds(`SELECT ref, amount, note FROM dbo.account ORDER BY ref`, "0|111.00|fine", "1|12.00|behind", "2|11.00|"+f.note)
		})
	}
}
