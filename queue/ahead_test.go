package queue

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/syncback/syncback/capture"
)

// A slowDisk has each sync wait until it is let go, with the error that it is
// given.
type slowDisk struct {
	let chan error

	mu           sync.Mutex
	syncs, going int
	most         int // that went on at a time
}

func (d *slowDisk) wrap(f *os.File) logFile { return slowFile{f, d} }

func (d *slowDisk) begin(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.going += n
	d.most = max(d.most, d.going)
	d.syncs += max(n, 0)
}

type slowFile struct {
	logFile
	disk *slowDisk
}

func (f slowFile) Sync() error {
	if f.disk.let == nil {
		return nil
	}
	f.disk.begin(1)
	defer f.disk.begin(-1)
	return <-f.disk.let
}

// openSlow opens a queue whose syncs wait from here on. A sync is begun ahead
// behind 8 KiB of it.
func openSlow(t *testing.T) (*Disk, *slowDisk) {
	t.Helper()
	disk := &slowDisk{}
	d := openSmall(t, Config{wrap: disk.wrap}, 1<<20)
	disk.let = make(chan error)
	return d, disk
}

// TestSyncIsBegunAhead: while a large transaction is taken in the disk is at
// work, on one sync at a time. The one that counts waits for it.
func TestSyncIsBegunAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, disk := openSlow(t)
		writeAll(t, d, 1, 40)
		synctest.Wait()
		if disk.syncs != 1 {
			t.Errorf("%d syncs were begun behind 40 kB", disk.syncs)
		}
		disk.let <- nil
		synctest.Wait()
		writeAll(t, d, 41, 50)
		synctest.Wait()
		if disk.syncs != 2 || disk.most != 1 {
			t.Errorf("%d syncs were begun behind 50 kB, and %d went on at a time", disk.syncs, disk.most)
		}

		var err error
		answered := false
		go func() {
			_, err = d.Sync(t.Context())
			answered = true
		}()
		synctest.Wait()
		disk.let <- nil // of the two that go on now
		synctest.Wait()
		if answered {
			t.Error("Sync answered while one was going on")
		}
		close(disk.let)
		synctest.Wait()
		if !answered || err != nil {
			t.Errorf("Sync did not answer, or %v", err)
		}
		holdsFrom(t, d, 1, 50)
		d.Close()
	})
}

// TestSyncThatWasBegunAheadFails: a system tells once of what it could not write,
// and a sync that succeeds after that says nothing of it.
func TestSyncThatWasBegunAheadFails(t *testing.T) {
	for name, between := range map[string]func(*testing.T, *Disk){
		"at once":   func(*testing.T, *Disk) {},
		"more came": func(t *testing.T, d *Disk) { writeAll(t, d, 21, 60) },
		"some of it was taken back": func(t *testing.T, d *Disk) {
			tx := modelTx{position: 21}
			for range 20 {
				tx.rows = append(tx.rows, string(make([]byte, 1000)))
			}
			if err := d.Write(t.Context(), tx.live(errWire)); !errors.Is(err, errWire) {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, disk := openSlow(t)
			writeAll(t, d, 1, 20)
			disk.let <- syscall.EIO
			close(disk.let)
			between(t, d)
			if _, err := d.Sync(t.Context()); !errors.Is(err, syscall.EIO) {
				t.Fatalf("Sync returned %v", err)
			}
			if last := d.Stats().Last; last != 0 {
				t.Errorf("%s is taken for durable", last)
			}
			d.Restart()
			writeAll(t, d, 1, 30)
			syncAll(t, d)
			dir := d.cfg.Dir
			d.Close()
			d = openSmall(t, Config{Dir: dir}, 1<<20)
			holdsFrom(t, d, 1, 30)
		})
	}
}

// TestCloseLeavesNoSyncBehind: the folder may be another's once it returns.
func TestCloseLeavesNoSyncBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, disk := openSlow(t)
		writeAll(t, d, 1, 20)
		closed := false
		go func() {
			if err := d.Close(); err != nil {
				t.Error(err)
			}
			closed = true
		}()
		synctest.Wait()
		if closed {
			t.Error("closed while a sync was going on")
		}
		close(disk.let)
		synctest.Wait()
		if !closed {
			t.Error("did not close")
		}
	})
}

// TestSyncsAheadAreFew: small transactions with a sync behind each cost what they
// did.
func TestSyncsAheadAreFew(t *testing.T) {
	d, disk := openSlow(t)
	close(disk.let)
	for p := capture.Position(1); p <= 100; p++ {
		writeAll(t, d, p, p)
		syncAll(t, d)
	}
	if disk.syncs != 100 {
		t.Errorf("%d syncs for 100", disk.syncs)
	}
}

// large is a transaction of so many rows of 1 kB.
func large(p capture.Position, rows int) modelTx {
	tx := modelTx{position: p}
	for range rows {
		tx.rows = append(tx.rows, strings.Repeat("x", 1000))
	}
	return tx
}

// A badDisk forgets what was not synced, and fails the syncs that are begun ahead
// while bad is set.
type badDisk struct {
	forgetfulDisk
	bad bool
}

func newBadDisk(t *testing.T) *badDisk {
	return &badDisk{forgetfulDisk: forgetfulDisk{
		rnd: rand.New(rand.NewPCG(1, 1)), dir: t.TempDir(), synced: map[string][]byte{}, lost: map[string]map[int64]bool{},
	}}
}

func (b *badDisk) open(t *testing.T, file int64) *Disk {
	t.Helper()
	return openSmall(t, Config{Dir: b.dir, KeepFor: -1, wrap: b.wrap, background: func(do func()) {
		if b.bad {
			b.fail, b.passes = syscall.EIO, 0
		}
		do()
	}}, file)
}

// TestWhatASyncFailedToWriteIsNotTakenForDurable by the next process: the system
// shows it what never got to the disk, and tells of that no more.
func TestWhatASyncFailedToWriteIsNotTakenForDurable(t *testing.T) {
	for _, killed := range []bool{false, true} {
		disk := newBadDisk(t)
		d := disk.open(t, 1<<20)
		writeAll(t, d, 1, 2)
		syncAll(t, d)
		disk.bad = true
		writeAll(t, d, 3, 20)
		disk.bad = false
		if killed {
			d.lock.Close() // and all else is as a kill leaves it
		} else if err := d.Close(); !errors.Is(err, syscall.EIO) {
			t.Errorf("Close returned %v", err)
		}
		d = disk.open(t, 1<<20)
		syncAll(t, d)
		answered := d.Stats().Last
		d.Close()
		left := t.TempDir()
		for name, b := range disk.synced {
			if err := os.WriteFile(filepath.Join(left, name), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		d = openSmall(t, Config{Dir: left}, 1<<20)
		if last := d.Stats().Last; answered < 2 || last < answered {
			t.Errorf("killed %v: %s was answered for, and %s is on the disk", killed, answered, last)
		}
	}
}

// TestSyncAheadThatFailsForWhatIsTakenBack is of no concern to what comes after.
func TestSyncAheadThatFailsForWhatIsTakenBack(t *testing.T) {
	for name, file := range map[string]int64{"in one file": 1 << 20, "in several files": 16 << 10} {
		t.Run(name, func(t *testing.T) {
			disk := newBadDisk(t)
			d := disk.open(t, file)
			writeAll(t, d, 1, 2)
			syncAll(t, d)
			p := capture.Position(3)
			if file < 1<<20 {
				writeAll(t, d, p, p) // is synced where the first file ends
				p++
			}
			tx := large(p, 100).live(nil)
			rows := tx.Changes
			tx.Changes = func(yield func(capture.Change, error) bool) {
				for c, err := range rows {
					disk.bad = file == 1<<20 || d.tail.seg.number > 1
					if len(disk.lost) > 0 {
						err = errWire
					}
					if !yield(c, err) {
						return
					}
				}
			}
			if err := d.Write(t.Context(), tx); !errors.Is(err, errWire) {
				t.Fatal(err)
			}
			disk.bad = false
			writeAll(t, d, p, p)
			syncAll(t, d)
			holdsFrom(t, d, 1, p)
		})
	}
}

// TestNewestFileGivesWayWhereASyncAheadFails, on a disk that tells of its end at a
// sync, and a little later at a write.
func TestNewestFileGivesWayWhereASyncAheadFails(t *testing.T) {
	disk := newSmallDisk(t)
	d := openSmall(t, Config{Dir: disk.dir, KeepFor: -1, wrap: func(f *os.File) logFile { return lateFile{&smallFile{f, disk}} },
		background: func(do func()) { do() }}, 256<<10)
	writeAll(t, d, 1, 40)
	syncAll(t, d)
	applied(t, d, 40)
	disk.room, disk.late = disk.used()+8<<10, true
	for range 3 {
		if err := d.Write(t.Context(), large(41, 20).live(nil)); err == nil {
			syncAll(t, d)
			holdsFrom(t, d, 41, 41)
			return
		} else if !errors.Is(err, ErrFull) {
			t.Fatal(err)
		}
		d.Restart()
	}
	t.Error("it is refused for ever, although all before it was applied")
}

type lateFile struct{ *smallFile }

func (f lateFile) WriteAt(b []byte, off int64) (int, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if d := f.disk; d.room != 0 && d.used()+max(0, off+int64(len(b))-info.Size()) > d.room+4<<10 {
		return 0, syscall.ENOSPC
	}
	return f.smallFile.WriteAt(b, off)
}

// TestSyncAheadIsBegunBehindWhatIsNew, after an opening and after what was taken
// back.
func TestSyncAheadIsBegunBehindWhatIsNew(t *testing.T) {
	d, disk := openSlow(t)
	close(disk.let)
	p := capture.Position(1)
	for ; p < 20; p += 2 {
		writeAll(t, d, p, p+1)
		if err := d.Write(t.Context(), large(p+2, 3).live(errWire)); !errors.Is(err, errWire) {
			t.Fatal(err)
		}
	}
	d.tail.awaitAhead()
	if disk.syncs == 0 {
		t.Errorf("no sync was begun behind %d bytes", d.tail.off)
	}
	syncAll(t, d)
	dir := d.cfg.Dir
	d.Close()

	disk = &slowDisk{}
	d = openSmall(t, Config{Dir: dir, wrap: disk.wrap}, 1<<20)
	disk.let = make(chan error)
	close(disk.let)
	writeAll(t, d, p, p+4)
	d.tail.awaitAhead()
	if disk.syncs != 0 {
		t.Errorf("%d syncs were begun behind 5 kB", disk.syncs)
	}
}
