package queue_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
	"github.com/syncback/syncback/queue"
)

// crashDir makes the test binary the child of TestKilled.
const crashDir = "SYNCBACK_TEST_QUEUE_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Println(writeUntilKilled(dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// crashTx is the transaction at p, whose every row says which one it is.
func crashTx(p capture.Position) *capture.Tx {
	rows := 1 + int(p*7919%13)
	if p%97 == 0 {
		rows = 5000 // over several pieces and files
	}
	t := &capture.Table{Schema: "public", Name: "t", Columns: []capture.Column{{Name: "c", Base: "text"}}}
	return &capture.Tx{Position: p, ID: uint64(p), CommitTime: time.UnixMicro(int64(p)), Changes: func(yield func(capture.Change, error) bool) {
		for i := range rows {
			c := capture.Change{Op: capture.Insert, Table: t, After: capture.Row{capture.Text(fmt.Sprintf("%d of %d in %d %s", i, rows, p, strings.Repeat("x", 100)))}}
			if !yield(c, nil) {
				return
			}
		}
	}}
}

func crashConfig(dir string) queue.Config {
	return queue.SmallFiles(queue.Config{Dir: dir, Key: keyA}, 256<<10)
}

// writeUntilKilled goes on where the queue in dir is, and prints each position
// that a Sync answered for.
func writeUntilKilled(dir string) error {
	q, err := queue.Open(crashConfig(dir))
	if err != nil {
		return err
	}
	ctx := context.Background()
	mark, err := q.Last(ctx)
	if err != nil {
		return err
	}
	for p := mark.Position + 1; ; p++ {
		if err := q.Write(ctx, crashTx(p)); err != nil {
			return err
		}
		if p%5 != 0 {
			continue
		}
		synced, err := q.Sync(ctx)
		if err != nil {
			return err
		}
		fmt.Println(uint64(synced))
	}
}

// TestKilled kills a process that writes, again and again, and looks for each
// transaction that it said was durable. The seed is in the log; SYNCBACK_SEED has
// the same delays again.
func TestKilled(t *testing.T) {
	rnd := capturetest.Rand(t)
	dir := t.TempDir()
	acked := uint64(0)
	for range 20 {
		acked = max(acked, writeAndKill(t, dir, time.Duration(rnd.IntN(40))*time.Millisecond))
		q, err := queue.Open(crashConfig(dir))
		if err != nil {
			t.Fatal(err)
		}
		last := q.Stats().Last
		if uint64(last) < acked {
			t.Fatalf("%d was acknowledged, and the queue has come to %d", acked, last)
		}
		for p := capture.Position(0); p < last; p++ {
			compareCrashTx(t, q, p+1)
		}
		q.Close()
	}
	if acked == 0 {
		t.Fatal("nothing was ever acknowledged")
	}
	t.Logf("%d transactions", acked)
}

// writeAndKill returns the last position that the child acknowledged.
func writeAndKill(t *testing.T, dir string, after time.Duration) uint64 {
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	acked := uint64(0)
	for first := true; ; first = false {
		line, err := lines.ReadString('\n')
		if err == io.EOF {
			break
		}
		if _, err := fmt.Sscan(line, &acked); err != nil {
			t.Fatalf("the child says %q", line)
		}
		if first { // it runs; let it, for a while
			time.AfterFunc(after, func() { child.Process.Kill() })
		}
	}
	child.Wait() // that it was killed is no news
	return acked
}

func compareCrashTx(t *testing.T, q *queue.Disk, p capture.Position) {
	t.Helper()
	got, err := q.Next(context.Background(), p-1)
	if err != nil {
		t.Fatal(err)
	}
	want := crashTx(p)
	if got.Position != p || got.ID != want.ID || !got.CommitTime.Equal(want.CommitTime) {
		t.Fatalf("at %d is the transaction %d at %d", p, got.ID, got.Position)
	}
	var rows []string
	for c := range want.Changes {
		text, _ := c.After[0].Text()
		rows = append(rows, text)
	}
	i := 0
	for c, err := range got.Changes {
		if err != nil {
			t.Fatal(err)
		}
		if text, _ := c.After[0].Text(); i >= len(rows) || text != rows[i] {
			t.Fatalf("row %d of %d is not as it was written", i, p)
		}
		i++
	}
	if i != len(rows) {
		t.Fatalf("%d has %d rows, want %d", p, i, len(rows))
	}
}
