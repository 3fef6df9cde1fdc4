package queue_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
)

// The benchmarks compare the queue with one sequential file that is given the
// same bytes, as they would be in the queue's own format, through a buffer of
// 1 MiB, and is synced as often. file is there twice, under two names: how much
// the two differ is how much the machine's noise is worth.
//
//	go test -run '^$' -bench '^BenchmarkAppend$' -count 4 -benchtime 3x ./queue >queue.txt && benchstat -col /store queue.txt

// A load is transactions of so many changes of about 300 bytes, with a sync
// behind so many of them.
type load struct {
	name             string
	txs, changes     int
	every            int
	changeSize, size int64 // of a change and of all, as the file is given them
}

var loads = []load{
	{name: "small-sync10", txs: 4000, changes: 10, every: 10},
	{name: "small-sync100", txs: 20_000, changes: 10, every: 100},
	{name: "small-sync1000", txs: 40_000, changes: 10, every: 1000},
	{name: "huge", txs: 1, changes: 1_500_000, every: 1},
}

func BenchmarkAppend(b *testing.B) {
	for _, l := range loads {
		l.changeSize = 300
		l.size = int64(l.txs*l.changes) * l.changeSize
		for _, store := range []string{"file", "disk", "file-again"} {
			b.Run(fmt.Sprintf("load=%s/store=%s", l.name, store), func(b *testing.B) {
				b.SetBytes(l.size)
				for b.Loop() {
					b.StopTimer()
					dir := filepath.Join(b.TempDir(), "q")
					b.StartTimer()
					if store == "disk" {
						q := openDisk(b, dir)
						fillDisk(b, q, l)
						b.StopTimer()
						q.Close()
					} else {
						f := fillFile(b, dir, l)
						b.StopTimer()
						f.Close()
					}
					os.RemoveAll(dir)
					b.StartTimer()
				}
			})
		}
	}
}

func BenchmarkReadBack(b *testing.B) {
	for _, l := range []load{loads[2], loads[3]} {
		l.changeSize = 300
		l.size = int64(l.txs*l.changes) * l.changeSize
		b.Run(fmt.Sprintf("load=%s/store=file", l.name), func(b *testing.B) {
			f := fillFile(b, filepath.Join(b.TempDir(), "q"), l)
			defer f.Close()
			b.SetBytes(l.size)
			buf := make([]byte, 1<<20)
			for b.Loop() {
				r := io.NewSectionReader(f, 0, l.size)
				for {
					if _, err := r.Read(buf); err == io.EOF {
						break
					} else if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
		b.Run(fmt.Sprintf("load=%s/store=disk", l.name), func(b *testing.B) {
			q := openDisk(b, filepath.Join(b.TempDir(), "q"))
			defer q.Close()
			fillDisk(b, q, l)
			b.SetBytes(l.size)
			for b.Loop() {
				readDisk(b, q, l)
			}
		})
	}
}

func openDisk(b *testing.B, dir string) *queue.Disk {
	q, err := queue.Open(queue.Config{Dir: dir})
	if err != nil {
		b.Fatal(err)
	}
	return q
}

func fillDisk(b *testing.B, q *queue.Disk, l load) {
	change := benchChange()
	changes := func(yield func(capture.Change, error) bool) {
		for range l.changes {
			if !yield(change, nil) {
				return
			}
		}
	}
	for i := range l.txs {
		tx := &capture.Tx{Position: capture.Position(i + 1), ID: uint64(i), CommitTime: time.Unix(int64(i), 0), Changes: changes}
		if err := q.Write(context.Background(), tx); err != nil {
			b.Fatal(err)
		}
		if (i+1)%l.every == 0 {
			if _, err := q.Sync(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// benchChange is an insert into a table of ten columns, of 300 bytes with what
// the queue has to write beside the values.
func benchChange() capture.Change {
	t := &capture.Table{Schema: "public", Name: "arrears_action", Identity: capture.IdentityFull}
	row := capture.Row{}
	for i := range 10 {
		t.Columns = append(t.Columns, capture.Column{Name: fmt.Sprintf("column_%d", i), OID: 25, Base: "text", Modifier: -1, Key: i == 0})
		row = append(row, capture.Text(strings.Repeat("v", 28+i%2)))
	}
	return capture.Change{Op: capture.Insert, Table: t, After: row}
}

func readDisk(b *testing.B, q *queue.Disk, l load) {
	after, n := capture.Position(0), 0
	for range l.txs {
		tx, err := q.Next(context.Background(), after)
		if err != nil {
			b.Fatal(err)
		}
		for _, err := range tx.Changes {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		after = tx.Position
	}
	if n != l.txs*l.changes {
		b.Fatalf("read %d changes of %d", n, l.txs*l.changes)
	}
}

func fillFile(b *testing.B, path string, l load) *os.File {
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	change := []byte(strings.Repeat("v", int(l.changeSize)))
	for i := range l.txs {
		for range l.changes {
			if _, err := w.Write(change); err != nil {
				b.Fatal(err)
			}
		}
		if (i+1)%l.every == 0 {
			if err := w.Flush(); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
		}
	}
	return f
}
