package main

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testSession() *session {
	return &session{cfg: &config{
		source: postgres.Config{Slot: "slot"},
	}}
}

// fields returns the report's JSON as a map.
func fields(t *testing.T, r *report) map[string]any {
	t.Helper()
	var out bytes.Buffer
	if err := r.json(&out); err != nil {
		t.Fatal(err)
	}
	m := map[string]any{}
	if err := json.Unmarshal(out.Bytes(), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func expect(t *testing.T, got map[string]any, want map[string]any) {
	t.Helper()
	for key, v := range want {
		is, ok := got[key]
		if !ok || is != v {
			t.Errorf("%s is %v, want %v", key, is, v)
		}
	}
}

func TestStatusOfARun(t *testing.T) {
	s := testSession()
	s.cfg.target.Pipeline = "housing"
	r := s.merge(
		&postgres.Status{Current: 0x300, ConfirmedFlush: 0x150, Retained: 0x250, WALStatus: "reserved", ActivePID: 7},
		&targetState{Checkpoint: apply.Checkpoint{Position: 0x100, AppliedAt: noon, Parked: 5}, decisions: 2},
		&progress{
			Counted: true, State: "blackout", WrittenAt: noon.Add(-time.Second), Captured: 0x200,
			QueuedTransactions: 3, QueuedBytes: 77, OldestQueued: noon.Add(-time.Hour),
			NextWindow: noon.Add(time.Minute), LastError: "bad",
		}, noon)
	got := fields(t, r)
	expect(t, got, map[string]any{
		"pipeline": "housing", "state": "blackout",
		"source_position": "0/300", "captured_position": "0/200", "applied_position": "0/100",
		"lag_bytes": 512.0, "lag_seconds": 3600.0, "queued_transactions": 3.0, "queued_bytes": 77.0,
		"slot": "slot", "slot_active": true, "slot_retained_bytes": 592.0, "slot_wal_status": "reserved",
		"paused": nil, "next_window": "2026-03-01T12:01:00Z", "parked": 5.0, "conflicts": 2.0, "last_error": "bad",
		"applied_at": "2026-03-01T12:00:00Z",
	})
}

func TestStatusNothingQueuedIsNoLag(t *testing.T) {
	r := testSession().merge(
		&postgres.Status{Current: 0x300, ConfirmedFlush: 0x300},
		&targetState{Checkpoint: apply.Checkpoint{Position: 0x100}},
		&progress{Counted: true, State: "idle", WrittenAt: noon, Captured: 0x300}, noon)
	expect(t, fields(t, r), map[string]any{"lag_bytes": 0.0, "lag_seconds": 0.0, "state": "idle"})
}

func TestStatusAfterARunThatWasKilled(t *testing.T) {
	file := &progress{State: "idle", WrittenAt: noon.Add(-time.Minute), NextWindow: noon.Add(time.Minute)}
	r := testSession().merge(&postgres.Status{}, &targetState{}, file, noon)
	expect(t, fields(t, r), map[string]any{"state": "not running", "next_window": nil})
	file.WrittenAt = noon.Add(time.Minute) // by a clock that was ahead
	r = testSession().merge(&postgres.Status{}, &targetState{}, file, noon)
	expect(t, fields(t, r), map[string]any{"state": "not running", "next_window": nil})
	r = testSession().merge(&postgres.Status{ActivePID: 7}, &targetState{}, file, noon)
	expect(t, fields(t, r), map[string]any{"state": "running elsewhere"})
}

func TestStatusWithNothingKnown(t *testing.T) {
	r := testSession().merge(nil, nil, nil, noon)
	got := fields(t, r)
	for key, v := range got {
		switch key {
		case "pipeline", "state", "slot":
		default:
			if v != nil {
				t.Errorf("%s is %v, want null", key, v)
			}
		}
	}
	var out bytes.Buffer
	if err := r.table(&out); err != nil {
		t.Fatal(err)
	}
	const want = `pipeline           
state              not running
source position    unknown
captured position  unknown
applied position   unknown
lag                unknown, unknown
queued             unknown, unknown
slot               slot: unknown
parked, conflicts  unknown, unknown
`
	if out.String() != want {
		t.Errorf("table is\n%swant\n%s", out.String(), want)
	}
}

func TestStatusBeforeTheFirstRun(t *testing.T) {
	r := testSession().merge(&postgres.Status{Current: 0x300}, &targetState{}, nil, noon)
	if got := r.slot(); got != "slot: not created" {
		t.Errorf("slot is %q", got)
	}
	expect(t, fields(t, r), map[string]any{"state": "not running", "slot_active": false, "slot_wal_status": nil, "queued_transactions": nil,
		"captured_position": nil, "parked": 0.0, "conflicts": 0.0})
}

func TestStatusTable(t *testing.T) {
	r := testSession().merge(
		&postgres.Status{Current: 0x300, ConfirmedFlush: 0x150, Retained: 99, WALStatus: "extended", ActivePID: 7},
		&targetState{Checkpoint: apply.Checkpoint{Position: 0x100, Paused: true, ChangedAt: noon, ChangedBy: "ann@host"}},
		&progress{Counted: true, State: "paused", WrittenAt: noon, Captured: 0x200, QueuedTransactions: 3, QueuedBytes: 77, OldestQueued: noon.Add(-time.Hour)}, noon)
	var out bytes.Buffer
	if err := r.table(&out); err != nil {
		t.Fatal(err)
	}
	const want = `pipeline           
state              paused
paused             since 2026-03-01T12:00:00Z by ann@host
source position    0/300
captured position  0/200
applied position   0/100
lag                512 bytes, 3600 s
queued             3 transactions, 77 bytes
slot               slot: in use, retains 99 bytes (extended)
parked, conflicts  0, 0
`
	if out.String() != want {
		t.Errorf("table is\n%swant\n%s", out.String(), want)
	}
}

func TestStatusFile(t *testing.T) {
	dir := t.TempDir()
	if p, err := readProgress(dir); p != nil || err != nil {
		t.Fatalf("with no file: %v, %v", p, err)
	}
	want := progress{Pipeline: "p", PID: 7, WrittenAt: noon, State: "idle", Captured: capture.Position(1 << 63), OldestQueued: noon}
	if err := want.write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := readProgress(dir)
	if err != nil || *got != want {
		t.Errorf("read %+v, %v", got, err)
	}
	info, err := os.Stat(progressFile(dir))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode is %v, %v", info.Mode(), err)
	}
	if err := os.WriteFile(progressFile(dir), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readProgress(dir); err == nil {
		t.Error("a damaged file was read")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("%d files are left, want 1", len(left))
	}
}

// On a disk that is full a status file is written over, and is read as what was
// written last.
func TestStatusFileIsWrittenOver(t *testing.T) {
	dir := t.TempDir()
	long := &progress{State: "idle", LastError: strings.Repeat("x", 3000)}
	if err := long.write(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(progressFile(dir)+".next/full", 0o700); err != nil { // no new file can be made
		t.Fatal(err)
	}
	before, err := os.Stat(progressFile(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"paused", "idle"} {
		if err := (&progress{State: state}).write(dir); err != nil {
			t.Fatal(err)
		}
		p, err := readProgress(dir)
		if err != nil || p.State != state || p.LastError != "" {
			t.Errorf("the file says %+v, %v", p, err)
		}
	}
	after, err := os.Stat(progressFile(dir))
	if err != nil || after.Size() != before.Size() {
		t.Errorf("the file took %d bytes and takes %d: %v", before.Size(), after.Size(), err)
	}
}
