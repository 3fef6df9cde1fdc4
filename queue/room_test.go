package queue

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/syncback/syncback/capture"
)

// A smallDisk has room for so many bytes of a queue's files.
type smallDisk struct {
	t    *testing.T
	dir  string
	room int64 // 0 is no end of it
	late bool  // it is only seen at a sync, as where blocks are allocated late
}

func newSmallDisk(t *testing.T) *smallDisk { return &smallDisk{t: t, dir: t.TempDir()} }

func (d *smallDisk) wrap(f *os.File) logFile { return &smallFile{f, d} }

func (d *smallDisk) used() (n int64) {
	d.t.Helper()
	names, err := filepath.Glob(filepath.Join(d.dir, "*.seg"))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			d.t.Fatal(err)
		}
		n += info.Size()
	}
	return n
}

type smallFile struct {
	*os.File
	disk *smallDisk
}

func (f *smallFile) WriteAt(b []byte, off int64) (int, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	grows := max(off+int64(len(b))-info.Size(), 0)
	if d := f.disk; d.room != 0 && !d.late && d.used()+grows > d.room {
		return 0, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
	}
	return f.File.WriteAt(b, off)
}

func (f *smallFile) Sync() error {
	if d := f.disk; d.room != 0 && d.late && d.used() > d.room {
		return &os.PathError{Op: "sync", Path: f.Name(), Err: syscall.ENOSPC}
	}
	return nil
}

const smallFileSize = 16 << 10

// fillFiles writes transactions until so many files are there, and returns the
// position of the next one.
func fillFiles(t *testing.T, d *Disk, files int) capture.Position {
	t.Helper()
	p := capture.Position(1)
	for ; len(d.segs) < files; p++ {
		writeAll(t, d, p, p)
		syncAll(t, d)
	}
	return p
}

func applied(t *testing.T, d *Disk, upTo capture.Position) {
	t.Helper()
	if err := d.Trim(t.Context(), upTo); err != nil {
		t.Fatal(err)
	}
}

// holdsFrom expects each of those transactions to be held.
func holdsFrom(t *testing.T, d *Disk, first, last capture.Position) {
	t.Helper()
	for p := first; p <= last; p++ {
		tx, err := d.Next(t.Context(), p-1)
		if err != nil || tx.Position != p {
			t.Fatalf("after %s comes %v, %v", p-1, tx, err)
		}
	}
}

// TestAppliedGivesWayToANewFile: a disk that is full when a file is begun.
func TestAppliedGivesWayToANewFile(t *testing.T) {
	disk := newSmallDisk(t)
	d := openSmall(t, Config{Dir: disk.dir, wrap: disk.wrap}, smallFileSize)
	p := fillFiles(t, d, 4)
	disk.room = disk.used() - headerSize + smallFileSize + headerSize/2 // what of the newest file is to come, and no header
	for len(d.segs) == 4 {
		err := d.Write(t.Context(), kilobyte(p))
		if errors.Is(err, ErrFull) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		syncAll(t, d)
		p++
	}
	if len(d.segs) != 4 || d.segs[0].number != 1 {
		t.Fatalf("%d files from %d on are there, and nothing was applied", len(d.segs), d.segs[0].number)
	}
	applied(t, d, p-1)
	writeAll(t, d, p, p+25)
	syncAll(t, d)
	holdsFrom(t, d, p, p+25)
}

// TestAppliedGivesWayWhereASyncFindsNoRoom: what a sync that fails drops, and
// what comes again, has room then.
func TestAppliedGivesWayWhereASyncFindsNoRoom(t *testing.T) {
	disk := newSmallDisk(t)
	disk.late = true
	d := openSmall(t, Config{Dir: disk.dir, wrap: disk.wrap}, smallFileSize)
	p := fillFiles(t, d, 4)
	disk.room = disk.used()
	refused := func() {
		t.Helper()
		writeAll(t, d, p, p)
		_, err := d.Sync(t.Context())
		if !errors.Is(err, ErrFull) || !capture.Retryable(err) {
			t.Fatalf("got %v", err)
		}
		d.Restart()
	}
	for range 5 {
		refused()
	}
	if len(d.segs) != 4 {
		t.Fatalf("%d files are left, and nothing was applied", len(d.segs))
	}
	applied(t, d, p-1)
	refused()
	writeAll(t, d, p, p)
	syncAll(t, d)
	holdsFrom(t, d, p, p)
}
