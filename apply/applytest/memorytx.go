package applytest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// memoryTx is an open transaction of a Memory: tables that were written are
// copies.
type memoryTx struct {
	held   map[string]rows
	cloned map[string]bool
	writes map[string]int64
}

func (w *memoryTx) apply(ctx context.Context, tx *capture.Tx) error {
	for c, err := range tx.Changes {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := w.change(c, tx.Position); err != nil {
			return err
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

func (w *memoryTx) change(c capture.Change, pos capture.Position) error {
	if c.Op == capture.Message {
		return nil
	}
	if c.Table == nil {
		return fmt.Errorf("%s without a table", c.Op)
	}
	name := c.Table.String()
	if _, ok := w.held[name]; !ok {
		return fmt.Errorf("no table %s", name)
	}
	switch c.Op {
	case capture.Insert:
		return w.insert(name, c)
	case capture.Update:
		return w.update(name, c, pos)
	case capture.Delete:
		return w.delete(name, c, pos)
	case capture.Truncate:
		w.writes[name] += int64(len(w.held[name]))
		w.held[name], w.cloned[name] = rows{}, true
		return nil
	default:
		return fmt.Errorf("%s in %s", c.Op, name)
	}
}

func (w *memoryTx) insert(name string, c capture.Change) error {
	key, err := keyOf(c.Table, c.After)
	if err != nil {
		return err
	}
	if _, taken := w.held[name][key]; taken {
		return fmt.Errorf("%s has a row with that key", name)
	}
	stored := map[string]capture.Value{}
	for i, v := range c.After {
		if !v.IsAbsent() {
			stored[c.Table.Columns[i].Name] = v
		}
	}
	w.write(name)[key] = stored
	return nil
}

func (w *memoryTx) update(name string, c capture.Change, pos capture.Position) error {
	changed := changedColumns(c)
	if len(changed) == 0 {
		return nil
	}
	before := c.Before
	if before == nil {
		before = c.After
	}
	key, err := keyOf(c.Table, before)
	if err != nil {
		return err
	}
	row, ok := w.held[name][key]
	if !ok || !matches(c, changed, row) {
		return &apply.MismatchError{Table: name, Op: c.Op, Position: pos}
	}
	row = maps.Clone(row)
	for _, i := range changed {
		row[c.Table.Columns[i].Name] = c.After[i]
	}
	moved := key
	if c.Before != nil {
		if moved, err = keyAfter(c); err != nil {
			return err
		}
	}
	if _, taken := w.held[name][moved]; taken && moved != key {
		return fmt.Errorf("%s has a row with that key", name)
	}
	table := w.write(name)
	delete(table, key)
	table[moved] = row
	return nil
}

func (w *memoryTx) delete(name string, c capture.Change, pos capture.Position) error {
	key, err := keyOf(c.Table, c.Before)
	if err != nil {
		return err
	}
	if _, ok := w.held[name][key]; !ok {
		return &apply.MismatchError{Table: name, Op: c.Op, Position: pos}
	}
	delete(w.write(name), key)
	return nil
}

// write returns a copy of the table to write one row of.
func (w *memoryTx) write(name string) rows {
	w.writes[name]++
	if !w.cloned[name] {
		w.held[name], w.cloned[name] = maps.Clone(w.held[name]), true
	}
	return w.held[name]
}

// changedColumns are those that are to be written: present in the new image and
// not the same in the old.
func changedColumns(c capture.Change) []int {
	var changed []int
	for i, v := range c.After {
		same := i < len(c.Before) && c.Before[i] == v
		if !v.IsAbsent() && !same {
			changed = append(changed, i)
		}
	}
	return changed
}

// matches reports whether the row is as the old image says in what changed.
func matches(c capture.Change, changed []int, row map[string]capture.Value) bool {
	for _, i := range changed {
		if i >= len(c.Before) || c.Before[i].IsAbsent() {
			continue
		}
		stored := row[c.Table.Columns[i].Name]
		if stored.IsAbsent() {
			stored = capture.Null()
		}
		if stored != c.Before[i] {
			return false
		}
	}
	return true
}

// keyAfter is the key of a row once the change is made; a part of the key that
// is absent stays as it was.
func keyAfter(c capture.Change) (string, error) {
	row := make(capture.Row, len(c.After))
	copy(row, c.After)
	for i, v := range row {
		if v.IsAbsent() && i < len(c.Before) {
			row[i] = c.Before[i]
		}
	}
	return keyOf(c.Table, row)
}

func keyOf(t *capture.Table, row capture.Row) (string, error) {
	var key strings.Builder
	for i, c := range t.Columns {
		if !c.Key {
			continue
		}
		if i >= len(row) {
			return "", fmt.Errorf("%s: a row without its key", t)
		}
		text, ok := row[i].Text()
		if !ok {
			return "", fmt.Errorf("%s: key column %s is %s", t, c.Name, row[i])
		}
		key.WriteString(strconv.Quote(text))
	}
	if key.Len() == 0 {
		return "", errors.New("table without a key")
	}
	return key.String(), nil
}
