// Package ownqueue shows that a pipeline takes a queue of one's own: nothing of
// capture and apply knows the one on local disk.
package ownqueue

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture/postgres"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
	"github.com/syncback/syncback/queue"
	"github.com/syncback/syncback/queue/queuetest"
)

var cluster *postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m, &cluster)) }

func TestContract(t *testing.T) {
	queuetest.Run(t, func(testing.TB) queuetest.Harness {
		q := &line{}
		return queuetest.Harness{Open: func(testing.TB) queue.Queue { return q.open() }}
	})
}

func TestPipeline(t *testing.T) {
	for name, q := range map[string]queue.Queue{"own": (&line{}).open(), "queuetest": queuetest.NewMemory()} {
		t.Run(name, func(t *testing.T) {
			defer q.Close()
			testPipeline(t, q, newPipeline(t, name))
		})
	}
}

func testPipeline(t *testing.T, q queue.Queue, p *pipeline) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	filled := make(chan error, 1)
	go func() { filled <- queue.Fill(ctx, p.capturer, q, queue.FillConfig{}) }()
	for _, step := range []struct{ change, want string }{
		{`INSERT INTO tenancy SELECT 't' || i, i FROM generate_series(1, 500) i`, "500 rows, 125250"},
		{`UPDATE tenancy SET rent = rent + 1 WHERE rent <= 100; DELETE FROM tenancy WHERE rent > 400`, "400 rows, 80300"},
		{`UPDATE tenancy SET ref = 'u' || ref WHERE ref < 't2'`, "400 rows, 80300"},
		{`BEGIN; DELETE FROM tenancy; ROLLBACK; UPDATE tenancy SET rent = rent`, "400 rows, 80300"},
		{`DELETE FROM tenancy WHERE ref <> 'ut1'; INSERT INTO tenancy VALUES ('v')`, "2 rows, 2"},
	} {
		for _, statement := range strings.Split(step.change, "; ") {
			p.onSource(statement)
		}
		p.drain(q)
		var got string
		err := p.target.QueryRow(`SELECT CAST(COUNT(*) AS varchar(9)) + ' rows, ' + CAST(SUM(COALESCE(rent, 0)) AS varchar(9)) FROM dbo.tenagree`).Scan(&got)
		if err != nil || got != step.want {
			t.Fatalf("%s: the target has %s, want %s; %v", step.change, got, step.want, err)
		}
	}
	var keys string
	if err := p.target.QueryRow(`SELECT MIN(tag_ref) + MAX(tag_ref) FROM dbo.tenagree`).Scan(&keys); err != nil || strings.Join(strings.Fields(keys), " ") != "ut1 v" {
		t.Errorf("the keys are %q, %v", keys, err)
	}
	stop()
	if err := <-filled; !errors.Is(err, context.Canceled) {
		t.Errorf("capturing ended with %v", err)
	}
}

// pipeline is a source, a target, and what stands on either side of a queue.
type pipeline struct {
	*testing.T
	source   *pgx.Conn
	target   *sql.DB
	capturer *postgres.Capturer
	applier  *sqlserver.Applier
}

func newPipeline(t *testing.T, slot string) *pipeline {
	t.Helper()
	dsn, err := cluster.CreateDatabase(t.Context(), "ownqueue")
	must(t, err)
	p := &pipeline{T: t}
	p.source, err = pgx.Connect(t.Context(), dsn)
	must(t, err)
	t.Cleanup(func() { p.source.Close(context.Background()) })
	p.onSource(`CREATE TABLE tenancy (ref text PRIMARY KEY, rent int)`)
	p.onSource(`ALTER TABLE tenancy REPLICA IDENTITY FULL`)
	target := sqlservertest.Open(t, cluster)
	p.target, err = sql.Open("sqlserver", target.DSN)
	must(t, err)
	t.Cleanup(func() { p.target.Close() })
	for _, statement := range []string{
		sqlserver.DDL(""), `CREATE TABLE dbo.tenagree (tag_ref char(11) NOT NULL PRIMARY KEY, rent int NULL)`,
	} {
		_, err := p.target.ExecContext(t.Context(), statement)
		must(t, err)
	}
	p.capturer, err = postgres.New(postgres.Config{DSN: dsn, Slot: slot, Tables: []string{"public.tenancy"}})
	must(t, err)
	must(t, p.capturer.Setup(t.Context()))
	p.applier, err = sqlserver.Open(t.Context(), sqlserver.Config{DSN: target.DSN, Pipeline: "own", Tables: []sqlserver.Table{{
		Source: "tenancy", Target: "tenagree", Columns: map[string]sqlserver.Column{"ref": {To: "tag_ref"}},
	}}})
	must(t, err)
	t.Cleanup(func() { p.applier.Close() })
	return p
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *pipeline) onSource(statement string) {
	p.Helper()
	_, err := p.source.Exec(p.Context(), statement)
	must(p.T, err)
}

// drain applies what is committed by now.
func (p *pipeline) drain(q queue.Queue) {
	p.Helper()
	marker, err := p.capturer.Marker(p.Context())
	must(p.T, err)
	must(p.T, apply.Drain(p.Context(), q, p.applier, apply.Config{Until: marker}))
}
