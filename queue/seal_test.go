package queue_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
)

var (
	keyA = []byte("the secret of a council")
	keyB = []byte("the secret after that one")
)

// TestSealedFilesTellNoValue looks for values in the files: they are found
// without a key.
func TestSealedFilesTellNoValue(t *testing.T) {
	const value, table, column = "Adeyemi", "household_member", "surname"
	for name, key := range map[string][]byte{"in clear": nil, "sealed": keyA} {
		dir := t.TempDir()
		q := open(t, queue.SmallFiles(queue.Config{Dir: dir, Key: key}, 32<<10))
		shape := &capture.Table{Schema: "public", Name: table, Columns: []capture.Column{{Name: column, Base: "text"}}}
		for p := range capture.Position(300) {
			put(t, q, &capture.Tx{Position: p + 1, Changes: func(yield func(capture.Change, error) bool) {
				for range 3 {
					if !yield(capture.Change{Op: capture.Insert, Table: shape, After: capture.Row{capture.Text(strings.Repeat(value, 20))}}, nil) {
						return
					}
				}
			}})
		}
		var all []byte
		for _, path := range segments(t, dir) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b...)
		}
		for _, word := range []string{value, table, column} {
			if found := bytes.Contains(all, []byte(word)); found != (key == nil) {
				t.Errorf("%s, %q is in the files: %v", name, word, found)
			}
		}
		if n, err := readAll(q, 0); n != 900 || err != nil {
			t.Errorf("%s, %d changes are read: %v", name, n, err)
		}
	}
}

// TestKeysChange has a queue in clear, sealed, sealed with another key, and in
// clear again: all of it stays readable with the keys that it was sealed with.
func TestKeysChange(t *testing.T) {
	dir := t.TempDir()
	rows := 0
	for i, cfg := range []queue.Config{
		{}, {Key: keyA}, {Key: keyA}, {Key: keyB, OldKeys: [][]byte{keyA}}, {OldKeys: [][]byte{keyA, keyB}},
	} {
		cfg.Dir = dir
		q := open(t, cfg)
		put(t, q, tx(capture.Position(i+1), 10))
		rows += 10
		if n, err := readAll(q, 0); n != rows || err != nil {
			t.Fatalf("%d: %d changes of %d are read: %v", i, n, rows, err)
		}
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := files(t, dir); n != 4 {
		t.Errorf("there are %d files, and the key changed three times", n)
	}
	for name, c := range map[string]struct {
		cfg  queue.Config
		says string
	}{
		"none":      {queue.Config{}, "0000000000000002.seg: what is in it is sealed, and no key was given"},
		"another":   {queue.Config{Key: []byte("some other secret")}, "0000000000000002.seg: what is in it is sealed with another key"},
		"one short": {queue.Config{Key: keyB}, "0000000000000002.seg: what is in it is sealed with another key"},
		"too short": {queue.Config{Key: []byte("short")}, "a key has 5 bytes; it must have 16 or more"},
		"empty":     {queue.Config{Key: []byte{}}, "a key has 0 bytes"},
		"old":       {queue.Config{OldKeys: [][]byte{keyA, []byte("short")}}, "a key has 5 bytes"},
	} {
		c.cfg.Dir = dir
		if _, err := queue.Open(c.cfg); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	q := open(t, queue.Config{Dir: dir, Key: keyA, OldKeys: [][]byte{keyB}})
	if n, err := readAll(q, 0); n != rows || err != nil {
		t.Errorf("after keys that were refused %d changes are read: %v", n, err)
	}
}

// TestSealedDataCannotBeChanged changes data, and the checksums with them, as
// only someone who means to can.
func TestSealedDataCannotBeChanged(t *testing.T) {
	for says, key := range map[string][]byte{"none, and 1 changes are there": nil, "it does not open with its key": keyA} {
		cfg := queue.Config{Dir: t.TempDir(), Key: key}
		q := open(t, cfg)
		put(t, q, tx(1, 1))
		q.Close()
		forge(t, segments(t, cfg.Dir)[0])
		err := openAndRead(cfg)
		if !strings.Contains(err.Error(), says) || key != nil && !errors.Is(err, queue.ErrDamaged) {
			t.Errorf("with a key of %d bytes: %v", len(key), err)
		}
	}
}

// forge changes one of the last letters of the first data that a frame has, and
// makes its checksums right.
func forge(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const header = 4096
	le := binary.LittleEndian
	table := crc32.MakeTable(crc32.Castagnoli)
	seed := le.Uint32(b[16:]) // the header's own
	frame, meta, n := b[header:], 0, 0
	for {
		if meta, n = int(le.Uint16(frame[14:])), int(le.Uint32(frame[8:])); n > 0 {
			break
		}
		seed, frame = le.Uint32(frame), frame[16+meta:]
	}
	data := frame[16+meta : 16+meta+n]
	data[n-50] ^= 1
	le.PutUint32(frame[4:], crc32.Checksum(data, table))
	le.PutUint32(frame, crc32.Update(seed, table, frame[4:16+meta]))
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestSealedFramesCannotBeExchanged puts two frames of one long value in each
// other's place, which have all that is not sealed in common.
func TestSealedFramesCannotBeExchanged(t *testing.T) {
	cfg := queue.SmallFiles(queue.Config{Dir: t.TempDir(), Key: keyA}, 1<<20)
	q := open(t, cfg)
	value := strings.Repeat("a", 4000) + strings.Repeat("b", 4000)
	shape := &capture.Table{Schema: "public", Name: "t", Columns: []capture.Column{{Name: "c", Base: "text"}}}
	put(t, q, &capture.Tx{Position: 1, Changes: func(yield func(capture.Change, error) bool) {
		yield(capture.Change{Op: capture.Insert, Table: shape, After: capture.Row{capture.Text(value)}}, nil)
	}})
	q.Close()
	exchange(t, segments(t, cfg.Dir)[0])
	err := openAndRead(cfg)
	if !errors.Is(err, queue.ErrDamaged) || !strings.Contains(err.Error(), "it does not open with its key") {
		t.Error(err)
	}
}

// exchange exchanges the data of two frames in the middle of a transaction, and
// makes all checksums right.
func exchange(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const header, middle = 4096, 3
	le := binary.LittleEndian
	var frames, middles [][]byte
	var datas [][]byte
	for at := header; at < len(b); {
		meta, n := int(le.Uint16(b[at+14:])), int(le.Uint32(b[at+8:]))
		frame := b[at : at+16+meta+n]
		if frames = append(frames, frame); frame[12] == middle {
			middles, datas = append(middles, frame), append(datas, frame[16+meta:])
		}
		at += len(frame)
	}
	last := len(middles) - 2
	if last < 1 || len(datas[0]) != len(datas[last]) {
		t.Fatalf("there are %d frames in the middle", len(middles))
	}
	first := bytes.Clone(datas[0])
	copy(datas[0], datas[last])
	copy(datas[last], first)
	table := crc32.MakeTable(crc32.Castagnoli)
	seed := le.Uint32(b[16:])
	for _, frame := range frames {
		head := 16 + int(le.Uint16(frame[14:]))
		le.PutUint32(frame[4:], crc32.Checksum(frame[head:], table))
		seed = crc32.Update(seed, table, frame[4:head])
		le.PutUint32(frame, seed)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
