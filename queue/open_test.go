package queue_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
)

func open(t *testing.T, cfg queue.Config) *queue.Disk {
	t.Helper()
	q, err := queue.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

// tx is a transaction of so many rows of about 1 kB.
func tx(p capture.Position, rows int) *capture.Tx {
	table := &capture.Table{Schema: "public", Name: "t", Columns: []capture.Column{{Name: "c", Base: "text"}}}
	return &capture.Tx{Position: p, ID: uint64(p), CommitTime: time.UnixMicro(int64(p)), Changes: func(yield func(capture.Change, error) bool) {
		for i := range rows {
			text := fmt.Sprintf("%d in %d %s", i, p, strings.Repeat("x", 1000))
			if !yield(capture.Change{Op: capture.Insert, Table: table, After: capture.Row{capture.Text(text)}}, nil) {
				return
			}
		}
	}}
}

func put(t *testing.T, q *queue.Disk, txs ...*capture.Tx) {
	t.Helper()
	for _, tx := range txs {
		if err := q.Write(context.Background(), tx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := q.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// readAll reads what comes after that position, up to what is durable, and
// returns the number of changes and the first error.
func readAll(q *queue.Disk, after capture.Position) (n int, err error) {
	for after < q.Stats().Last {
		tx, err := q.Next(context.Background(), after)
		if err != nil {
			return n, err
		}
		for _, err := range tx.Changes {
			if err != nil {
				return n, err
			}
			n++
		}
		after = tx.Position
	}
	return n, nil
}

func TestOpenWithoutDir(t *testing.T) {
	if _, err := queue.Open(queue.Config{}); err == nil || !strings.Contains(err.Error(), "Dir") {
		t.Errorf("got %v", err)
	}
}

func TestOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	q := open(t, queue.Config{Dir: dir})
	_, err := queue.Open(queue.Config{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "another process has it open") || !strings.Contains(err.Error(), dir) {
		t.Errorf("a second Open: %v", err)
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if err := q.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
	open(t, queue.Config{Dir: dir})
}

func TestOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	dir := filepath.Join(t.TempDir(), "a", "queue")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	q := open(t, queue.SmallFiles(queue.Config{Dir: dir}, 64<<10))
	for p := range capture.Position(200) {
		put(t, q, tx(p+1, 1))
	}
	if err := q.Trim(context.Background(), 200); err != nil {
		t.Fatal(err)
	}
	modes := map[string]int{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		want := os.FileMode(0o600)
		if e.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has the mode %o, want %o", path, info.Mode().Perm(), want)
		}
		modes[filepath.Ext(path)]++
		return nil
	})
	if err != nil || modes[".seg"] < 2 || modes[".applied"] < 1 {
		t.Errorf("looked at %v; %v", modes, err)
	}
}

func TestOtherFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	q := open(t, queue.Config{Dir: dir})
	put(t, q, tx(1, 1))
	q.Close()
	change(t, segments(t, dir)[0], 8, 99)
	_, err := queue.Open(queue.Config{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "version 99") || errors.Is(err, queue.ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

func segments(t *testing.T, dir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.seg"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no segments in %s: %v", dir, err)
	}
	return names
}

func change(t *testing.T, path string, off int64, to byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{to}, off); err != nil {
		t.Fatal(err)
	}
}

// TestDamageIsNamed breaks a byte here and there in what was synced, in the
// newest file as well as in older ones.
func TestDamageIsNamed(t *testing.T) {
	whole := t.TempDir()
	cfg := queue.SmallFiles(queue.Config{Dir: whole}, 32<<10)
	q := open(t, cfg)
	for p := range capture.Position(100) {
		put(t, q, tx(p+1, 1))
	}
	q.Close()
	names := segments(t, whole)
	for i, name := range names {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		size := info.Size()
		if i == len(names)-1 {
			// What the last Sync covered alone, no later frame vouches for.
			size -= 1200
		}
		for off := int64(0); off < size; off += 1 + size/41 {
			if padding := off >= 136 && off < 4096; padding {
				continue
			}
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
				t.Fatal(err)
			}
			broken := filepath.Join(dir, filepath.Base(name))
			flip(t, broken, off)
			err := openAndRead(queue.SmallFiles(queue.Config{Dir: dir}, 32<<10))
			version := off >= 8 && off < 12
			if !version && (!errors.Is(err, queue.ErrDamaged) || !strings.Contains(err.Error(), filepath.Base(name))) {
				t.Errorf("byte %d of %s is broken, and the error is %v", off, filepath.Base(name), err)
			}
		}
	}
}

func flip(t *testing.T, path string, off int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	change(t, path, off, b[off]^0x40)
}

func openAndRead(cfg queue.Config) error {
	q, err := queue.Open(cfg)
	if err != nil {
		return err
	}
	defer q.Close()
	n, err := readAll(q, 0)
	if err == nil {
		err = fmt.Errorf("none, and %d changes are there", n)
	}
	return err
}

func TestMissingFileIsNamed(t *testing.T) {
	dir := t.TempDir()
	cfg := queue.SmallFiles(queue.Config{Dir: dir}, 32<<10)
	q := open(t, cfg)
	for p := range capture.Position(100) {
		put(t, q, tx(p+1, 1))
	}
	q.Close()
	if err := os.Remove(segments(t, dir)[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := queue.Open(cfg); !errors.Is(err, queue.ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

// TestTornTail cuts the newest file at each place behind the last Sync.
func TestTornTail(t *testing.T) {
	whole := t.TempDir()
	q := open(t, queue.Config{Dir: whole})
	put(t, q, tx(1, 2))
	synced := size(t, segments(t, whole)[0])
	put(t, q, tx(2, 2))
	q.Close()
	for end := synced; end < size(t, segments(t, whole)[0]); end += 97 {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(segments(t, dir)[0], end); err != nil {
			t.Fatal(err)
		}
		q := open(t, queue.Config{Dir: dir})
		if last := q.Stats().Last; last != 1 {
			t.Fatalf("cut at %d, the queue has come to %d", end, last)
		}
		put(t, q, tx(2, 3))
		if n, err := readAll(q, 0); n != 5 || err != nil {
			t.Fatalf("cut at %d, %d changes are read: %v", end, n, err)
		}
		q.Close()
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// TestWhatIsOwedComesAgain: once a capturer says that it starts further back,
// all that is held from there on has to come before anything new.
func TestWhatIsOwedComesAgain(t *testing.T) {
	ctx := t.Context()
	cfg := queue.Config{Dir: t.TempDir()}
	q := open(t, cfg)
	put(t, q, tx(10, 1), tx(20, 1), tx(30, 1))
	from := func(p capture.Position) {
		t.Helper()
		q.Restart()
		if err := q.Advance(ctx, capture.Mark{Position: p}); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, capture.ErrDiverged) {
			t.Errorf("%s: %v, want ErrDiverged", what, err)
		}
	}
	from(15)
	refused("something new", q.Write(ctx, tx(40, 1)))
	refused("a mark beyond", q.Advance(ctx, capture.Mark{Position: 50}))
	refused("the one behind it", q.Write(ctx, tx(30, 1)))
	from(11)
	put(t, q, tx(15, 0), tx(20, 1), tx(25, 0)) // what is empty was of other tables
	refused("half of it", q.Write(ctx, tx(40, 1)))
	put(t, q, tx(30, 1), tx(40, 1))
	from(41)
	put(t, q, tx(50, 1))
	from(10)
	from(50) // it starts elsewhere after all
	put(t, q, tx(50, 1), tx(60, 1))
	if n, err := readAll(q, 0); n != 6 || err != nil {
		t.Errorf("%d changes are held, %v", n, err)
	}
}
