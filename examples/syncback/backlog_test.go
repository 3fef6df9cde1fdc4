package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
)

var table = &capture.Table{Schema: "public", Name: "t", Columns: []capture.Column{{Name: "a"}}}

// txAt is a transaction of one insert.
func txAt(at capture.Position) *capture.Tx {
	return &capture.Tx{
		Source: "s", Position: at, ID: uint64(at), CommitTime: noon.Add(time.Duration(at) * time.Second),
		Changes: func(yield func(capture.Change, error) bool) {
			yield(capture.Change{Op: capture.Insert, Table: table, After: capture.Row{capture.Text("value")}}, nil)
		},
	}
}

func openDisk(t *testing.T, dir string) *queue.Disk {
	t.Helper()
	q, err := queue.Open(queue.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { q.Close() })
	return q
}

func put(t *testing.T, b *backlog, positions ...capture.Position) {
	t.Helper()
	if err := b.Advance(t.Context(), capture.Mark{Source: "s"}); err != nil {
		t.Fatal(err)
	}
	for _, at := range positions {
		if err := b.Write(t.Context(), txAt(at)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (b *backlog) expect(t *testing.T, txs int64, oldest capture.Position) {
	t.Helper()
	var p progress
	b.report(&p)
	var since time.Time
	if oldest > 0 {
		since = txAt(oldest).CommitTime
	}
	if !p.Counted || p.QueuedTransactions != txs || !p.OldestQueued.Equal(since) || (p.QueuedBytes == 0) != (txs == 0) {
		t.Errorf("reported %+v; want %d transactions since %s", p, txs, since)
	}
}

func TestBacklogCounts(t *testing.T) {
	dir := t.TempDir()
	b := newBacklog(t.Context(), openDisk(t, dir), 0, time.Minute)
	b.expect(t, 0, 0)
	put(t, b, 10, 20, 30)
	b.expect(t, 3, 10)
	put(t, b, 20, 30, 40) // two come again
	b.expect(t, 4, 10)
	b.applied(apply.Progress{State: apply.Applied, Position: 20, CommitTime: txAt(20).CommitTime, Txs: 2, Bytes: 100})
	b.expect(t, 2, 20)
	if err := b.Disk.Close(); err != nil {
		t.Fatal(err)
	}

	b = newBacklog(t.Context(), openDisk(t, dir), 20, time.Minute)
	b.expect(t, 2, 30)
	b.applied(apply.Progress{State: apply.Applied, Position: 40, CommitTime: txAt(40).CommitTime, Txs: 2})
	b.expect(t, 0, 0)
	put(t, b, 50)
	b.expect(t, 1, 50)
}

func TestBacklogUnknownUntilWorkedOff(t *testing.T) {
	dir := t.TempDir()
	b := newBacklog(t.Context(), openDisk(t, dir), 0, time.Minute)
	put(t, b, 10, 20)
	b = newBacklog(t.Context(), b.Disk, 0, 0)
	var p progress
	if b.report(&p); p.Counted {
		t.Errorf("counted in no time: %+v", p)
	}
	b.applied(apply.Progress{State: apply.Idle, Position: 20})
	b.expect(t, 0, 0)
}

func TestMonitorTellsWhatARunDoes(t *testing.T) {
	p := &pipeline{cfg: &config{}, log: slog.New(slog.DiscardHandler), secrets: &secrets{}}
	p.cfg.queue.Dir = t.TempDir()
	p.secrets.hide("postgres://u:secret@h/db")
	p.queue = newBacklog(t.Context(), openDisk(t, p.cfg.queue.Dir), 0, time.Minute)
	m := newMonitor(p)
	m.counts(p.queue)
	put(t, p.queue, 10, 20)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { m.follow(ctx); close(ended) }()

	await := func(what string, ok func(*progress) bool) {
		t.Helper()
		for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			if at, err := readProgress(m.dir); err == nil && at != nil && ok(at) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("never told: ", what)
			}
		}
	}
	await("starting", func(p *progress) bool { return p.State == "starting" && p.QueuedTransactions == 2 && p.Captured == 20 })
	m.applying(apply.Progress{State: apply.InBlackout, NextWindow: noon})
	await("blackout", func(p *progress) bool { return p.State == "blackout" && p.NextWindow.Equal(noon) })
	m.capturing(queue.FillState{Waiting: errors.New("lost\npostgres://u:secret@h/db")})
	await("capture's error", func(p *progress) bool { return p.LastError == "lost; [hidden]" })
	m.capturing(queue.FillState{})
	m.applying(apply.Progress{State: apply.Applied, Position: 20, Txs: 2})
	await("applying", func(p *progress) bool {
		return p.State == "applying" && p.QueuedTransactions == 0 && p.NextWindow.IsZero() && p.LastError == ""
	})
	stop()
	<-ended
	if err := m.stop(errors.New("refused")); err != nil {
		t.Fatal(err)
	}
	await("the end", func(p *progress) bool {
		return p.State == "stopped" && p.LastError == "refused" && p.PID == os.Getpid()
	})
	if last := newMonitor(p); last.at.Captured != 20 || last.at.State != "starting" {
		t.Errorf("the next run begins with %+v", last.at)
	}
}
