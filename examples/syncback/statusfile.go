package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/syncback/syncback/capture"
)

// progress is what a run tells of itself, in status.json beside its queue: the
// queue belongs to one process, and status is asked by another.
type progress struct {
	Pipeline  string    `json:"pipeline"`
	PID       int       `json:"pid"`
	WrittenAt time.Time `json:"written_at"`
	State     string    `json:"state"`
	// Captured is the queue's watermark.
	Captured capture.Position `json:"captured"`
	// Counted says that the next three are known.
	Counted            bool  `json:"counted"`
	QueuedTransactions int64 `json:"queued_transactions"`
	QueuedBytes        int64 `json:"queued_bytes"`
	// OldestQueued is when the first queued transaction was committed in the
	// source, or the last one before it; zero when none is queued.
	OldestQueued time.Time `json:"oldest_queued,omitzero"`
	// NextWindow is when applying is next allowed; zero when it is now, or not
	// known.
	NextWindow time.Time `json:"next_window,omitzero"`
	LastError  string    `json:"last_error,omitempty"`
}

// stale is how old the file may be before the process that wrote it is taken
// for dead. It is written every second.
const stale = 15 * time.Second

func progressFile(dir string) string { return filepath.Join(dir, "status.json") }

// write replaces the file in dir, so that a reader sees the old or the new one.
// On a disk that has no room for a new file the old one is written over: that is
// when the file has something to say.
func (p *progress) write(dir string) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	text = pad(text)
	next := progressFile(dir) + ".next"
	_ = os.Remove(next) // one that was left there may be readable by others
	err = os.WriteFile(next, text, 0o600)
	if err == nil {
		err = os.Rename(next, progressFile(dir))
	} else if overwrite(progressFile(dir), text) == nil {
		err = nil
	}
	if err != nil {
		return fmt.Errorf("write the status file: %w", err)
	}
	return nil
}

// block is what a file takes on most disks at least.
const block = 4096

// pad fills text with blanks up to whole blocks, so that another text of that
// length needs no further room.
func pad(text []byte) []byte {
	missing := (block - len(text)%block) % block
	return append(text, bytes.Repeat([]byte{' '}, missing)...)
}

// overwrite writes text into a file that is there, in one piece.
func overwrite(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Truncate(int64(len(text))), f.Close())
}

// readProgress reads what the last run on the queue in dir told, and nil when
// there was none.
func readProgress(dir string) (*progress, error) {
	for attempt := 0; ; attempt++ {
		text, err := os.ReadFile(progressFile(dir))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil
		case errors.Is(err, fs.ErrPermission):
			return nil, fmt.Errorf("the status file %s may not be read by this user; run this as the user that `run` runs as", progressFile(dir))
		case errors.Is(err, syscall.ENOTDIR):
			return nil, fmt.Errorf("queue.dir: %s is not a folder; name one that is this user's own, or can be made", dir)
		case err != nil:
			return nil, fmt.Errorf("the status file cannot be read, and a run writes it anew once it is removed: %w", err)
		}
		p := &progress{}
		if err := json.Unmarshal(text, p); err == nil {
			return p, nil
		}
		if attempt == 2 { // and was not being written over
			return nil, fmt.Errorf("the status file %s is damaged; a run writes it anew", progressFile(dir))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// alive reports whether the run that wrote p is still there at now.
func (p *progress) alive(now time.Time) bool {
	return p.State != stateStopped && now.Sub(p.WrittenAt).Abs() < stale
}
