package queue

import "golang.org/x/sys/unix"

// writeBack has the disk begin with what was written to f, while more is being
// gathered: the sync behind it, which is what counts, then waits for less.
func writeBack(f logFile, off, n int64) {
	if f, ok := f.(interface{ Fd() uintptr }); ok {
		_ = unix.SyncFileRange(int(f.Fd()), off, n, unix.SYNC_FILE_RANGE_WRITE) // the sync tells what went wrong
	}
}
