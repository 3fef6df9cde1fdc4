package postgres_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
	"github.com/syncback/syncback/capture/postgres"
)

// conforming is a capturetest.Source over a database of its own.
type conforming struct{ *source }

func (c conforming) Capturer() (capture.Capturer, error) { return postgres.New(c.cfg) }

func (c conforming) Acknowledged(ctx context.Context) (capture.Position, error) {
	st, err := c.capturer.Status(ctx)
	return st.ConfirmedFlush, err
}

func (c conforming) Commit(ctx context.Context, edits ...capturetest.Edit) error {
	tx, err := c.db.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(context.WithoutCancel(ctx))
	for _, e := range edits {
		var name *string
		if text, ok := e.Name.Text(); ok {
			name = &text
		}
		switch e.Op {
		case capture.Insert:
			_, err = tx.Exec(ctx, `INSERT INTO items VALUES ($1, $2)`, e.ID, name)
		case capture.Update:
			_, err = tx.Exec(ctx, `UPDATE items SET name = $2 WHERE id = $1`, e.ID, name)
		case capture.Delete:
			_, err = tx.Exec(ctx, `DELETE FROM items WHERE id = $1`, e.ID)
		default:
			err = fmt.Errorf("an edit is a %s", e.Op)
		}
		if err != nil {
			return err
		}
	}
	return tx.Commit(ctx)
}

func TestConformance(t *testing.T) {
	capturetest.Run(t, func(t *testing.T) capturetest.Source {
		s := newSource(t, `CREATE TABLE items (id int PRIMARY KEY, name text); ALTER TABLE items REPLICA IDENTITY FULL`, "public.items")
		return conforming{s.setup()}
	})
}
