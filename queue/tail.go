package queue

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// A spot is a place in the log with the state there.
type spot struct {
	place
	state state
}

// A tail is the end of the log, where it is written. Disk.wmu guards it.
type tail struct {
	seg   *segment
	file  logFile
	off   int64  // where buf goes in the file
	buf   []byte // what is not in the file yet
	crc   uint32 // of the last frame
	state state
	// marked says that state.mark is in no frame yet, synced that no frame says
	// yet that all before it is durable.
	marked, synced bool
	// ahead is up to where the file was synced, or a sync of it was begun. syncing
	// tells how that ends, and is nil where none goes on; failed is how those
	// ended that failed, which no later sync would tell.
	ahead   int64
	syncing chan error
	failed  error
}

// A logFile is the file of the newest segment, as it is written.
type logFile interface {
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error
}

func (t *tail) spot() spot {
	return spot{place{t.seg.number, t.off + int64(len(t.buf)), t.crc}, t.state}
}

// fullError is ErrFull with what was full.
type fullError struct{ why error }

func (e *fullError) Error() string   { return ErrFull.Error() + ": " + e.why.Error() }
func (e *fullError) Unwrap() []error { return []error{ErrFull, e.why} }
func (e *fullError) Retryable() bool { return true }

// appendMeta appends a frame of no transaction, behind one that says that all
// before it is durable where that is due.
func (d *Disk) appendMeta(kind frameKind, meta []byte) {
	d.appendSynced()
	d.tail.buf, d.tail.crc = appendFrame(d.tail.buf, d.tail.crc, kind, meta)
}

// appendSynced appends the frame that proves, after a crash, that what is before
// it was synced: it is not written before the sync has succeeded. It can be
// verified alone, by the segment's nonce.
func (d *Disk) appendSynced() {
	t := &d.tail
	if !t.synced {
		return
	}
	t.synced = false
	proof := syncedProof(t.seg.nonce, t.off+int64(len(t.buf)))
	t.buf, t.crc = appendFrame(t.buf, t.crc, kindSynced, proof)
}

func syncedProof(nonce uint64, off int64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, nonce)
	b = binary.LittleEndian.AppendUint64(b, uint64(off))
	return binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// settle is called behind each frame of a transaction: it refuses when there is
// no room, writes what was gathered, and begins a new segment when it is time.
// open is the transaction that goes on behind the frame, if one does.
func (d *Disk) settle(open openTx) error {
	t := &d.tail
	end := t.off + int64(len(t.buf))
	if err := d.makeRoom(end); err != nil {
		return err
	}
	if len(t.buf) >= d.cfg.flushSize {
		if err := d.flush(); err != nil {
			return err
		}
		d.syncAhead()
	}
	if d.worn() {
		return d.roll(open)
	}
	return nil
}

// worn reports whether it is time for a new file: the newest one is large, or old
// and has something of a transaction in it. A mark is of no one's data, and may
// stay.
func (d *Disk) worn() bool {
	t := &d.tail
	old := time.Since(t.seg.created) > d.cfg.segmentAge()
	return t.spot().off >= d.cfg.segmentSize || old && t.state.last != t.seg.state.last
}

// makeRoom checks that the newest segment may become size bytes long, and lets
// go of what was applied where it may not.
func (d *Disk) makeRoom(size int64) error {
	d.mu.Lock()
	room := false
	for {
		room = d.filesLocked()-d.tail.seg.size+size <= d.cfg.Limit
		if room || !d.dropOldestLocked() {
			break
		}
	}
	d.mu.Unlock()
	if room {
		return nil
	}
	return d.full(fmt.Errorf("its files may take %d bytes, and what is in them was not applied yet or is being read; a transaction that is larger alone needs a higher limit", d.cfg.Limit))
}

// gaveWay reports whether err is of a disk without room, and the oldest file was
// let go for that, because all of it was applied.
func (d *Disk) gaveWay(err error) bool {
	if !noRoom(err) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.dropOldestLocked()
}

// full returns the error for there being no room, which is why.
func (d *Disk) full(why error) error {
	d.mu.Lock()
	going := len(d.going)
	d.mu.Unlock()
	if going > 0 {
		// Readers may have dropped what they held, which is known only once it
		// was collected. The next attempt finds it gone.
		runtime.GC()
	}
	return &fullError{why}
}

// fullIfNoRoom returns err, as that of a full queue where the disk has no room.
func (d *Disk) fullIfNoRoom(err error) error {
	if noRoom(err) && !errors.Is(err, ErrFull) {
		return d.full(err)
	}
	return err
}

// flush writes what was gathered to the file. When it fails the file ends where
// it ended before, and what was gathered is still there.
func (d *Disk) flush() error {
	t := &d.tail
	if len(t.buf) == 0 {
		return nil
	}
	for {
		_, err := t.file.WriteAt(t.buf, t.off)
		if err == nil {
			break
		}
		if cut := t.file.Truncate(t.off); cut != nil {
			return errors.Join(err, cut)
		}
		if !d.gaveWay(err) {
			return d.fullIfNoRoom(err)
		}
	}
	t.off += int64(len(t.buf))
	t.buf = t.buf[:0]
	d.setSize(t.off)
	return nil
}

func (d *Disk) setSize(n int64) {
	d.mu.Lock()
	d.tail.seg.size = n
	d.mu.Unlock()
}

// roll ends the segment and begins another one. The one that ends is synced
// first, so that a segment that has a next one is known to be whole.
func (d *Disk) roll(open openTx) error {
	if err := d.flush(); err != nil { // which takes back no more than what is open
		return err
	}
	if err := d.syncNewest(); err != nil {
		return err
	}
	return d.beginNext(open)
}

// syncNewest makes all that was written durable, or takes the log back to what
// is.
func (d *Disk) syncNewest() error {
	err := d.flush()
	if err == nil {
		err = d.tail.sync()
	}
	if err != nil {
		return d.lose(err)
	}
	d.tail.synced = true
	return nil
}

// syncAhead has the disk begin with what was written, while more is gathered: the
// sync that counts then waits for less, and tells if this one fails.
func (d *Disk) syncAhead() {
	t := &d.tail
	goesOn := t.syncing != nil && len(t.syncing) == 0
	if goesOn || t.off-t.ahead < d.cfg.aheadSize {
		return
	}
	t.awaitAhead()
	done, file := make(chan error, 1), t.file
	t.syncing, t.ahead = done, t.off
	d.cfg.background(func() { done <- file.Sync() })
}

// awaitAhead waits until no sync that was begun ahead goes on.
func (t *tail) awaitAhead() {
	if t.syncing == nil {
		return
	}
	t.failed = cmp.Or(t.failed, <-t.syncing)
	t.syncing = nil
}

// sync makes all that is in the file durable.
func (t *tail) sync() error {
	err := t.file.Sync()
	t.awaitAhead()
	t.ahead = t.off
	return cmp.Or(t.failed, err)
}

// renew begins a new file behind one that was synced, where there is room for
// it, and makes all that was written visible to the reader. No transaction is
// open.
func (d *Disk) renew() error {
	err := d.beginNext(openTx{})
	d.publish()
	if errors.Is(err, ErrFull) {
		return nil
	}
	return err
}

// freeNewest begins a new file where all that is held was applied, so that the
// newest one gives way like the others when a transaction that was refused comes
// again.
func (d *Disk) freeNewest() error {
	t := &d.tail
	d.mu.Lock()
	applied := !d.stale && t.state.last <= d.applied
	d.mu.Unlock()
	if !applied || t.spot().off == headerSize {
		return nil
	}
	if err := d.syncNewest(); err != nil {
		return err
	}
	return d.renew()
}

// beginNext makes the segment behind the newest one.
func (d *Disk) beginNext(open openTx) error {
	return d.begin(header{
		number: d.tail.seg.number + 1, state: d.tail.state, open: open, end: d.tail.spot().place,
	})
}

// begin makes the segment of h, which becomes the one that is written to.
func (d *Disk) begin(h header) error {
	h.nonce, h.created, h.key = newNonce(), time.Now(), d.keyID()
	s := &segment{header: h, path: filepath.Join(d.cfg.Dir, segmentName(h.number))}
	b := h.encode()
	f, err := d.createSegment(s.path, b)
	for err != nil {
		os.Remove(s.path)
		if !d.gaveWay(err) {
			return d.fullIfNoRoom(err)
		}
		f, err = d.createSegment(s.path, b)
	}
	s.size = headerSize
	_, s.start, err = parseHeader(b)
	if err == nil {
		err = d.unlock(s)
	}
	if err != nil {
		f.Close()
		return err
	}

	t := &d.tail
	if t.file != nil {
		t.file.Close()
	}
	t.seg, t.file, t.off, t.crc, t.buf = s, f, s.size, s.start.crc, t.buf[:0]
	t.state, t.synced, t.ahead = h.state, false, s.size
	d.mu.Lock()
	d.segs = append(d.segs, s)
	d.mu.Unlock()
	return nil
}

// createSegment makes the file durable with its header, before anything else is
// in it: a longer file whose header is broken was damaged, not torn.
func (d *Disk) createSegment(path string, header []byte) (logFile, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	f := d.cfg.wrap(file)
	_, err = f.WriteAt(header, 0)
	if err == nil {
		err = file.Chmod(0o600) // whatever the umask
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = syncDir(d.cfg.Dir)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// writable refuses where nothing can be written.
func (d *Disk) writable(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.closed:
		return ErrClosed
	case d.stale:
		return staleError{}
	default:
		return nil
	}
}
