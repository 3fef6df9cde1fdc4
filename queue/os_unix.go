//go:build unix

package queue

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// lockFile takes f for this process, until f is closed or the process ends. It
// reports whether it got it.
func lockFile(f *os.File) (bool, error) {
	err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return false, nil
	}
	return err == nil, err
}

// mayCreate returns why this process cannot create path, which does not exist in
// a folder that does. op is what the error names.
func mayCreate(op, path string) error {
	const writeAndSearch = 0o3
	if err := syscall.Access(filepath.Dir(path), writeAndSearch); err != nil {
		return &fs.PathError{Op: op, Path: path, Err: err}
	}
	return nil
}

// syncDir makes the names in dir durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// noRoom reports whether err says that the disk, or the user's share of it, is
// full.
func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}
