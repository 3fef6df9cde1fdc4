package queue_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
)

// TestInspectSaysWhatOpenDoes, and changes nothing: whatever is in the folder, it
// finds the same mark, or has the same error.
func TestInspectSaysWhatOpenDoes(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(t *testing.T, dir string) (below string)
		cfg  queue.Config
	}{
		{name: "nothing", make: func(*testing.T, string) string { return "a/b" }},
		{name: "empty folder", make: func(*testing.T, string) string { return "" }},
		{name: "several files", make: func(t *testing.T, dir string) string { return fill(t, dir, queue.Config{}) }},
		{name: "torn tail", make: func(t *testing.T, dir string) string {
			fill(t, dir, queue.Config{})
			newest := segments(t, dir)[len(segments(t, dir))-1]
			return shorten(t, newest, size(t, newest)-7)
		}},
		{name: "torn header", make: func(t *testing.T, dir string) string {
			fill(t, dir, queue.Config{})
			return shorten(t, segments(t, dir)[len(segments(t, dir))-1], 100)
		}},
		{name: "file missing", make: func(t *testing.T, dir string) string {
			fill(t, dir, queue.Config{})
			return remove(t, segments(t, dir)[1])
		}},
		{name: "damaged", make: func(t *testing.T, dir string) string {
			fill(t, dir, queue.Config{})
			flip(t, segments(t, dir)[0], 60)
			return ""
		}},
		{name: "its key", make: func(t *testing.T, dir string) string { return fill(t, dir, queue.Config{Key: keyA}) }, cfg: queue.Config{Key: keyB, OldKeys: [][]byte{keyA}}},
		{name: "another key", make: func(t *testing.T, dir string) string { return fill(t, dir, queue.Config{Key: keyA}) }, cfg: queue.Config{Key: keyB}},
		{name: "short key", make: func(*testing.T, string) string { return "" }, cfg: queue.Config{Key: []byte("short")}},
		{name: "a file", make: func(t *testing.T, dir string) string { return file(t, filepath.Join(dir, "queue")) }},
		{name: "below a file", make: func(t *testing.T, dir string) string { return file(t, filepath.Join(dir, "queue")) + "/a/b" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			cfg := queue.SmallFiles(test.cfg, 16<<10)
			cfg.Dir = filepath.Join(dir, test.make(t, dir))
			before := listing(t, dir)
			found, wrong := queue.Inspect(cfg)
			if after := listing(t, dir); !slices.Equal(before, after) {
				t.Errorf("it made of\n%s\nthis:\n%s", before, after)
			}
			q, err := queue.Open(cfg)
			if fmt.Sprint(wrong) != fmt.Sprint(err) {
				t.Fatalf("it says\n%v\nand Open\n%v", wrong, err)
			}
			if err != nil {
				return
			}
			defer q.Close()
			if last, err := q.Last(context.Background()); err != nil || last != found.Mark {
				t.Errorf("it found %v, and the queue is at %v; %v", found.Mark, last, err)
			}
		})
	}
}

// TestInspectKnowsWhatTheTargetGoesOnFrom has a queue from which the oldest files
// are gone.
func TestInspectKnowsWhatTheTargetGoesOnFrom(t *testing.T) {
	dir := t.TempDir()
	fill(t, dir, queue.Config{})
	for _, name := range segments(t, dir)[:2] {
		remove(t, name)
	}
	cfg := queue.SmallFiles(queue.Config{Dir: dir}, 16<<10)
	found, err := queue.Inspect(cfg)
	if err != nil {
		t.Fatal(err)
	}
	q := open(t, cfg)
	for after, want := range map[capture.Position]error{0: capture.ErrGap, 1: capture.ErrGap, 51: nil, 61: queue.ErrAhead} {
		got := found.Covers(after)
		if !errors.Is(got, want) {
			t.Errorf("after %d: %v, want %v", after, got, want)
		}
		if _, err := q.Next(context.Background(), after); fmt.Sprint(err) != fmt.Sprint(got) {
			t.Errorf("after %d: %v, and Next says %v", after, got, err)
		}
	}
}

func TestInspectWhatIsOpen(t *testing.T) {
	dir := t.TempDir()
	q := open(t, queue.Config{Dir: dir})
	put(t, q, tx(1, 1))
	if _, err := queue.Inspect(queue.Config{Dir: dir}); !errors.Is(err, queue.ErrInUse) {
		t.Errorf("got %v", err)
	}
	put(t, q, tx(2, 1))
}

// fill fills a queue with several files.
func fill(t *testing.T, dir string, cfg queue.Config) string {
	t.Helper()
	cfg = queue.SmallFiles(cfg, 16<<10)
	cfg.Dir = dir
	q := open(t, cfg)
	for p := capture.Position(1); p < 60; p += 10 {
		put(t, q, tx(p, 1), tx(p+1, 9))
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	return ""
}

func shorten(t *testing.T, path string, to int64) string {
	t.Helper()
	if err := os.Truncate(path, to); err != nil {
		t.Fatal(err)
	}
	return ""
}

func remove(t *testing.T, path string) string {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	return ""
}

func file(t *testing.T, path string) string {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return filepath.Base(path)
}

// listing is all that is below dir, as ls -l tells it.
func listing(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		all = append(all, fmt.Sprintf("%s %s %d %s\n", info.Mode(), path, info.Size(), info.ModTime()))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
