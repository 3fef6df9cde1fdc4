package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
)

// Begin returns the mark from which a sink that holds nothing is to be filled.
// The zero from is that of a pipeline that is new: Begin does what Setup does,
// and returns where the slot stands. Any other is how far the pipeline has come
// elsewhere, such as in its target: Begin makes nothing, returns from, and
// refuses a source that does not go with it just as Capture does.
//
// It is what apply.Begin wants to be given.
func (c *Capturer) Begin(ctx context.Context, from capture.Mark) (capture.Mark, error) {
	if from == (capture.Mark{}) {
		if err := c.Setup(ctx); err != nil {
			return from, err
		}
	}
	ctx, cancel := c.asking(ctx)
	defer cancel()
	conn, err := c.connect(ctx)
	if err != nil {
		return from, err
	}
	defer hangUp(ctx, conn)
	repl, err := c.connectReplication(ctx)
	if err != nil {
		return from, err
	}
	defer hangUp(ctx, repl)
	// Who reads the slot now matters to Capture alone, which waits.
	mark, err := c.admit(ctx, repl, conn, from, slotState.usable)
	return mark, ended(ctx, err)
}

// admit compares the source with from, where its slot is fit, and returns the
// mark to begin with. A source that was not captured before begins where its
// slot does.
func (c *Capturer) admit(ctx context.Context, repl *replication, conn *pgx.Conn, from capture.Mark,
	fit func(slotState) error,
) (capture.Mark, error) {
	id, err := c.identify(ctx, repl)
	if err != nil {
		return from, err
	}
	if err := id.admit(ctx, repl, from); err != nil {
		return from, err
	}
	slot, err := c.slot(ctx, conn)
	if err != nil {
		return from, err
	}
	if err := slot.admit(from, fit); err != nil {
		return from, err
	}
	mark := capture.Mark{Source: id.source, Timeline: id.timeline, Position: from.Position}
	if from == (capture.Mark{}) {
		mark.Position = capture.Position(slot.confirmed)
	}
	return mark, c.ready(ctx, conn, from)
}
