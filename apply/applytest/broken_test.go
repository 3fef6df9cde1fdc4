package applytest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// TestSuiteFinds runs appliers that are wrong on purpose: each is caught by the
// check that is there for it, with its clause, and each check catches one.
func TestSuiteFinds(t *testing.T) {
	var caught []string
	for name, wrong := range map[string]struct {
		broken
		check string
	}{
		"empty becomes null":              {broken{apply: only(capture.Insert, emptyIsNull)}, "insert"},
		"a duplicate is passed over":      {broken{apply: passingOver}, "insert of a key that exists"},
		"updates are left out":            {broken{apply: only(capture.Update, none)}, "update"},
		"absent was null":                 {broken{apply: only(capture.Update, absentWasNull)}, "update with the key alone as its old image"},
		"compares the whole old image":    {broken{apply: wholeImage}, "update of a row that differs in other columns"},
		"the key stays":                   {broken{apply: only(capture.Update, keyStays)}, "update of the key"},
		"deletes are left out":            {broken{apply: only(capture.Delete, none)}, "delete"},
		"absent becomes null":             {broken{apply: rewritten(mapped(absentIsNull))}, "absent is not written"},
		"null is left out":                {broken{apply: rewritten(mapped(nullIsAbsent))}, "null is written"},
		"null equals nothing":             {broken{apply: nullEqualsNothing}, "change of a row of nulls"},
		"update is delete and insert":     {broken{apply: only(capture.Update, deletedAndInserted)}, "update that changes nothing"},
		"other rows as well":              {broken{apply: only(capture.Update, rowBeforeToo)}, "only its own row"},
		"an update of nothing is skipped": {broken{apply: skipping}, "update that matches nothing"},
		"a delete of nothing is skipped":  {broken{apply: skipping}, "delete that matches nothing"},
		"last change first":               {broken{apply: rewritten(backwards)}, "order within a transaction"},
		"last transaction first":          {broken{apply: newestFirst}, "order across transactions"},
		"table by table":                  {broken{apply: rewritten(tableByTable)}, "order across tables"},
		"one by one":                      {broken{apply: oneByOne}, "a batch is one transaction"},
		"an empty batch is refused":       {broken{apply: emptyRefused}, "empty batch"},
		"no changes, no checkpoint":       {broken{apply: withoutEmpty}, "transaction without changes"},
		"a message is stored":             {broken{apply: only(capture.Message, messageStored)}, "message"},
		"unknown tables are left out":     {broken{apply: rewritten(mapped(unknownLeftOut))}, "unknown table"},
		"invalid operations are left out": {broken{apply: rewritten(mapped(invalidLeftOut))}, "invalid operation"},
		"error is the end":                {broken{apply: rewritten(mapped(same))}, "sequence that ends with an error"},
		"holds what it pulls":             {broken{apply: rewritten(mapped(same))}, "huge transaction"},
		"applied before anything was":     {broken{checkpoint: appliedNow}, "new pipeline"},
		"begins behind the first":         {broken{begin: behind}, "begin"},
		"positions of 32 bits":            {broken{checkpoint: of32Bits}, "checkpoint moves with the data"},
		"decides by a read alone":         {broken{apply: looksFirst}, "second applier"},
		"takes over":                      {broken{apply: takesOver}, "two appliers at once"},
		"resumes by itself":               {broken{apply: resumesItself}, "pause"},
		"the first is not paused":         {broken{apply: beginsPaused}, "pause of a new pipeline"},
		"an Apply is a resume":            {broken{apply: stampsChange}, "resume"},
		"takes any source":                {broken{apply: anySource}, "other source"},
		"begins under an ended context":   {broken{apply: deaf}, "context that has ended"},
		"goes on under an ended context":  {broken{apply: deaf}, "context that ends meanwhile"},
		"a lost connection is for good":   {broken{apply: givesUp}, "connection lost before the commit"},
		"applies again without looking":   {broken{apply: triesAgain}, "answer to the commit lost"},
	} {
		caught = append(caught, wrong.check)
		t.Run(name, func(t *testing.T) {
			r := fails(t, wrong.check, func(_ testing.TB, tables []*capture.Table) Target {
				b := wrong.broken
				b.Memory = NewMemory(tables...)
				return b
			})
			last := ""
			if len(r.said) > 0 {
				last = r.said[len(r.said)-1]
			}
			if !r.failed || !strings.HasPrefix(last, "the contract says: ") {
				t.Errorf("%q does not find it, or does not say why: %q", wrong.check, r.said)
			}
		})
	}
	for _, c := range checks() {
		if !slices.Contains(caught, c.name) {
			t.Errorf("nothing shows that %q can fail", c.name)
		}
	}
}

func appliedNow(cp apply.Checkpoint) apply.Checkpoint {
	cp.AppliedAt = time.Now()
	return cp
}

func of32Bits(cp apply.Checkpoint) apply.Checkpoint {
	cp.Position = capture.Position(uint32(cp.Position))
	return cp
}

// behind begins at the first transaction, which is then taken for applied.
func behind(m capture.Mark) capture.Mark {
	m.Position++
	return m
}

// fails runs one check, and returns what it said.
func fails(t *testing.T, name string, newTarget func(testing.TB, []*capture.Table) Target) *recorder {
	t.Helper()
	all := checks()
	i := slices.IndexFunc(all, func(c check) bool { return c.name == name })
	if i < 0 {
		t.Fatalf("there is no check %q", name)
	}
	r := &recorder{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runCheck(r, all[i], newTarget)
	}()
	<-ended
	return r
}
