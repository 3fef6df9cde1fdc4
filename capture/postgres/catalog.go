package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
)

// catalog answers what the replication stream does not say, over an ordinary
// connection that it opens when it is first asked, and again when it was lost.
// One goroutine uses it.
//
// It sees the catalogue as of now, while the stream may be behind: what the
// stream says comes first, and what is gone by now is left open.
type catalog struct {
	c     *Capturer
	conn  *pgx.Conn
	used  time.Time             // when conn last was
	types map[uint32]columnType // those that were resolved
	named map[uint32]string     // names that the stream told, for types that are gone
}

// columnType is a type with domains and arrays resolved, as capture.Column has
// it.
type columnType struct {
	base     string
	modifier int32 // that of a domain, -1 otherwise
}

func newCatalog(c *Capturer) *catalog {
	return &catalog{c: c, types: make(map[uint32]columnType), named: make(map[uint32]string)}
}

// open returns the connection. One that was idle for long may be cut without
// either end having heard of it.
func (cat *catalog) open(ctx context.Context) (*pgx.Conn, error) {
	defer func() { cat.used = time.Now() }()
	if cat.conn != nil && time.Since(cat.used) > 10*time.Second {
		asking, cancel := context.WithTimeout(ctx, 5*time.Second)
		_ = cat.conn.Ping(asking) // closes it where it fails
		cancel()
	}
	if cat.conn != nil && !cat.conn.IsClosed() {
		return cat.conn, nil
	}
	conn, err := cat.c.connect(ctx)
	if err == nil {
		cat.conn = conn
	}
	return conn, err
}

func (cat *catalog) close(ctx context.Context) {
	if cat.conn != nil {
		hangUp(ctx, cat.conn)
	}
}

// senderTimeout returns wal_sender_timeout, after which the server gives up on a
// client that says nothing; 0 is never.
func (cat *catalog) senderTimeout(ctx context.Context) (time.Duration, error) {
	conn, err := cat.open(ctx)
	if err != nil {
		return 0, err
	}
	var ms int64
	err = conn.QueryRow(ctx, `SELECT setting::bigint FROM pg_settings WHERE name = 'wal_sender_timeout'`).Scan(&ms)
	return time.Duration(ms) * time.Millisecond, sourceError("read wal_sender_timeout", err)
}

// resolve finds out what a type's values look like.
func (cat *catalog) resolve(ctx context.Context, oid uint32) (columnType, error) {
	if t, ok := cat.types[oid]; ok {
		return t, nil
	}
	conn, err := cat.open(ctx)
	if err != nil {
		return columnType{}, err
	}
	t := columnType{modifier: -1}
	var kind string
	var below, element uint32
	err = conn.QueryRow(ctx, `
		SELECT typname::text, typtype::text, typbasetype, typtypmod,
			CASE WHEN typoutput = 'pg_catalog.array_out'::regproc THEN typelem ELSE 0 END
		FROM pg_type WHERE oid = $1`, oid).Scan(&t.base, &kind, &below, &t.modifier, &element)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return columnType{cat.named[oid], -1}, nil // dropped since
	case err != nil:
		return t, sourceError("read a type from the catalogue", err)
	case kind == "e":
		t.base = "enum"
	case kind == "d":
		t, err = cat.resolveDomain(ctx, below, t.modifier)
	case element != 0:
		t, err = cat.resolve(ctx, element)
		t.base += "[]"
	}
	if err == nil {
		cat.types[oid] = t
	}
	return t, err
}

// resolveDomain gives the type below a domain the domain's modifier. Of several
// domains on top of each other, the lowest has it.
func (cat *catalog) resolveDomain(ctx context.Context, below uint32, modifier int32) (columnType, error) {
	t, err := cat.resolve(ctx, below)
	if t.modifier == -1 {
		t.modifier = modifier
	}
	return t, err
}

// key reads the columns of a table's primary key; one that is gone has none.
func (cat *catalog) key(ctx context.Context, oid uint32) (key []string, err error) {
	conn, err := cat.open(ctx)
	if err != nil {
		return nil, err
	}
	// An index's last columns may be ones that it only includes.
	err = conn.QueryRow(ctx, `
		SELECT array_agg(a.attname::text) FROM pg_index i
		JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
		WHERE i.indrelid = $1 AND i.indisprimary`, oid).Scan(&key)
	return key, sourceError("read a table from the catalogue", err)
}

// today returns the OIDs of the tables to capture, with their names, and an LSN
// before which they got them.
func (cat *catalog) today(ctx context.Context) (today map[uint32]name, since pglogrepl.LSN, err error) {
	conn, err := cat.open(ctx)
	if err != nil {
		return nil, 0, err
	}
	var end string
	err = conn.QueryRow(ctx, `SELECT (`+walEnd+`)::text`).Scan(&end)
	if err == nil {
		since, err = parseLSN(end)
	}
	if err == nil {
		today, err = cat.names(ctx, conn)
	}
	return today, since, sourceError("read the tables' names from the catalogue", err)
}

func (cat *catalog) names(ctx context.Context, conn *pgx.Conn) (map[uint32]name, error) {
	rows, err := conn.Query(ctx, `
		SELECT c.oid, n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p')`)
	if err != nil {
		return nil, err
	}
	today := make(map[uint32]name)
	var oid uint32
	var n name
	_, err = pgx.ForEachRow(rows, []any{&oid, &n.schema, &n.table}, func() error {
		if cat.c.tables.has(n) {
			today[oid] = n
		}
		return nil
	})
	return today, err
}

// Tables returns the tables to capture as they are in the catalogue now, in the
// order of Config.Tables. A table that does not exist is an error.
func (c *Capturer) Tables(ctx context.Context) ([]*capture.Table, error) {
	ctx, cancel := c.asking(ctx)
	defer cancel()
	cat := newCatalog(c)
	defer cat.close(ctx)
	var tables []*capture.Table
	for _, n := range c.tables.order {
		rel, err := cat.relation(ctx, n)
		if err != nil {
			return nil, err
		}
		t, err := cat.table(ctx, rel)
		if err != nil {
			return nil, err
		}
		tables = append(tables, t)
	}
	return tables, nil
}

// relation reads from the catalogue what the stream would say of a table.
func (cat *catalog) relation(ctx context.Context, n name) (relation, error) {
	conn, err := cat.open(ctx)
	if err != nil {
		return relation{}, err
	}
	rows, err := conn.Query(ctx, `
		SELECT c.oid, c.relreplident::text, a.attname::text, a.atttypid, a.atttypmod, coalesce(
			(SELECT a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1]) FROM pg_index i
			WHERE i.indrelid = c.oid AND (c.relreplident = 'd' AND i.indisprimary OR c.relreplident = 'i' AND i.indisreplident)),
			false),
			c.relkind = 'p' AND EXISTS (SELECT FROM pg_partition_tree(c.oid) t JOIN pg_class l ON l.oid = t.relid
				WHERE t.isleaf AND l.relreplident <> 'f')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND `+sentColumn+`
		WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p') ORDER BY a.attnum`, n.schema, n.table, cat.c.cfg.Publication)
	if err != nil {
		return relation{}, sourceError(fmt.Sprintf("read table %s from the catalogue", n), err)
	}
	rel := relation{name: n}
	var ident string
	var col relationColumn
	_, err = pgx.ForEachRow(rows, []any{&rel.oid, &ident, &col.name, &col.oid, &col.modifier, &col.key, &rel.partial}, func() error {
		rel.identity = ident[0]
		rel.columns = append(rel.columns, col)
		return nil
	})
	switch {
	case err != nil:
		return rel, sourceError(fmt.Sprintf("read table %s from the catalogue", n), err)
	case rel.oid == 0:
		return rel, fmt.Errorf("table %s does not exist in the source", n)
	}
	return rel, nil
}

// table turns what the stream says of a table into a capture.Table.
func (cat *catalog) table(ctx context.Context, rel relation) (*capture.Table, error) {
	primary, err := cat.key(ctx, rel.oid)
	if err != nil {
		return nil, err
	}
	t := &capture.Table{
		Schema: rel.name.schema, Name: rel.name.table,
		Identity: effectiveIdentity(rel.identity, rel.partial),
		Columns:  make([]capture.Column, 0, len(rel.columns)),
	}
	for _, col := range rel.columns {
		ct, err := cat.resolve(ctx, col.oid)
		if err != nil {
			return nil, err
		}
		modifier := col.modifier
		if modifier == -1 {
			modifier = ct.modifier
		}
		key := col.key
		if rel.identity == 'f' { // the stream calls every column a part of the key
			key = slices.Contains(primary, col.name)
		}
		t.Columns = append(t.Columns, capture.Column{Name: col.name, OID: col.oid, Base: ct.base, Modifier: modifier, Key: key})
	}
	return t, nil
}

// effectiveIdentity is what the old images really hold. The stream calls those
// of a partition full when its root is, whatever the partition's own identity
// made of them.
func effectiveIdentity(relreplident byte, partial bool) capture.Identity {
	switch relreplident {
	case 'f':
		if partial {
			return capture.IdentityDefault
		}
		return capture.IdentityFull
	case 'i':
		return capture.IdentityIndex
	case 'd':
		return capture.IdentityDefault
	}
	return capture.IdentityNothing
}
