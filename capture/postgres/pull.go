package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/syncback/syncback/capture"
)

// pull is the sequence of one transaction's changes, out of the line.
type pull struct {
	d       *delivery
	ctx     context.Context // of the Write that ranges over it
	started bool
	end     *commit // set once the whole of it was read
	err     error   // set when it could not be
}

var (
	errReadTwice = errors.New("a transaction from a source can be read once")
	errStopped   = errors.New("no more changes are wanted")
)

// changes is the Tx's Changes.
func (p *pull) changes(yield func(capture.Change, error) bool) {
	if p.started {
		yield(capture.Change{}, errReadTwice)
		return
	}
	p.started = true
	for p.end == nil {
		m, err := p.d.stream.line.take(p.ctx, nil)
		if err == nil {
			err = p.message(m, yield)
		}
		if errors.Is(err, errStopped) {
			return
		}
		if err != nil {
			p.err = err
			yield(capture.Change{}, err)
			return
		}
	}
}

// message yields the changes of one message; errStopped when no more are wanted.
func (p *pull) message(m any, yield func(capture.Change, error) bool) error {
	give := func(c capture.Change) error {
		if !yield(c, nil) {
			return errStopped
		}
		return nil
	}
	switch m := m.(type) {
	case commit:
		p.end = &m
		return nil
	case rowChange:
		c, err := p.d.change(m)
		if err != nil {
			return err
		}
		return give(c)
	case truncate:
		for _, oid := range m.relations {
			t, err := p.d.table(oid)
			if err != nil {
				return err
			}
			if err := give(capture.Change{Op: capture.Truncate, Table: t}); err != nil {
				return err
			}
		}
		return nil
	case logicalMessage:
		return give(capture.Change{Op: capture.Message, Message: &capture.LogicalMessage{
			Prefix: m.prefix, Content: []byte(m.content),
		}})
	}
	return p.d.describe(p.ctx, m)
}

func (d *delivery) table(oid uint32) (*capture.Table, error) {
	t := d.tables[oid]
	if t == nil {
		return nil, fmt.Errorf("the replication stream changes relation %d, which it has not described", oid)
	}
	return t, nil
}

// change gives a row change its table. What an old image does not hold is
// absent in it, although the stream has nulls there.
func (d *delivery) change(m rowChange) (capture.Change, error) {
	t, err := d.table(m.relation)
	if err != nil {
		return capture.Change{}, err
	}
	for _, row := range []capture.Row{m.old, m.new} {
		if row != nil && len(row) != len(t.Columns) {
			return capture.Change{}, fmt.Errorf("the replication stream has a row of %d columns for %s, which has %d", len(row), t, len(t.Columns))
		}
	}
	if m.oldKind == 'K' || m.oldKind == 'O' && t.Identity != capture.IdentityFull {
		for i := range m.old {
			// A key is never null: that one is not what its partition tells rows by.
			if !t.Columns[i].Key || m.old[i].IsNull() {
				m.old[i] = capture.Value{}
			}
		}
	}
	return capture.Change{Op: m.op, Table: t, Before: m.old, After: m.new}, nil
}

// sameTable reports whether two descriptions of a table are equal.
func sameTable(a, b *capture.Table) bool {
	return a.Schema == b.Schema && a.Name == b.Name && a.Identity == b.Identity && slices.Equal(a.Columns, b.Columns)
}
