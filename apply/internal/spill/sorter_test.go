package spill_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/syncback/syncback/apply/internal/spill"
)

// all returns the records as texts.
func all(t *testing.T, s *spill.Sorter) (out []string) {
	t.Helper()
	for r, err := range s.All() {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(r.Key)+"="+string(r.Value))
	}
	return out
}

func TestSortsWhateverTheLimit(t *testing.T) {
	const n = 5000
	for _, limit := range []int{1, 1 << 10, 64 << 10, 1 << 30} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			s := spill.New(t.TempDir(), limit)
			defer s.Close()
			random := rand.New(rand.NewPCG(1, uint64(limit)))
			var want []string
			for range n {
				r := spill.Record{Key: fmt.Appendf(nil, "k%03d", random.IntN(999)), Value: []byte(strings.Repeat("v", random.IntN(40)))}
				want = append(want, string(r.Key)+"="+string(r.Value))
				if err := s.Add(r); err != nil {
					t.Fatal(err)
				}
			}
			slices.Sort(want) // a key is of one length, so this is the same order
			for range 2 {     // it can be read again
				if got := all(t, s); !slices.Equal(got, want) {
					t.Fatalf("%d records come back in another order or number than %d went in", len(got), len(want))
				}
			}
		})
	}
}

func TestNothingIsSortedToo(t *testing.T) {
	s := spill.New("", 1)
	if got := all(t, s); len(got) != 0 {
		t.Errorf("got %q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestNoFileStaysInTheFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file keeps its name here")
	}
	dir := t.TempDir()
	s := spill.New(dir, 1)
	defer s.Close()
	for range 3 {
		if err := s.Add(spill.Record{Key: []byte("k"), Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(names) > 0 {
		t.Errorf("there are %q, %v", names, err)
	}
}

func TestFolderThatIsNotThere(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "nowhere")
	s := spill.New(dir, 1)
	err := s.Add(spill.Record{Key: []byte("k")})
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("it was made")
	}
}
