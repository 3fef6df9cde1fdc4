package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
)

// modelSeeds is how many runs of the model there are.
var modelSeeds = 30

// TestModel does random things to a queue, crashes and failures of the disk
// among them, and compares it with a list. A seed that fails is printed; it is
// run alone with -run 'TestModel/seed=N$'.
func TestModel(t *testing.T) {
	for seed := range uint64(modelSeeds) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			m := newModel(t, seed)
			for range 150 {
				m.step()
			}
			m.crash()
		})
	}
}

// A model is the queue under test and what it should hold.
type model struct {
	t    *testing.T
	rnd  *rand.Rand
	disk *forgetfulDisk
	dir  string
	q    *Disk

	source  []modelTx        // what was committed, in order
	written []modelTx        // what Write took in, with what was trimmed
	acked   int              // how many of written a Sync answered for
	marked  capture.Position // the highest that a Sync answered with
	at      capture.Position // that of the last mark or transaction that was taken in
	applied capture.Position
}

type modelTx struct {
	position capture.Position
	rows     []string
}

func newModel(t *testing.T, seed uint64) *model {
	m := &model{t: t, rnd: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir()}
	m.open()
	return m
}

func (m *model) open() {
	m.disk = &forgetfulDisk{rnd: m.rnd, dir: m.dir, synced: readFiles(m.t, m.dir), lost: map[string]map[int64]bool{}}
	m.openAgain()
}

// openAgain opens the folder on the disk as it is.
func (m *model) openAgain() {
	cfg := Config{Dir: m.dir, KeepFor: -1, sizes: sizes{8 << 10, 1 << 10, 512, 2 << 10}, wrap: m.disk.wrap}
	cfg.background = func(do func()) { do() } // the seed says when
	keys := [][]byte{nil, []byte("the secret of a council"), []byte("the secret after that one")}
	cfg.Key, cfg.OldKeys = keys[m.rnd.IntN(len(keys))], keys[1:]
	q, err := Open(cfg)
	if err != nil {
		m.t.Fatal(err)
	}
	m.q = q
	m.t.Cleanup(func() { q.Close() })
}

func (m *model) step() {
	switch n := m.rnd.IntN(100); {
	case n < 45:
		m.write(1 + m.rnd.IntN(4))
	case n < 50:
		m.write(1 + m.rnd.IntN(300))
	case n < 55:
		m.writeBroken()
	case n < 60:
		m.repeat()
	case n < 65:
		m.advance()
	case n < 85:
		m.sync()
	case n < 90:
		m.trim()
	case n < 94:
		m.disk.fail, m.disk.passes = []error{syscall.ENOSPC, syscall.EIO}[m.rnd.IntN(2)], m.rnd.IntN(3)
	case n < 96:
		m.crash()
	case n < 97:
		m.reopen()
	default:
		m.check()
	}
}

// next returns the transaction that the source sends next. It sends the same
// one again when the one before is not held.
func (m *model) next(rows int) modelTx {
	if n := len(m.written); n < len(m.source) {
		return m.source[n]
	}
	tx := modelTx{position: m.at + 1 + capture.Position(m.rnd.IntN(10))}
	for i := range rows {
		tx.rows = append(tx.rows, fmt.Sprintf("%d of %d %s", i, tx.position, strings.Repeat("x", m.rnd.IntN(40))))
		if m.rnd.IntN(200) == 0 {
			tx.rows[i] += strings.Repeat("long", 1+m.rnd.IntN(1500))
		}
	}
	m.source = append(m.source, tx)
	return tx
}

var modelTable = &capture.Table{Schema: "s", Name: "t", Columns: []capture.Column{{Name: "c"}}}

func (tx modelTx) live(err error) *capture.Tx {
	return &capture.Tx{
		Position: tx.position, ID: uint64(tx.position), CommitTime: time.Unix(int64(tx.position), 0),
		Changes: func(yield func(capture.Change, error) bool) {
			for _, r := range tx.rows {
				if !yield(capture.Change{Op: capture.Insert, Table: modelTable, After: capture.Row{capture.Text(r)}}, nil) {
					return
				}
			}
			if err != nil {
				yield(capture.Change{}, err)
			}
		},
	}
}

func (m *model) write(rows int) {
	tx := m.next(rows)
	if err := m.q.Write(context.Background(), tx.live(nil)); err != nil {
		m.failed(err)
		return
	}
	m.written = append(m.written, tx)
	m.at = tx.position
}

var errWire = errors.New("the connection was lost")

func (m *model) writeBroken() {
	tx := m.next(1 + m.rnd.IntN(100))
	tx.rows = tx.rows[:m.rnd.IntN(len(tx.rows)+1)]
	err := m.q.Write(context.Background(), tx.live(errWire))
	if err == nil {
		m.t.Fatal("a transaction that broke off was taken in")
	}
	if !errors.Is(err, errWire) {
		m.failed(err)
	}
}

// advance goes to a place before the next transaction.
func (m *model) advance() {
	to := m.at + capture.Position(m.rnd.IntN(3))
	if n := len(m.written); n < len(m.source) {
		to = min(to, m.source[n].position)
	}
	if err := m.q.Advance(context.Background(), capture.Mark{Source: "s", Position: to}); err != nil {
		m.failed(err)
		return
	}
	m.at = to
}

// repeat writes what was written before, as it was and as another history has
// it.
func (m *model) repeat() {
	if len(m.written) == 0 {
		return
	}
	tx := m.written[m.rnd.IntN(len(m.written))]
	if err := m.q.Write(context.Background(), tx.live(nil)); err != nil {
		m.failed(err)
		return
	}
	m.q.mu.Lock()
	old := tx.position <= m.q.segs[0].floor()
	m.q.mu.Unlock()
	other := tx.live(nil)
	other.ID++
	if err := m.q.Write(context.Background(), other); !errors.Is(err, capture.ErrDiverged) && !old {
		m.t.Fatalf("another history at %s: %v", tx.position, err)
	}
}

func (m *model) sync() {
	p, err := m.q.Sync(context.Background())
	if m.failed(err) || err != nil {
		return
	}
	m.acked, m.marked = len(m.written), p
}

// failed looks at an error that the disk may have caused, and reports whether
// what was not durable is gone.
func (m *model) failed(err error) bool {
	if err == nil {
		return false
	}
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EIO) {
		m.t.Fatal(err)
	}
	if errors.Is(err, syscall.ENOSPC) != (errors.Is(err, ErrFull) && capture.Retryable(err)) {
		m.t.Fatalf("not as a full disk should be told: %v", err)
	}
	m.q.mu.Lock()
	stale := m.q.stale
	m.q.mu.Unlock()
	if !stale {
		return false
	}
	if err := m.q.Write(context.Background(), m.next(1).live(nil)); err == nil {
		m.t.Fatal("went on behind a gap")
	}
	m.q.Restart()
	m.written, m.at = m.written[:m.acked], m.marked
	return true
}

func (m *model) trim() {
	if m.acked == 0 {
		return
	}
	m.applied = max(m.applied, m.written[m.rnd.IntN(m.acked)].position)
	runtime.GC() // what check has read is held until then
	if err := m.q.Trim(context.Background(), m.applied); err != nil {
		m.t.Fatal(err)
	}
	if m.rnd.IntN(3) == 0 {
		m.crash() // what was removed may come back
	}
}

// crash leaves of what was not synced what a power cut might, and opens that.
func (m *model) crash() {
	m.q.Close()
	next := m.t.TempDir()
	m.disk.crash(m.t, next)
	m.dir = next
	m.open()
	m.survived()
}

// reopen starts the process again, on a machine that stays up: what a failed sync
// was to write is read as if it had been.
func (m *model) reopen() {
	m.q.Close()
	m.disk.fail = nil
	m.openAgain()
	m.survived()
}

// survived compares what is held with what was acknowledged: that, and perhaps
// more of what was written, in order and whole.
func (m *model) survived() {
	mark, err := m.q.Last(context.Background())
	if err != nil || mark.Position < m.marked {
		m.t.Fatalf("mark is at %s after a crash, and %s was acknowledged; %v", mark.Position, m.marked, err)
	}
	n := 0
	for n < len(m.source) && m.source[n].position <= m.q.Stats().Last {
		n++ // what was taken back after a sync that failed may be there all the same
	}
	if n < m.acked {
		m.t.Fatalf("%d transactions are there after a crash, and %d were acknowledged", n, m.acked)
	}
	m.written, m.acked = m.source[:n:n], n
	m.marked, m.at = mark.Position, mark.Position
	m.check()
}

// check reads all that is durable.
func (m *model) check() {
	m.q.mu.Lock()
	floor := m.q.segs[0].floor()
	m.q.mu.Unlock()
	if floor > m.applied {
		m.t.Fatalf("trimmed up to %s; only %s was applied", floor, m.applied)
	}
	after := floor
	for _, want := range m.written[:m.acked] {
		if want.position <= floor {
			continue
		}
		tx, err := m.q.Next(context.Background(), after)
		if err != nil {
			m.t.Fatalf("next after %s: %v", after, err)
		}
		if tx.Position != want.position {
			m.t.Fatalf("next after %s is %s, want %s", after, tx.Position, want.position)
		}
		i := 0
		for c, err := range tx.Changes {
			if err != nil {
				m.t.Fatal(err)
			}
			if text, _ := c.After[0].Text(); i >= len(want.rows) || text != want.rows[i] {
				m.t.Fatalf("row %d of %s is not as it was written", i, tx.Position)
			}
			i++
		}
		if i != len(want.rows) {
			m.t.Fatalf("%s has %d rows, want %d", tx.Position, i, len(want.rows))
		}
		after = tx.Position
	}
}

// A forgetfulDisk remembers what was synced of each file, and which files were
// there when the folder was, and can fail.
type forgetfulDisk struct {
	rnd    *rand.Rand
	dir    string
	synced map[string][]byte
	fail   error // of a write or sync
	passes int   // how many of them come before it
	// lost are blocks that a sync has failed to write: the system takes them for
	// written, and only what is written to them anew gets to the disk.
	lost map[string]map[int64]bool
}

const block = 512

// wrap is called for a file whose name is made durable, or was.
func (d *forgetfulDisk) wrap(f *os.File) logFile {
	for name := range d.synced {
		if _, err := os.Stat(filepath.Join(d.dir, name)); err != nil {
			delete(d.synced, name) // that it is gone is durable as well
		}
	}
	w := &forgetfulFile{f, d}
	if _, known := d.synced[w.name()]; !known {
		w.note()
	}
	return w
}

// failed returns the error of the next write or sync.
func (d *forgetfulDisk) failed() error {
	if d.fail == nil {
		return nil
	}
	if d.passes--; d.passes >= 0 {
		return nil
	}
	err := d.fail
	d.fail = nil
	return err
}

type forgetfulFile struct {
	*os.File
	disk *forgetfulDisk
}

func (f *forgetfulFile) name() string { return filepath.Base(f.Name()) }

// note has all that is in the file durable but what is lost.
func (f *forgetfulFile) note() {
	b, err := os.ReadFile(f.Name())
	if err != nil {
		return
	}
	was := f.disk.synced[f.name()]
	for n := range f.disk.lost[f.name()] {
		from, to := min(n*block, int64(len(b))), min((n+1)*block, int64(len(b)))
		clear(b[from:to])
		copy(b[from:to], was[min(from, int64(len(was))):])
	}
	f.disk.synced[f.name()] = b
}

// lose has lost what note would make durable.
func (f *forgetfulFile) lose() {
	b, err := os.ReadFile(f.Name())
	if err != nil {
		return
	}
	was, lost := f.disk.synced[f.name()], f.disk.lost[f.name()]
	if lost == nil {
		lost = map[int64]bool{}
		f.disk.lost[f.name()] = lost
	}
	for n := int64(0); n*block < int64(len(b)); n++ {
		from, to := n*block, min((n+1)*block, int64(len(b)))
		if to > int64(len(was)) || !bytes.Equal(was[from:to], b[from:to]) {
			lost[n] = true
		}
	}
}

// writes is told which bytes are written or cut off, and are lost no longer.
func (f *forgetfulFile) writes(from, to int64) {
	for n := range f.disk.lost[f.name()] {
		if n >= from/block && n*block < to {
			delete(f.disk.lost[f.name()], n)
		}
	}
}

func (f *forgetfulFile) WriteAt(b []byte, off int64) (int, error) {
	f.writes(off, off+int64(len(b)))
	if err := f.disk.failed(); err != nil {
		n, _ := f.File.WriteAt(b[:f.disk.rnd.IntN(len(b)+1)], off)
		return n, err
	}
	return f.File.WriteAt(b, off)
}

func (f *forgetfulFile) Truncate(size int64) error {
	f.writes(size, math.MaxInt64)
	return f.File.Truncate(size)
}

func (f *forgetfulFile) Sync() error {
	if err := f.disk.failed(); err != nil {
		f.lose()
		return err
	}
	f.note()
	return nil // the model needs no real disk
}

// crash makes in another folder what is left: of each file every block that was
// not synced as it was written or as it was before, of the files that were
// removed some of the last ones, and perhaps the torn beginning of a next one. A
// folder forgets what was done in it from the end: ext4, XFS and NTFS keep a
// journal of it.
func (d *forgetfulDisk) crash(t *testing.T, to string) {
	left := readFiles(t, d.dir)
	for name, now := range left {
		if was, ok := d.synced[name]; ok {
			left[name] = d.mix(was, now)
		}
	}
	var removed []string
	for name := range d.synced {
		if _, ok := left[name]; !ok {
			removed = append(removed, name)
		}
	}
	slices.Sort(removed)
	for _, name := range removed[d.rnd.IntN(len(removed)+1):] {
		left[name] = d.synced[name]
	}
	if d.rnd.IntN(4) == 0 {
		left[d.next(left)] = make([]byte, d.rnd.IntN(headerSize+1))
	}
	for name, b := range left {
		if err := os.WriteFile(filepath.Join(to, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// next returns the name of the segment behind the newest.
func (d *forgetfulDisk) next(files map[string][]byte) string {
	newest := uint64(0)
	for name := range files {
		if n, ok := segmentNumber(name); ok {
			newest = max(newest, n)
		}
	}
	return segmentName(newest + 1)
}

// readFiles reads all files in a folder.
func readFiles(t *testing.T, dir string) map[string][]byte {
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = b
	}
	return files
}

func (d *forgetfulDisk) mix(was, now []byte) []byte {
	size := []int{len(was), len(now), min(len(was), len(now)) + d.rnd.IntN(max(len(was), len(now))-min(len(was), len(now))+1)}[d.rnd.IntN(3)]
	out := make([]byte, size)
	copy(out, was)
	keep := d.rnd.IntN(101)
	for at := 0; at < size; at += block {
		if d.rnd.IntN(100) < keep && at < len(now) {
			copy(out[at:min(at+block, size)], now[at:])
		}
	}
	return out
}
