//go:build unix

package postgrestest_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

// query returns the one value that a statement yields.
func query(t *testing.T, dsn, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var v string
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestClusterLivesThroughCrashAndRestart(t *testing.T) {
	dir := t.TempDir()
	openTo(t, dir)
	c, err := postgrestest.Start(t.Context(), postgrestest.Config{
		Dir: dir, Settings: map[string]string{"application_name": "it's a test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()

	if got := query(t, c.DSN("postgres"), "SHOW wal_level"); got != "logical" {
		t.Errorf("wal_level is %s", got)
	}
	if got := query(t, c.DSN("postgres"), "SELECT current_setting('server_version_num')::int / 10000 || ''"); got != fmt.Sprint(c.Version()) {
		t.Errorf("Version is %d, the server's is %s", c.Version(), got)
	}
	dsn, err := c.CreateDatabase(t.Context(), "Town Hall")
	if err != nil {
		t.Fatal(err)
	}
	if got := query(t, dsn, "SELECT current_database()"); !strings.HasPrefix(got, "Town Hall") {
		t.Errorf("the database is %q", got)
	}
	query(t, dsn, "WITH x AS (SELECT 1) SELECT pg_logical_emit_message(true, 'a', 'b')::text FROM x")
	query(t, dsn, "SELECT lo_from_bytea(4711, 'kept')::text")
	if err := c.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := pgx.Connect(t.Context(), dsn); err == nil {
		t.Error("a killed cluster accepted a connection")
	}
	for range 2 { // after a crash, and while it runs
		if err := c.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := query(t, dsn, "SELECT convert_from(lo_get(4711), 'UTF8')"); got != "kept" {
			t.Errorf("what was committed before the crash reads %q", got)
		}
	}
	for range 2 {
		if err := c.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) > 0 {
		t.Errorf("Stop left %v", left)
	}
}

// TestTMPDIRDecidesWhereAClusterIs has the choice of someone who wants it on a disk.
func TestTMPDIRDecidesWhereAClusterIs(t *testing.T) {
	dir := t.TempDir()
	openTo(t, dir)
	t.Setenv("TMPDIR", dir)
	c, err := postgrestest.Start(t.Context(), postgrestest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	if got := query(t, c.DSN("postgres"), "SHOW data_directory"); !strings.HasPrefix(got, dir+"/") {
		t.Errorf("it is in %s", got)
	}
}

// openTo lets the user that runs PostgreSQL in place of root into a test's
// folder.
func openTo(t *testing.T, dir string) {
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

func TestStartSaysWhyItFailed(t *testing.T) {
	dir := t.TempDir()
	openTo(t, dir)
	_, err := postgrestest.Start(t.Context(), postgrestest.Config{
		Dir: dir, Settings: map[string]string{"wal_level": "nonsense"},
	})
	if err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v, want what the server said", err)
	}
	if _, err = postgrestest.Start(t.Context(), postgrestest.Config{Dir: dir, Bin: dir}); err == nil {
		t.Error("started from an empty folder")
	}
	if left, _ := filepath.Glob(dir + "/*"); len(left) > 0 {
		t.Errorf("a failed start left %v", left)
	}
}

// TestNothingOutlivesItsParent kills a process that holds a cluster, as kill -9
// does, and waits until server and folder are gone.
func TestNothingOutlivesItsParent(t *testing.T) {
	if dir := os.Getenv("POSTGRESTEST_HOLD"); dir != "" {
		hold(t, dir)
	}
	dir := t.TempDir()
	openTo(t, dir)
	cmd := exec.Command(os.Args[0], "-test.run=^TestNothingOutlivesItsParent$")
	cmd.Env = append(os.Environ(), "POSTGRESTEST_HOLD="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var dsn string
	if _, err := fmt.Fscanln(out, &dsn); err != nil {
		t.Fatal(err)
	}
	query(t, dsn, "SELECT 'up'")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		left, _ := filepath.Glob(dir + "/*")
		conn, err := pgx.Connect(ctx, dsn)
		if err == nil {
			conn.Close(ctx)
		}
		if err != nil && len(left) == 0 {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("left: %v, connecting: %v", left, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// hold starts a cluster, says where it is, and waits to be killed.
func hold(t *testing.T, dir string) {
	c, err := postgrestest.Start(t.Context(), postgrestest.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println(c.DSN("postgres"))
	select {}
}
