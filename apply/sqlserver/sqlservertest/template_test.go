package sqlservertest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

// TestStartedAtOnce starts several in a cluster that has had none: they are copies
// of one database, and each is its own.
func TestStartedAtOnce(t *testing.T) {
	fresh, err := postgrestest.Start(t.Context(), postgrestest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fresh.Stop() })
	servers := make([]*sqlservertest.Server, 4)
	var g errgroup.Group
	for i := range servers {
		g.Go(func() (err error) {
			servers[i], err = sqlservertest.Start(t.Context(), sqlservertest.Config{Postgres: fresh.DSN("postgres")})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, s := range servers {
		db := connect(t, s.DSN())
		exec(t, db, "CREATE TABLE t (n int)", fmt.Sprintf("INSERT INTO t VALUES (%d)", i))
		if got := query(t, db, "SELECT n FROM t"); got != fmt.Sprint(i) {
			t.Errorf("%d holds %q", i, got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	pg, err := pgconn.Connect(t.Context(), fresh.DSN("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer pg.Close(context.Background())
	left := pg.ExecParams(t.Context(), "SELECT datname FROM pg_database WHERE datname LIKE 'standin%'", nil, nil, nil, nil).Read()
	if left.Err != nil || len(left.Rows) != 1 {
		t.Errorf("%d databases are left: %q, %v", len(left.Rows), left.Rows, left.Err)
	}
}
