package resolvetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// Probe is rules that tell what reached them, and do what a carrier must bear:
// [RunCarrier] asks it. What it does is in the first conflict's Rule, or in the
// name of the first change's table.
type Probe struct{}

// What a Probe does.
const (
	echo           = "echo"            // returns what it was given
	fail           = "fail"            // returns errProbe
	failRetryable  = "fail_retryable"  // returns one that is retryable, wrapped
	failPanic      = "panic"           // panics with a value
	failShort      = "short"           // returns one answer too few
	wait           = "wait"            // returns when ctx ends
	askRows        = "ask_rows"        // returns what the target's Rows returned
	askNext        = "ask_next"        // returns what the target's Next returned
	askCall        = "ask_call"        // returns what the target's Call returned
	askRefused     = "ask_refused"     // returns the target's error, wrapped
	probeErrorText = "the probe fails" // of every error of a Probe
)

// retryableError is an error that may pass.
type retryableError struct{ error }

func (retryableError) Retryable() bool { return true }

// Resolve implements resolve.Resolver.
func (Probe) Resolve(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
	if len(conflicts) == 0 {
		return nil, nil
	}
	out := make([]resolve.Resolution, len(conflicts))
	for i, c := range conflicts {
		out[i] = resolve.Resolution{Action: resolve.TakeRow, Row: c.Incoming, Reason: fmt.Sprintf("%d of %d: %s", i+1, len(conflicts), describe(c))}
	}
	if conflicts[0].Rule == failShort {
		return out[1:], nil
	}
	return out, misbehave(ctx, conflicts[0].Rule)
}

// misbehave fails in the way that is named.
func misbehave(ctx context.Context, how string) error {
	switch how {
	case fail:
		return errors.New(probeErrorText)
	case failRetryable:
		return fmt.Errorf("%s: %w", probeErrorText, retryableError{errors.New("busy")})
	case failPanic:
		panic(secret)
	case wait:
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// Emulate implements resolve.Emulator. What the target returned, it returns as
// changes of a table that has the result's columns.
func (Probe) Emulate(ctx context.Context, changes []capture.Change, target resolve.Target) ([]capture.Change, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	first := changes[0]
	args := []resolve.Argument{{Name: "ref", Value: first.After[0]}, {Name: "note", Value: capture.Null()}}
	switch first.Table.Name {
	case askRows:
		result, err := target.Rows(ctx, resolve.Query{Table: "dbo.account", Columns: []string{"ref", "photo"}, Where: args, Limit: 7})
		return inserts(result), err
	case askNext:
		n, err := target.Next(ctx, "dbo.serials")
		table := &capture.Table{Schema: "dbo", Name: "number", Columns: []capture.Column{{Name: "n"}}}
		return []capture.Change{{Op: capture.Insert, Table: table, After: row(strconv.FormatInt(n, 10))}}, err
	case askCall:
		result, err := target.Call(ctx, "dbo.book", args)
		return inserts(result), err
	case askRefused:
		_, err := target.Next(ctx, "dbo.nothing")
		return nil, fmt.Errorf("%s: %w", probeErrorText, err)
	default:
		return changes, misbehave(ctx, first.Table.Name)
	}
}

func inserts(r resolve.Result) []capture.Change {
	table := &capture.Table{Schema: "dbo", Name: "result", Columns: r.Columns}
	out := make([]capture.Change, len(r.Rows))
	for i := range r.Rows {
		out[i] = capture.Change{Op: capture.Insert, Table: table, After: r.Rows[i]}
	}
	return out
}

// describe writes down everything that a conflict says.
func describe(c *resolve.Conflict) string {
	return fmt.Sprintf("%s %s %s %s|%s|%s %v %q %d %d %s %q %q", c.Kind, c.Op, describeTable(c.Table),
		describeRow(c.Base), describeRow(c.Incoming), describeRow(c.Current), c.Differs, c.Constraint,
		c.Position, c.TxID, c.CommitTime.UTC().Format(time.RFC3339Nano), c.Origin, c.Rule)
}

func describeTable(t *capture.Table) string {
	if t == nil {
		return "no table"
	}
	return fmt.Sprintf("%q.%q %d %+v", t.Schema, t.Name, t.Identity, t.Columns)
}

// describeRow tells no row from an empty one, and each value from each other.
func describeRow(r capture.Row) string {
	if r == nil {
		return "none"
	}
	texts := make([]string, len(r))
	for i, v := range r {
		texts[i] = v.String()
		if text, ok := v.Text(); ok {
			texts[i] = strconv.Quote(text)
		}
	}
	return "(" + strings.Join(texts, ",") + ")"
}

// describeChanges writes down everything that changes say.
func describeChanges(changes []capture.Change) string {
	var out strings.Builder
	for _, c := range changes {
		fmt.Fprintf(&out, "%s %s %s|%s", c.Op, describeTable(c.Table), describeRow(c.Before), describeRow(c.After))
		if c.Message != nil {
			fmt.Fprintf(&out, " %q %q", c.Message.Prefix, c.Message.Content)
		}
		out.WriteByte('\n')
	}
	return out.String()
}

// withRule returns the conflicts with that rule.
func withRule(rule string, conflicts []*resolve.Conflict) []*resolve.Conflict {
	out := slices.Clone(conflicts)
	for i, c := range out {
		clone := *c
		clone.Rule, out[i] = rule, &clone
	}
	return out
}
