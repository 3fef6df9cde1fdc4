package plugin_test

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin"
	"github.com/syncback/syncback/resolve/resolvetest"
)

// rulesFunc are rules that are one function.
type rulesFunc func(conflicts []*resolve.Conflict) ([]resolve.Resolution, error)

func (f rulesFunc) Resolve(_ context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
	return f(conflicts)
}

type passingError struct{ error }

func (passingError) Retryable() bool { return true }

// TestReplay: what was recorded is asked again as it was, and answered as it was
// by the same rules, in this process or another.
func TestReplay(t *testing.T) {
	strange := &resolve.Conflict{
		Kind: resolve.UpdateDiffers, Op: capture.Update, Table: account, Differs: []int{0, 1}, Constraint: "c", Origin: "o", Rule: "r",
		Base: capture.Row{{}, {}}, Incoming: capture.Row{{}, capture.Null()}, Current: capture.Row{capture.Text("\xff"), capture.Text("")},
		Position: 1 << 63, TxID: 1 << 63, CommitTime: time.Date(2024, 1, 2, 3, 4, 5, 6000, time.UTC),
	}
	calls := [][]*resolve.Conflict{resolvetest.Conflicts(), {strange}, nil, resolvetest.Conflicts()[:1]}
	var out bytes.Buffer
	rules := plugin.Record(&out, start(t, config(t, "policies")).Resolver)
	for _, conflicts := range calls {
		if _, err := resolve.Ask(t.Context(), rules, conflicts); err != nil {
			t.Fatal(err)
		}
	}
	var seen [][]*resolve.Conflict
	again := rulesFunc(func(conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
		seen = append(seen, conflicts)
		return policies.Resolve(t.Context(), conflicts)
	})
	if err := plugin.Replay(t.Context(), bytes.NewReader(out.Bytes()), again); err != nil {
		t.Error(err)
	}
	want := [][]*resolve.Conflict{calls[0], calls[1], calls[3]} // Ask asks nothing of nothing
	if !reflect.DeepEqual(seen, want) {
		t.Error("the calls that are replayed are not those that were recorded")
	}
}

// TestReplayTells: rules that answer in another way are told how, without values.
func TestReplayTells(t *testing.T) {
	conflicts := resolvetest.Conflicts()[:2]
	answer := func(r resolve.Resolution, err error) resolve.Resolver {
		return rulesFunc(func(conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
			if err != nil {
				return nil, err
			}
			return []resolve.Resolution{{Action: resolve.Park}, r}, nil
		})
	}
	park := resolve.Resolution{Action: resolve.Park, Reason: "SECRET"}
	take := func(row capture.Row) resolve.Resolution { return resolve.Resolution{Action: resolve.TakeRow, Row: row} }
	fails, passes := errors.New("it fails"), passingError{errors.New("it fails")}
	for name, test := range map[string]struct {
		was, is resolve.Resolver
		says    string
	}{
		"same":              {answer(park, nil), answer(park, nil), ""},
		"same error":        {answer(park, fails), answer(park, errors.New("in other words")), ""},
		"another action":    {answer(park, nil), answer(resolve.Resolution{Action: resolve.Halt}, nil), "call 1: update_missing of dbo.account (conflict 2): the action is halt, and was park"},
		"another reason":    {answer(park, nil), answer(resolve.Resolution{Action: resolve.Park}, nil), "call 1: update_missing of dbo.account (conflict 2): the reason is another one"},
		"another row":       {answer(take(capture.Row{{}}), nil), answer(take(capture.Row{capture.Null()}), nil), "call 1: update_missing of dbo.account (conflict 2): the row is another one"},
		"no row":            {answer(take(capture.Row{}), nil), answer(take(nil), nil), "call 1: update_missing of dbo.account (conflict 2): the row is another one"},
		"an answer less":    {answer(park, nil), rulesFunc(func([]*resolve.Conflict) ([]resolve.Resolution, error) { return nil, nil }), "call 1: it has 0 answers, and had 2"},
		"fails now":         {answer(park, nil), answer(park, fails), "call 1: it fails, and did not: it fails"},
		"panics now":        {answer(park, nil), rulesFunc(func([]*resolve.Conflict) ([]resolve.Resolution, error) { panic("SECRET") }), "call 1: it fails, and did not: it panicked with a string"},
		"fails no more":     {answer(park, fails), answer(park, nil), "call 1: it does not fail any more"},
		"retryable no more": {answer(park, passes), answer(park, fails), "call 1: its error is not as retryable as it was: it fails"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			_, _ = plugin.Record(&out, test.was).Resolve(t.Context(), conflicts) // what it fails with is recorded
			err := plugin.Replay(t.Context(), &out, test.is)
			if got := text(err); got != test.says {
				t.Errorf("%s\nwant %s", got, test.says)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestNotRecorded: nobody believes that a call was recorded when it was not.
func TestNotRecorded(t *testing.T) {
	r, w := bytes.NewReader(nil), failingWriter{}
	if _, err := plugin.Record(w, policies).Resolve(t.Context(), resolvetest.Conflicts()); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
	if err := plugin.Replay(t.Context(), r, policies); err != nil {
		t.Errorf("nothing was recorded: %v", err)
	}
	for _, line := range []string{
		`{`, `{"unknown": 1}`, `{"conflicts": [{}]}`, `{"tables": [null], "conflicts": [{}]}`,
		`{"tables": [{}], "conflicts": [{"kind": "none"}]}`,
		`{"tables": [{}], "conflicts": [{"kind": "check", "op": "none"}]}`,
		`{"tables": [{}], "conflicts": [{"kind": "check", "op": "update", "position": "x"}]}`,
		`{"tables": [{}], "conflicts": [{"base": [7]}]}`,
	} {
		if err := plugin.Replay(t.Context(), strings.NewReader(line), policies); err == nil || !strings.HasPrefix(err.Error(), "call 1 is not as it was recorded: ") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

var errFull = errors.New("no room")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }
