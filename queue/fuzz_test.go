package queue

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
)

// encoded returns the changes as a transaction's data, cut into pieces.
func encoded(t testing.TB, max int, changes ...capture.Change) [][]byte {
	var out [][]byte
	e := encoder{max: max}
	e.begin()
	e.cut = func() error {
		out = append(out, e.buf)
		e.buf = nil
		return nil
	}
	for _, c := range changes {
		if err := e.change(&c); err != nil {
			t.Fatal(err)
		}
	}
	return append(out, e.buf)
}

func decoded(pieces [][]byte) (changes []capture.Change, err error) {
	d := decoder{shapes: &shapes{}, next: func() ([]byte, error) {
		if len(pieces) == 0 {
			return nil, io.EOF
		}
		b := pieces[0]
		pieces = pieces[1:]
		return b, nil
	}}
	for {
		c, err := d.change()
		if err != nil {
			return changes, err
		}
		changes = append(changes, c)
	}
}

func fuzzChanges() []capture.Change {
	table := &capture.Table{Schema: "public", Name: "t", Identity: capture.IdentityFull, Columns: []capture.Column{
		{Name: "a", OID: 23, Base: "int4", Modifier: -1, Key: true}, {Name: "b", OID: 25, Base: "text", Modifier: 7}}}
	return []capture.Change{
		{Op: capture.Insert, Table: table, After: capture.Row{capture.Text("1"), capture.Null()}},
		{Op: capture.Update, Table: table, Before: capture.Row{capture.Text("1"), {}}, After: capture.Row{{}, capture.Text("")}},
		{Op: capture.Truncate, Table: table},
		{Op: capture.Message, Message: &capture.LogicalMessage{Prefix: "p", Content: []byte("content")}},
	}
}

// FuzzDecode makes sure that no data crash the decoder or make it allocate what
// they do not hold, and that what it accepts is what the encoder writes.
func FuzzDecode(f *testing.F) {
	for _, max := range []int{1, 7, 1 << 10} {
		all := []byte{}
		for _, p := range encoded(f, max, fuzzChanges()...) {
			all = append(all, p...)
		}
		f.Add(all, uint8(max))
	}
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		at := min(int(cut), len(data))
		changes, err := decoded([][]byte{data[:at], data[at:]})
		if err != io.EOF {
			return
		}
		again, err := decoded(encoded(t, 1+int(cut), changes...))
		if err != io.EOF || len(again) != len(changes) {
			t.Fatalf("%d changes became %d: %v", len(changes), len(again), err)
		}
		for i := range changes {
			a, b := changes[i], again[i]
			if a.Op != b.Op || len(a.After) != len(b.After) || len(a.Before) != len(b.Before) || (a.Before == nil) != (b.Before == nil) {
				t.Fatalf("change %d is not as it was", i)
			}
			for j := range a.After {
				if a.After[j] != b.After[j] {
					t.Fatalf("value %d of change %d is not as it was", j, i)
				}
			}
		}
	})
}

// FuzzOpen makes sure that no file crashes Open or a reader: it is refused, or
// what is read is in order.
func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	q, err := Open(Config{Dir: dir})
	if err != nil {
		f.Fatal(err)
	}
	for p := range capture.Position(3) {
		tx := capture.Tx{Position: p + 1, CommitTime: time.UnixMicro(1), Changes: func(yield func(capture.Change, error) bool) {
			for _, c := range fuzzChanges() {
				if !yield(c, nil) {
					return
				}
			}
		}}
		if err := q.Write(f.Context(), &tx); err != nil {
			f.Fatal(err)
		}
		if _, err := q.Sync(f.Context()); err != nil {
			f.Fatal(err)
		}
	}
	q.Close()
	whole, err := os.ReadFile(filepath.Join(dir, segmentName(1)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(0, []byte{})
	f.Add(headerSize+20, []byte{1, 2, 3})
	f.Add(len(whole)-5, []byte{0})
	f.Fuzz(func(t *testing.T, at int, put []byte) {
		if at < 0 || at > len(whole) {
			return
		}
		b := append(append([]byte{}, whole[:at]...), put...)
		if len(b) < len(whole) {
			b = append(b, whole[len(b):]...)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, segmentName(1)), b, 0o600); err != nil {
			t.Fatal(err)
		}
		q, err := Open(Config{Dir: dir})
		if err != nil {
			return
		}
		defer q.Close()
		for after := capture.Position(0); after < q.Stats().Last; {
			tx, err := q.Next(context.Background(), after)
			if err != nil {
				if !errors.Is(err, ErrDamaged) {
					t.Fatal(err)
				}
				return
			}
			for _, err := range tx.Changes {
				if err != nil {
					return
				}
			}
			after = tx.Position
		}
	})
}
