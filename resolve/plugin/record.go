package plugin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// Record returns rules that ask r, and write down each call with what r answered
// as one line of JSON, which [Replay] reads. The lines hold the values of the
// rows: they are personal data, and to be kept as such. Where w fails, so does
// the call.
func Record(w io.Writer, r resolve.Resolver) resolve.Resolver { return recorder{w, r} }

type recorder struct {
	w io.Writer
	r resolve.Resolver
}

// Resolve implements resolve.Resolver.
func (rec recorder) Resolve(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
	answers, failed := rec.r.Resolve(ctx, conflicts)
	if ctx.Err() != nil {
		return answers, failed // which says nothing of the rules
	}
	text, err := json.Marshal(newRecordedCall(conflicts, answers, failed))
	if err == nil {
		_, err = rec.w.Write(append(text, '\n'))
	}
	if err != nil {
		return nil, fmt.Errorf("a call cannot be recorded: %w", err)
	}
	return answers, failed
}

// Replay asks r of each call that was recorded, and returns what it answers in
// another way. It is for a test of rules:
//
//	if err := plugin.Replay(t.Context(), file, rules{}); err != nil {
//		t.Error(err)
//	}
//
// An error matches an error that is as retryable. What is returned holds no
// value of a row.
func Replay(ctx context.Context, in io.Reader, r resolve.Resolver) error {
	lines := json.NewDecoder(in)
	lines.DisallowUnknownFields()
	var wrong []error
	for n := 1; ; n++ {
		var call recordedCall
		err := lines.Decode(&call)
		if errors.Is(err, io.EOF) {
			return errors.Join(wrong...)
		}
		var conflicts []*resolve.Conflict
		if err == nil {
			conflicts, err = call.decode()
		}
		if err != nil {
			return errors.Join(append(wrong, fmt.Errorf("call %d is not as it was recorded: %w", n, err))...)
		}
		var answers []resolve.Resolution
		failed := guarded(func() (err error) {
			answers, err = r.Resolve(ctx, conflicts)
			return err
		})
		if err := call.compare(conflicts, answers, failed); err != nil {
			wrong = append(wrong, fmt.Errorf("call %d: %w", n, err))
		}
	}
}

// compare returns how an answer differs from the recorded one.
func (call *recordedCall) compare(conflicts []*resolve.Conflict, answers []resolve.Resolution, failed error) error {
	switch {
	case failed != nil && call.Error == "":
		return fmt.Errorf("it fails, and did not: %w", failed)
	case failed == nil && call.Error != "":
		return errors.New("it does not fail any more")
	case capture.Retryable(failed) != call.Retryable:
		return fmt.Errorf("its error is not as retryable as it was: %w", failed)
	case len(answers) != len(call.Answers):
		return fmt.Errorf("it has %d answers, and had %d", len(answers), len(call.Answers))
	}
	var wrong []error
	for i, a := range answers {
		was, c := call.Answers[i], conflicts[i]
		at := func(format string, args ...any) {
			wrong = append(wrong, fmt.Errorf("%s of %s (conflict %d): %w", c.Kind, c.Table, i+1, fmt.Errorf(format, args...)))
		}
		switch {
		case a.Action.String() != was.Action:
			at("the action is %s, and was %s", a.Action, was.Action)
		case !slices.Equal(a.Row, was.Row.row()) || (a.Row == nil) != (was.Row == nil):
			at("the row is another one")
		case a.Reason != was.Reason:
			at("the reason is another one")
		}
	}
	return errors.Join(wrong...)
}
