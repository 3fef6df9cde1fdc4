package applytest

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/syncback/syncback/capture"
)

func TestMemory(t *testing.T) {
	Run(t, func(_ testing.TB, tables []*capture.Table) Target { return NewMemory(tables...) })
}

// recorder is a testing.TB that keeps what it is told.
type recorder struct {
	testing.TB
	failed bool
	said   []string
}

func (r *recorder) Failed() bool              { return r.failed }
func (r *recorder) Logf(f string, a ...any)   { r.said = append(r.said, fmt.Sprintf(f, a...)) }
func (r *recorder) Error(a ...any)            { r.failed = true; r.said = append(r.said, fmt.Sprint(a...)) }
func (r *recorder) Errorf(f string, a ...any) { r.failed = true; r.Logf(f, a...) }
func (r *recorder) Fatal(a ...any)            { r.Error(a...); runtime.Goexit() }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); runtime.Goexit() }
func (r *recorder) Skip(...any)               { runtime.Goexit() }

// TestClauseIsQuoted looks at what a failing check says.
func TestClauseIsQuoted(t *testing.T) {
	r := &recorder{TB: t}
	runCheck(r, check{"x", "the clause", func(s *stage) { s.Error("no") }},
		func(_ testing.TB, tables []*capture.Table) Target { return NewMemory(tables...) })
	if want := []string{"no", "the contract says: the clause"}; !slices.Equal(r.said, want) {
		t.Errorf("it said %q, not %q", r.said, want)
	}
}
