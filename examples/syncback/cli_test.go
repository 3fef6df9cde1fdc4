package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// good is a configuration with nothing wrong in it, and no server behind it.
const good = `source:
  dsn: postgres://u:source-secret@127.0.0.1:1/db
target:
  dsn: sqlserver://u:target-secret@127.0.0.1:1?database=db
tables:
  - source: public.tenancy
    target: dbo.tenagree
`

// invoke runs the program with a file in an empty directory, and returns what
// it printed and its exit code.
func invoke(t *testing.T, file string, env map[string]string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	if file != "" {
		if err := os.WriteFile("sync.yaml", []byte(file), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, bad bytes.Buffer
	code = run(context.Background(), args, &out, &bad, func(name string) (string, bool) {
		v, ok := env[name]
		return v, ok
	})
	return out.String(), bad.String(), code
}

func TestBadInput(t *testing.T) {
	with := func(lines string) string { return good + lines }
	tests := []struct {
		name string
		file string
		args string
		want string // the whole sentence, without "syncback: " and the newline
	}{
		{"no command", good, "", "no command given; `syncback help` lists them"},
		{"only a flag", good, "-c sync.yaml", "no command given; `syncback help` lists them"},
		{"unknown command", good, "chekc", "unknown command \"chekc\"; `syncback help` lists the commands"},
		{"plan", good, "plan", "plan is not in this version; `syncback help` lists the commands that are"},
		{"conflicts", good, "conflicts list", "conflicts is not in this version; `syncback help` lists the commands that are"},
		{"verify", good, "verify", "verify is not in this version; `syncback help` lists the commands that are"},
		{"explain", good, "explain dbo.t 1", "explain is not in this version; `syncback help` lists the commands that are"},
		{"argument", good, "run now", `run takes no argument, and was given "now"`},
		{"unknown flag", good, "run --fast", "flag provided but not defined: -fast; `syncback help` lists commands and flags"},
		{"another command's flag", good, "check --json", "check has no flag --json; `syncback help` lists the flags"},
		{"flag of run", good, "status --until-idle", "status has no flag --until-idle; `syncback help` lists the flags"},
		{"flag without value", good, "run -c", "flag needs an argument: -c; `syncback help` lists commands and flags"},
		{"no file", "", "run", "sync.yaml: there is no such file; name the configuration with -c FILE"},
		{"directory", good, "run -c .", ". cannot be read: is a directory"},
		{"empty file", "\n", "run", "sync.yaml: the file is empty; source, target and tables are required"},
		{"not YAML", "source: [\n", "run", "sync.yaml line 1: not YAML: sequence end token ']' not found"},
		{"two documents", good + "---\n" + good, "run", "sync.yaml: the file holds more than one document; one file is one pipeline"},
		{"not a mapping", "- a\n", "run", "sync.yaml line 1: the file: must be a mapping of keys to values"},
		{"key twice", with("name: a\nname: b\n"), "run", `sync.yaml line 9: not YAML: mapping key "name" already defined at [8:1]`},
		{"unknown key", with("quue: {}\n"), "run", "sync.yaml line 8: quue: unknown key; known here are name, plugins, queue, schedule, source, tables, target"},
		{"unknown key below", with("    clumns: {}\n"), "run", "sync.yaml line 8: tables[0].clumns: unknown key; known here are columns, conflict, exclude, fixed, key, key_only, return, source, target, triggers, truncate"},
		{"unknown key of a column", with("    columns: {a: {tow: b}}\n"), "run", "sync.yaml line 8: tables[0].columns.a.tow: unknown key; known here are ambiguous, null_as, owner, round, skip, to, transliterate, truncate"},
		{"conflict", with("    conflict: {policy: source-wins}\n"), "run", "sync.yaml line 8: tables[0].conflict: not in this version; take the key out"},
		{"triggers", with("    triggers: suppress\n"), "run", `sync.yaml line 8: tables[0].triggers: not in this version; only "fire" is, which is also the default`},
		{"return", with("    return: [tag_ref]\n"), "run", "sync.yaml line 8: tables[0].return: not in this version; take the key out"},
		{"plugins", with("plugins:\n  - {name: housing}\n"), "run", "sync.yaml line 9: plugins: not in this version; take the key out"},
		{"queue.url", with("queue: {url: nats://h}\n"), "run", "sync.yaml line 8: queue.url: not in this version; take the key out"},
		{"no value", with("name:\n"), "run", "sync.yaml line 8: name: has no value; give one, or leave the key out"},
		{"empty", with("name: ''\n"), "run", "sync.yaml line 8: name: is empty; give a value, or leave the key out"},
		{"mapping for a value", with("name: {a: b}\n"), "run", "sync.yaml line 8: name: must be a single value"},
		{"value for a mapping", with("queue: here\n"), "run", "sync.yaml line 8: queue: must be a mapping of keys to values"},
		{"value for a list", with("    key: tag_ref\n"), "run", "sync.yaml line 8: tables[0].key: must be a list, such as [a, b]"},
		{"alias of nothing", with("name: *n\n"), "run", "sync.yaml line 8: name: the alias refers to nothing"},
		{"alias of itself", with("name: &n *n\n"), "run", "sync.yaml line 8: not YAML: unexpected scalar value type"},
		{"merge key", with("    columns: {<<: {a: {to: b}}}\n"), "run", "sync.yaml line 8: tables[0].columns.<<: merge keys are not read here; write the keys out, or use an alias for the whole value"},
		{"variable not set", with("name: ${HOUSING_NAME}\n"), "run", "sync.yaml line 8: name: the environment variable HOUSING_NAME is not set; set it, or write the value here"},
		{"variable not closed", with("name: ${HOUSING_NAME\n"), "run", "sync.yaml line 8: name: ${ must be followed by the name of an environment variable and }; write $${ for ${ itself"},
		{"variable with a default", with("name: ${A:-b}\n"), "run", "sync.yaml line 8: name: ${ must be followed by the name of an environment variable and }; write $${ for ${ itself"},
		{"duration without unit", with("schedule: {every: 15}\n"), "run", "sync.yaml line 8: schedule.every: must be a duration above zero with its unit, such as 500ms, 30s, 15m, 36h or 7d"},
		{"negative duration", with("schedule: {every: -15m}\n"), "run", "sync.yaml line 8: schedule.every: must be a duration above zero with its unit, such as 500ms, 30s, 15m, 36h or 7d"},
		{"alias", with("name: &z 0s\n") + "queue: {keep_for: *z}\n", "run", "sync.yaml line 9: queue.keep_for: must be a duration above zero with its unit, such as 500ms, 30s, 15m, 36h or 7d, or none"},
		{"size without unit", with("queue: {limit: 10}\n"), "run", "sync.yaml line 8: queue.limit: must be a whole number above zero with its unit, such as 512MiB or 10GiB, or none"},
		{"size with a wrong unit", with("queue: {limit: 10GBi}\n"), "run", "sync.yaml line 8: queue.limit: must be a whole number above zero with its unit, such as 512MiB or 10GiB, or none"},
		{"size beyond counting", with("queue: {keep: 9000000000TiB}\n"), "run", "sync.yaml line 8: queue.keep: is more bytes than can be counted"},
		{"blackout", with("schedule: {blackout: [Sat, 'Sun 6-10']}\n"), "run", `sync.yaml line 8: schedule.blackout[0]: "Sat" is not a blackout: it has none of the known forms; one looks like "Sat 06:00-10:00", "Mon-Fri 08:00-18:00", "Sat 22:00-Sun 06:00" or "2026-12-24 00:00-2026-12-27 00:00"`},
		{"cron", with("schedule: {cron: '* * *'}\n"), "run", `sync.yaml line 8: schedule.cron: "* * *": expected exactly 5 fields, found 3: [* * *]; one looks like "*/15 20-23 * * 1-5" (minute, hour, day, month, day of the week)`},
		{"always closed", with("schedule: {blackout: ['00:00-24:00']}\n"), "run", "sync.yaml: schedule: the blackouts leave no time of the week"},
		{"long name", with("name: " + strings.Repeat("n", 129) + "\n"), "run", "sync.yaml: name: is longer than 128 characters"},
		{"mode", with("schedule: {mode: sometimes}\n"), "run", "sync.yaml line 8: schedule.mode: must be continuous, every, cron or manual"},
		{"every without duration", with("schedule: {mode: every}\n"), "run", "sync.yaml: schedule.every: required by mode every, a duration such as 15m"},
		{"cron without expression", with("schedule: {mode: cron}\n"), "run", `sync.yaml: schedule.cron: required by mode cron, an expression such as "*/15 20-23 * * 1-5"`},
		{"which mode", with("schedule: {every: 15m, cron: '* * * * *'}\n"), "run", "sync.yaml: schedule.mode: required where both every and cron are given"},
		{"zone", with("schedule: {zone: Europe/Lundun}\n"), "run", "sync.yaml line 8: schedule.zone: must be the name of a time zone, such as Europe/London, UTC or Local"},
		{"truncate", with("    truncate: 1\n"), "run", "sync.yaml line 8: tables[0].truncate: must be true or false"},
		{"owner", with("    columns: {a: {owner: me}}\n"), "run", "sync.yaml line 8: tables[0].columns.a.owner: must be target, or source, which is the default"},
		{"table twice", with("  - {source: tenancy, target: other}\n"), "run", "sync.yaml line 8: tables[1]: public.tenancy is mapped already, at line 6"},
		{"table without target", with("  - source: b\n"), "run", "sync.yaml line 8: tables[1]: source and target are required: the two tables' names"},
		{"no tables", strings.Split(good, "tables:")[0], "run", "sync.yaml: tables: required, at least one table"},
		{"empty tables", strings.Split(good, "tables:")[0] + "tables: []\n", "run", "sync.yaml: tables: required, at least one table"},
		{"no source", strings.Replace(good, "dsn: postgres", "slot: postgres", 1), "run", "sync.yaml: source.dsn: required, a PostgreSQL URL"},
		{"no target", strings.Replace(good, "dsn: sqlserver", "schema: sqlserver", 1), "run", "sync.yaml: target.dsn: required, a SQL Server URL"},
		{"source DSN", strings.Replace(good, "postgres://", "mysql://", 1), "run", "sync.yaml line 2: source.dsn: cannot be read; it must be a PostgreSQL URL: postgres://user:password@host:5432/database"},
		{"target DSN", strings.Replace(good, "sqlserver://", "postgres://", 1), "run", "sync.yaml line 4: target.dsn: cannot be read; it must be a SQL Server URL: sqlserver://user:password@host:1433?database=name"},
		{"connections", strings.Replace(good, "tables:", "  max_connections: 0\ntables:", 1), "run", "sync.yaml line 5: target.max_connections: must be a whole number from 1"},
		{"heartbeat", strings.Replace(good, "target:\n  dsn", "  heartbeat: 0s\ntarget:\n  dsn", 1), "run", "sync.yaml line 3: source.heartbeat: must be a duration above zero with its unit, such as 500ms, 30s, 15m, 36h or 7d, or never"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, code := invoke(t, test.file, nil, strings.Fields(test.args)...)
			if want := "syncback: " + test.want + "\n"; stderr != want {
				t.Errorf("stderr is\n%swant\n%s", stderr, want)
			}
			if code != exitUsage || stdout != "" {
				t.Errorf("exit code %d and stdout %q; want %d and nothing", code, stdout, exitUsage)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	for _, args := range []string{"help", "-h", "--help", "run -h", "-c nowhere help", "help run"} {
		stdout, stderr, code := invoke(t, "", nil, strings.Fields(args)...)
		if stdout != usage || stderr != "" || code != exitDone {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

func TestFlagsAnywhere(t *testing.T) {
	file := filepath.Join("sub", "other.yaml")
	for _, args := range [][]string{
		{"-c", file, "run"}, {"run", "-c", file}, {"run", "--config", file}, {"--config=" + file, "run"}, {"-c=" + file, "run"},
	} {
		_, stderr, code := invoke(t, good, nil, args...)
		want := "syncback: " + file + ": there is no such file; name the configuration with -c FILE\n"
		if stderr != want || code != exitUsage {
			t.Errorf("%s: exit code %d, stderr %q", args, code, stderr)
		}
	}
	c, err := parseCall([]string{"-c", "a", "run", "--until-idle"})
	if err != nil || c != (call{command: "run", config: "a", untilIdle: true}) {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestSecretsAreHidden(t *testing.T) {
	var out bytes.Buffer
	r := &redactor{&out, &secrets{}}
	const inURL = "postgres://u:p%40ss@h/db"
	r.secrets.hide(inURL, "sqlserver://u:Tiger%212@h?database=d&password=three+3", "host=h password='four four' user=u")
	for text, want := range map[string]string{
		"cannot parse " + inURL + ": no":                    "cannot parse [hidden]: no",
		"to u:p%40ss@h and u:p@ss@h":                        "to u:[hidden]@h and u:[hidden]@h",
		"to u:Tiger!2@h and u:Tiger%212@h":                  "to u:[hidden]@h and u:[hidden]@h",
		"with password=three+3;":                            "with [hidden];",
		"with password='four four' user=u":                  "with [hidden] user=u",
		"a sentence with a colon: and an address@somewhere": "a sentence with a colon: and an address@somewhere",
	} {
		out.Reset()
		fmt.Fprintln(r, text)
		if got := out.String(); got != want+"\n" {
			t.Errorf("%s: wrote %q", text, got)
		}
	}
}
