package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
func (p *progress) write(dir string) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	next := progressFile(dir) + ".next"
	if err := os.WriteFile(next, text, 0o600); err != nil {
		return fmt.Errorf("write the status file: %w", err)
	}
	if err := os.Rename(next, progressFile(dir)); err != nil {
		return fmt.Errorf("write the status file: %w", err)
	}
	return nil
}

// readProgress reads what the last run on the queue in dir told, and nil when
// there was none.
func readProgress(dir string) (*progress, error) {
	text, err := os.ReadFile(progressFile(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the status file: %w", err)
	}
	p := &progress{}
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("the status file %s is damaged; a run writes it anew", progressFile(dir))
	}
	return p, nil
}

// alive reports whether the run that wrote p is still there at now.
func (p *progress) alive(now time.Time) bool {
	return p.State != stateStopped && now.Sub(p.WrittenAt) < stale
}
