//go:build unix

package postgrestest

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// serverUser returns who is to run the server: nil for the user of this
// process, or another where that is root, which PostgreSQL refuses.
func serverUser() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("user %s: %w", name, err)
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return &syscall.Credential{Uid: 65534, Gid: 65534}, nil // nobody, by custom
}

// makeDir makes the cluster's folder, which belongs to owner.
func makeDir(parent string, owner *syscall.Credential) (string, error) {
	if parent == "" {
		parent = os.TempDir()
		if memory, ok := inMemory(); ok {
			parent = memory
		} else if owner != nil && !passable(parent) {
			parent = "/tmp" // TMPDIR may be root's own
		}
	}
	parent, err := filepath.Abs(parent)
	if err != nil {
		return "", err
	}
	if owner != nil && !passable(parent) {
		return "", fmt.Errorf("%s is not open to the user that runs PostgreSQL in place of root", parent)
	}
	dir, err := os.MkdirTemp(parent, "postgrestest-")
	if err != nil {
		return "", err
	}
	if err := chown(dir, owner); err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return dir, nil
}

// passable reports whether any user may enter dir.
func passable(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		up := filepath.Dir(dir)
		if up == dir {
			return true
		}
		dir = up
	}
}

func chown(name string, owner *syscall.Credential) error {
	if owner == nil {
		return nil
	}
	return os.Chown(name, int(owner.Uid), int(owner.Gid))
}
