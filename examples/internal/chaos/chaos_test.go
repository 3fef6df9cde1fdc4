// Package chaos has every call between the parts of a pipeline fail once before
// its effect and once after it, at each place that calls.
package chaos

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest/chaostest"
	"github.com/syncback/syncback/capture/postgres"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
	"github.com/syncback/syncback/queue"
)

var cluster *postgrestest.Cluster

func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m, &cluster)) }

// TestEveryCallFails commits at the source until each call of Capturer, Sink,
// Queue and Applier has failed both ways, and compares the two sides. A trigger
// in the target counts what was written.
func TestEveryCallFails(t *testing.T) {
	p := newPipeline(t)
	p.begin()
	ctx, stop := context.WithCancel(t.Context())
	g, ctx := errgroup.WithContext(ctx)
	backoff := capture.Backoff{Min: time.Millisecond, Max: 10 * time.Millisecond}
	g.Go(func() error {
		return queue.Fill(ctx, &capturer{Capturer: p.capturer, Chaos: p.Chaos}, p.queue, queue.FillConfig{Backoff: backoff})
	})
	g.Go(func() error { return apply.Drain(ctx, p.queue, p.applier, apply.Config{Backoff: backoff, MaxTxs: 3}) })

	versions := p.commitUntil(func() bool { return ctx.Err() != nil || p.allFailed() })
	if ctx.Err() != nil {
		t.Fatal(g.Wait())
	}
	p.await(ctx, versions)
	stop()
	t.Logf("%d places call, %d transactions", len(p.Sites()), versions)
	if err := g.Wait(); !errors.Is(err, context.Canceled) {
		t.Errorf("the pipeline ended with %v", err)
	}
	var rows, written int
	if err := p.target.QueryRow(`SELECT COUNT(*), SUM(version) FROM dbo.account`).Scan(&rows, &written); err != nil || rows != 3 || written != 3*versions {
		t.Errorf("%d rows with versions of %d in all, want 3 and %d; %v", rows, written, 3*versions, err)
	}
	if err := p.target.QueryRow(`SELECT COUNT(*), MAX(n) FROM (SELECT COUNT(*) AS n FROM dbo.seen GROUP BY id, version) s`).Scan(&rows, &written); err != nil || rows != 3*versions+3 || written != 1 {
		t.Errorf("%d versions were written, one of them %d times; want %d, once each; %v", rows, written, 3*versions+3, err)
	}
}

// pipeline is a source, a target, and what stands between them.
type pipeline struct {
	*testing.T
	*chaostest.Chaos
	source   *pgx.Conn
	target   *sql.DB
	capturer *postgres.Capturer
	queue    line
	applier  applier
}

func newPipeline(t *testing.T) *pipeline {
	t.Helper()
	dsn, err := cluster.CreateDatabase(t.Context(), "chaos")
	must(t, err)
	p := &pipeline{T: t, Chaos: &chaostest.Chaos{}}
	p.source, err = pgx.Connect(t.Context(), dsn)
	must(t, err)
	t.Cleanup(func() { p.source.Close(context.Background()) })
	p.onSource(`CREATE TABLE account (id int PRIMARY KEY, version int)`)
	p.onSource(`ALTER TABLE account REPLICA IDENTITY FULL`)
	target := sqlservertest.Open(t, cluster)
	p.target, err = sql.Open("sqlserver", target.DSN)
	must(t, err)
	t.Cleanup(func() { p.target.Close() })
	for _, statement := range []string{
		sqlserver.DDL(""), `CREATE TABLE dbo.account (id int NOT NULL PRIMARY KEY, version int NOT NULL)`,
		`CREATE TABLE dbo.seen (id int NOT NULL, version int NOT NULL)`,
		`CREATE TRIGGER dbo.tr_account ON dbo.account AFTER INSERT, UPDATE AS INSERT INTO dbo.seen (id, version) SELECT id, version FROM inserted`,
	} {
		_, err := p.target.ExecContext(t.Context(), statement)
		must(t, err)
	}
	// Heartbeats are what an idle source's progress comes by.
	p.capturer, err = postgres.New(postgres.Config{DSN: dsn, Slot: "chaos", Tables: []string{"public.account"}, Heartbeat: 20 * time.Millisecond})
	must(t, err)
	disk, err := queue.Open(queue.Config{Dir: t.TempDir()})
	must(t, err)
	t.Cleanup(func() { disk.Close() })
	p.queue = line{disk, p.Chaos}
	a, err := sqlserver.Open(t.Context(), sqlserver.Config{DSN: target.DSN, Pipeline: "chaos", Tables: []sqlserver.Table{{Source: "account", Target: "account"}}})
	must(t, err)
	t.Cleanup(func() { a.Close() })
	p.applier = applier{a, p.Chaos}
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

// begin begins the pipeline, as often as it takes: each failure ends a program.
func (p *pipeline) begin() {
	p.Helper()
	for {
		err := apply.Begin(p.Context(), p.queue, p.applier, p.capturer.Begin)
		if err == nil {
			return
		}
		if !errors.As(err, &chaostest.LostError{}) {
			p.Fatal(err)
		}
	}
}

// enough is how many transactions it takes, and many more.
const enough = 20_000

// commitUntil commits transactions, and returns how many, in each of which every
// account's version rises by one.
func (p *pipeline) commitUntil(done func() bool) (versions int) {
	p.Helper()
	p.onSource(`INSERT INTO account SELECT i, 0 FROM generate_series(1, 3) i`)
	for ; !done(); versions++ {
		if versions == enough {
			p.Fatalf("after %d transactions not every call has failed both ways: %v", enough, p.Sites())
		}
		p.onSource(`UPDATE account SET version = version + 1`)
		time.Sleep(5 * time.Millisecond)
	}
	return versions
}

// allFailed reports whether each method has failed both ways at each place that
// called it. The places that only a failure leads to may be called less often.
func (p *pipeline) allFailed() bool {
	failed := map[string]bool{}
	for site, n := range p.Sites() {
		method, _, _ := strings.Cut(site, " ")
		if !p.Failed(n) && !strings.Contains(site, "resync") && !strings.Contains(site, "apply.Begin") {
			return false
		}
		failed[method] = failed[method] || n >= 2
	}
	for _, method := range []string{"Capture", "Write", "Advance", "Sync", "Last", "Next", "Trim", "Begin", "Apply", "Checkpoint"} {
		if !failed[method] {
			return false
		}
	}
	return true
}

// await waits until the target has that version, or ctx ends.
func (p *pipeline) await(ctx context.Context, version int) {
	p.Helper()
	for rows := 0; rows < 3 && ctx.Err() == nil; time.Sleep(10 * time.Millisecond) {
		must(p.T, p.target.QueryRowContext(p.Context(), `SELECT COUNT(*) FROM dbo.account WHERE version = @p1`, version).Scan(&rows))
	}
}
