package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
)

// publicationState is a publication as the catalogue has it.
type publicationState struct {
	name    string
	viaRoot bool     // a partition's changes come as its root's
	omitted []string // operations that it leaves out
	tables  map[name]published
	roots   map[name][]name // the database's partitioned tables, with partitions of which nothing is ever sent
}

// published is a table that a publication covers.
type published struct {
	partial bool     // some rows or columns of it only
	entries []uint32 // the OIDs of what puts it there
}

// publication returns the publication, or nil if there is none.
func (c *Capturer) publication(ctx context.Context, conn *pgx.Conn) (*publicationState, error) {
	p := &publicationState{name: c.cfg.Publication}
	err := conn.QueryRow(ctx, `
		SELECT pubviaroot,
			array_remove(ARRAY[CASE WHEN NOT pubinsert THEN 'insert' END, CASE WHEN NOT pubupdate THEN 'update' END,
				CASE WHEN NOT pubdelete THEN 'delete' END, CASE WHEN NOT pubtruncate THEN 'truncate' END], NULL)
		FROM pg_publication WHERE pubname = $1`, p.name).Scan(&p.viaRoot, &p.omitted)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err == nil {
		p.tables, err = publishedTables(ctx, conn, p.name)
	}
	if err == nil {
		p.roots, err = partitionedTables(ctx, conn)
	}
	if err != nil {
		return nil, sourceError("read publication "+p.name, err)
	}
	return p, nil
}

func publishedTables(ctx context.Context, conn *pgx.Conn, publication string) (map[name]published, error) {
	// Row filters and column lists came with PostgreSQL 15; to_jsonb reads
	// their columns on 14 too, as null. So did publishing a schema.
	schemas := ""
	if version(conn) >= 15 {
		schemas = `UNION ALL SELECT s.oid FROM pg_publication_namespace s WHERE s.pnpubid = p.oid AND s.pnnspid = ANY (above.schemas)`
	}
	// The function is what the view pg_publication_tables asks, which tells names
	// alone. What is asked of a table hangs on the function's row, so that it is
	// not asked of each one that is in the catalogue.
	rows, err := conn.Query(ctx, `
		SELECT n.nspname::text, c.relname::text,
			EXISTS (SELECT FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = c.oid
				AND coalesce(to_jsonb(r) ->> 'prqual', to_jsonb(r) ->> 'prattrs') IS NOT NULL),
			ARRAY(SELECT r.oid FROM pg_publication_rel r WHERE r.prpubid = p.oid AND r.prrelid = ANY (above.tables)
				UNION ALL SELECT p.oid WHERE p.puballtables `+schemas+`)
		FROM pg_publication p CROSS JOIN LATERAL pg_get_publication_tables(p.pubname) t
		JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace
		CROSS JOIN LATERAL (SELECT array_agg(a.oid) AS tables, array_agg(a.relnamespace) AS schemas
			FROM pg_class a WHERE a.oid = ANY (t.relid || ARRAY(SELECT relid::oid FROM pg_partition_ancestors(t.relid)))) above
		WHERE p.pubname = $1`, publication)
	if err != nil {
		return nil, err
	}
	tables := make(map[name]published)
	var n name
	var t published
	_, err = pgx.ForEachRow(rows, []any{&n.schema, &n.table, &t.partial, &t.entries}, func() error {
		tables[n] = t
		t.entries = nil // the next ones are not to be read into these
		return nil
	})
	return tables, err
}

// sentColumn is the SQL for whether column a is sent by the publication $3, or by
// the one that Setup would create: generated ones from PostgreSQL 18 on, those
// that are stored.
const sentColumn = `(a.attgenerated = '' OR a.attgenerated = 's' AND coalesce(
	(SELECT to_jsonb(p) ->> 'pubgencols' = 's' FROM pg_publication p WHERE p.pubname = $3),
	current_setting('server_version_num')::int >= 180000))`

func partitionedTables(ctx context.Context, conn *pgx.Conn) (map[name][]name, error) {
	// pg_partition_tree would wait for who alters a partition.
	rows, err := conn.Query(ctx, `
		WITH RECURSIVE tree (root, part) AS (SELECT oid, oid FROM pg_class WHERE relkind = 'p'
			UNION ALL SELECT t.root, i.inhrelid FROM tree t JOIN pg_inherits i ON i.inhparent = t.part)
		SELECT rn.nspname::text, r.relname::text, pn.nspname::text, p.relname::text,
			p.relkind = 'f' OR p.relkind = 'r' AND p.relpersistence <> 'p'
		FROM tree t JOIN pg_class r ON r.oid = t.root JOIN pg_namespace rn ON rn.oid = r.relnamespace
		JOIN pg_class p ON p.oid = t.part JOIN pg_namespace pn ON pn.oid = p.relnamespace ORDER BY 3, 4`)
	if err != nil {
		return nil, err
	}
	roots := make(map[name][]name)
	var root, part name
	var unsent bool
	_, err = pgx.ForEachRow(rows, []any{&root.schema, &root.table, &part.schema, &part.table, &unsent}, func() error {
		if unsent {
			roots[root] = append(roots[root], part)
		} else if _, ok := roots[root]; !ok {
			roots[root] = nil
		}
		return nil
	})
	return roots, err
}

// covers refuses a publication that leaves out anything of the tables, and says
// the statement that mends it.
func (p *publicationState) covers(tables tableNames) error {
	ident := pgx.Identifier{p.name}.Sanitize()
	if len(p.omitted) > 0 {
		return fmt.Errorf("publication %s leaves out %s: ALTER PUBLICATION %s SET (publish = 'insert, update, delete, truncate')",
			p.name, strings.Join(p.omitted, ", "), ident)
	}
	var missing []string
	for _, n := range tables.order {
		t, ok := p.tables[n]
		unsent, partitioned := p.roots[n]
		switch {
		case partitioned && !p.viaRoot:
			return fmt.Errorf("publication %s sends what changes in partitions of %s under their own names: "+
				"ALTER PUBLICATION %s SET (publish_via_partition_root = true)", p.name, n, ident)
		case len(unsent) > 0:
			return fmt.Errorf("publication %s does not send what changes in partitions of %s that are unlogged or foreign: %s", p.name, n, logged(unsent))
		case !ok:
			missing = append(missing, n.sql())
		case t.partial:
			return fmt.Errorf("publication %s has only some rows or columns of %s: "+
				"ALTER PUBLICATION %s DROP TABLE %s; ALTER PUBLICATION %s ADD TABLE %s", p.name, n, ident, n.sql(), ident, n.sql())
		}
	}
	if len(missing) == 0 {
		return nil
	}
	return fmt.Errorf("publication %s does not have all tables to capture, or they do not exist: ALTER PUBLICATION %s ADD TABLE %s",
		p.name, ident, strings.Join(missing, ", "))
}

// kept refuses a publication in which nothing has covered one of the tables ever
// since it was like was: what changed while it was out does not come.
func (p *publicationState) kept(tables tableNames, was *publicationState) error {
	for _, n := range tables.order {
		before := was.tables[n].entries
		if !slices.ContainsFunc(p.tables[n].entries, func(oid uint32) bool { return slices.Contains(before, oid) }) {
			return fmt.Errorf("%w: table %s was taken out of publication %s and put back, and what changed in it between does not come. %s",
				capture.ErrGap, n, p.name, resync)
		}
	}
	return nil
}
