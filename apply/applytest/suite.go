package applytest

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// Run runs the suite. newTarget is called once for each check, and makes an
// empty target with these tables.
func Run(t *testing.T, newTarget func(t testing.TB, tables []*capture.Table) Target) {
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			runCheck(t, c, newTarget)
		})
	}
}

// check is one thing that the suite looks at.
type check struct {
	name   string
	clause string // of the contract, quoted when the check fails
	run    func(*stage)
}

func checks() []check {
	return slices.Concat(rowChecks(), batchChecks(), pipelineChecks(), failureChecks())
}

// hang is when a check is given up that waits for what never comes.
const hang = 5 * time.Minute

func runCheck(t testing.TB, c check, newTarget func(testing.TB, []*capture.Table) Target) {
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	defer func() {
		if t.Failed() {
			t.Logf("the contract says: %s", c.clause)
		}
	}()
	c.run(&stage{TB: t, ctx: ctx, target: newTarget(t, Tables()), item: item(), line: line()})
}

// stage is what a check plays on. Its methods end the check when they fail.
type stage struct {
	testing.TB
	ctx        context.Context
	target     Target
	item, line *capture.Table
}

// open returns an Applier that has read its checkpoint.
func (s *stage) open() apply.Applier {
	s.Helper()
	a, err := s.target.Open(s.ctx)
	if err != nil {
		s.Fatalf("open an applier: %v", err)
	}
	s.checkpoint(a)
	return a
}

func (s *stage) checkpoint(a apply.Applier) apply.Checkpoint {
	s.Helper()
	cp, err := a.Checkpoint(s.ctx)
	if err != nil {
		s.Fatalf("Checkpoint: %v", err)
	}
	return cp
}

// apply applies a batch that is to be accepted.
func (s *stage) apply(a apply.Applier, batch ...*capture.Tx) {
	s.Helper()
	if err := a.Apply(s.ctx, batch); err != nil {
		s.Fatalf("Apply: %v", err)
	}
}

// refused applies a batch that is to be refused for good.
func (s *stage) refused(a apply.Applier, batch ...*capture.Tx) error {
	s.Helper()
	err := a.Apply(s.ctx, batch)
	if err == nil {
		s.Fatal("Apply accepted what it has to refuse")
	}
	if capture.Retryable(err) {
		s.Fatalf("Apply's refusal is retryable, and would be retried without end: %v", err)
	}
	return err
}

// at expects the checkpoint to be at a position, as a new Applier sees it.
func (s *stage) at(want capture.Position) {
	s.Helper()
	if cp := s.checkpoint(s.open()); cp.Position != want {
		s.Fatalf("the checkpoint is at %s, not at %s", cp.Position, want)
	}
}

// holds expects the rows of a table, each as rowText writes it, in any order.
func (s *stage) holds(table *capture.Table, want ...string) {
	s.Helper()
	stored, err := s.target.Rows(s.ctx, table)
	if err != nil {
		s.Fatalf("the harness's Rows: %v", err)
	}
	var got []string
	for _, r := range stored {
		got = append(got, rowText(r))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.Fatalf("%s holds\n\t%s\nnot\n\t%s", table, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func (s *stage) writes(table *capture.Table) int64 {
	s.Helper()
	n, err := s.target.Writes(s.ctx, table)
	if err != nil {
		s.Fatalf("the harness's Writes: %v", err)
	}
	return n
}

func (s *stage) pause(paused bool) {
	s.Helper()
	if err := s.target.Pause(s.ctx, paused); err != nil {
		s.Fatalf("the harness's Pause: %v", err)
	}
}

// source is the one that the suite's transactions are of.
const source = capture.Source("applytest/1/source")

// tx is a transaction as a queue returns it.
func tx(at capture.Position, changes ...capture.Change) *capture.Tx {
	return &capture.Tx{
		Source:     source,
		Position:   at,
		ID:         uint64(at),
		CommitTime: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC),
		Count:      int64(len(changes)),
		Bytes:      int64(100 * len(changes)),
		Changes: func(yield func(capture.Change, error) bool) {
			for _, c := range changes {
				if !yield(c, nil) {
					return
				}
			}
		},
	}
}

func insert(t *capture.Table, after capture.Row) capture.Change {
	return capture.Change{Op: capture.Insert, Table: t, After: after}
}

func update(t *capture.Table, before, after capture.Row) capture.Change {
	return capture.Change{Op: capture.Update, Table: t, Before: before, After: after}
}

func remove(t *capture.Table, before capture.Row) capture.Change {
	return capture.Change{Op: capture.Delete, Table: t, Before: before}
}

// absentText stands for a value of which the source said nothing, nullText for
// one that is null.
const (
	absentText = "(absent)"
	nullText   = "(null)"
)

// row is an image with these values.
func row(values ...string) capture.Row {
	r := make(capture.Row, len(values))
	for i, v := range values {
		switch v {
		case absentText:
		case nullText:
			r[i] = capture.Null()
		default:
			r[i] = capture.Text(v)
		}
	}
	return r
}

// rowText is the reverse of row, the values with a bar between them.
func rowText(r capture.Row) string {
	var texts []string
	for _, v := range r {
		text, ok := v.Text()
		switch {
		case v.IsAbsent():
			text = absentText
		case !ok:
			text = nullText
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "|")
}

// positions of the transactions of most checks.
const (
	first capture.Position = 0x1000 + iota*0x10
	second
	third
)
