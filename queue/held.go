package queue

import (
	"fmt"
	"io"
	"iter"
	"os"
	"runtime"

	"github.com/syncback/syncback/capture"
)

// A held is a transaction that was given to a reader. Its segments stay while
// it can be reached.
type held struct {
	d     *Disk
	segs  []*segment
	start place
	meta  txMeta
}

// hold makes a Tx of what was found.
func (d *Disk) hold(tx *found, source capture.Source) (*capture.Tx, error) {
	d.mu.Lock()
	first := d.segs[0].number
	if tx.start.seg < first {
		d.mu.Unlock()
		return nil, fmt.Errorf("%w: the transaction at %s was trimmed", capture.ErrGap, tx.position)
	}
	segs := append([]*segment(nil), d.segs[tx.start.seg-first:tx.last-first+1]...)
	for _, s := range segs {
		s.pins++
	}
	d.mu.Unlock()
	h := &held{d: d, segs: segs, start: tx.start, meta: tx.txMeta}
	runtime.AddCleanup(h, func(segs []*segment) { d.unpin(segs) }, segs)
	return &capture.Tx{
		Source: source, Position: tx.position, ID: tx.id, CommitTime: tx.commitTime(),
		Origin: tx.origin, Count: tx.count, Bytes: tx.bytes, Changes: h.changes(),
	}, nil
}

// changes reads the transaction anew each time it is ranged over, a piece at a
// time.
func (h *held) changes() iter.Seq2[capture.Change, error] {
	return func(yield func(capture.Change, error) bool) {
		defer runtime.KeepAlive(h)
		r := pieces{d: h.d, segs: h.segs, at: h.start, meta: h.meta}
		buf, _ := h.d.bufs.Get().(*[]byte)
		if buf == nil {
			buf = new([]byte)
		}
		r.buf = *buf
		defer func() {
			r.close()
			*buf = r.buf
			h.d.bufs.Put(buf)
		}()
		dec := decoder{next: r.next, most: h.meta.bytes, shapes: &h.d.shapes}
		n := int64(0)
		for {
			c, err := dec.change()
			if err == io.EOF && n == h.meta.count {
				return
			}
			if err != nil {
				yield(capture.Change{}, r.failed(err))
				return
			}
			n++
			if !yield(c, nil) {
				return
			}
		}
	}
}

// pieces reads the data of a transaction's frames.
type pieces struct {
	d    *Disk
	segs []*segment // the first one is read from
	file *os.File   // of the first one; nil while it is not in use
	at   place
	meta txMeta
	buf  []byte
	done bool
}

// next returns the data of the next frame, which is good until it is called
// again, and io.EOF behind the last.
func (r *pieces) next() ([]byte, error) {
	for !r.done {
		f, err := r.head()
		if err != nil {
			return nil, err
		}
		off := r.at.off
		r.at.off += f.size()
		r.at.crc = f.crc
		if !f.kind.isTx() {
			continue
		}
		r.done = f.kind == kindWhole || f.kind == kindLast
		if m, err := f.tx(); err != nil || m.position != r.meta.position {
			return nil, errFrame
		}
		data, err := readData(r.file, off, f, r.buf)
		if err != nil {
			return nil, err
		}
		r.buf = data
		if aead := r.segs[0].aead; aead != nil {
			return openData(aead, data, boundTo(off, f.kind, f.meta))
		}
		return data, nil
	}
	return nil, io.EOF
}

// head reads the head of the frame at which r stands, in the next segment where
// this one ends.
func (r *pieces) head() (frame, error) {
	size := r.d.sizeOf(r.segs[0])
	if r.at.off == size && len(r.segs) > 1 {
		r.close()
		r.segs = r.segs[1:]
		r.at = r.segs[0].start
		size = r.d.sizeOf(r.segs[0])
	}
	if r.file == nil {
		var err error
		if r.file, err = r.d.use(r.segs[0]); err != nil {
			return frame{}, err
		}
	}
	f, err := readHead(r.file, r.at.off, size, r.at.crc)
	if err == io.EOF {
		err = errFrame
	}
	return f, err
}

func (r *pieces) close() {
	if r.file != nil {
		r.d.unuse(r.segs[0])
		r.file = nil
	}
}

// failed returns the error for a transaction that could not be read.
func (r *pieces) failed(err error) error {
	if r.d.isClosed() {
		return fmt.Errorf("read transaction at %s: %w", r.meta.position, ErrClosed)
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("read transaction at %s: %w", r.meta.position, damaged(r.segs[0], r.at.off, err))
}

func (d *Disk) isClosed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}

// use opens s for reading, until as many calls of unuse.
func (d *Disk) use(s *segment) (*os.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, ErrClosed
	}
	if s.file == nil {
		f, err := os.Open(s.path)
		if err != nil {
			return nil, err
		}
		s.file = f
	}
	s.uses++
	return s.file, nil
}

func (d *Disk) unuse(s *segment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.uses--; s.uses == 0 {
		s.close()
	}
}

func (d *Disk) unpin(segs []*segment) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range segs {
		s.pins--
	}
	d.buryLocked()
}

// close closes the file that is open for reading.
func (s *segment) close() {
	if s.file != nil {
		s.file.Close()
		s.file = nil
	}
}
