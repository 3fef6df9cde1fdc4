package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
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

func TestHelp(t *testing.T) {
	for _, args := range []string{"help", "-h", "--help", "run -h", "-c nowhere help", "help run"} {
		stdout, stderr, code := invoke(t, "", nil, strings.Fields(args)...)
		if stdout != usage || stderr != "" || code != exitDone {
			t.Errorf("%s: exit code %d, stdout %q, stderr %q", args, code, stdout, stderr)
		}
	}
}

// TestVersion: it needs no configuration, and says one line.
func TestVersion(t *testing.T) {
	stdout, stderr, code := invoke(t, "", nil, "version")
	if !regexp.MustCompile(`^syncback \S+( [0-9a-f]{40})?( modified)? go1\.\S+\n$`).MatchString(stdout) || stderr != "" || code != exitDone {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	for want, info := range map[string]*debug.BuildInfo{
		"syncback v1.2.3 go1.26": {GoVersion: "go1.26", Main: debug.Module{Version: "v1.2.3"}},
		"syncback (devel) 0af1 modified go1.26": {GoVersion: "go1.26", Main: debug.Module{Version: "(devel)"},
			Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0af1"}, {Key: "vcs.modified", Value: "true"}}},
		"syncback (devel) 0af1 go1.26": {GoVersion: "go1.26",
			Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0af1"}, {Key: "vcs.modified", Value: "false"}}},
	} {
		if got := version(info); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// TestKeysThatDoNothing are named by check, and by run.
func TestKeysThatDoNothing(t *testing.T) {
	for _, command := range []string{"check", "run"} {
		_, stderr, _ := invoke(t, good+"schedule: {mode: manual, every: 15m}\n", nil, command)
		if !strings.HasPrefix(stderr, "syncback: note: sync.yaml: schedule.every does nothing in mode manual\n") {
			t.Errorf("%s: stderr is\n%s", command, stderr)
		}
	}
	if _, stderr, _ := invoke(t, good+"schedule: {mode: manual, every: 15m}\n", nil, "status"); strings.Contains(stderr, "note:") {
		t.Errorf("status: stderr is\n%s", stderr)
	}
}

// TestInterrupted: a command that was told to end says that, and not which side
// it asked meanwhile.
func TestInterrupted(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("sync.yaml", []byte(good), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupt signal received"))
	for _, command := range []string{"verify", "status", "pause", "conflicts list"} {
		var out, bad bytes.Buffer
		code := run(ctx, strings.Fields(command), &out, &bad, os.LookupEnv)
		name, _, _ := strings.Cut(command, " ")
		if want := "syncback: " + name + " was interrupted before it was done; run it again\n"; bad.String() != want || code != exitFailed {
			t.Errorf("%s: exit code %d, stderr:\n%swant\n%s", command, code, bad.String(), want)
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
	if err != nil || c != (call{command: "run", config: "a", untilIdle: true, limit: -1}) {
		t.Errorf("got %+v, %v", c, err)
	}
}

func TestSecretsAreHidden(t *testing.T) {
	var out bytes.Buffer
	r := &redactor{&out, &secrets{}}
	const inURL = "postgres://u:p%40ss@h/db"
	r.secrets.hide(inURL, "sqlserver://u:Tiger%212@h?database=d&password=three+3", "host=h password='four four' user=u", "five", "five\"5")
	for text, want := range map[string]string{
		"cannot parse " + inURL + ": no":                    "cannot parse [hidden]: no",
		"to u:p%40ss@h and u:p@ss@h":                        "to u:[hidden]@h and u:[hidden]@h",
		"to u:Tiger!2@h and u:Tiger%212@h":                  "to u:[hidden]@h and u:[hidden]@h",
		"has \"five\\\"5\", and five\"5, and five":          "has \"[hidden]\", and [hidden], and [hidden]",
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
