package queue

import (
	"errors"
	"os"
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
