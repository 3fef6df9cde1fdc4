package main_test

import (
	"cmp"
	"crypto/rand"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
)

// TestPrivacy has marked values in every column, keys among them, and on every way
// to an error, and passwords in the DSNs, and looks for them in all that the
// program writes.
func TestPrivacy(t *testing.T) {
	t.Parallel()
	m := &marks{t: t}
	s := newMarkedSite(t, m)
	tests := leakTests(m)
	if s.server == nil {
		tests = slices.DeleteFunc(tests, func(l leakTest) bool { return l.fault.Error != 0 })
	}
	for i := range tests {
		tests[i].key = m.word()
		s.makeTable(&tests[i], i)
	}
	s.mapTables(tests, -1)
	s.executeDDL()
	s.readAll(m, "check", 0)
	s.sourceRefuses(m)
	s.readAll(m, "run --until-idle", 0)
	s.plantLeak(m)

	for i := range tests {
		t.Log(tests[i].name)
		s.mapTables(tests, i)
		s.provoke(m, tests[i], i)
		tests[i].done = tests[i].undo == ""
	}
	s.mapTables(tests, -1)
	s.readAll(m, "run --until-idle", 0)
	s.readAll(m, "check", 0)
	s.readAll(m, "status", 0)
	s.ledgerIsPrivate(m, tests)
	s.comparisonIsPrivate(m, tests)
	s.failuresArePrivate(m)
	s.queueIsPrivate()
}

func table(i int) string { return fmt.Sprintf("t%d", i) }

// newMarkedSite is a site whose servers are reached by passwords that are marks.
func newMarkedSite(t *testing.T, m *marks) *site {
	t.Helper()
	s := newSite(t)
	password := m.add("pa/ss:w@rd #1%'\"\\" + rand.Text())
	s.onSource(`CREATE ROLE marked_` + s.slot() + ` LOGIN SUPERUSER PASSWORD ` + literal(password))
	s.source = altered(s.source, "marked_"+s.slot(), password, "", "")
	s.env = append(s.env, "LEDGER_KEY="+m.word(), "PLUGIN_WORD="+m.word(), "PLUGIN_SUM="+s.link("telling"))
	if s.server == nil {
		return s
	}
	password = m.add("pa/ss:w@rd #2%'\"\\;" + rand.Text())
	server, err := sqlservertest.Start(t.Context(), sqlservertest.Config{Postgres: cluster.DSN("postgres"), Password: password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	s.server, s.target = server, server.DSN()
	if s.ms, err = sql.Open("sqlserver", s.target); err != nil {
		t.Fatal(err)
	}
	ms := s.ms
	t.Cleanup(func() { ms.Close() })
	return s
}

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// makeTable makes the two tables of a test.
func (s *site) makeTable(l *leakTest, i int) {
	s.t.Helper()
	if l.from == "ENUM" {
		l.from = fmt.Sprintf("e%d", i)
		s.onSource(fmt.Sprintf(`CREATE TYPE %s AS ENUM (%s)`, l.from, l.value))
	}
	s.onSource(fmt.Sprintf(`CREATE TABLE %s (id text PRIMARY KEY, v %s); ALTER TABLE %[1]s REPLICA IDENTITY FULL`, table(i), l.from))
	s.onTarget(fmt.Sprintf(`CREATE TABLE dbo.%s (id nvarchar(60) NOT NULL PRIMARY KEY, v %s)`, table(i), l.to))
	if l.there != "" {
		s.onSource(l.fill(l.there, table(i)))
		s.onTarget(l.fill(l.there, "dbo."+table(i)))
	}
}

// mapTables configures the tables, those that are done without their column v, and
// the one of the test that it is now with the keys of that test.
func (s *site) mapTables(tests []leakTest, now int) {
	s.t.Helper()
	var b strings.Builder
	b.WriteString("tables:\n")
	for i, l := range tests {
		fmt.Fprintf(&b, "  - {source: %s, target: %[1]s, columns: {v: {skip: %v}}", table(i), l.done)
		if i == now && l.rules != "" {
			b.WriteString(", " + l.rules)
		}
		b.WriteString("}\n")
	}
	if now >= 0 && strings.Contains(tests[now].rules, "telling") {
		b.WriteString(tellingPlugin)
	}
	s.configure(b.String())
	s.rewrite("sync.yaml", `"${TARGET_DSN}"`, `"${TARGET_DSN}", ledger_key: "${LEDGER_KEY}"`)
}

// rewrite makes a file of the configuration, with each second text in place of the
// one before it.
func (s *site) rewrite(file string, texts ...string) {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "sync.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.write(file, strings.NewReplacer(texts...).Replace(string(text)))
}

// plantLeak makes the target answer with a name that is a value: it is shown,
// as names are, and must be found. So it is in status, which prints the error that
// the status file has; behind each later command the file is enough.
func (s *site) plantLeak(m *marks) {
	s.t.Helper()
	word := m.word()
	s.onTarget(`ALTER TABLE dbo.` + table(0) + ` ADD CONSTRAINT ` + word + ` CHECK (id <> '0')`)
	s.onSource(`INSERT INTO ` + table(0) + ` VALUES ('0', 'a')`)
	out := s.readEvery("run --until-idle", 1)
	status, _ := s.readApart("status", 0)
	json, _ := s.readApart("status --json", 0)
	for _, text := range []string{out, status, json} {
		if len(m.found(text)) == 0 {
			s.t.Fatalf("the leak that was planted is not found in\n%s", text)
		}
	}
	s.onTarget(`ALTER TABLE dbo.` + table(0) + ` DROP CONSTRAINT ` + word)
	m.words = slices.DeleteFunc(m.words, func(w string) bool { return w == word })
}

// provoke runs into the error of a test and looks at all that is written.
func (s *site) provoke(m *marks, l leakTest, i int) {
	s.t.Helper()
	if l.target != "" {
		s.onTarget(l.fill(l.target, "dbo."+table(i)))
	}
	if l.fault.Error != 0 {
		l.fault.Text, l.fault.Message = "["+table(i)+"]", l.fill(l.fault.Message, table(i))
		s.server.Inject(l.fault)
	}
	s.onSource(l.fill(cmp.Or(l.source, `INSERT INTO $t VALUES ($k, $v)`), table(i)))
	var out string
	if l.decided {
		s.readAll(m, "run --until-idle", 0)
		out = s.readAll(m, "conflicts list --all", 0)
	} else {
		out = s.readAll(m, "run --until-idle", 1)
	}
	if !strings.Contains(out, l.want) || !strings.Contains(out, table(i)) {
		s.t.Errorf("%s: %q and %s are not in\n%s", l.name, l.want, table(i), out)
	}
	if l.undo != "" && l.undo != "-" {
		s.onTarget(l.fill(l.undo, "dbo."+table(i)))
	}
	if s.server != nil {
		s.server.ClearFaults()
	}
}

// fill puts the table, the key and the value into a statement of the test.
func (l leakTest) fill(sql, table string) string {
	return strings.NewReplacer("$t", table, "$k", literal(l.key), "$v", l.value).Replace(sql)
}

// readAll runs a command and looks for marks in what it writes.
func (s *site) readAll(m *marks, command string, code int) string {
	s.t.Helper()
	out := s.readEvery(command, code)
	m.expectNone(command, out)
	return out
}

// readEvery returns all that a command writes, the status file included.
func (s *site) readEvery(command string, code int) string {
	s.t.Helper()
	stdout, rest := s.readApart(command, code)
	return stdout + rest
}

// readApart returns what a command prints, and all else that it writes.
func (s *site) readApart(command string, code int) (stdout, rest string) {
	s.t.Helper()
	stdout, stderr, got := s.run(strings.Fields(command)...)
	if got != code {
		s.t.Fatalf("%s: exit code %d, want %d, stdout:\n%sstderr:\n%s", command, got, code, stdout, stderr)
	}
	file, err := os.ReadFile(filepath.Join(s.queue(), "status.json"))
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	return stdout, stderr + string(file)
}

// queueIsPrivate looks at the rights on everything in the queue.
func (s *site) queueIsPrivate() {
	s.t.Helper()
	files := 0
	err := filepath.WalkDir(s.queue(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		want := fs.FileMode(0o600)
		if d.IsDir() {
			want = fs.ModeDir | 0o700
		} else {
			files++
		}
		if err == nil && info.Mode() != want {
			s.t.Errorf("%s is %v, want %v", path, info.Mode(), want)
		}
		return err
	})
	if err != nil || files < 3 {
		s.t.Errorf("%d files in the queue, %v", files, err)
	}
}

// TestQueueIsPrivate has a process that lets everyone read what it makes, and
// what someone left there.
func TestQueueIsPrivate(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.executeDDL()
	withoutMask := func(args ...string) {
		t.Helper()
		c, out, bad := s.command(args...)
		sh := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `umask 0; exec "$@"`, "sh"}, c.Args...)...)
		sh.Env, sh.Stdout, sh.Stderr = c.Env, out, bad
		if err := sh.Run(); err != nil {
			t.Fatalf("%v\n%s", err, bad)
		}
	}
	withoutMask("run", "--until-idle")
	s.queueIsPrivate()

	s.write("queue/status.json.next", "half a file")
	err := filepath.WalkDir(s.queue(), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chmod(path, 0o777)
	})
	if err != nil {
		t.Fatal(err)
	}
	s.onSource(`INSERT INTO tenancy VALUES ('a')`)
	withoutMask("run", "--until-idle")
	s.queueIsPrivate()
}
