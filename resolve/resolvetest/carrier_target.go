package resolvetest

import (
	"context"
	"errors"
	"fmt"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// errTarget is what the target of the carrier checks refuses with.
var errTarget = retryableError{errors.New("the target refuses")}

// memory is the target of the carrier checks.
func memory() *checkedTarget { return &checkedTarget{} }

// checkedTarget is a target that answers what a Probe asks, and nothing else.
type checkedTarget struct{ numbers int64 }

// probed is what a Probe is to find.
var probed = resolve.Result{
	Columns: []capture.Column{{Name: "ref", Base: "char(11)", Modifier: -1, Key: true}, {Name: "photo", OID: 17, Base: "image", Modifier: 3}},
	Rows:    []capture.Row{row("a", nullText), row("", "\xff\x00"), row(nullText, absentText)},
}

// Rows implements resolve.Target.
func (t *checkedTarget) Rows(_ context.Context, q resolve.Query) (resolve.Result, error) {
	want := fmt.Sprintf("%#v", resolve.Query{Table: "dbo.account", Columns: []string{"ref", "photo"}, Limit: 7})
	where := q.Where
	q.Where = nil
	if got := fmt.Sprintf("%#v", q); got != want {
		return resolve.Result{}, fmt.Errorf("the query arrived as %s and not as %s", got, want)
	}
	return probed, asked(where)
}

// asked fails unless the arguments are those of a Probe.
func asked(args []resolve.Argument) error {
	if len(args) != 2 || args[0].Name != "ref" || args[0].Value != capture.Text("a\xff") || args[1].Name != "note" || !args[1].Value.IsNull() {
		return errors.New("the arguments arrived as others")
	}
	return nil
}

// Next implements resolve.Target.
func (t *checkedTarget) Next(_ context.Context, allocator string) (int64, error) {
	if allocator != "dbo.serials" {
		return 0, errTarget
	}
	t.numbers++
	return t.numbers - 1<<62, nil
}

// Call implements resolve.Target.
func (t *checkedTarget) Call(_ context.Context, procedure string, args []resolve.Argument) (resolve.Result, error) {
	if procedure != "dbo.book" {
		return resolve.Result{}, errors.New("the procedure's name arrived as another one")
	}
	return probed, asked(args)
}

func targetRows(s *carrier) error {
	return s.emulates(changeOf(askRows), describeChanges(inserts(probed)))
}

func targetCall(s *carrier) error {
	return s.emulates(changeOf(askCall), describeChanges(inserts(probed)))
}

func targetNext(s *carrier) error {
	target := memory()
	for i := range int64(3) {
		further, err := s.emulator.Emulate(s.ctx, changeOf(askNext), target)
		if err != nil {
			return err
		}
		if want := capture.Text(fmt.Sprint(i + 1 - 1<<62)); len(further) != 1 || further[0].After[0] != want {
			return errors.New("the allocator's number arrived as another one")
		}
	}
	return nil
}

func targetRefuses(s *carrier) error {
	_, err := s.emulator.Emulate(s.ctx, changeOf(askRefused), memory())
	if !errors.Is(err, errTarget) {
		return fmt.Errorf("the target's own error is not found in %w", err)
	}
	return isProbeError(err, true)
}
