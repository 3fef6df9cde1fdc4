package queue_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
)

func files(t *testing.T, dir string) int { return len(segments(t, dir)) }

// filled returns a queue of many small files with n transactions of 4 kB.
func filled(t *testing.T, cfg queue.Config, n capture.Position) *queue.Disk {
	q := open(t, queue.SmallFiles(cfg, 32<<10))
	for p := range n {
		put(t, q, tx(p+1, 4))
	}
	return q
}

func trim(t *testing.T, q *queue.Disk, upTo capture.Position) {
	t.Helper()
	for range 20 { // each removes a few files
		if err := q.Trim(context.Background(), upTo); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTrimKeepsForAWhile(t *testing.T) {
	dir := t.TempDir()
	q := filled(t, queue.Config{Dir: dir}, 100)
	before := files(t, dir)
	trim(t, q, 100)
	if n := files(t, dir); n != before {
		t.Fatalf("%d files of %d are left, right after they were applied", n, before)
	}
	age(t, dir, 71*time.Hour)
	q.Close()
	q = open(t, queue.SmallFiles(queue.Config{Dir: dir}, 32<<10))
	trim(t, q, 100)
	if n := files(t, dir); n != before {
		t.Fatalf("%d files of %d are left 71h after they were applied", n, before)
	}
	age(t, dir, 73*time.Hour)
	q.Close()
	q = open(t, queue.SmallFiles(queue.Config{Dir: dir}, 32<<10))
	trim(t, q, 100)
	if n := files(t, dir); n != 1 {
		t.Errorf("%d files are left 73h after they were applied", n)
	}
	if _, err := q.Next(context.Background(), 0); !errors.Is(err, capture.ErrGap) {
		t.Errorf("next after zero: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*.applied")); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// age makes what was noted of the applied older.
func age(t *testing.T, dir string, by time.Duration) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.applied"))
	if err != nil || len(names) == 0 {
		t.Fatalf("nothing was noted as applied: %v", err)
	}
	for _, name := range names {
		then := time.Now().Add(-by)
		if err := os.Chtimes(name, then, then); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTrimKeepsSoMuch(t *testing.T) {
	dir := t.TempDir()
	q := filled(t, queue.Config{Dir: dir, KeepBytes: 100 << 10}, 100)
	trim(t, q, 50)
	if n, err := readAll(q, 50); n != 200 || err != nil {
		t.Fatalf("%d changes are read behind what was applied: %v", n, err)
	}
	for deadline := time.Now().Add(10 * time.Second); q.Stats().Bytes > 150<<10; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("%d bytes are left", q.Stats().Bytes)
		}
		trim(t, q, 100)
	}
	if bytes := q.Stats().Bytes; bytes < 70<<10 {
		t.Errorf("%d bytes are left", bytes)
	}
}

func TestHeldIsReadableAndThenGone(t *testing.T) {
	dir := t.TempDir()
	q := filled(t, queue.Config{Dir: dir, KeepFor: -1}, 100)
	held, err := q.Next(context.Background(), 9)
	if err != nil {
		t.Fatal(err)
	}
	trim(t, q, 100)
	before := files(t, dir)
	if before < 10 {
		t.Fatalf("%d files are left while a transaction in them is held", before)
	}
	runtime.GC()
	n := 0
	for _, err := range held.Changes {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	if n != 4 {
		t.Errorf("%d changes are read", n)
	}
	runtime.KeepAlive(held)
	held = nil
	for deadline := time.Now().Add(10 * time.Second); files(t, dir) > 1; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("%d files are left once nothing is held", files(t, dir))
		}
		trim(t, q, 100)
	}
}

func TestFullByItsLimit(t *testing.T) {
	dir := t.TempDir()
	q := open(t, queue.SmallFiles(queue.Config{Dir: dir, Limit: 400 << 10}, 32<<10))
	ctx := context.Background()
	p := capture.Position(1)
	var err error
	for ; err == nil; p++ {
		if err = q.Write(ctx, tx(p, 4)); err == nil {
			_, err = q.Sync(ctx)
		}
	}
	p--
	if !errors.Is(err, queue.ErrFull) || !capture.Retryable(err) {
		t.Fatalf("got %v", err)
	}
	if bytes := q.Stats().Bytes; bytes > 400<<10 || bytes < 300<<10 {
		t.Errorf("full with %d bytes", bytes)
	}
	if err := q.Write(ctx, tx(p, 2000)); !errors.Is(err, queue.ErrFull) {
		t.Errorf("a huge one: %v", err)
	}
	if err := q.Advance(ctx, capture.Mark{Source: "s", Position: p}); err != nil {
		t.Errorf("a mark needs no room: %v", err)
	}
	put(t, q)
	if n, err := readAll(q, 0); n != 4*int(p-1) || err != nil {
		t.Errorf("%d changes are read of a full queue, want %d: %v", n, 4*(p-1), err)
	}
	if err := q.Write(ctx, tx(p, 4)); !errors.Is(err, queue.ErrFull) {
		t.Errorf("still full: %v", err)
	}
	// What was applied gives way, although it would be kept for 72h.
	if err := q.Trim(ctx, p-1); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := q.Write(ctx, tx(p, 4))
		if err == nil {
			break
		}
		if !errors.Is(err, queue.ErrFull) || time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
	put(t, q)
	q.Close()
	q = open(t, queue.SmallFiles(queue.Config{Dir: dir}, 32<<10))
	if n, err := readAll(q, p-1); n != 4 || err != nil {
		t.Errorf("%d changes are read of what was refused and came again: %v", n, err)
	}
}
