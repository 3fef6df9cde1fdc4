package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture"
)

// tableState is what a preflight check wants to know of a table.
type tableState struct {
	name       name
	exists     bool
	similar    string   // a table whose name differs in case alone
	kind       string   // pg_class.relkind
	permanent  bool     // neither unlogged nor temporary
	identity   byte     // pg_class.relreplident
	identified bool     // whether a row has something to be told by: a key, an index, all columns
	keyed      bool     // whether it has a primary key
	owned      bool     // whether the current role may publish it
	lacking    []name   // its partitions without a full replica identity
	unsent     []name   // its partitions that PostgreSQL does not publish
	generated  []string // its generated columns that are not captured
	refused    bool     // whether the source then refuses to update and delete where the identity is full (PostgreSQL 18)
	hidden     bool     // whether row security keeps rows from the current role
}

// inspect reads the state of a table that the publication has, or is to have.
func (c *Capturer) inspect(ctx context.Context, conn *pgx.Conn, n name) (tableState, error) {
	t := tableState{name: n, refused: version(conn) >= 18}
	var ident string
	var oid uint32
	err := conn.QueryRow(ctx, `
		SELECT c.oid, c.relkind::text, c.relpersistence = 'p', c.relreplident::text, pg_has_role(c.relowner, 'USAGE'),
			EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary),
			CASE c.relreplident WHEN 'f' THEN true WHEN 'n' THEN false ELSE EXISTS (SELECT FROM pg_index i
				WHERE i.indrelid = c.oid AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END) END,
			ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND NOT `+sentColumn+` ORDER BY a.attnum),
			row_security_active(c.oid)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`,
		n.schema, n.table, c.cfg.Publication).Scan(&oid, &t.kind, &t.permanent, &ident, &t.owned, &t.keyed, &t.identified, &t.generated, &t.hidden)
	if errors.Is(err, pgx.ErrNoRows) {
		t.similar, err = similar(ctx, conn, n)
		return t, err
	}
	if err != nil {
		return t, sourceError(fmt.Sprintf("inspect table %s", n), err)
	}
	t.exists, t.identity = true, ident[0]
	err = t.inspectPartitions(ctx, conn, oid)
	return t, err
}

// similar finds a table that someone who wrote n may have meant.
func similar(ctx context.Context, conn *pgx.Conn, n name) (string, error) {
	var s string
	err := conn.QueryRow(ctx, `
		SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE lower(n.nspname) = lower($1) AND lower(c.relname) = lower($2) AND c.relkind IN ('r', 'p') LIMIT 1`,
		n.schema, n.table).Scan(&s)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", nil
	}
	return s, sourceError(fmt.Sprintf("look for table %s", n), err)
}

func (t *tableState) inspectPartitions(ctx context.Context, conn *pgx.Conn, oid uint32) error {
	rows, err := conn.Query(ctx, `
		SELECT n.nspname::text, c.relname::text, c.relkind = 'f' OR c.relpersistence <> 'p', c.relreplident = 'f' FROM pg_partition_tree($1) t
		JOIN pg_class c ON c.oid = t.relid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE t.isleaf AND t.level > 0 ORDER BY 1, 2`, oid)
	if err != nil {
		return sourceError("inspect partitions", err)
	}
	var n name
	var unsent, full bool
	_, err = pgx.ForEachRow(rows, []any{&n.schema, &n.table, &unsent, &full}, func() error {
		switch {
		case unsent:
			t.unsent = append(t.unsent, n)
		case !full:
			t.lacking = append(t.lacking, n)
		}
		return nil
	})
	return sourceError("inspect partitions", err)
}

// finding is a capture.Finding that Setup may look at.
type finding struct{ capture.Finding }

func (f finding) blocks() bool { return f.Level == capture.Blocks }

func found(level capture.Level, object, problem, advice string) finding {
	return finding{capture.Finding{Level: level, Object: object, Problem: problem, Advice: advice}}
}

func (t tableState) findings(keyOnly bool, publication string) []finding {
	object := "table " + t.name.String()
	switch {
	case !t.exists && t.similar != "":
		return []finding{found(capture.Blocks, object, "it does not exist",
			"Names are taken as they are written, and there is a table "+t.similar)}
	case !t.exists:
		return []finding{found(capture.Blocks, object, "it does not exist", "Correct the name, or create the table")}
	case t.kind != "r" && t.kind != "p":
		return []finding{found(capture.Blocks, object, "it is not a table, so PostgreSQL does not publish it",
			"Name the tables that it is made of")}
	case !t.permanent:
		return []finding{found(capture.Blocks, object, "it is unlogged or temporary, so PostgreSQL does not publish it",
			"ALTER TABLE "+t.name.sql()+" SET LOGGED")}
	case len(t.unsent) > 0:
		return []finding{found(capture.Blocks, object,
			"partitions of it are unlogged or foreign, so PostgreSQL does not publish what changes in them", logged(t.unsent))}
	}
	return append(t.identityFindings(object, keyOnly), t.shapeFindings(object, publication)...)
}

func (t tableState) identityFindings(object string, keyOnly bool) []finding {
	alter := fullIdentity(t)
	switch {
	case !t.identified:
		return []finding{found(capture.Blocks, object,
			"it has nothing that its rows are told apart by, so once it is published the source refuses to update or delete them", alter)}
	case t.identity == 'f' && len(t.lacking) == 0:
		return nil
	case keyOnly:
		return []finding{found(capture.Note, object,
			"its replica identity is not full, as it may be; what changed in a row is not known", alter)}
	case t.identity == 'f':
		return []finding{found(capture.Blocks, object,
			"not all of its partitions have a full replica identity, so what changed in a row is not known", alter)}
	}
	return []finding{found(capture.Blocks, object,
		"its replica identity is not full, so what changed in a row is not known", alter+"; or name the table as key-only")}
}

// fullIdentity returns the statements that give a table and its partitions a
// full replica identity.
func fullIdentity(t tableState) string {
	var b strings.Builder
	if t.identity != 'f' {
		fmt.Fprintf(&b, "ALTER TABLE ONLY %s REPLICA IDENTITY FULL", t.name.sql())
	}
	for _, n := range t.lacking {
		if b.Len() > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "ALTER TABLE %s REPLICA IDENTITY FULL", n.sql())
	}
	return b.String()
}

// logged returns the statements that have changes of partitions published.
func logged(partitions []name) string {
	alter := make([]string, len(partitions))
	for i, n := range partitions {
		alter[i] = "ALTER TABLE " + n.sql() + " SET LOGGED"
	}
	return strings.Join(alter, "; ") + ", or DETACH what cannot be logged"
}

func (t tableState) shapeFindings(object, publication string) (fs []finding) {
	if t.kind == "p" {
		fs = append(fs, found(capture.Warns, object, "TRUNCATE, ATTACH, DETACH and DROP of one of its partitions alone are not sent",
			"Use DELETE and INSERT there, or compare the two sides afterwards"))
	}
	if !t.keyed {
		fs = append(fs, found(capture.Warns, object, "it has no primary key, so rows that are alike cannot be told apart",
			"ALTER TABLE "+t.name.sql()+" ADD PRIMARY KEY"))
	}
	if t.hidden {
		fs = append(fs, found(capture.Warns, object,
			"the role is subject to its row security, so its changes are captured, but its rows cannot be read to compare them",
			"Give the role BYPASSRLS, or connect as the table's owner, on whom row security is not forced"))
	}
	if len(t.generated) > 0 && t.refused && t.identity == 'f' {
		fs = append(fs, found(capture.Blocks, object,
			"its replica identity is full, and has generated columns that are not published, so the source refuses to update or delete rows of it once it is published",
			"ALTER PUBLICATION "+pgx.Identifier{publication}.Sanitize()+" SET (publish_generated_columns = stored), and for those that are virtual "+
				"ALTER TABLE "+t.name.sql()+" REPLICA IDENTITY DEFAULT, and name the table as key-only"))
	}
	if len(t.generated) > 0 {
		fs = append(fs, found(capture.Note, object, "its generated columns are not captured: "+strings.Join(t.generated, ", "), ""))
	}
	return fs
}
