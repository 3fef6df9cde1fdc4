package queuetest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/queue"
)

// TestBrokenQueuesAreCaught makes sure that each check can fail: by the mistake
// that it is there for, and saying so.
func TestBrokenQueuesAreCaught(t *testing.T) {
	var caught []string
	for name, c := range map[string]struct {
		queue  broken
		caught string
		says   string
	}{
		"a mark before the first":    {broken{last: notZero}, "ZeroMark", "last is"},
		"mark before it is safe":     {broken{last: notDurable}, "MarkIsDurable", "before a Sync"},
		"mark goes back":             {broken{advance: backwards}, "OlderMark", "sync returned"},
		"failover unseen":            {broken{advance: sameTimeline}, "Timeline", "last is"},
		"any source":                 {broken{advance: anySource}, "OtherSource", "advance with another source"},
		"origin lost":                {broken{write: originLost}, "Order", "got the transaction"},
		"null for absent":            {broken{write: nullForAbsent}, "Values", "not as it was written"},
		"messages dropped":           {broken{write: dropMessages}, "Values", "changes"},
		"one table for all":          {broken{write: firstTable}, "Tables", "not as it was written"},
		"empty ones dropped":         {broken{write: emptyDropped}, "Empty", "deadline"},
		"large ones cut":             {broken{write: atMost(10_000)}, "Huge", "it has 30000"},
		"large values cut":           {broken{write: valuesCut}, "BigValue", "not as it was written"},
		"part of a transaction":      {broken{write: keepPart}, "BrokenSequence", "there should be none"},
		"repeats not read past":      {broken{write: repeatUnread}, "Repeat", "was not read past"},
		"repeats not compared":       {broken{write: dropWithoutCompare}, "Diverged", "another history"},
		"right at the mark":          {broken{write: dropWithoutCompare}, "AtTheMark", "deadline"},
		"visible before sync":        {broken{write: syncAtOnce}, "Waits", "did not wait"},
		"a mark is a transaction":    {broken{next: markIsTx}, "WaitsPastAdvance", "did not wait"},
		"deaf to ctx":                {broken{next: deafToContext}, "ContextEnds", "still waits"},
		"nobody is woken":            {broken{close: func(*Memory) error { return nil }}, "Closed", "still waits"},
		"ranged once":                {broken{next: rangedOnce}, "RangeAgain", "changes"},
		"rows are shared":            {broken{next: sharedRows}, "RowsAreTheConsumers", "not as it was written"},
		"one skipped":                {broken{next: skipsOne}, "Together", "got the transaction"},
		"forgets":                    {broken{reopen: forgets}, "Reopen", "once reopened"},
		"keeps a part":               {broken{reopen: keepsHalf}, "CloseWithoutSync", "changes"},
		"trims too much":             {broken{trim: trimTooMuch}, "Trim", "gap"},
		"the trimmed refused":        {broken{write: refusesOld}, "RepeatOfTrimmed", "write"},
		"held ones trimmed":          {broken{next: unreadableOnceTrimmed}, "HeldOverTrim", "range over"},
		"a gap unseen":               {broken{next: noGap}, "BeganLater", "before the queue began"},
		"starts over":                {broken{next: startsOver}, "Ahead", "has come to"},
		"waits for what may be lost": {broken{next: waitsAhead}, "Ahead", "has come to"},
	} {
		caught = append(caught, c.caught)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.queue.Memory = NewMemory()
			opened := false
			harness := Harness{patience: 300 * time.Millisecond, Open: func(testing.TB) queue.Queue {
				if opened {
					c.queue.Reopen()
				}
				opened = true
				return c.queue
			}}
			err := find(t, c.caught).against(t, harness)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%s says %v, want %q in it", c.caught, err, c.says)
			}
		})
	}
	for _, c := range checks {
		if !slices.Contains(caught, c.name) {
			t.Errorf("nothing shows that %s can fail", c.name)
		}
	}
}

func find(t *testing.T, name string) check {
	for _, c := range checks {
		if c.name == name {
			return c
		}
	}
	t.Fatalf("there is no check %s", name)
	return check{}
}
