package resolve

import (
	"fmt"
	"strings"

	"github.com/syncback/syncback/capture"
)

// ConflictError says that a conflict stopped the pipeline, because a rule said
// so or because there is none. It is not retryable.
type ConflictError struct {
	Kind       Kind
	Op         capture.Op
	Table      string // the target's
	Position   capture.Position
	Columns    []string // of the table, by which it came to this
	Constraint string   // what refused, where it is known
	Rule       string   // the rule that was asked; empty where there is none
	Reason     string   // why it halts, in the rule's words
	Err        error    // the error that says more of it; nil where there is none
}

// kindTexts say what a kind of conflict is.
var kindTexts = map[Kind]string{
	InsertExists:  "the target already has a row with that key, and it is another one",
	UpdateMissing: "the target has no such row",
	UpdateDiffers: "the target's row was changed there as well",
	DeleteMissing: "the target has no such row",
	DeleteDiffers: "the target's row was changed there",
	SeveralMatch:  "the target has several rows with that key",
	Locked:        "someone has the record open in the target's own application",
}

// Error names table and columns, and no value.
func (e *ConflictError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", e.Kind)
	switch {
	case e.Err != nil:
		b.WriteString(e.Err.Error())
	default:
		fmt.Fprintf(&b, "%s in %s at %s: %s", e.Op, e.Table, e.Position, kindTexts[e.Kind])
		if len(e.Columns) > 0 {
			fmt.Fprintf(&b, " (%s)", strings.Join(e.Columns, ", "))
		}
	}
	if e.Rule != "" {
		fmt.Fprintf(&b, "; the rule %s halts", e.Rule)
	}
	if e.Reason != "" {
		b.WriteString(": " + e.Reason)
	}
	if e.Rule == "" {
		b.WriteString("; give the table a conflict policy, or mend the row and go on")
	}
	return b.String()
}

// Unwrap returns the error that says more.
func (e *ConflictError) Unwrap() error { return e.Err }
