package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestEnvironmentOfOtherClients: the variables that PostgreSQL's own programs
// read have no say, unless the file names them.
func TestEnvironmentOfOtherClients(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const refused = "connect: connection refused"
	for _, test := range []struct{ env, file, want string }{
		{"PGSERVICE=nowhere", good, refused},
		{"PGSSLROOTCERT=/nonexist", good, refused},
		{"PGCONNECT_TIMEOUT=soon", good, refused},
		{"PGHOST=nowhere.invalid", instead("postgres://"+passwordInURL, "postgres:///db?port=1&user=u"), ""},
		{"PGPASSWORD=127.0.0.1:1", instead("127.0.0.1:1/db", "${PGPASSWORD}/db"), refused},
	} {
		file := filepath.Join(dir, "sync.yaml")
		if err := os.WriteFile(file, []byte(test.file), 0o600); err != nil {
			t.Fatal(err)
		}
		var bad bytes.Buffer
		c := exec.CommandContext(t.Context(), program, "status", "-c", file)
		c.Env, c.Stderr = append(os.Environ(), test.env), &bad
		if err := c.Run(); err == nil || c.ProcessState.ExitCode() != 1 || strings.Contains(bad.String(), "nowhere") || !strings.Contains(bad.String(), test.want) {
			t.Errorf("%s: %v, stderr:\n%s", test.env, err, bad.String())
		}
	}
}

// TestConfigurationFromStandardInput: it is in no folder, and so no path of it is
// relative to one.
func TestConfigurationFromStandardInput(t *testing.T) {
	t.Parallel()
	const noFolder = "would be relative to the folder of the configuration, which has none; give "
	absolute := with("queue: {dir: " + t.TempDir() + "}\n")
	for _, test := range []struct {
		command, file, want string
		code                int
	}{
		{"status", good, "syncback: /dev/stdin: queue.dir: " + noFolder + "queue.dir an absolute path\n", 2},
		{"status", with("queue: {dir: ./queue}\n"), "syncback: /dev/stdin: queue.dir: " + noFolder + "queue.dir an absolute path\n", 2},
		{"status", absolute + housing, "syncback: /dev/stdin line 10: plugins[0]: path " + noFolder + "path an absolute path\n", 2},
		{"status", absolute, "connect: connection refused", 1},
		{"ddl", good, "", 0},
	} {
		var bad bytes.Buffer
		c := exec.CommandContext(t.Context(), program, test.command, "-c", "/dev/stdin")
		c.Stdin, c.Stderr = strings.NewReader(test.file), &bad
		_ = c.Run() // its exit code says it
		if code := c.ProcessState.ExitCode(); code != test.code || !strings.Contains(bad.String(), test.want) {
			t.Errorf("%s: exit code %d, stderr:\n%swant %d and\n%s", test.command, code, bad.String(), test.code, test.want)
		}
	}
}

// TestHangupEndsARun as SIGTERM does: a terminal that is closed, or a service
// that is told to read its configuration anew, leaves no transaction half done.
func TestHangupEndsARun(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP) // where nohup ignores it, the program would as well
	stop := s.start("run")
	s.wait("the run", func() bool { return s.status()["state"] == "idle" })
	if code, stderr := stop(syscall.SIGHUP); code != 0 {
		t.Errorf("exit code %d, stderr:\n%s", code, stderr)
	}
}
