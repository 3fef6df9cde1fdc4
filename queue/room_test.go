package queue

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/syncback/syncback/capture"
)

// A smallDisk has room for so many bytes of a queue's files.
type smallDisk struct {
	t     *testing.T
	dir   string
	room  int64 // 0 is no end of it
	late  bool  // it is only seen at a sync, as where blocks are allocated late
	syncs atomic.Int64
}

func newSmallDisk(t *testing.T) *smallDisk { return &smallDisk{t: t, dir: t.TempDir()} }

func (d *smallDisk) wrap(f *os.File) logFile { return &smallFile{f, d} }

func (d *smallDisk) used() (n int64) {
	d.t.Helper()
	names, err := filepath.Glob(filepath.Join(d.dir, "*.seg"))
	if err != nil {
		d.t.Error(err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil { // else it has just gone
			n += info.Size()
		}
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
	f.disk.syncs.Add(1)
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

// marks has the source send so many marks from that position on, with a sync
// behind each.
func marks(t *testing.T, d *Disk, from capture.Position, n int) {
	t.Helper()
	for p := from; p < from+capture.Position(n); p++ {
		if err := d.Advance(t.Context(), capture.Mark{Position: p}); err != nil {
			t.Fatal(err)
		}
		syncAll(t, d)
	}
}

// TestMarksAloneBeginNewFiles: a source that is idle sends marks, and what they
// take is let go of as well. A sync costs one fsync all the same.
func TestMarksAloneBeginNewFiles(t *testing.T) {
	disk := newSmallDisk(t)
	d := openSmall(t, Config{Dir: disk.dir, KeepFor: -1, Limit: 4 * smallFileSize, wrap: disk.wrap}, smallFileSize)
	const n = 4000
	before := disk.syncs.Load()
	marks(t, d, 1, n)
	files := len(d.segs)
	if files < 5 {
		t.Fatalf("%d files hold %d bytes of marks", files, d.Stats().Bytes)
	}
	if syncs := disk.syncs.Load() - before; syncs != int64(n+files-1) {
		t.Errorf("%d syncs and %d new files cost %d fsyncs", n, files-1, syncs)
	}
	writeAll(t, d, n+1, n+1) // beyond the limit, but nothing of it was to be applied
	syncAll(t, d)
	holdsFrom(t, d, n+1, n+1)
	if bytes := d.Stats().Bytes; bytes > 4*smallFileSize {
		t.Errorf("the files take %d bytes", bytes)
	}
}

// TestMarkEndsAnOldFile: what was applied does not stay because only marks come.
func TestMarkEndsAnOldFile(t *testing.T) {
	d := openSmall(t, Config{KeepFor: -1}, smallFileSize)
	writeAll(t, d, 1, 1)
	syncAll(t, d)
	grow := func() { d.tail.seg.created = d.tail.seg.created.Add(-2 * d.cfg.segmentAge()) }
	grow()
	marks(t, d, 2, 1)
	applied(t, d, 1)
	if len(d.segs) != 1 || d.segs[0].number != 2 {
		t.Errorf("%d files from %d on are left of one that was old and applied", len(d.segs), d.segs[0].number)
	}
	grow()
	marks(t, d, 3, 5)
	if len(d.segs) != 1 {
		t.Errorf("%d files of a few marks each", len(d.segs))
	}
}

// TestMarkNeedsNoRoomForANewFile: a mark that the newest file has room for is
// durable, whether or not another file can be begun.
func TestMarkNeedsNoRoomForANewFile(t *testing.T) {
	disk := newSmallDisk(t)
	d := openSmall(t, Config{Dir: disk.dir, wrap: disk.wrap}, smallFileSize)
	disk.room = smallFileSize + headerSize/2
	marks(t, d, 1, 200)
	if len(d.segs) != 1 || d.Stats().Bytes < smallFileSize {
		t.Fatalf("%+v in %d files", d.Stats(), len(d.segs))
	}
	disk.room = 0
	marks(t, d, 1000, 1)
	if len(d.segs) != 2 {
		t.Errorf("%d files are there once there is room", len(d.segs))
	}
}

// TestNewestFileGivesWay: where all that is held was applied, the newest file is
// not what a transaction is refused for, for ever.
func TestNewestFileGivesWay(t *testing.T) {
	const limit = 4 * smallFileSize
	most := func(p capture.Position) *capture.Tx { return large(p, 45).live(nil) } // less than the limit, more than it leaves
	for name, test := range map[string]struct {
		file int64 // the size of the files before the limit was set
		n    capture.Position
		next func(capture.Position) *capture.Tx
	}{
		"under a limit that was lowered":          {1 << 20, 100, kilobyte},
		"before a transaction that leaves little": {smallFileSize, 10, most},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := Config{Dir: t.TempDir()}
			d := openSmall(t, cfg, test.file)
			writeAll(t, d, 1, test.n)
			syncAll(t, d)
			d.Close()
			cfg.Limit = limit
			d = openSmall(t, cfg, smallFileSize)
			next := test.n + 1
			for range 5 {
				if err := d.Write(t.Context(), test.next(next)); !errors.Is(err, ErrFull) {
					t.Fatalf("got %v", err)
				}
			}
			applied(t, d, test.n-1)
			if err := d.Write(t.Context(), test.next(next)); !errors.Is(err, ErrFull) || len(d.segs) != 1 {
				t.Fatalf("%d files: %v", len(d.segs), err)
			}
			applied(t, d, test.n)
			if err := d.Write(t.Context(), test.next(next)); !errors.Is(err, ErrFull) {
				t.Fatalf("got %v", err)
			}
			if err := d.Write(t.Context(), test.next(next)); err != nil {
				t.Fatalf("all before it was applied: %v", err)
			}
			syncAll(t, d)
			holdsFrom(t, d, next, next)
			if bytes := d.Stats().Bytes; bytes > limit {
				t.Errorf("the files take %d bytes", bytes)
			}
		})
	}
}

// TestNewestFileStaysWhereATransactionNeverFits: each attempt would begin one.
func TestNewestFileStaysWhereATransactionNeverFits(t *testing.T) {
	d := openSmall(t, Config{Limit: 4 * smallFileSize}, smallFileSize)
	writeAll(t, d, 1, 5)
	syncAll(t, d)
	applied(t, d, 5)
	tx := modelTx{position: 6, rows: make([]string, 10_000)}
	for range 5 {
		if err := d.Write(t.Context(), tx.live(nil)); !errors.Is(err, ErrFull) {
			t.Fatalf("got %v", err)
		}
	}
	if n := d.segs[len(d.segs)-1].number; n != 2 {
		t.Errorf("%d files were begun", n)
	}
}

func TestLimitThatIsTooSmallIsRefused(t *testing.T) {
	const least = 4 << 20
	_, err := Open(Config{Dir: t.TempDir(), Limit: least - 1})
	if err == nil || !strings.Contains(err.Error(), "Config.Limit is 4194303 bytes; it must be 4194304 or more") {
		t.Errorf("got %v", err)
	}
	d, err := Open(Config{Dir: t.TempDir(), Limit: least, KeepFor: -1, wrap: func(f *os.File) logFile { return unsyncedFile{f} }})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for p := capture.Position(1); p < 3*least/1000; p++ {
		writeAll(t, d, p, p)
		syncAll(t, d)
		applied(t, d, p)
	}
}

// TestAppliedGivesWayAfterARestart, before anything more is applied: there may be
// nothing left that could be.
func TestAppliedGivesWayAfterARestart(t *testing.T) {
	cfg := Config{Dir: t.TempDir(), Limit: 4 * smallFileSize}
	d := openSmall(t, cfg, smallFileSize)
	p := fillFiles(t, d, 4)
	applied(t, d, p-1)
	d.Close()
	d = openSmall(t, cfg, smallFileSize)
	if len(d.segs) != 4 {
		t.Fatalf("%d files are left of what is kept", len(d.segs))
	}
	writeAll(t, d, p, p+25)
	syncAll(t, d)
	holdsFrom(t, d, p, p+25)
}
