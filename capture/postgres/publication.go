package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// publicationState is a publication as the catalogue has it.
type publicationState struct {
	name    string
	viaRoot bool          // a partition's changes come as its root's
	omitted []string      // operations that it leaves out
	tables  map[name]bool // what it covers, and whether in part: some rows or columns only
	roots   map[name]bool // the database's partitioned tables
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

func publishedTables(ctx context.Context, conn *pgx.Conn, publication string) (map[name]bool, error) {
	// Row filters and column lists came with PostgreSQL 15; to_jsonb reads
	// their columns on 14 too, as null.
	rows, err := conn.Query(ctx, `
		SELECT t.schemaname::text, t.tablename::text, EXISTS (
			SELECT FROM pg_publication_rel r
			JOIN pg_publication p ON p.oid = r.prpubid
			JOIN pg_class c ON c.oid = r.prrelid
			JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE p.pubname = t.pubname AND n.nspname = t.schemaname AND c.relname = t.tablename
				AND coalesce(to_jsonb(r) ->> 'prqual', to_jsonb(r) ->> 'prattrs') IS NOT NULL)
		FROM pg_publication_tables t WHERE t.pubname = $1`, publication)
	if err != nil {
		return nil, err
	}
	tables := make(map[name]bool)
	var n name
	var partial bool
	_, err = pgx.ForEachRow(rows, []any{&n.schema, &n.table, &partial}, func() error {
		tables[n] = partial
		return nil
	})
	return tables, err
}

func partitionedTables(ctx context.Context, conn *pgx.Conn) (map[name]bool, error) {
	rows, err := conn.Query(ctx, `
		SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'p'`)
	if err != nil {
		return nil, err
	}
	roots := make(map[name]bool)
	var n name
	_, err = pgx.ForEachRow(rows, []any{&n.schema, &n.table}, func() error {
		roots[n] = true
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
		partial, ok := p.tables[n]
		switch {
		case p.roots[n] && !p.viaRoot:
			return fmt.Errorf("publication %s sends what changes in partitions of %s under their own names: "+
				"ALTER PUBLICATION %s SET (publish_via_partition_root = true)", p.name, n, ident)
		case !ok:
			missing = append(missing, n.sql())
		case partial:
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
