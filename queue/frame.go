package queue

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/syncback/syncback/capture"
)

// A segment is a header and then frames, one behind the other. A frame is
//
//	0   checksum of the head, which is what follows up to the data,
//	    seeded with the checksum of the frame before it
//	4   checksum of the data
//	8   length of the data
//	12  kind
//	13  zero
//	14  length of the meta
//	16  meta, then data
//
// Numbers are little-endian, checksums CRC-32C. The chain of seeds is what
// keeps a frame that was written, rolled back and left on the disk from being
// taken for one that belongs behind its neighbour.
const frameHead = 16

type frameKind uint8

// The kinds of frame. A transaction is one whole frame, or a first, any number
// of middles and a last; it counts once its last frame is there.
const (
	kindWhole frameKind = iota + 1
	kindFirst
	kindMiddle
	kindLast
	kindMark   // meta is a mark
	kindSynced // meta says up to where the segment was synced before this frame
)

func (k frameKind) isTx() bool { return k >= kindWhole && k <= kindLast }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errFrame is a frame that is torn or damaged; which of them, the reader's
// caller knows.
var errFrame = errors.New("checksum does not match")

type frame struct {
	kind    frameKind
	crc     uint32
	dataCRC uint32
	dataLen uint32
	meta    []byte
}

// size is the frame's length in the segment.
func (f frame) size() int64 { return frameHead + int64(len(f.meta)) + int64(f.dataLen) }

// sealFrame fills in the head of the frame that is b, whose meta of metaLen
// bytes and whose data are in place, and returns its checksum.
func sealFrame(b []byte, seed uint32, kind frameKind, metaLen int) uint32 {
	data := b[frameHead+metaLen:]
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(data, castagnoli))
	binary.LittleEndian.PutUint32(b[8:], uint32(len(data)))
	b[12], b[13] = byte(kind), 0
	binary.LittleEndian.PutUint16(b[14:], uint16(metaLen))
	crc := crc32.Update(seed, castagnoli, b[4:frameHead+metaLen])
	binary.LittleEndian.PutUint32(b, crc)
	return crc
}

// appendFrame appends a frame without data.
func appendFrame(b []byte, seed uint32, kind frameKind, meta []byte) ([]byte, uint32) {
	at := len(b)
	b = append(b, make([]byte, frameHead)...)
	b = append(b, meta...)
	return b, sealFrame(b[at:], seed, kind, len(meta))
}

// readHead reads the head of the frame at off of a segment that ends at end. It
// returns errFrame when there is no whole and sound frame, io.EOF at end.
func readHead(r io.ReaderAt, off, end int64, seed uint32) (frame, error) {
	if off == end {
		return frame{}, io.EOF
	}
	var first [frameHead + 112]byte
	got := first[:min(int64(len(first)), end-off)]
	if len(got) < frameHead {
		return frame{}, errFrame
	}
	if _, err := r.ReadAt(got, off); err != nil {
		return frame{}, unexpected(err)
	}
	f := frame{
		crc:     binary.LittleEndian.Uint32(got),
		dataCRC: binary.LittleEndian.Uint32(got[4:]),
		dataLen: binary.LittleEndian.Uint32(got[8:]),
		kind:    frameKind(got[12]),
	}
	head := frameHead + int64(binary.LittleEndian.Uint16(got[14:]))
	if head+int64(f.dataLen) > end-off {
		return frame{}, errFrame
	}
	if head > int64(len(got)) {
		got = make([]byte, head)
		if _, err := r.ReadAt(got, off); err != nil {
			return frame{}, unexpected(err)
		}
	}
	if crc32.Update(seed, castagnoli, got[4:head]) != f.crc {
		return frame{}, errFrame
	}
	f.meta = append([]byte(nil), got[frameHead:head]...)
	return f, nil
}

// readData reads the data of the frame f at off, into buf where it has room.
func readData(r io.ReaderAt, off int64, f frame, buf []byte) ([]byte, error) {
	if uint32(cap(buf)) < f.dataLen {
		buf = make([]byte, f.dataLen)
	}
	buf = buf[:f.dataLen]
	if _, err := r.ReadAt(buf, off+frameHead+int64(len(f.meta))); err != nil {
		return nil, unexpected(err)
	}
	if crc32.Checksum(buf, castagnoli) != f.dataCRC {
		return nil, errFrame
	}
	return buf, nil
}

// unexpected turns the end of a file that should go on into errFrame.
func unexpected(err error) error {
	if err == io.EOF {
		return errFrame
	}
	return err
}

// txMeta is the meta of a transaction's frames. In a frame that is not the last
// one, count and bytes are those of what comes before it.
type txMeta struct {
	position     capture.Position
	id           uint64
	commitMicros int64
	count, bytes int64
	origin       string
}

const txMetaFixed = 5 * 8

func metaOf(tx *capture.Tx) (txMeta, error) {
	if len(tx.Origin) > 4096 {
		return txMeta{}, fmt.Errorf("transaction at %s has an origin of %d bytes; 4096 is the most", tx.Position, len(tx.Origin))
	}
	return txMeta{position: tx.Position, id: tx.ID, commitMicros: tx.CommitTime.UnixMicro(), origin: tx.Origin}, nil
}

func (m txMeta) size() int { return txMetaFixed + len(m.origin) }

func (m txMeta) put(b []byte) {
	for i, v := range [...]uint64{uint64(m.position), m.id, uint64(m.commitMicros), uint64(m.count), uint64(m.bytes)} {
		binary.LittleEndian.PutUint64(b[8*i:], v)
	}
	copy(b[txMetaFixed:], m.origin)
}

func (f frame) tx() (txMeta, error) {
	if len(f.meta) < txMetaFixed {
		return txMeta{}, errFrame
	}
	at := func(i int) uint64 { return binary.LittleEndian.Uint64(f.meta[8*i:]) }
	return txMeta{
		position: capture.Position(at(0)), id: at(1), commitMicros: int64(at(2)),
		count: int64(at(3)), bytes: int64(at(4)), origin: string(f.meta[txMetaFixed:]),
	}, nil
}

func (m txMeta) commitTime() time.Time { return time.UnixMicro(m.commitMicros).UTC() }

// same reports whether m and o are of one transaction.
func (m txMeta) same(o txMeta) bool {
	return m.position == o.position && m.id == o.id && m.commitMicros == o.commitMicros
}

func appendMark(b []byte, m capture.Mark) []byte {
	b = binary.LittleEndian.AppendUint32(b, m.Timeline)
	b = binary.LittleEndian.AppendUint64(b, uint64(m.Position))
	return append(b, m.Source...)
}

func parseMark(b []byte) (capture.Mark, error) {
	if len(b) < 12 {
		return capture.Mark{}, errFrame
	}
	return capture.Mark{
		Timeline: binary.LittleEndian.Uint32(b),
		Position: capture.Position(binary.LittleEndian.Uint64(b[4:])),
		Source:   capture.Source(b[12:]),
	}, nil
}
