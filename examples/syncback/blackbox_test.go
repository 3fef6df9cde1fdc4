package main_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	_ "github.com/microsoft/go-mssqldb"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
	"github.com/syncback/syncback/queue"
)

var (
	cluster *postgrestest.Cluster
	program string // the binary under test
)

func TestMain(m *testing.M) {
	if main, ok := mains[filepath.Base(os.Args[0])]; ok {
		main()
		os.Exit(0)
	}
	dir, err := os.MkdirTemp("", "syncback")
	if err == nil {
		err = os.Chmod(dir, 0o755) // another user runs it, too
	}
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "syncback")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s%v\n", out, err)
		os.Exit(1)
	}
	code := postgrestest.Main(m, &cluster)
	os.RemoveAll(dir)
	os.Exit(code)
}

// site is a source and a target with a table each, and a configuration file.
type site struct {
	t              *testing.T
	dir            string
	source, target string // DSNs
	pg             *pgx.Conn
	ms             *sql.DB
	server         *sqlservertest.Server // the target's, where it is the stand-in
	env            []string              // of the program, besides
	as             *syscall.SysProcAttr  // who runs the program; nil is the tests' own user
}

const tables = `
tables:
  - source: tenancy
    target: tenagree
    columns:
      ref: {to: tag_ref}
      ended: {to: eot, null_as: "1900-01-01"}
`

// newSite makes a site whose target lacks our own tables.
func newSite(t *testing.T) *site {
	t.Helper()
	return newSiteOn(t, cluster)
}

// newSiteOn makes a site whose source is a database of that cluster.
func newSiteOn(t *testing.T, on *postgrestest.Cluster) *site {
	t.Helper()
	source, err := on.CreateDatabase(t.Context(), "operator")
	if err != nil {
		t.Fatal(err)
	}
	target := sqlservertest.Open(t, cluster)
	s := &site{t: t, dir: t.TempDir(), source: source, target: target.DSN, server: target.Server}
	if s.pg, err = pgx.Connect(t.Context(), source); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		// Slots belong to the whole cluster, which has only so many. One that a
		// killed program still holds is left.
		_, _ = s.pg.Exec(context.Background(), `SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active`, s.slot())
		s.pg.Close(context.Background())
	})
	if s.ms, err = sql.Open("sqlserver", s.target); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.ms.Close() })
	s.onSource(`CREATE TABLE tenancy (ref text PRIMARY KEY, ended date, rent numeric(9,2))`)
	s.onSource(`ALTER TABLE tenancy REPLICA IDENTITY FULL`)
	s.onTarget(`CREATE TABLE dbo.tenagree (tag_ref char(11) NOT NULL PRIMARY KEY, eot smalldatetime NOT NULL, rent numeric(9,2) NULL)`)
	s.configure(tables)
	return s
}

// newReadySite makes a site with our own tables, and a slot.
func newReadySite(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.executeDDL()
	s.mustRun("run", "--until-idle")
	return s
}

func (s *site) configure(rest string) {
	s.t.Helper()
	text := "name: housing\nsource: {dsn: \"${SOURCE_DSN}\", slot: " + s.slot() + "}\ntarget: {dsn: \"${TARGET_DSN}\"}\n" + rest
	if err := os.WriteFile(filepath.Join(s.dir, "sync.yaml"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// slot is a name of this site alone: slots belong to the whole cluster, and
// databases have names of their own in it.
func (s *site) slot() string { return s.pg.Config().Database }

func (s *site) onSource(sql string, args ...any) {
	s.t.Helper()
	if _, err := s.pg.Exec(s.t.Context(), sql, args...); err != nil {
		s.t.Fatal(err)
	}
}

func (s *site) onTarget(sql string) {
	s.t.Helper()
	if _, err := s.ms.ExecContext(s.t.Context(), sql); err != nil {
		s.t.Fatal(err)
	}
}

// executeDDL does what a DBA does with what ddl prints.
func (s *site) executeDDL() {
	s.t.Helper()
	s.onTarget(s.mustRun("ddl"))
}

// count returns how many rows the target's table has.
func (s *site) count() (n int) {
	s.t.Helper()
	if err := s.ms.QueryRowContext(s.t.Context(), `SELECT COUNT(*) FROM dbo.tenagree`).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// slots returns how many slots and publications of the site's name there are.
func (s *site) slots() (n int) {
	s.t.Helper()
	err := s.pg.QueryRow(s.t.Context(), `SELECT (SELECT count(*) FROM pg_replication_slots WHERE slot_name = $1) + (SELECT count(*) FROM pg_publication)`, s.slot()).Scan(&n)
	if err != nil {
		s.t.Fatal(err)
	}
	return n
}

// command makes the command; it is killed when the test ends before it.
func (s *site) command(args ...string) (c *exec.Cmd, stdout, stderr *bytes.Buffer) {
	stdout, stderr = &bytes.Buffer{}, &bytes.Buffer{}
	c = exec.CommandContext(s.t.Context(), program, append(args, "-c", filepath.Join(s.dir, "sync.yaml"))...)
	c.Env = append(append(os.Environ(), "SOURCE_DSN="+s.source, "TARGET_DSN="+s.target), s.env...)
	c.Stdout, c.Stderr, c.SysProcAttr = stdout, stderr, s.as
	return c, stdout, stderr
}

// run runs the program to its end.
func (s *site) run(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	c, out, bad := s.command(args...)
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	return out.String(), bad.String(), c.ProcessState.ExitCode()
}

// mustRun runs the program and returns what it printed.
func (s *site) mustRun(args ...string) string {
	s.t.Helper()
	stdout, stderr, code := s.run(args...)
	if code != 0 {
		s.t.Fatalf("%s: exit code %d, stdout:\n%sstderr:\n%s", args, code, stdout, stderr)
	}
	return stdout
}

// mustFail runs the program, which is to exit 1, and returns its last word.
func (s *site) mustFail(args ...string) string {
	s.t.Helper()
	stdout, stderr, code := s.run(args...)
	if code != 1 {
		s.t.Fatalf("%s: exit code %d, want 1; stdout:\n%sstderr:\n%s", args, code, stdout, stderr)
	}
	if strings.Contains(stderr, "goroutine ") {
		s.t.Errorf("%s: a stack trace:\n%s", args, stderr)
	}
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	return lines[len(lines)-1]
}

// start runs the program in the background; stop ends it and returns its exit
// code and what it wrote to stderr.
func (s *site) start(args ...string) (stop func(os.Signal) (int, string)) {
	s.t.Helper()
	c, _, stderr := s.command(args...)
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	return func(sig os.Signal) (int, string) {
		s.t.Helper()
		if err := c.Process.Signal(sig); err != nil {
			s.t.Fatal(err)
		}
		_ = c.Wait() // the exit code is looked at
		return c.ProcessState.ExitCode(), stderr.String()
	}
}

func (s *site) status() map[string]any {
	s.t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal([]byte(s.mustRun("status", "--json")), &m); err != nil {
		s.t.Fatal(err)
	}
	return m
}

// wait waits until ok is true.
func (s *site) wait(what string, ok func() bool) {
	s.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited 30s for: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	stdout, stderr, code := s.run("check")
	if code != 1 || !strings.Contains(stdout, "error") || !strings.Contains(stdout, "ddl") || !strings.Contains(stderr, "not fit to run") {
		t.Errorf("without our own tables: exit code %d, stdout:\n%sstderr:\n%s", code, stdout, stderr)
	}
	s.executeDDL()
	if stdout := s.mustRun("check"); !strings.Contains(stdout, "fit to run\n") || !strings.Contains(stdout, "dbo.tenagree, column rent: numeric(9,2) into numeric(9,2): exact\n") {
		t.Errorf("stdout:\n%s", stdout)
	}
	if n := s.slots(); n != 0 {
		t.Errorf("check made %d slots and publications", n)
	}
	if _, err := os.Stat(filepath.Join(s.dir, "queue")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("check made a queue: %v", err)
	}
	var rows int
	if err := s.ms.QueryRow(`SELECT COUNT(*) FROM [syncback].[checkpoint]`).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("check left %d checkpoints, %v", rows, err)
	}
}

// TestCheckBesideARun: a run keeps its queue, and the pipeline is fit to run. A slot
// that is gone is told all the same.
func TestCheckBesideARun(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	stop := s.start("run")
	s.wait("the run", func() bool { return s.status()["state"] == "idle" })
	if stdout := s.mustRun("check"); !strings.Contains(stdout, "note     queue in "+s.queue()+": another process has it open, such as a run\n") {
		t.Errorf("stdout:\n%s", stdout)
	}
	s.onSource(`INSERT INTO tenancy VALUES ('a')`)
	s.wait("the row", func() bool { return s.count() == 1 })
	if code, stderr := stop(os.Interrupt); code != 0 {
		t.Errorf("exit code %d, stderr:\n%s", code, stderr)
	}
	s.dropSlot()
	held, err := queue.Open(queue.Config{Dir: s.queue()})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if stdout, _, code := s.run("check"); code != 1 || !strings.Contains(stdout, "error    source: gap: slot "+s.slot()+" is gone") {
		t.Errorf("exit code %d, stdout:\n%s", code, stdout)
	}
}

func TestCheckNamesMissingTables(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.executeDDL()
	s.configure("tables: [{source: tenancy, target: tenant}]\n")
	if stdout, stderr, code := s.run("check"); code != 1 || !strings.Contains(stdout+stderr, "dbo.tenant") {
		t.Errorf("target: exit code %d, stdout:\n%sstderr:\n%s", code, stdout, stderr)
	}
	s.configure("tables: [{source: tenant, target: tenagree}]\n")
	if stdout, stderr, code := s.run("check"); code != 1 || !strings.Contains(stdout+stderr, "public.tenant") {
		t.Errorf("source: exit code %d, stdout:\n%sstderr:\n%s", code, stdout, stderr)
	}
}

func TestRunWithoutOurTablesLeavesNoSlot(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if last := s.mustFail("run"); !strings.Contains(last, "ddl") {
		t.Errorf("it says: %s", last)
	}
	if n := s.slots(); n != 0 {
		t.Errorf("it left %d slots and publications", n)
	}
}

// A slot that nobody reads keeps the source's log. One that was read is another
// matter: what is queued may have been applied by then.
func TestRunThatDoesNotFitLeavesNoSlot(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.executeDDL()
	unfit := "tables: [{source: tenancy, target: tenagree, columns: {ref: {to: tag_ref}, ended: {to: rent}, rent: {to: eot}}}]\n"
	s.configure(unfit)
	for _, args := range [][]string{{"run"}, {"run", "--until-idle"}, {"verify", "--repair"}} {
		want := "syncback: target: dbo.tenagree, column rent: date into numeric(9,2): refused; date is not written to numeric(9,2); map it to a column of a type that can hold it, or skip it (check lists 1 more)"
		if last := s.mustFail(args...); last != want {
			t.Errorf("%s says\n%s\nwant\n%s", args, last, want)
		}
		if n := s.slots(); n != 0 {
			t.Errorf("%s left %d slots and publications", args, n)
		}
	}
	if _, stderr, code := s.run("check"); code != 1 || stderr != "syncback: not fit to run: mend what is marked as error (2), then check again\n" {
		t.Errorf("check: exit code %d, stderr:\n%s", code, stderr)
	}
	s.configure(tables)
	s.mustRun("run", "--until-idle")
	s.configure(unfit)
	s.mustRun("run", "--until-idle") // and stops at the first change
}

// A new slot would start behind what was lost, and keep the source's log for
// nobody.
func TestLostSlotIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.wait("the server let go of the slot", func() bool { // a moment after the program has ended
		_, err := s.pg.Exec(t.Context(), `SELECT pg_drop_replication_slot($1)`, s.slot())
		return err == nil
	})
	s.onSource(`INSERT INTO tenancy VALUES ('t1', NULL, 1)`)
	for range 2 { // the first refusal changes nothing for the second
		if last := s.mustFail("run", "--until-idle"); !strings.Contains(last, "slot "+s.slot()+" is gone") {
			t.Errorf("it says: %s", last)
		}
	}
	if n := s.slots(); n != 1 {
		t.Errorf("%d slots and publications, want the publication alone", n)
	}
}

func TestUntilIdleCarriesWhatWasCommitted(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.onSource(`INSERT INTO tenancy SELECT 't' || i, NULL, i FROM generate_series(1, 50) i`)
	s.onSource(`UPDATE tenancy SET rent = 99.5, ended = '2026-01-31' WHERE ref = 't7'`)
	s.onSource(`DELETE FROM tenancy WHERE ref = 't8'`)
	s.mustRun("run", "--until-idle")
	if n := s.count(); n != 49 {
		t.Errorf("%d rows, want 49", n)
	}
	var rows int
	err := s.ms.QueryRow(`SELECT COUNT(*) FROM dbo.tenagree WHERE tag_ref = 't7' AND rent = 99.5 AND eot = '2026-01-31' OR tag_ref = 't9' AND eot = '1900-01-01'`).Scan(&rows)
	if err != nil || rows != 2 {
		t.Errorf("%d rows are as they should be, want 2; %v", rows, err)
	}
	status := s.status()
	if status["state"] != "not running" || status["queued_transactions"] != 0.0 || status["lag_seconds"] != 0.0 || status["last_error"] != nil {
		t.Errorf("status is %v", status)
	}
	if info, err := os.Stat(filepath.Join(s.dir, "queue", "status.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the status file: %v, %v", info, err)
	}
	if table := s.mustRun("status"); !strings.Contains(table, "pipeline           housing\n") {
		t.Errorf("status is\n%s", table)
	}
}

func TestRunEndsOnSignal(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	for _, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		stop := s.start("run")
		before := s.count()
		s.onSource(`INSERT INTO tenancy VALUES ($1)`, sig.String())
		s.wait("the row", func() bool { return s.count() > before })
		s.wait("the state", func() bool { return s.status()["state"] == "idle" })
		if code, stderr := stop(sig); code != 0 || strings.Contains(stderr, "syncback: ") {
			t.Errorf("%s: exit code %d, stderr:\n%s", sig, code, stderr)
		}
		if state := s.status()["state"]; state != "not running" {
			t.Errorf("afterwards the state is %v", state)
		}
	}
}

func TestKillsLoseAndDoubleNothing(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	const rounds, rows = 4, 60
	for round := range rounds {
		stop := s.start("run")
		before := s.count()
		for i := range rows {
			s.onSource(`INSERT INTO tenancy VALUES ($1, NULL, 0)`, fmt.Sprintf("%d-%d", round, i))
			s.onSource(`UPDATE tenancy SET rent = rent + 1 WHERE ref LIKE $1`, fmt.Sprintf("%%-%d", i))
		}
		s.wait("some rows", func() bool { return s.count() > before })
		stop(os.Kill)
	}
	s.mustRun("run", "--until-idle")
	var n, sum int
	if err := s.ms.QueryRow(`SELECT COUNT(*), SUM(CAST(rent AS int)) FROM dbo.tenagree`).Scan(&n, &sum); err != nil {
		t.Fatal(err)
	}
	// A row of round r was raised once in its own and once in each later round.
	if n != rounds*rows || sum != rows*rounds*(rounds+1)/2 {
		t.Errorf("%d rows with a sum of %d, want %d and %d", n, sum, rounds*rows, rows*rounds*(rounds+1)/2)
	}
	s.verified()
}

func TestManualAppliesWhenResumed(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.configure("schedule: {mode: manual}\n" + tables)
	stop := s.start("run")
	s.onSource(`INSERT INTO tenancy VALUES ('a')`)
	s.wait("the row in the queue", func() bool {
		at := s.status()
		return at["queued_transactions"] == 1.0 && at["state"] == "waiting for window"
	})
	if n := s.count(); n != 0 {
		t.Errorf("%d rows without being asked", n)
	}
	s.mustRun("resume")
	s.wait("the row", func() bool { return s.count() == 1 })
	if code, stderr := stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, stderr:\n%s", code, stderr)
	}
}

func TestPauseHoldsWhatIsCaptured(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	stop := s.start("run")
	s.wait("the run", func() bool { return s.status()["state"] == "idle" })
	for range 2 { // saying it twice is as saying it once
		if out := s.mustRun("pause"); !strings.Contains(out, "housing is paused, by word of ") {
			t.Errorf("pause says %q", out)
		}
	}
	s.onSource(`INSERT INTO tenancy VALUES ('a')`)
	s.wait("the row in the queue", func() bool { return s.status()["queued_transactions"] == 1.0 })
	s.wait("the state", func() bool { return s.status()["state"] == "paused" })
	status := s.status()
	if by, ok := status["paused"].(map[string]any); !ok || !strings.Contains(by["by"].(string), "@") {
		t.Errorf("paused is %v", status["paused"])
	}
	if s.count() != 0 || status["lag_bytes"] == 0.0 {
		t.Errorf("while paused the target has %d rows, status is %v", s.count(), status)
	}
	if out := s.mustRun("resume"); !strings.Contains(out, "housing is not paused, by word of ") {
		t.Errorf("resume says %q", out)
	}
	s.wait("the row", func() bool { return s.count() == 1 })
	if code, stderr := stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, stderr:\n%s", code, stderr)
	}
}

func TestUntilIdleCapturesWhileNothingMayBeApplied(t *testing.T) {
	t.Parallel()
	all := time.Now().UTC().AddDate(0, 0, -2).Format(time.DateOnly) + " 00:00-" + time.Now().UTC().AddDate(0, 0, 2).Format(time.DateOnly) + " 00:00"
	tests := []struct {
		name, reason   string
		forbid, permit func(*site)
	}{
		{"paused", "paused", func(s *site) { s.mustRun("pause") }, func(s *site) { s.mustRun("resume") }},
		{
			"blackout", "blackout",
			func(s *site) { s.configure("schedule: {blackout: [\"" + all + "\"], zone: UTC}\n" + tables) },
			func(s *site) { s.configure(tables) },
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newReadySite(t)
			test.forbid(s)
			s.onSource(`INSERT INTO tenancy VALUES ('a')`)
			if last := s.mustFail("run", "--until-idle"); !strings.Contains(last, test.reason) {
				t.Errorf("it says: %s", last)
			}
			status := s.status()
			if s.count() != 0 || status["queued_transactions"] == 0.0 {
				t.Errorf("the target has %d rows; status is %v", s.count(), status)
			}
			test.permit(s)
			s.mustRun("run", "--until-idle")
			if n := s.count(); n != 1 {
				t.Errorf("then the target has %d rows, want 1", n)
			}
		})
	}
}

func TestQueueBelongsToOneRun(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	stop := s.start("run")
	s.wait("the run", func() bool { return s.status()["state"] == "idle" })
	if last := s.mustFail("run"); !strings.Contains(last, "queue") {
		t.Errorf("it says: %s", last)
	}
	s.onSource(`INSERT INTO tenancy VALUES ('a')`)
	s.wait("the row, by the first run", func() bool { return s.count() == 1 })
	if code, stderr := stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, stderr:\n%s", code, stderr)
	}
}

func TestRefusedTransactionEndsTheRun(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.onSource(`INSERT INTO tenancy VALUES ('a')`)
	s.onSource(`INSERT INTO tenancy VALUES ('a reference that does not fit', NULL, 1)`)
	last := s.mustFail("run")
	if !strings.Contains(last, "tenagree") || !strings.Contains(last, "tag_ref") || strings.Contains(last, "reference that") {
		t.Errorf("it says: %s", last)
	}
	if n := s.count(); n != 1 {
		t.Errorf("the target has %d rows, want the one before", n)
	}
	if err, _ := s.status()["last_error"].(string); !strings.Contains(err, "tag_ref") {
		t.Errorf("last_error is %q", err)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	ready := newReadySite(t)
	lost := *ready
	lost.source = "postgres://someone:hunter2@127.0.0.1:1/nowhere"
	lost.target = "sqlserver://someone:hunter2@127.0.0.1:1?database=nowhere"
	for _, test := range []struct{ source, target, what string }{
		{lost.source, ready.target, "source"},
		{ready.source, lost.target, "target"},
	} {
		s := *ready
		s.source, s.target = test.source, test.target
		for _, args := range [][]string{{"check"}, {"run"}, {"run", "--until-idle"}, {"status"}} {
			stdout, stderr, code := s.run(args...)
			if code != 1 || !strings.Contains(stderr, test.what+".dsn") || strings.Contains(stdout+stderr, "hunter2") {
				t.Errorf("%s without %s: exit code %d, stdout:\n%sstderr:\n%s", args, test.what, code, stdout, stderr)
			}
		}
	}
	for _, command := range []string{"pause", "resume"} {
		if last := lost.mustFail(command); !strings.Contains(last, "target") {
			t.Errorf("%s says: %s", command, last)
		}
	}
}

// fromEnv is the number that a variable of the environment has, from 1 on, or the
// default.
func fromEnv(t *testing.T, name string, otherwise int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, which is no number from 1 on", name, text)
	}
	return n
}
