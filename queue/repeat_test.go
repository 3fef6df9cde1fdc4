package queue

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
)

// openSmall opens a queue of files of that size, and of small pieces, in a
// folder of its own where cfg names none.
func openSmall(t *testing.T, cfg Config, file int64) *Disk {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = t.TempDir()
	}
	cfg.sizes = sizes{file, 4 << 10, 1 << 10, 8 << 10}
	d, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// kilobyte is a transaction of one change of 1 kB.
func kilobyte(p capture.Position) *capture.Tx {
	return modelTx{position: p, rows: []string{strings.Repeat("x", 1000)}}.live(nil)
}

func writeAll(t *testing.T, d *Disk, first, last capture.Position) {
	t.Helper()
	for p := first; p <= last; p++ {
		if err := d.Write(t.Context(), kilobyte(p)); err != nil {
			t.Fatalf("at %s: %v", p, err)
		}
	}
}

func syncAll(t *testing.T, d *Disk) {
	t.Helper()
	if _, err := d.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// again has the capturer start from that position.
func again(t *testing.T, d *Disk, from capture.Position) {
	t.Helper()
	d.Restart()
	if err := d.Advance(t.Context(), capture.Mark{Position: from}); err != nil {
		t.Fatal(err)
	}
}

// A hookedFile does before each write what before points to.
type hookedFile struct {
	logFile
	before *func()
}

func (f hookedFile) WriteAt(b []byte, off int64) (int, error) {
	if *f.before != nil {
		(*f.before)()
	}
	return f.logFile.WriteAt(b, off)
}

// TestTrimmedBeforeItIsLookedUp: what arrives again may be trimmed between the
// look at how far back the queue goes and the search, and is then older than all
// that is held.
func TestTrimmedBeforeItIsLookedUp(t *testing.T) {
	for _, upTo := range []capture.Position{20, 100} {
		var before func()
		d := openSmall(t, Config{KeepFor: -1, wrap: func(f *os.File) logFile { return hookedFile{f, &before} }}, 16<<10)
		writeAll(t, d, 1, 100)
		syncAll(t, d)
		writeAll(t, d, 101, 101) // is written to the file before something is looked up
		again(t, d, 1)
		trimmed := false
		before = func() {
			before, trimmed = nil, true
			if err := d.Trim(t.Context(), upTo); err != nil {
				t.Error(err)
			}
		}
		writeAll(t, d, 1, 102)
		if !trimmed {
			t.Error("nothing was written before the search")
		}
	}
}

// TestTrimmedWhileItArrivesAgain trims at any moment of it.
func TestTrimmedWhileItArrivesAgain(t *testing.T) {
	const last = 120
	for range 10 {
		d := openSmall(t, Config{KeepFor: -1, wrap: func(f *os.File) logFile { return unsyncedFile{f} }}, 8<<10)
		writeAll(t, d, 1, last)
		syncAll(t, d)
		again(t, d, 1)
		done := make(chan error)
		go func() {
			var err error
			for p := capture.Position(1); p <= last && err == nil; p++ {
				err = d.Trim(t.Context(), p)
			}
			done <- err
		}()
		for p := capture.Position(1); p <= last && !t.Failed(); p++ {
			if err := d.Write(t.Context(), kilobyte(p)); err != nil {
				t.Errorf("at %s: %v", p, err)
			}
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		d.Close()
		if t.Failed() {
			return
		}
	}
}

// An unsyncedFile is for a test that has no use for a real disk.
type unsyncedFile struct{ logFile }

func (unsyncedFile) Sync() error { return nil }

// TestDroppedBeforeItIsRead: the writer of a full queue drops what was applied
// beside a reader that starts further back, which must not skip it.
func TestDroppedBeforeItIsRead(t *testing.T) {
	d := openSmall(t, Config{}, 8<<10)
	writeAll(t, d, 1, 50)
	syncAll(t, d)
	if err := d.Trim(t.Context(), 50); err != nil {
		t.Fatal(err)
	}
	durable, _, err := d.look(1)
	if err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.dropOldestLocked()
	d.mu.Unlock()
	if tx, err := d.read(1, durable); !errors.Is(err, capture.ErrGap) {
		t.Errorf("after 1 comes %v, %v", tx, err)
	}
}
