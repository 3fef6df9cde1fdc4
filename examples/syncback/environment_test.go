package main_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
