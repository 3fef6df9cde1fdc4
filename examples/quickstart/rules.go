package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/syncback/syncback/resolve/plugin"
)

// rulesPackage are the rules of a council, which are a program of their own.
const rulesPackage = "github.com/syncback/syncback/examples/housing-rules"

// startRules builds the rules into dir, and starts them as a plugin: of a file with
// another checksum nothing is started.
func startRules(ctx context.Context, dir string) (*plugin.Plugin, error) {
	path := filepath.Join(dir, "housing-rules")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", path, rulesPackage).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w; run this in a checkout, with Go in PATH\n%s", rulesPackage, err, out)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return plugin.Start(ctx, plugin.Config{
		Name: "housing", Path: path, SHA256: fmt.Sprintf("%x", sha256.Sum256(text)),
		Config: map[string]string{"dwelling_level": "7", "outcomes": "SOT=SUP, ADJ=ADJ"},
	})
}
