package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/examples/internal/estate"
)

// ground is one database in which the example makes things of its own. It writes
// down each of them, in a table, before it makes it: what is not written there
// is somebody else's, and is never dropped.
type ground struct {
	side estate.Side
	db   *sql.DB
}

// thing is something that the example makes in a database.
type thing struct{ kind, name string }

// The kinds of things.
const (
	table       = "table"
	schema      = "schema"
	slot        = "replication slot"
	publication = "publication"
)

// ledger is the table of the things that were made.
var ledger = map[estate.Side]string{estate.Cloud: "public.syncback_quickstart", estate.Legacy: "dbo.syncback_quickstart"}

// clear removes what an earlier run made, if reset says so, and otherwise
// refuses to go on over it.
func (g ground) clear(ctx context.Context, reset bool) error {
	made, err := g.made(ctx)
	if err != nil {
		return err
	}
	if len(made) > 0 && !reset {
		return fmt.Errorf("%s still has what an earlier run made there: call with --reset to remove it", g.side)
	}
	for _, t := range slices.Backward(made) {
		if err := g.remove(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// refuse is an error if one of the things is there: it is somebody else's.
func (g ground) refuse(ctx context.Context, things []thing) error {
	for _, t := range things {
		switch there, err := g.exists(ctx, t); {
		case err != nil:
			return err
		case there:
			return fmt.Errorf("%s has a %s %s that this example did not make: name a database that has none", g.side, t.kind, t.name)
		}
	}
	return nil
}

// note writes down what is about to be made.
func (g ground) note(ctx context.Context, things []thing) error {
	there, err := g.exists(ctx, thing{table, ledger[g.side]})
	if err != nil {
		return err
	}
	if !there {
		create := "CREATE TABLE %s (n int NOT NULL PRIMARY KEY, kind varchar(20) NOT NULL, name varchar(200) NOT NULL)"
		if _, err := g.db.ExecContext(ctx, fmt.Sprintf(create, ledger[g.side])); err != nil {
			return fmt.Errorf("make a table in %s: %w", g.side, err)
		}
	}
	for i, t := range things {
		insert := fmt.Sprintf("INSERT INTO %s (n, kind, name) VALUES (%d, '%s', '%s')", ledger[g.side], i+1, t.kind, t.name)
		if _, err := g.db.ExecContext(ctx, insert); err != nil {
			return fmt.Errorf("write down what is made in %s: %w", g.side, err)
		}
	}
	return nil
}

// made returns what is written down, in the order in which it was made.
func (g ground) made(ctx context.Context) ([]thing, error) {
	there, err := g.exists(ctx, thing{table, ledger[g.side]})
	if err != nil || !there {
		return nil, err
	}
	rows, err := g.db.QueryContext(ctx, "SELECT kind, name FROM "+ledger[g.side]+" ORDER BY n")
	if err != nil {
		return nil, fmt.Errorf("read what was made in %s: %w", g.side, err)
	}
	defer rows.Close()
	var made []thing
	for rows.Next() {
		var t thing
		if err := rows.Scan(&t.kind, &t.name); err != nil {
			return nil, err
		}
		made = append(made, t)
	}
	return made, rows.Err()
}

// exists asks the catalogue. The names are constants of this program.
func (g ground) exists(ctx context.Context, t thing) (bool, error) {
	query := map[thing]string{
		{table, "PostgreSQL"}:       "SELECT to_regclass('%s')::bigint",
		{slot, "PostgreSQL"}:        "SELECT min(1) FROM pg_replication_slots WHERE slot_name = '%s'",
		{publication, "PostgreSQL"}: "SELECT min(1) FROM pg_publication WHERE pubname = '%s'",
		{table, "SQL Server"}:       "SELECT OBJECT_ID('%s')",
		{schema, "SQL Server"}:      "SELECT SCHEMA_ID('%s')",
	}[thing{t.kind, g.side.String()}]
	var found sql.NullInt64
	if err := g.db.QueryRowContext(ctx, fmt.Sprintf(query, t.name)).Scan(&found); err != nil {
		return false, fmt.Errorf("look for %s %s in %s: %w", t.kind, t.name, g.side, err)
	}
	return found.Valid, nil
}

// remove drops a thing, if it is there, and strikes it out.
func (g ground) remove(ctx context.Context, t thing) error {
	there, err := g.exists(ctx, t)
	if err != nil {
		return err
	}
	if there {
		if err := g.drop(ctx, t); err != nil {
			return fmt.Errorf("remove %s %s from %s: %w", t.kind, t.name, g.side, err)
		}
	}
	strike := fmt.Sprintf("DELETE FROM %s WHERE kind = '%s' AND name = '%s'", ledger[g.side], t.kind, t.name)
	if _, err := g.db.ExecContext(ctx, strike); err != nil {
		return fmt.Errorf("strike out what was removed from %s: %w", g.side, err)
	}
	return nil
}

func (g ground) drop(ctx context.Context, t thing) error {
	if t.kind == schema {
		if err := g.empty(ctx, t.name); err != nil {
			return err
		}
	}
	statement := map[string]string{
		table:       "DROP TABLE %s",
		schema:      "DROP SCHEMA %s",
		publication: "DROP PUBLICATION %s",
		slot:        "SELECT pg_drop_replication_slot('%s')",
	}[t.kind]
	wait := capture.Backoff{Min: 20 * time.Millisecond, Max: 200 * time.Millisecond}
	for {
		_, err := g.db.ExecContext(ctx, fmt.Sprintf(statement, t.name))
		if !inUse(err) || wait.Wait(ctx) != nil {
			return err
		}
	}
}

// inUse reports whether a slot still has its reader: PostgreSQL notices a moment
// after a connection was closed.
func inUse(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "55006" // object_in_use
}

// empty drops the tables of a schema that the example made: all are its own.
func (g ground) empty(ctx context.Context, name string) error {
	rows, err := g.db.QueryContext(ctx, fmt.Sprintf("SELECT t.name FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id WHERE s.name = '%s'", name))
	if err != nil {
		return err
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var t string
		if err := rows.Scan(&t); err != nil {
			return err
		}
		tables = append(tables, t)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, t := range tables {
		if err := g.drop(ctx, thing{table, name + ".[" + t + "]"}); err != nil {
			return err
		}
	}
	return nil
}
