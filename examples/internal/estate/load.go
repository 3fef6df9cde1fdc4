package estate

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "github.com/microsoft/go-mssqldb" // the driver "sqlserver"

	"github.com/syncback/syncback/capture"
)

// Open connects to one of the databases. In the cloud, names without a schema
// are those of public, and instants are in UTC.
func Open(s Side, dsn string) (*sql.DB, error) {
	if s == Legacy {
		return sql.Open("sqlserver", dsn)
	}
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["search_path"] = "public"
	config.RuntimeParams["timezone"] = "UTC"
	return stdlib.OpenDB(*config), nil
}

// Create returns the statements that create the table on one side. In the cloud
// its replica identity is full: with the whole old row in the log, whoever reads
// that knows which columns an update changed.
func (t *Table) Create(s Side) []string {
	var clauses, key []string
	for _, c := range t.On(s) {
		f := c.Field(s)
		clauses = append(clauses, f.Name+" "+f.Type)
		if c.Key {
			key = append(key, f.Name)
		}
	}
	if s == Legacy && t.Version != "" {
		clauses = append(clauses, t.Version+" rowversion")
	}
	if !t.Keyless {
		clauses = append(clauses, "PRIMARY KEY ("+strings.Join(key, ", ")+")")
	}
	if s == Legacy {
		return []string{createTable(t.Legacy, clauses)}
	}
	return []string{
		createTable(t.Cloud, append(clauses, t.CloudOnly...)),
		"ALTER TABLE " + t.Cloud + " REPLICA IDENTITY FULL",
	}
}

func createTable(name string, clauses []string) string {
	return fmt.Sprintf("CREATE TABLE %s (\n\t%s\n)", name, strings.Join(clauses, ",\n\t"))
}

// Load writes all rows of the model to one side, in one transaction.
func (m *Model) Load(ctx context.Context, db *sql.DB, s Side) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, t := range m.Tables {
		if err := m.loadTable(ctx, tx, t, s); err != nil {
			return fmt.Errorf("load %s: %w", t.Name(s), err)
		}
	}
	return tx.Commit()
}

// rowsAtOnce is how many rows one INSERT carries; SQL Server takes up to 1,000.
const rowsAtOnce = 500

func (m *Model) loadTable(ctx context.Context, tx *sql.Tx, t *Table, s Side) error {
	var names []string
	columns := t.On(s)
	for _, c := range columns {
		if c.CopyOf == "" {
			names = append(names, c.Field(s).Name)
		}
	}
	into := fmt.Sprintf("INSERT INTO %s (%s) VALUES\n", t.Name(s), strings.Join(names, ", "))
	rows := m.Rows(t, s)
	for len(rows) > 0 {
		n := min(rowsAtOnce, len(rows))
		var tuples []string
		for _, r := range rows[:n] {
			tuples = append(tuples, tuple(columns, r, s))
		}
		if _, err := tx.ExecContext(ctx, into+strings.Join(tuples, ",\n")); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// tuple is a row of a VALUES list.
func tuple(columns []*Column, r capture.Row, s Side) string {
	var literals []string
	for i, c := range columns {
		if c.CopyOf == "" {
			literals = append(literals, literal(c.Field(s), r[i], s))
		}
	}
	return "(" + strings.Join(literals, ", ") + ")"
}

// literal writes a value into a statement. Text goes to SQL Server as N'…',
// which no code page of the connection can damage.
func literal(f Field, v capture.Value, s Side) string {
	text, ok := v.Text()
	switch {
	case !ok:
		return "NULL"
	case f.is("smallint", "tinyint", "int", "integer", "numeric", "bit"):
		return text
	case s == Legacy && f.is("datetime", "smalldatetime"):
		return "'" + strings.Replace(text, " ", "T", 1) + "'" // as a login of any language reads it
	case s == Legacy && f.is("char", "varchar", "text"):
		return "N'" + strings.ReplaceAll(strings.TrimRight(text, " "), "'", "''") + "'"
	default:
		return "'" + strings.ReplaceAll(text, "'", "''") + "'"
	}
}

// Run does what the action does in the cloud. What it did is for the caller to
// pass on to [Model.Do].
func (a Action) Run(ctx context.Context, cloud *sql.DB) error {
	tx, err := cloud.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, s := range a.Statements {
		if _, err := tx.ExecContext(ctx, s.SQL, s.Args...); err != nil {
			return fmt.Errorf("%s: %w", a.Title, err)
		}
	}
	if a.Undone {
		return tx.Rollback()
	}
	return tx.Commit()
}
