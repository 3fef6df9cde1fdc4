package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/syncback/syncback/capture"
)

// Contents is what [Inspect] found.
type Contents struct {
	// Mark is what Last returns once the queue is open; zero where there is none
	// yet, or nothing was taken in.
	Mark capture.Mark

	state state
	floor capture.Position
}

// Covers returns the error with which Next refuses that position, nil where it
// does not.
func (c Contents) Covers(after capture.Position) error { return c.state.covers(after, c.floor) }

// Inspect looks at the queue in cfg.Dir and changes nothing: where there is none
// it makes none, and it drops nothing. The error is the one that Open would
// return; with ErrInUse another process has it open, and nothing was read. That
// process notices nothing. One that opens the queue in the very moment in which
// the lock is tried is refused as by Open.
func Inspect(cfg Config) (Contents, error) {
	d, err := newDisk(cfg)
	if err != nil {
		return Contents{}, err
	}
	c, err := d.inspect()
	if err != nil {
		return Contents{}, fmt.Errorf("open queue in %s: %w", d.cfg.Dir, err)
	}
	return c, nil
}

func (d *Disk) inspect() (Contents, error) {
	exists, err := isFolder(d.cfg.Dir)
	if err != nil {
		return Contents{}, noFolder(err)
	}
	if exists {
		if err := d.isFree(); err != nil {
			return Contents{}, err
		}
	}
	if err := d.takeKeys(); err != nil || !exists {
		return Contents{}, err
	}
	c, err := d.contents()
	if used := d.isFree(); errors.Is(used, ErrInUse) {
		return Contents{}, used // since then, and what was read may have changed meanwhile
	}
	return c, err
}

// isFolder reports whether there is a folder at path, and returns why none can be
// made where there is not.
func isFolder(path string) (bool, error) {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return true, nil
	case err == nil:
		return false, &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	}
	above := filepath.Dir(path)
	if above == path {
		return false, err
	}
	exists, err := isFolder(above)
	if err == nil && exists {
		err = mayCreate("mkdir", path)
	}
	return false, err
}

// isFree returns why the lock cannot be taken.
func (d *Disk) isFree() error {
	path := filepath.Join(d.cfg.Dir, "lock")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		err = mayCreate("open", path)
		if err != nil {
			err = noFolder(err)
		}
		return err
	}
	if err != nil {
		return noFolder(err)
	}
	defer f.Close()
	return claim(f)
}

// contents reads what is in the files.
func (d *Disk) contents() (Contents, error) {
	numbers, _, err := d.list()
	if err != nil {
		return Contents{}, err
	}
	if _, err := d.readHeaders(numbers); err != nil || len(d.segs) == 0 {
		return Contents{}, err
	}
	f, err := os.Open(d.segs[len(d.segs)-1].path)
	if err != nil {
		return Contents{}, err
	}
	defer f.Close()
	end, _, err := d.end(f)
	if err != nil {
		return Contents{}, err
	}
	return Contents{Mark: end.state.mark, state: end.state, floor: d.segs[0].floor()}, nil
}
