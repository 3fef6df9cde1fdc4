package main_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// conflictTests are what both sides do to a row: parked, decided by a rule, kept
// out by a lock, and rules that fail.
func conflictTests(m *marks) []leakTest {
	// both is a row that both sides have, and change.
	both := func(t leakTest) leakTest {
		t.there = `INSERT INTO $t VALUES ($k, 'x')`
		t.target = `UPDATE $t SET v = N'` + m.word() + `'; ` + t.target
		t.source = `UPDATE $t SET v = $v`
		return text(t, m.word())
	}
	same := `UPDATE $t SET v = N'x'`
	return []leakTest{
		both(leakTest{name: "parked", rules: "conflict: park", decided: true, undo: "-", want: "waits"}),
		both(leakTest{name: "parked with its columns secret", rules: "conflict: park, secret: [id, v]", decided: true, undo: "-", want: "waits"}),
		both(leakTest{name: "decided by a rule", rules: "conflict: source-wins", decided: true, undo: "-", want: "take_source"}),
		both(leakTest{name: "halted", undo: same, want: "update_differs"}),
		both(leakTest{name: "record that someone has open", rules: "lock: {table: locks, on: {ref: id}, holder: who}", want: "locked",
			target: `CREATE TABLE dbo.locks (ref nvarchar(60) NOT NULL, who nvarchar(60) NOT NULL); INSERT INTO dbo.locks VALUES ($k, N'` + m.word() + `')`, undo: same}),
		both(leakTest{name: "rule that panics", rules: asksTelling + ", park_failures: true", decided: true, undo: "-", want: "waits"}),
		text(leakTest{name: "rule whose row does not fit", rules: asksTelling,
			target: `INSERT INTO $t VALUES ($k, N'` + m.word() + `')`, undo: `DELETE FROM $t`, want: "rule plugin telling on insert_exists of"}, m.word()),
		text(leakTest{name: "emulator whose row does not fit", rules: "triggers: emulate, emulator: telling", undo: "-", want: "emulated"}, m.word()),
		{name: "too long, and parked", from: "text", to: "nvarchar(3)", value: "'" + m.word() + "'", rules: "conflict: park", decided: true, undo: "-", want: "too_long"},
	}
}

const (
	asksTelling   = "conflict: {policy: plugin, plugin: telling}"
	tellingPlugin = `plugins: [{name: telling, path: telling, sha256: "${PLUGIN_SUM}"}]` + "\n"
)

// telling are rules that say what they are asked about wherever a plugin can say
// something, but for the errors that are theirs to word.
type telling struct{}

// Configure refuses a word, and quotes it.
func (telling) Configure(config map[string]string) error {
	return errors.New("it does not take " + config["word"])
}

func (telling) Resolve(_ context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
	c := conflicts[0]
	said := say(c.Incoming) + say(c.Current)
	if c.Kind != resolve.InsertExists {
		panic(said)
	}
	row := make(capture.Row, len(c.Incoming))
	row[c.Column("v")] = capture.Text(strings.Repeat(said, 3))
	return []resolve.Resolution{{Action: resolve.TakeRow, Row: row}}, nil
}

func (telling) Emulate(_ context.Context, changes []capture.Change, _ resolve.Target) ([]capture.Change, error) {
	c := changes[0]
	after := slices.Clone(c.After)
	after[len(after)-1] = capture.Text(strings.Repeat(say(after), 3))
	return []capture.Change{{Op: capture.Update, Table: c.Table, Before: c.After, After: after}}, nil
}

// say writes a row wherever it is not quoted, and returns it.
func say(row capture.Row) (said string) {
	for _, v := range row {
		text, _ := v.Text()
		said += text + " "
	}
	fmt.Println(said)
	fmt.Fprintln(os.Stderr, said)
	slog.Warn("it was asked", "row", said)
	return said
}

// sourceRefuses has code of the source quote a value, before there is a
// publication, and asks for the source with a wrong password.
func (s *site) sourceRefuses(m *marks) {
	s.t.Helper()
	for body, want := range map[string]string{
		`RAISE EXCEPTION 'there is %', '` + m.word() + `'`:                         "code in the database refused it",
		`RAISE EXCEPTION 'there is %', '` + m.word() + `' USING ERRCODE = 'UE001'`: "code in the database refused it",
		`PERFORM '` + m.word() + `'::int`:                                          "could not read or convert a value",
	} {
		s.onSource(`CREATE FUNCTION quoting() RETURNS event_trigger LANGUAGE plpgsql AS $f$ BEGIN ` + body + `; END $f$`)
		s.onSource(`CREATE EVENT TRIGGER quoting ON ddl_command_start EXECUTE FUNCTION quoting()`)
		if out := s.readAll(m, "run --until-idle", 1); !strings.Contains(out, want) {
			s.t.Errorf("%q is not in\n%s", want, out)
		}
		s.onSource(`DROP EVENT TRIGGER quoting; DROP FUNCTION quoting`)
	}
	was := s.source
	s.source = altered(was, "", m.add("wr/ong:p@ss #3%'\"\\"+m.word()), "", "")
	s.readAll(m, "check", 1)
	s.readAll(m, "verify", 1)
	s.source = was
}

// ledgerIsPrivate looks at what is said of conflicts. What is promised is that no
// value is in a log line, an error or a metric; conflicts list and plan promise it
// for what they print as well, and name a row by its conflict's number. conflicts
// show is there to print the rows of both sides, for whoever may run it may read
// them in the target: that is no leak, and shows here that the ledger has marks. It
// has none of columns that the file calls secret.
func (s *site) ledgerIsPrivate(m *marks, tests []leakTest) {
	s.t.Helper()
	list := s.readAll(m, "conflicts list", 0) + s.readAll(m, "conflicts list --all", 0)
	id := ""
	for i, l := range tests {
		if !l.decided {
			continue
		}
		found := regexp.MustCompile(`(?m)^(\d+) .* of dbo\.` + table(i) + ` `).FindStringSubmatch(list)
		if found == nil {
			s.t.Fatalf("%s: it is not in\n%s", l.name, list)
		}
		id = found[1]
		row, rest := s.readApart("conflicts show "+id, 0)
		m.expectNone("conflicts show "+id, rest)
		if strings.Contains(l.rules, "secret") {
			m.expectNone("conflicts show "+id, row)
		} else if len(m.found(row)) == 0 {
			s.t.Errorf("conflicts show %s has no row:\n%s", id, row)
		}
	}

	other := filepath.Join(s.dir, "other.yaml")
	s.rewrite("other.yaml", "}}}\n", "}}, conflict: source-wins}\n")
	s.readAll(m, "plan --policy "+other, 0)
	s.rewrite("other.yaml", "}}}\n", "}}, "+asksTelling+"}\n", "tables:\n", tellingPlugin+"tables:\n")
	s.readAll(m, "plan --policy "+other, 0)

	s.write("row.json", `{"v": "`+strings.Repeat(m.word(), 5)+`"}`) // of the last, which has three characters
	row := filepath.Join(s.dir, "row.json")
	s.readAll(m, "conflicts resolve "+id+" --take source", 1)
	s.readAll(m, "conflicts resolve "+id+" --take row --row "+row, 1)
	s.readAll(m, "conflicts resolve "+id+" --take target", 0)
}

// shownKeys are the keys that verify prints.
var shownKeys = regexp.MustCompile(`(?m)^dbo\.t\d+ id=\S+ `)

// comparisonIsPrivate compares the two sides, with the columns again that the
// target could not take.
func (s *site) comparisonIsPrivate(m *marks, tests []leakTest) {
	s.t.Helper()
	for i := range tests {
		tests[i].done = false
	}
	s.compare(m, "verify --repair", tests[:5]) // a few, for it takes its time
	s.compare(m, "verify", tests)
}

// compare runs verify, which names rows by their keys on standard output, because
// that is asked for: there a key is no leak. It is one on standard error, and so is
// anything else of a row wherever it is.
func (s *site) compare(m *marks, command string, tests []leakTest) {
	s.t.Helper()
	s.mapTables(tests, -1)
	stdout, rest := s.readApart(command, 1)
	if keys := shownKeys.FindAllString(stdout, -1); len(m.found(strings.Join(keys, ""))) == 0 {
		s.t.Errorf("%s lists no key:\n%s", command, stdout)
	}
	m.expectNone(command, shownKeys.ReplaceAllString(stdout, "")+rest)
}

// failuresArePrivate has each command meet a pause, a plugin that refuses, and a
// server that quotes a value.
func (s *site) failuresArePrivate(m *marks) {
	s.t.Helper()
	s.readAll(m, "pause", 0)
	s.readAll(m, "run --until-idle", 1)
	s.readAll(m, "resume", 0)
	refused := strings.Replace(tellingPlugin, "}]", `, config: {word: "${PLUGIN_WORD}"}}]`, 1)
	s.rewrite("sync.yaml", "}}}\n", "}}, "+asksTelling+"}\n", "tables:\n", refused+"tables:\n")
	s.readAll(m, "check", 1)
	if s.server == nil {
		return
	}
	for command, of := range map[string]string{
		"check": "SELECT", "status": "[checkpoint]", "pause": "[checkpoint]", "verify": "[t0]", "verify --repair": "[t0]",
		"conflicts list": "[conflict]", "conflicts show 1": "[conflict]", "plan --policy " + filepath.Join(s.dir, "other.yaml"): "[conflict]",
	} {
		s.server.Inject(sqlservertest.Fault{Error: 8114, Times: -1, Text: of, Message: "Error converting '" + m.word() + "'"})
		if out := s.readAll(m, command, 1); !strings.Contains(out, "8114") {
			s.t.Errorf("%s: it came to no error of the server:\n%s", command, out)
		}
		s.server.ClearFaults()
	}
}
