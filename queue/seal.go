package queue

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

// leastKey is how many bytes a key has at least.
const leastKey = 16

// A sealer seals the data of frames, each segment's with a key of its own that
// is derived from one key.
type sealer struct {
	key []byte
	id  uint64 // tells the key from others; not 0
}

func newSealer(key []byte) (*sealer, error) {
	if len(key) < leastKey {
		return nil, fmt.Errorf("a key has %d bytes; it must have %d or more", len(key), leastKey)
	}
	id, err := hkdf.Key(sha256.New, key, nil, "syncback queue key id", 8)
	if err != nil {
		return nil, err
	}
	return &sealer{slices.Clone(key), max(1, binary.LittleEndian.Uint64(id))}, nil
}

// of returns what seals the segment of that nonce.
func (s *sealer) of(nonce uint64) (cipher.AEAD, error) {
	salt := binary.LittleEndian.AppendUint64(nil, nonce)
	key, err := hkdf.Key(sha256.New, s.key, salt, "syncback queue segment", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// takeKeys takes in the configured keys: the one that seals, and those that only
// open.
func (d *Disk) takeKeys() error {
	if d.cfg.Key != nil {
		s, err := newSealer(d.cfg.Key)
		if err != nil {
			return err
		}
		d.seals, d.opens = s, append(d.opens, s)
	}
	for _, key := range d.cfg.OldKeys {
		s, err := newSealer(key)
		if err != nil {
			return err
		}
		d.opens = append(d.opens, s)
	}
	return nil
}

// keyID is what the header of a new segment has; 0 is in clear.
func (d *Disk) keyID() uint64 {
	if d.seals == nil {
		return 0
	}
	return d.seals.id
}

// unlock gives a segment what opens its data, where these are sealed.
func (d *Disk) unlock(s *segment) (err error) {
	if s.key == 0 {
		return nil
	}
	for _, o := range d.opens {
		if o.id == s.key {
			s.aead, err = o.of(s.nonce)
			return err
		}
	}
	if len(d.opens) == 0 {
		return errors.New("what is in it is sealed, and no key was given; give the key that it was sealed with" + lostKey)
	}
	return errors.New("what is in it is sealed with another key; give the one that it was sealed with, among the old keys where it no longer seals" + lostKey)
}

// lostKey is what to do without it.
const lostKey = ". Where that is lost, so is what was queued: set the pipeline up anew, with a folder and a slot of its own, and compare the two sides"

// changeKey begins a new segment where the newest one is not sealed as what
// comes is to be.
func (d *Disk) changeKey() error {
	if d.tail.seg.key == d.keyID() {
		return nil
	}
	if err := d.roll(openTx{}); err != nil {
		return err
	}
	d.durable = d.tail.spot()
	return nil
}

// sealData seals the data that b ends with. Behind them come the tag and the
// nonce.
func sealData(aead cipher.AEAD, b []byte, data int, bound []byte) []byte {
	nonce := make([]byte, aead.NonceSize())
	rand.Read(nonce) // never fails, by its contract
	return append(aead.Seal(b[:data], nonce, b[data:], bound), nonce...)
}

// boundTo is what the data of a frame are sealed together with, so that they are
// not those of another one: where it is in its segment, its kind, and its meta.
func boundTo(off int64, kind frameKind, meta []byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(off))
	return append(append(b, byte(kind)), meta...)
}

// errSealed is data that do not open although their checksum is right.
var errSealed = errors.New("it does not open with its key: someone has changed it")

// openData opens data in place.
func openData(aead cipher.AEAD, data, bound []byte) ([]byte, error) {
	at := len(data) - aead.NonceSize()
	if at < 0 {
		return nil, errSealed
	}
	open, err := aead.Open(data[:0], data[at:], data[:at], bound)
	if err != nil {
		return nil, errSealed
	}
	return open, nil
}
