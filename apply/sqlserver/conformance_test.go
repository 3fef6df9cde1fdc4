package sqlserver

import (
	"context"
	"fmt"
	"testing"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/applytest"
	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture"
)

func TestApplierConforms(t *testing.T) {
	applytest.Run(t, newConformingTarget)
}

// conformingTarget shows a database to the suite.
type conformingTarget struct {
	*database
	proxy *sqlservertest.Proxy
}

// suiteTypes are the target's types for the suite's columns.
var suiteTypes = map[string]string{"int4": "int", "varchar": "nvarchar(200)", "numeric": "decimal(12,2)", "text": "nvarchar(max)"}

func newConformingTarget(t testing.TB, tables []*capture.Table) applytest.Target {
	d := newDatabase(t, `CREATE TABLE dbo.counted (name varchar(50) NOT NULL, n int NOT NULL)`)
	for _, table := range tables {
		define := ""
		for _, c := range table.Columns {
			define += quote(c.Name) + " " + suiteTypes[c.Base]
			if c.Key {
				define += " NOT NULL PRIMARY KEY"
			} else {
				define += " NULL"
			}
			define += ", "
		}
		d.exec("CREATE TABLE dbo." + quote(table.Name) + " (" + define[:len(define)-2] + ")")
		d.exec(fmt.Sprintf(`CREATE TRIGGER dbo.tr_%[1]s ON dbo.%[1]s AFTER INSERT, UPDATE, DELETE AS BEGIN
SET NOCOUNT ON
INSERT INTO dbo.counted (name, n) SELECT '%[1]s', COUNT(*) FROM inserted
INSERT INTO dbo.counted (name, n) SELECT '%[1]s', COUNT(*) FROM deleted WHERE NOT EXISTS (SELECT 1 FROM inserted)
END`, table.Name))
		d.cfg.Tables = append(d.cfg.Tables, Table{Source: table.String(), Target: "dbo." + table.Name})
	}
	proxy, dsn := sqlservertest.NewProxy(t, d.cfg.DSN)
	d.cfg.DSN = dsn
	return &conformingTarget{d, proxy}
}

// Open opens an applier as another process would.
func (c *conformingTarget) Open(context.Context) (apply.Applier, error) {
	return c.open(c.cfg.Tables...), nil
}

// Rows reads a table in the text form of its source.
func (c *conformingTarget) Rows(ctx context.Context, table *capture.Table) ([]capture.Row, error) {
	columns := ""
	for i, column := range table.Columns {
		if i > 0 {
			columns += ", "
		}
		columns += quote(column.Name)
	}
	rows, err := c.db.QueryContext(ctx, "SELECT "+columns+" FROM dbo."+quote(table.Name))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []capture.Row
	for rows.Next() {
		values := make([]*string, len(table.Columns))
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		r := make(capture.Row, len(values))
		for i, v := range values {
			r[i] = capture.Null()
			if v != nil {
				r[i] = capture.Text(*v)
			}
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Writes counts what the table's trigger saw.
func (c *conformingTarget) Writes(ctx context.Context, table *capture.Table) (n int64, err error) {
	err = c.db.QueryRowContext(ctx, "SELECT COALESCE(SUM(n), 0) FROM dbo.counted WHERE name = '"+table.Name+"'").Scan(&n)
	return n, err
}

// Pause pauses the pipeline, or lets it go on.
func (c *conformingTarget) Pause(ctx context.Context, paused bool) error {
	control, err := OpenControl(ctx, c.cfg)
	if err != nil {
		return err
	}
	defer control.Close()
	if paused {
		return control.Pause(ctx, "applytest")
	}
	return control.Resume(ctx, "applytest")
}

// Fail loses the connection at the next commit, before it or after it.
func (c *conformingTarget) Fail(_ context.Context, at applytest.Fault) error {
	failed := false
	c.proxy.On(func(m sqlservertest.Message) bool {
		if failed || m.Kind != sqlservertest.Commit || m.Answered != (at == applytest.AfterCommit) {
			return true
		}
		failed = true
		return false
	})
	return nil
}
