package resolve_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestImports: who writes a rule compiles no database driver.
func TestImports(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/syncback/syncback/"
	if got := strings.Fields(string(out)); strings.Join(got, " ") != module+"capture "+module+"resolve" {
		t.Errorf("resolve imports %v", got)
	}
}
