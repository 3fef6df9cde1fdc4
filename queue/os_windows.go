package queue

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// lockFile takes f for this process, until f is closed or the process ends. It
// reports whether it got it.
func lockFile(f *os.File) (bool, error) {
	err := windows.LockFileEx(windows.Handle(f.Fd()),
		windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// mayCreate returns nil: who may create a file is told by an access list that
// only creating one evaluates.
func mayCreate(_, _ string) error { return nil }

// syncDir does nothing: NTFS logs the change of a folder itself.
func syncDir(string) error { return nil }

// noRoom reports whether err says that the disk, or the user's share of it, is
// full.
func noRoom(err error) bool {
	for _, full := range []syscall.Errno{
		syscall.Errno(windows.ERROR_DISK_FULL),
		syscall.Errno(windows.ERROR_HANDLE_DISK_FULL),
		syscall.Errno(windows.ERROR_DISK_QUOTA_EXCEEDED),
	} {
		if errors.Is(err, full) {
			return true
		}
	}
	return false
}
