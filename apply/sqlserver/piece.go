package sqlserver

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/syncback/syncback/capture"
)

// A piece is a part of a parked transaction: a JSON object a line, each a table
// or a change of the table that came last.
type line struct {
	Table  *capture.Table `json:"table,omitempty"`
	Op     capture.Op     `json:"op,omitempty"`
	Before *parkedRow     `json:"before,omitempty"`
	After  *parkedRow     `json:"after,omitempty"`
}

// parkedRow is a row in JSON: a string is a value, null is null, false is absent,
// and an array of one string is a value that is not valid UTF-8, in base64.
type parkedRow capture.Row

// MarshalJSON writes the row.
func (r parkedRow) MarshalJSON() ([]byte, error) {
	out := make([]any, len(r))
	for i, v := range r {
		text, ok := v.Text()
		switch {
		case v.IsAbsent():
			out[i] = false
		case ok && utf8.ValidString(text):
			out[i] = text
		case ok:
			out[i] = [1]string{base64.StdEncoding.EncodeToString([]byte(text))}
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(out)
	return b.Bytes(), err
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (r *parkedRow) UnmarshalJSON(b []byte) error {
	var in []any
	if err := json.Unmarshal(b, &in); err != nil {
		return err
	}
	out := make(parkedRow, len(in))
	for i, v := range in {
		switch v := v.(type) {
		case nil:
			out[i] = capture.Null()
		case string:
			out[i] = capture.Text(v)
		case bool:
		case []any:
			text, _ := v[0].(string)
			raw, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return err
			}
			out[i] = capture.Text(string(raw))
		default:
			return fmt.Errorf("a value of a parked row is a %T", v)
		}
	}
	*r = out
	return nil
}

// pieceWriter gathers changes as lines.
type pieceWriter struct {
	strings.Builder
	table *capture.Table // the one that the lines stand under
}

func (w *pieceWriter) size() int { return w.Len() }

func (w *pieceWriter) add(c capture.Change) error {
	if w.table != c.Table {
		w.table = c.Table
		if err := w.line(line{Table: c.Table}); err != nil {
			return err
		}
	}
	return w.line(line{Op: c.Op, Before: (*parkedRow)(rowOrNil(c.Before)), After: (*parkedRow)(rowOrNil(c.After))})
}

func rowOrNil(r capture.Row) *capture.Row {
	if r == nil {
		return nil
	}
	return &r
}

func (w *pieceWriter) line(l line) error {
	b, err := json.Marshal(l)
	if err != nil {
		return err
	}
	w.Write(b)
	w.WriteByte('\n')
	return nil
}

// take returns the lines, and begins a new piece.
func (w *pieceWriter) take() string {
	s := w.String()
	w.Reset()
	w.table = nil
	return s
}

// readPiece yields the changes of a piece.
func readPiece(body string, yield func(capture.Change) bool) (more bool, err error) {
	var table *capture.Table
	for text := range strings.Lines(body) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			return false, fmt.Errorf("a parked change cannot be read back: %w", err)
		}
		if l.Table != nil {
			table = l.Table
			continue
		}
		c := capture.Change{Op: l.Op, Table: table}
		if l.Before != nil {
			c.Before = capture.Row(*l.Before)
		}
		if l.After != nil {
			c.After = capture.Row(*l.After)
		}
		if !yield(c) {
			return false, nil
		}
	}
	return true, nil
}
