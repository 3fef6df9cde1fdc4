package postgrestest

import (
	"os"
	"syscall"
)

const (
	memory      = "/dev/shm"
	tmpfsMagic  = 0x01021994
	mountNoExec = 8
	// wantedRoom is what the largest of this project's tests need several times.
	wantedRoom = 8 << 30
)

// inMemory returns a folder that is kept in memory, where the machine has one
// with room to spare. There a database is made in a third of the time: a file
// system on a disk has to make, and to forget, some hundreds of files for it.
func inMemory() (dir string, ok bool) {
	if os.Getenv("TMPDIR") != "" {
		return "", false // someone chose
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(memory, &fs); err != nil {
		return "", false
	}
	// Programs are run from there where they had to be downloaded.
	return memory, fs.Type == tmpfsMagic && fs.Flags&mountNoExec == 0 && fs.Bavail*uint64(fs.Bsize) >= wantedRoom && passable(memory)
}
