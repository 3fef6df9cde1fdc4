package queue

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/syncback/syncback/capture"
)

// formatVersion is the version of the files that this package reads and writes.
const formatVersion = 1

// headerMagic begins every segment; the version is behind it, whatever else a
// later version changes.
const headerMagic = "syncbkq\x00"

// A state is how far the log has come at some place in it.
type state struct {
	// mark is the watermark, and the source that the queue is bound to.
	mark capture.Mark
	// last is the position of the last whole transaction; 0 when there is none.
	last capture.Position
	// base is where the queue began: what was committed before it was never
	// here. It is set once anything was taken in.
	base  capture.Position
	begun bool
}

// advance takes in a mark.
func (s *state) advance(m capture.Mark) {
	s.begin(m.Position)
	if m.Source == "" {
		m.Source = s.mark.Source
	}
	s.mark = m
}

// take takes in a whole transaction.
func (s *state) take(p capture.Position) {
	s.begin(p)
	s.last = p
	s.mark.Position = max(s.mark.Position, p)
}

func (s *state) begin(p capture.Position) {
	if !s.begun {
		s.base, s.begun = p, true
	}
}

// A place is a spot between two frames: the segment's number, the offset in it,
// and the checksum that seeds the next frame's.
type place struct {
	seg uint64
	off int64
	crc uint32
}

func (p place) before(o place) bool {
	return p.seg < o.seg || p.seg == o.seg && p.off < o.off
}

// A header begins a segment. It says all that the segments before it would.
type header struct {
	number  uint64
	nonce   uint64 // random; only frames of this segment can know it
	created time.Time
	state   state
	// end is where the segment before this one ends; zero in the first one.
	end place
	// open is the transaction in whose middle the segment begins: its position,
	// where it starts, and the state there. Its open.start.seg is 0 when there
	// is none.
	open openTx
	// key tells the key that the data are sealed with; 0 is in clear.
	key uint64
}

type openTx struct {
	start    place
	position capture.Position
}

func newNonce() uint64 {
	var b [8]byte
	rand.Read(b[:]) // never fails, by its contract
	return binary.LittleEndian.Uint64(b[:])
}

// headerSize is how much of a segment its header takes, whatever is in it: a
// longer file with a broken header was damaged, not torn.
const headerSize = 4096

// encode returns the header as it is in the file: magic, version, length,
// checksum, body, zeros.
func (h header) encode() []byte {
	le := binary.LittleEndian
	var body []byte
	for _, v := range [...]uint64{
		h.number, h.nonce, uint64(h.created.UnixMicro()),
		uint64(h.state.last), uint64(h.state.base), bit(h.state.begun),
		h.end.seg, uint64(h.end.off), uint64(h.end.crc),
		h.open.start.seg, uint64(h.open.start.off), uint64(h.open.start.crc), uint64(h.open.position),
		h.key,
	} {
		body = le.AppendUint64(body, v)
	}
	body = appendMark(body, h.state.mark)
	b := []byte(headerMagic)
	b = le.AppendUint32(b, formatVersion)
	b = le.AppendUint32(b, uint32(len(body)))
	b = le.AppendUint32(b, crc32.Checksum(body, castagnoli))
	b = append(b, body...)
	return append(b, make([]byte, max(headerSize-len(b), 0))...)
}

const headerPrefix = len(headerMagic) + 3*4

const headerFixed = 14 * 8

// maxSource bounds a source's identity, for the header to hold it.
const maxSource = headerSize - headerPrefix - headerFixed - 12

// parseHeader reads a header. It returns where the first frame is, with its
// seed. errFrame means that the header is torn or damaged.
func parseHeader(b []byte) (h header, start place, err error) {
	le := binary.LittleEndian
	if len(b) < headerPrefix || string(b[:len(headerMagic)]) != headerMagic {
		return h, start, errFrame
	}
	b = b[len(headerMagic):]
	if v := le.Uint32(b); v != formatVersion {
		return h, start, fmt.Errorf("its format is version %d, and this program knows version %d: use the program that wrote it, or drain the queue with it first", v, formatVersion)
	}
	n, crc := le.Uint32(b[4:]), le.Uint32(b[8:])
	b = b[12:]
	if uint64(n) > uint64(len(b)) || n < headerFixed+12 || crc32.Checksum(b[:n], castagnoli) != crc {
		return h, start, errFrame
	}
	at := func(i int) uint64 { return le.Uint64(b[8*i:]) }
	h.number, h.nonce, h.created = at(0), at(1), time.UnixMicro(int64(at(2)))
	h.state = state{last: capture.Position(at(3)), base: capture.Position(at(4)), begun: at(5) == 1}
	h.end = place{at(6), int64(at(7)), uint32(at(8))}
	h.open = openTx{place{at(9), int64(at(10)), uint32(at(11))}, capture.Position(at(12))}
	h.key = at(13)
	h.state.mark, err = parseMark(b[headerFixed:n])
	return h, place{h.number, headerSize, crc}, err
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// A segment is one file of the log. Disk.mu guards what changes.
type segment struct {
	header
	path  string
	start place       // of the first frame
	size  int64       // of the file; of the newest segment, what is in its file so far
	aead  cipher.AEAD // seals the data; nil where they are in clear

	file *os.File // open for reading while uses > 0
	uses int
	pins int // transactions that readers hold

	appliedAt time.Time // when all of it was applied; zero before
}

const (
	segmentSuffix = ".seg"
	appliedSuffix = ".applied"
)

func segmentName(number uint64) string { return fmt.Sprintf("%016d%s", number, segmentSuffix) }

// segmentNumber reads what segmentName wrote.
func segmentNumber(name string) (uint64, bool) {
	digits, ok := strings.CutSuffix(name, segmentSuffix)
	if !ok || len(digits) != 16 {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, err == nil && n > 0
}

// openSegment reads the header of the file of that number. errFrame means that
// there is no sound header.
func openSegment(dir string, number uint64) (*segment, error) {
	s := &segment{path: filepath.Join(dir, segmentName(number))}
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s.size = info.Size()
	b := make([]byte, headerSize)
	if _, err := io.ReadFull(f, b); err == io.EOF || err == io.ErrUnexpectedEOF {
		return s, errFrame
	} else if err != nil {
		return s, err
	}
	s.header, s.start, err = parseHeader(b)
	if err == nil && s.number != number {
		err = errFrame
	}
	if err == nil {
		s.appliedAt = appliedAt(s.path)
	}
	return s, err
}

// appliedPath is an empty file whose time says when all of the segment was
// applied, so that what was applied is kept as long over a restart.
func appliedPath(segment string) string {
	return strings.TrimSuffix(segment, segmentSuffix) + appliedSuffix
}

func appliedAt(segment string) time.Time {
	info, err := os.Stat(appliedPath(segment))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}
