package capturetest

import (
	"fmt"
	"slices"

	"github.com/syncback/syncback/capture"
)

// same expects changes to be those that edits made. old has the names of rows
// that were there before.
func same(got []capture.Change, edits []Edit, old map[int]capture.Value) error {
	if len(got) != len(edits) {
		return fmt.Errorf("it has %d changes, want %d", len(got), len(edits))
	}
	names := make(map[int]capture.Value)
	for id, name := range old {
		names[id] = name
	}
	for i, e := range edits {
		if err := sameChange(got[i], e, names[e.ID]); err != nil {
			return fmt.Errorf("change %d, %s of row %d: %w", i+1, e.Op, e.ID, err)
		}
		names[e.ID] = e.Name
	}
	return nil
}

func sameChange(c capture.Change, e Edit, was capture.Value) error {
	if c.Op != e.Op {
		return fmt.Errorf("it is a %s", c.Op)
	}
	if c.Table == nil {
		return fmt.Errorf("it has no table")
	}
	if (c.Before == nil) != (e.Op == capture.Insert) {
		return fmt.Errorf("it has an old image: %t", c.Before != nil)
	}
	if (c.After == nil) != (e.Op == capture.Delete) {
		return fmt.Errorf("it has a new image: %t", c.After != nil)
	}
	if c.Before != nil {
		if err := sameRow(c.Table, c.Before, e.ID, was); err != nil {
			return fmt.Errorf("old image: %w", err)
		}
	}
	if c.After != nil {
		if err := sameRow(c.Table, c.After, e.ID, e.Name); err != nil {
			return fmt.Errorf("new image: %w", err)
		}
	}
	return nil
}

func sameRow(t *capture.Table, row capture.Row, id int, name capture.Value) error {
	if len(row) != len(t.Columns) {
		return fmt.Errorf("%d values for the %d columns of %s", len(row), len(t.Columns), t)
	}
	for _, want := range []struct {
		column string
		value  capture.Value
	}{{"id", capture.Text(fmt.Sprint(id))}, {"name", name}} {
		i := slices.IndexFunc(t.Columns, func(c capture.Column) bool { return c.Name == want.column })
		if i < 0 {
			return fmt.Errorf("%s has no column %s", t, want.column)
		}
		if row[i] == want.value {
			continue
		}
		got, _ := row[i].Text()
		text, _ := want.value.Text()
		return fmt.Errorf("column %s is %s %q, want %s %q", want.column, row[i], got, want.value, text)
	}
	return nil
}
