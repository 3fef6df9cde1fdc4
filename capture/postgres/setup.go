package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Setup creates the publication and the slot where they are absent, in this
// order: a slot that is older than its publication fails at the first change
// from between. It changes nothing that is there. A publication that leaves out
// a table or an operation is an error, which has the statement that mends it; so
// is a slot that cannot be used. A table whose updates and deletes the source
// would refuse once it is published is an error too, before anything is made.
//
// Creating a slot waits for the transactions that are open to end. Once it
// exists, the source keeps its log for it.
func (c *Capturer) Setup(ctx context.Context) error {
	conn, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer hangUp(ctx, conn)
	if err := c.createPublication(ctx, conn); err != nil {
		return ended(ctx, err)
	}
	return ended(ctx, c.createSlot(ctx, conn))
}

func (c *Capturer) createPublication(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := c.asking(ctx)
	defer cancel()
	pub, err := c.publication(ctx, conn)
	if err != nil {
		return ended(ctx, err)
	}
	if pub != nil {
		return pub.covers(c.tables)
	}
	if err := c.publishable(ctx, conn); err != nil {
		return ended(ctx, err)
	}
	if _, err := conn.Exec(ctx, c.publicationSQL(conn)); err != nil {
		return ended(ctx, sourceError("create publication "+c.cfg.Publication, err))
	}
	return nil
}

func (c *Capturer) publicationSQL(conn *pgx.Conn) string {
	generated := ""
	if version(conn) >= 18 {
		generated = ", publish_generated_columns = stored"
	}
	tables := make([]string, len(c.tables.order))
	for i, n := range c.tables.order {
		tables[i] = n.sql()
	}
	return fmt.Sprintf("CREATE PUBLICATION %s FOR TABLE %s "+
		"WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true%s)",
		pgx.Identifier{c.cfg.Publication}.Sanitize(), strings.Join(tables, ", "), generated)
}

// publishable refuses tables that must not be published as they are.
func (c *Capturer) publishable(ctx context.Context, conn *pgx.Conn) error {
	for _, n := range c.tables.order {
		t, err := c.inspect(ctx, conn, n)
		if err != nil {
			return err
		}
		for _, f := range t.findings(c.tables.keyOnly[n], c.cfg.Publication) {
			if f.blocks() {
				return fmt.Errorf("%s: %s. %s", f.Object, f.Problem, f.Advice)
			}
		}
	}
	return nil
}

func (c *Capturer) createSlot(ctx context.Context, conn *pgx.Conn) error {
	asking, cancel := c.asking(ctx)
	defer cancel()
	slot, err := c.slot(asking, conn)
	if err != nil {
		return ended(asking, err)
	}
	if slot.exists {
		return slot.usable()
	}
	// From PostgreSQL 17 on, a slot can be kept on standbys too, so that it
	// outlives a failover.
	create := `SELECT pg_create_logical_replication_slot($1, 'pgoutput')`
	if version(conn) >= 17 {
		create = `SELECT pg_create_logical_replication_slot($1, 'pgoutput', failover => NOT pg_is_in_recovery())`
	}
	if _, err := conn.Exec(ctx, create, c.cfg.Slot); err != nil {
		return sourceError("create slot "+c.cfg.Slot, err)
	}
	return nil
}
