package main_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	main "github.com/syncback/syncback/examples/syncback"
)

// badInput is something that an operator may get wrong, and what the program
// then says.
type badInput struct {
	name string
	args string
	file string // the configuration
	want string // the whole sentence, without "syncback: " and the newline

	// make does at a site what is wrong there; file then does not count. What
	// is wrong with a server, or a queue, is found by every command that needs
	// it, and is no mistake of usage.
	make func(s *site)
	// check is what check finds that blocks, a line each. "" is the sentence,
	// and "-" is that check has no eye on it.
	check string
	// ready says how far the site has come; the zero one has applied.
	ready readiness
	// standIn says that no real server can be made to behave so.
	standIn bool
	// lacks says what the target lacks that the sentence is about, "" where it
	// has it; nil is nothing.
	lacks func(s *site) string
}

// readiness is how far a site has come before something is wrong there.
type readiness int

const (
	shared   readiness = iota // one that has applied; the servers are not changed
	applied                   // one of its own that has applied
	prepared                  // has our own tables
	empty                     // lacks them
)

// TestBadInput has every kind of bad input: it gets its one sentence, and its
// exit code, which is 2 for usage and configuration and 1 for the rest.
func TestBadInput(t *testing.T) {
	t.Parallel()
	for _, test := range slices.Concat(badCommands, badDecisions, badLocks, badFiles, badConfigurations, badKeys, badDSNs, badOptions, misplacedSecrets, misnamedPlugins) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.offline(t)
		})
	}
	all := newReadySite(t)
	for _, test := range slices.Concat(badSources, badSlots, badTargets, badTables, badLockedTables, badQueues, badPlugins) {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.standIn && all.server == nil {
				t.Skip("a server that fails when it is told to")
			}
			if test.lacks != nil {
				if what := test.lacks(all); what != "" {
					t.Skip("this server lacks " + what)
				}
			}
			test.online(t, test.ready.site(t, all))
		})
	}
}

// offline asks no server. The configuration is read by the program within this
// process, and everything else by the program itself.
func (b badInput) offline(t *testing.T) {
	dir := t.TempDir()
	var stdout, stderr string
	var code int
	if b.file != "" {
		stdout, stderr, code = runWith(t, dir, b.file)
	} else {
		layOut(t, dir)
		stdout, stderr, code = execute(t, dir, strings.Split(b.args, " ")...)
	}
	if want := "syncback: " + b.want + "\n"; stderr != want {
		t.Errorf("stderr is\n%swant\n%s", stderr, want)
	}
	if code != 2 || stdout != "" {
		t.Errorf("exit code %d and stdout %q; want 2 and nothing", code, stdout)
	}
	decent(t, stdout+stderr)
}

// runWith runs the program with a configuration.
func runWith(t *testing.T, dir, text string) (stdout, stderr string, code int) {
	t.Helper()
	file := filepath.Join(dir, "sync.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out, bad bytes.Buffer
	code = main.Run(t.Context(), []string{"run", "-c", file}, &out, &bad, func(string) (string, bool) { return "", false })
	return out.String(), strings.ReplaceAll(bad.String(), dir+"/", ""), code
}

// site is a site that has come that far; those that are shared have a folder of
// their own.
func (r readiness) site(t *testing.T, all *site) *site {
	switch r {
	case shared:
		s := *all
		s.t, s.dir = t, filepath.Join(t.TempDir(), "site")
		if err := os.CopyFS(s.dir, os.DirFS(all.dir)); err != nil {
			t.Fatal(err)
		}
		return &s
	case applied:
		return newReadySite(t)
	}
	s := newSite(t)
	if r == prepared {
		s.executeDDL()
	}
	return s
}

func (b badInput) online(t *testing.T, s *site) {
	b.make(s)
	args := []string{"run", "--until-idle"}
	if b.args != "" {
		args = strings.Fields(b.args)
	}
	stdout, stderr, code := s.run(args...)
	lines := strings.Split(strings.TrimSuffix(stderr, "\n"), "\n")
	if got := s.plain(strings.TrimPrefix(lines[len(lines)-1], "syncback: ")); got != b.want || code != 1 {
		t.Errorf("%s says, with exit code %d,\n%s\nwant\n%s", args, code, got, b.want)
	}
	decent(t, stdout+stderr)
	if b.check == "-" {
		return
	}
	stdout, stderr, code = s.run("check")
	if code != 1 || strings.Count(stderr, "\n") != 1 {
		t.Errorf("check: exit code %d, stderr:\n%s", code, stderr)
	}
	said, want := s.plain(strings.TrimSuffix(strings.TrimPrefix(stderr, "syncback: "), "\n")), b.want
	if found := s.plain(blocking(stdout)); b.check != "" || found != "" {
		said, want = found, b.check
	}
	if said != want {
		t.Errorf("check says\n%s\nwant\n%s", said, want)
	}
	decent(t, stdout+stderr)
}

// decent fails where text shows the inside of the program, or a secret.
func decent(t *testing.T, text string) {
	t.Helper()
	for _, word := range []string{"goroutine ", "panic", ".go:", "0x", "%!", "<nil>", "hunter", "-secret", "Stand-in"} {
		if strings.Contains(text, word) {
			t.Errorf("%q is in\n%s", word, text)
		}
	}
}

// blocking returns the findings that keep a run from going on, one a line.
func blocking(stdout string) string {
	var found []string
	for line := range strings.Lines(stdout) {
		line = strings.TrimRight(line, "\n")
		if problem, ok := strings.CutPrefix(line, "error    "); ok {
			found = append(found, problem)
		} else if advice, ok := strings.CutPrefix(line, "         "); ok && len(found) > 0 && found[len(found)-1] != "" {
			found[len(found)-1] += ". " + advice
		} else {
			found = append(found, "")
		}
	}
	return strings.Join(slices.DeleteFunc(found, func(s string) bool { return s == "" }), "\n")
}

var (
	anyPort     = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	anyResolver = regexp.MustCompile(`lookup (\S+) on \S+:53`)
	anyOther    = regexp.MustCompile(`database operator_\d+`)
	theirWords  = regexp.MustCompile(`: [^:;]* \(SQLSTATE`)
)

// plain puts words in place of what differs between two runs.
func (s *site) plain(text string) string {
	text = strings.ReplaceAll(text, s.dir, "DIR")
	text = strings.ReplaceAll(text, s.slot(), "SLOT")
	text = anyPort.ReplaceAllString(text, "HOST:PORT")
	text = anyResolver.ReplaceAllString(text, "lookup $1")
	text = anyOther.ReplaceAllString(text, "database OTHER")
	text = anySource.ReplaceAllString(text, `"SOURCE"`)
	text = anyNumber.ReplaceAllString(text, "transaction N")
	text = theirWords.ReplaceAllString(text, ": … (SQLSTATE")
	return anyPosition.ReplaceAllString(text, "X/X")
}

// layOut makes the files beside the configuration that commands are given in
// its place.
func layOut(t *testing.T, dir string) {
	t.Helper()
	open(t, dir)
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty.yaml": "", "blank.yaml": "\n \n", "comment.yaml": "# nothing\n",
		"utf16.yaml": "\xff\xfen\x00a\x00m\x00e\x00", "latin1.yaml": "name: x\nsource: caf\xe9\n",
		"binary.yaml": "\x7fELF\x02\x01\x01\x00", "zero.yaml": "name: a\x00b\n", "bell.yaml": "name: x\n# \a\n",
		"good.yaml": good, "marked.json": "\ufeff{\"rent\": \"1\"}",
		"large.yaml": strings.Repeat("# nothing but this line, over and over again\n", 100_000),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644),
		os.WriteFile(filepath.Join(dir, "huge"), nil, 0o644), os.Truncate(filepath.Join(dir, "huge"), 64<<20+1),
		os.WriteFile(filepath.Join(dir, "closed.yaml"), nil, 0))
	if err != nil {
		t.Fatal(err)
	}
}

// another is a user who is no one in particular, where the tests are run by one
// who may read every file.
func another() *syscall.SysProcAttr {
	if os.Geteuid() != 0 {
		return nil
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
}

// open lets any user into a folder of the test's.
func open(t *testing.T, dir string) {
	t.Helper()
	for ; dir != filepath.Clean(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// execute runs the program in dir.
func execute(t *testing.T, dir string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, bad bytes.Buffer
	if len(args) == 1 && args[0] == "" {
		args = nil
	}
	c := exec.CommandContext(t.Context(), program, args...)
	c.Dir, c.Stdout, c.Stderr, c.SysProcAttr = dir, &out, &bad, another()
	c.WaitDelay = time.Second
	err := c.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), bad.String(), c.ProcessState.ExitCode()
}
