package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"github.com/syncback/syncback/capture"
)

// Disk is a [Queue] in a folder on a local disk. Open makes one. What it
// promises, and what it does not, is on the package page.
//
// One goroutine writes (Write, Advance, Sync) while another reads (Next, Trim);
// Last, Stats and Close may be called from any.
type Disk struct {
	cfg    Config
	log    *slog.Logger
	lock   *os.File
	shapes shapes
	seals  *sealer   // what is written; nil leaves it in clear
	opens  []*sealer // what was written, each with a key of its own
	bufs   sync.Pool // of *[]byte, for the pieces that are read

	// wmu is held by whoever writes. Nothing that waits for a reader does so
	// under it.
	wmu    sync.Mutex
	tail   tail
	again  cursor           // where repeats of what is held are looked up
	owed   capture.Position // what is held from here on has yet to come again; 0 is none of it
	writer txWriter

	// rmu is held by whoever reads.
	rmu sync.Mutex
	cur cursor // behind the transaction that Next returned last

	// mu guards what follows, and what of a segment changes. Nothing but the
	// opening of a file is done under it.
	mu      sync.Mutex
	segs    []*segment // oldest first, without a gap; the last is written to
	going   []*segment // trimmed, oldest first, still held by readers
	durable spot
	stale   bool // what was not durable was dropped, and Restart was not called since
	applied capture.Position
	moved   chan struct{} // closed when durable has moved
	closed  bool
}

// ErrClosed is wrapped by the error of whatever is asked of a closed queue.
var ErrClosed = errors.New("queue is closed")

// ErrInUse is wrapped by the error of Open or Inspect where another process has
// the queue open.
var ErrInUse = errors.New("another process has it open")

// ErrDamaged is wrapped by the error of Open or Next, or of a Tx's changes, when
// what was synced is no longer as it was written.
var ErrDamaged = errors.New("queue is damaged")

// Open opens the queue in cfg.Dir, and makes one where there is none. It drops
// what a crash left half written, which no Sync ever answered for, and refuses
// with ErrDamaged where something that was synced is missing or broken. Only one
// process at a time can have a queue open.
func Open(cfg Config) (*Disk, error) {
	d, err := newDisk(cfg)
	if err != nil {
		return nil, err
	}
	if err := d.open(); err != nil {
		d.release()
		return nil, fmt.Errorf("open queue in %s: %w", cfg.Dir, err)
	}
	return d, nil
}

func newDisk(cfg Config) (*Disk, error) {
	if cfg.Dir == "" {
		return nil, errors.New("open queue: Config.Dir is empty; name a folder for the queue alone")
	}
	cfg = cfg.withDefaults()
	if least := leastFiles * cfg.segmentSize; cfg.Limit < least {
		return nil, fmt.Errorf("open queue: Config.Limit is %d bytes; it must be %d or more, or negative for none", cfg.Limit, least)
	}
	d := &Disk{cfg: cfg, log: cfg.Logger, moved: make(chan struct{})}
	d.writer = txWriter{d: d, encoder: encoder{max: cfg.pieceSize, cut: d.writer.cut}}
	return d, nil
}

func (d *Disk) open() error {
	if err := os.MkdirAll(d.cfg.Dir, 0o700); err != nil {
		return noFolder(err)
	}
	if err := private(d.cfg.Dir, 0o700); err != nil {
		return noFolder(err)
	}
	if err := d.takeLock(); err != nil {
		return err
	}
	if err := d.takeKeys(); err != nil {
		return err
	}
	if err := d.load(); err != nil {
		return err
	}
	if err := d.recoverTail(); err != nil {
		return err
	}
	d.recallApplied()
	return d.changeKey()
}

// noFolder says what to do about a folder that cannot be made or used.
func noFolder(err error) error {
	return fmt.Errorf("%w; name a folder that is this user's own, or can be made", err)
}

// private takes from group and others what they may do with path.
func private(path string, mode os.FileMode) error {
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() == mode {
		return err
	}
	return os.Chmod(path, mode)
}

func (d *Disk) takeLock() error {
	path := filepath.Join(d.cfg.Dir, "lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return noFolder(err)
	}
	d.lock = f
	if err := private(path, 0o600); err != nil {
		return err
	}
	return claim(f)
}

// claim takes the lock for this process, until f is closed.
func claim(f *os.File) error {
	ok, err := lockFile(f)
	if err == nil && !ok {
		err = fmt.Errorf("%w; stop that one, or give this one a folder of its own", ErrInUse)
	}
	return err
}

// Last implements [Queue].
func (d *Disk) Last(ctx context.Context) (capture.Mark, error) {
	if err := ctx.Err(); err != nil {
		return capture.Mark{}, context.Cause(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return capture.Mark{}, ErrClosed
	}
	return d.durable.state.mark, nil
}

// Restart lets writing go on from what Last returns, after a Sync that failed:
// what was not durable then was dropped, and until its writer says that it
// starts again from there, a Disk refuses to be written to. [Fill] says so
// before each attempt.
func (d *Disk) Restart() {
	d.wmu.Lock()
	defer d.wmu.Unlock()
	d.owed = 0
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stale = false
}

// Stats is how much a Disk holds.
type Stats struct {
	Mark  capture.Mark     // what is durable
	Last  capture.Position // of the last transaction that is durable; 0 if there was none
	Bytes int64            // that the files take, what is kept of the applied included
	Limit int64            // that they may take; math.MaxInt64 if there is no limit
}

// Stats returns how much the queue holds.
func (d *Disk) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return Stats{
		Mark: d.durable.state.mark, Last: d.durable.state.last,
		Bytes: d.filesLocked(), Limit: d.cfg.Limit,
	}
}

// filesLocked returns what the segments take on the disk.
func (d *Disk) filesLocked() int64 {
	n := int64(0)
	for _, list := range [...][]*segment{d.going, d.segs} {
		for _, s := range list {
			n += s.size
		}
	}
	return n
}

// Close implements [Queue]. It waits for a Write that is under way, wakes a Next
// that waits, and ends what ranges over a Tx at its next piece. What no Sync
// answered for is still there when the queue is opened again, unless the disk has
// failed to take it, which Close returns then.
func (d *Disk) Close() error {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil
	}
	d.closed = true
	close(d.moved)
	d.mu.Unlock()

	d.wmu.Lock()
	defer d.wmu.Unlock()
	d.tail.awaitAhead()
	if d.tail.failed != nil {
		return errors.Join(d.lose(d.tail.failed), d.release())
	}
	return d.release()
}

// release closes what is open.
func (d *Disk) release() error {
	var errs []error
	if d.tail.file != nil {
		errs = append(errs, d.tail.file.Close())
	}
	d.mu.Lock()
	d.closed = true
	for _, list := range [...][]*segment{d.going, d.segs} {
		for _, s := range list {
			s.close()
		}
	}
	d.mu.Unlock()
	if d.lock != nil {
		errs = append(errs, d.lock.Close())
	}
	return errors.Join(errs...)
}

// damaged returns the error for a segment that is not as it was written.
func damaged(s *segment, off int64, why error) error {
	return fmt.Errorf("%w: %s at byte %d: %w; put a copy of the folder back, or set the pipeline up anew and compare the two sides",
		ErrDamaged, filepath.Base(s.path), off, why)
}
