package main_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// mountQueue puts the site's queue on a disk of its own of that size.
func (s *site) mountQueue(megabytes int) {
	s.t.Helper()
	dir := s.queue()
	if err := os.Mkdir(dir, 0o700); err != nil {
		s.t.Fatal(err)
	}
	switch err := syscall.Mount("syncback", dir, "tmpfs", 0, "mode=0700,size="+strconv.Itoa(megabytes)+"m"); {
	case errors.Is(err, syscall.EPERM):
		s.t.Skip("a disk of a known size has to be mounted, which this user may not")
	case err != nil:
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			s.t.Error(err)
		}
	})
}

// TestQueueDiskFull: a disk that is full stops capture with the reason, and not
// applying; capture goes on by itself once there is room.
func TestQueueDiskFull(t *testing.T) {
	t.Parallel()
	const says = "queue is full: write "
	t.Run("of what is not applied", func(t *testing.T) {
		t.Parallel()
		s := newNoteSite(t, "queue: {limit: 16MB, keep_for: none}\n", func(s *site) { s.mountQueue(8) })
		s.mustRun("pause")
		r := s.follow()
		s.insertNotes(1, 120)
		r.await("the reason", func() bool {
			text := s.lastError()
			return strings.Contains(text, says) && strings.Contains(text, "no space left on device")
		})
		if status := s.status(); status["state"] != "paused" || status["queued_transactions"] == 0.0 {
			t.Errorf("status is %v", status)
		}
		s.mustRun("resume")
		r.await("all rows", func() bool { return s.notes() == 120 })
		r.await("no error", func() bool { return s.lastError() == "" })
		r.end()
		r.said("queue is full; capture waits for room", "capture goes on")
	})
	t.Run("of others' files", func(t *testing.T) {
		t.Parallel()
		s := newNoteSite(t, "", func(s *site) { s.mountQueue(8) })
		r := s.follow()
		s.insertNotes(1, 3)
		r.await("the first rows", func() bool { return s.notes() == 3 })
		free := s.fillDisk()
		s.insertNotes(4, 30)
		// No room is left for a new status file either.
		r.await("the reason", func() bool {
			status := s.status()
			text, _ := status["last_error"].(string)
			return strings.Contains(text, says) && status["state"] == "idle"
		})
		free()
		r.await("all rows", func() bool { return s.notes() == 30 })
		r.await("no error", func() bool { return s.lastError() == "" })
		r.end()
		r.said("queue is full; capture waits for room", "capture goes on")
	})
}

// fillDisk takes what room is left on the queue's disk. free gives it back.
func (s *site) fillDisk() (free func()) {
	s.t.Helper()
	name := filepath.Join(s.queue(), "filler")
	f, err := os.Create(name)
	if err != nil {
		s.t.Fatal(err)
	}
	defer f.Close()
	for piece := make([]byte, 4096); err == nil; {
		_, err = f.Write(piece)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		s.t.Fatal(err)
	}
	return func() {
		if err := os.Remove(name); err != nil {
			s.t.Fatal(err)
		}
	}
}
