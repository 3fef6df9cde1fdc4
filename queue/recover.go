package queue

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// load reads the headers of the segments, and removes what a crash left of
// others.
func (d *Disk) load() error {
	numbers, stale, err := d.list()
	if err != nil {
		return err
	}
	torn, err := d.readHeaders(numbers)
	if err != nil {
		return err
	}
	for _, path := range append(stale, torn...) {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	for _, s := range d.segs {
		if err := private(s.path, 0o600); err != nil {
			return err
		}
	}
	if len(d.segs) == 0 {
		return d.begin(header{number: 1})
	}
	return nil
}

// list returns the numbers of the segments in order, and the files that were
// left of others.
func (d *Disk) list() (numbers []uint64, stale []string, err error) {
	entries, err := os.ReadDir(d.cfg.Dir)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if n, ok := segmentNumber(e.Name()); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), appliedSuffix)
		n, isOurs := segmentNumber(stem + segmentSuffix)
		if _, held := slices.BinarySearch(numbers, n); ok && isOurs && !held {
			stale = append(stale, filepath.Join(d.cfg.Dir, e.Name()))
		}
	}
	return numbers, stale, nil
}

// readHeaders reads the headers of the segments. Each says where the one before
// it ends, so that what is missing is seen at once. torn is the newest file where
// a crash tore it before anything was in it.
func (d *Disk) readHeaders(numbers []uint64) (torn []string, err error) {
	for i, n := range numbers {
		s, err := openSegment(d.cfg.Dir, n)
		newest := i == len(numbers)-1
		if newest && (i > 0 || n == 1) && errors.Is(err, errFrame) && s.size <= headerSize {
			return []string{s.path}, nil
		}
		if err != nil {
			return nil, headerError(s, n, err)
		}
		if err := d.unlock(s); err != nil {
			return nil, headerError(s, n, err)
		}
		if i > 0 {
			if err := follows(d.segs[i-1], s); err != nil {
				return nil, err
			}
		}
		d.segs = append(d.segs, s)
	}
	return nil, nil
}

func headerError(s *segment, number uint64, err error) error {
	if s != nil && errors.Is(err, errFrame) {
		return damaged(s, 0, errors.New("its header is not as it was written"))
	}
	return fmt.Errorf("%s: %w", segmentName(number), err)
}

// follows refuses where s is not the segment behind before.
func follows(before, s *segment) error {
	if s.end.seg != before.number {
		return damaged(before, before.size, fmt.Errorf("%s does not follow it; a file is missing", segmentName(s.number)))
	}
	if s.end.off != before.size {
		return damaged(before, min(before.size, s.end.off), fmt.Errorf("it was %d bytes long, and is %d", s.end.off, before.size))
	}
	return nil
}

// recoverTail finds the end of the log, and drops what is behind the last whole
// transaction.
func (d *Disk) recoverTail() error {
	s := d.segs[len(d.segs)-1]
	f, err := os.OpenFile(s.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	t := &d.tail
	if t.file != nil { // the segment was only just made
		t.file.Close()
	}
	t.seg, t.file, t.off = s, d.cfg.wrap(f), s.size
	good, proved, err := d.end(f)
	if err != nil {
		return err
	}
	if good.seg == s.number {
		if err := d.writeAnew(f, proved, good.off); err != nil {
			return err
		}
	}
	return d.settleAt(good)
}

// writeAnew writes to f once more what is between from and to, where a sync may
// have failed before the process ended: the system then takes for written what
// never got to the disk, gives it back when it is read, and tells of it no more.
func (d *Disk) writeAnew(f io.ReaderAt, from, to int64) error {
	for from < to {
		b := make([]byte, min(int64(d.cfg.flushSize), to-from))
		if _, err := f.ReadAt(b, from); err != nil {
			return err
		}
		if _, err := d.tail.file.WriteAt(b, from); err != nil {
			return err
		}
		from += int64(len(b))
	}
	return nil
}

// end returns where the last whole transaction ends, and up to where a frame
// proves that the file was synced. f is the newest segment's.
func (d *Disk) end(f *os.File) (good spot, proved int64, err error) {
	s := d.segs[len(d.segs)-1]
	r := recovery{seg: s, file: f, at: s.start, state: s.state, good: spot{s.start, s.state}, proved: s.start.off}
	if s.open.start.seg != 0 {
		r.open, r.good.place = true, s.open.start
	}
	if err := r.run(); err != nil {
		return spot{}, 0, err
	}
	if r.good.seg < d.segs[0].number {
		return spot{}, 0, damaged(s, 0, errors.New("the file in which its first transaction begins is missing"))
	}
	return r.good, r.proved, nil
}

// settleAt makes that spot the end of the log, and all before it durable.
func (d *Disk) settleAt(good spot) error {
	t := &d.tail
	opened := t.seg.number
	if good.seg != opened || good.off != t.off {
		d.log.Info("queue dropped what a crash left half written", "pos", good.state.mark.Position.String())
	}
	if err := d.rollBack(good, false, true); err != nil {
		return err
	}
	if good.seg != opened {
		// The mark may have been in the header of a file that is gone.
		d.appendMark()
		if err := d.flush(); err != nil {
			return err
		}
	}
	if err := t.sync(); err != nil {
		return err
	}
	d.durable = t.spot()
	return nil
}

// A recovery reads the newest segment from its start.
type recovery struct {
	seg   *segment
	file  *os.File
	at    place
	state state
	open  bool // a transaction has begun and not ended
	good  spot // behind the last frame that counts
	// proved is up to where a frame says that the file was synced.
	proved int64
	buf    []byte
}

// run goes on to the end of the segment, or to the first frame that is broken.
// That one was never synced, unless something behind it proves that it was.
func (r *recovery) run() error {
	for {
		err := r.frame()
		switch {
		case err == io.EOF:
			return nil
		case errors.Is(err, errFrame):
			if proved, err := r.wasSynced(); err != nil || !proved {
				return err
			}
			return damaged(r.seg, r.at.off, err)
		case err != nil:
			return err
		}
	}
}

func (r *recovery) frame() error {
	f, err := readHead(r.file, r.at.off, r.seg.size, r.at.crc)
	if err != nil {
		return err
	}
	if r.buf, err = readData(r.file, r.at.off, f, r.buf[:0]); err != nil {
		return err
	}
	if err := r.take(f); err != nil {
		return err
	}
	r.at.off += f.size()
	r.at.crc = f.crc
	if !r.open {
		r.good = spot{r.at, r.state}
	}
	return nil
}

func (r *recovery) take(f frame) error {
	switch f.kind {
	case kindFirst:
		r.open = true
	case kindMiddle:
	case kindSynced:
		r.proved = r.at.off
	case kindWhole, kindLast:
		m, err := f.tx()
		if err != nil {
			return err
		}
		r.open = false
		r.state.take(m.position)
	case kindMark:
		m, err := parseMark(f.meta)
		if err != nil {
			return err
		}
		r.state.advance(m)
	default:
		return errFrame
	}
	return nil
}

// wasSynced looks behind the frame that is broken for one that was written after
// a sync that covered it.
func (r *recovery) wasSynced() (bool, error) {
	rest := make([]byte, r.seg.size-r.at.off)
	if _, err := r.file.ReadAt(rest, r.at.off); err != nil {
		return false, err
	}
	nonce := binary.LittleEndian.AppendUint64(nil, r.seg.nonce)
	for from := 0; ; from++ {
		i := bytes.Index(rest[from:], nonce)
		if i < 0 {
			return false, nil
		}
		from += i
		off := r.at.off + int64(from) - frameHead
		if off > r.at.off && bytes.HasPrefix(rest[from:], syncedProof(r.seg.nonce, off)) {
			return true, nil
		}
	}
}
