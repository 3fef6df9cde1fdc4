package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres"
)

// report is what status says. Its JSON keys are documented on the package page.
// A nil field is not known: its side could not be reached, or no run told.
type report struct {
	Pipeline           string     `json:"pipeline"`
	State              string     `json:"state"`
	SourcePosition     *string    `json:"source_position"`
	CapturedPosition   *string    `json:"captured_position"`
	AppliedPosition    *string    `json:"applied_position"`
	AppliedAt          *time.Time `json:"applied_at"`
	LagBytes           *int64     `json:"lag_bytes"`
	LagSeconds         *int64     `json:"lag_seconds"`
	QueuedTransactions *int64     `json:"queued_transactions"`
	QueuedBytes        *int64     `json:"queued_bytes"`
	Slot               string     `json:"slot"`
	SlotActive         *bool      `json:"slot_active"`
	SlotRetainedBytes  *int64     `json:"slot_retained_bytes"`
	SlotWALStatus      *string    `json:"slot_wal_status"`
	Paused             *paused    `json:"paused"`
	NextWindow         *time.Time `json:"next_window"`
	Parked             *int       `json:"parked"`
	Conflicts          *int       `json:"conflicts"`
	LastError          *string    `json:"last_error"`
}

// paused says who stopped applying.
type paused struct {
	Since time.Time `json:"since"`
	By    string    `json:"by"`
}

// status prints how far source, queue and target are. It prints what it could
// learn even when a side could not be reached, and then says so.
func (s *session) status(ctx context.Context) error {
	source, sourceErr := s.sourceStatus(ctx)
	target, targetErr := s.targetStatus(ctx)
	file, fileErr := readProgress(s.cfg.queue.Dir)
	r := s.merge(source, target, file, time.Now())
	show := r.table
	if s.json {
		show = r.json
	}
	return errors.Join(show(s.stdout), sourceErr, targetErr, fileErr)
}

func (s *session) sourceStatus(ctx context.Context) (*postgres.Status, error) {
	capturer, err := postgres.New(s.cfg.source)
	if err != nil {
		return nil, failure("source", err)
	}
	st, err := capturer.Status(ctx)
	if err != nil {
		return nil, failure("source", err)
	}
	return &st, nil
}

// targetState is what the target tells.
type targetState struct {
	apply.Checkpoint
	decisions int // how many conflicts wait for a person
}

func (s *session) targetStatus(ctx context.Context) (*targetState, error) {
	control, err := s.openControl(ctx)
	if err != nil {
		return nil, err
	}
	defer control.Close()
	at, err := control.Checkpoint(ctx)
	if err != nil {
		return nil, failure("target", err)
	}
	decisions, _, err := control.Waiting(ctx)
	if err != nil {
		return nil, failure("target", err)
	}
	return &targetState{at, decisions}, nil
}

// merge puts together what the three sides say at now; each may be nil.
func (s *session) merge(source *postgres.Status, target *targetState, file *progress, now time.Time) *report {
	r := &report{Pipeline: s.cfg.target.Pipeline, Slot: s.cfg.source.Slot, State: stateNotRunning}
	var captured, applied capture.Position
	if source != nil {
		r.SourcePosition = new(source.Current.String())
		r.SlotActive, r.SlotRetainedBytes = new(source.ActivePID != 0), &source.Retained
		if source.WALStatus != "" {
			r.SlotWALStatus = &source.WALStatus
		}
		captured = source.ConfirmedFlush
		if source.ActivePID != 0 {
			r.State = stateElsewhere
		}
	}
	if target != nil {
		applied = target.Position
		r.AppliedPosition = new(applied.String())
		if !target.AppliedAt.IsZero() {
			r.AppliedAt = &target.AppliedAt
		}
		r.Parked, r.Conflicts = &target.Parked, &target.decisions
		if target.Paused {
			r.Paused = &paused{Since: target.ChangedAt, By: target.ChangedBy}
		}
	}
	if file != nil {
		captured = max(captured, file.Captured)
		r.addProgress(file, now)
	}
	if captured != 0 {
		r.CapturedPosition = new(captured.String())
	}
	if source != nil && target != nil {
		if r.QueuedTransactions != nil && *r.QueuedTransactions == 0 {
			applied = max(applied, captured) // what follows is of no table of ours
		}
		r.LagBytes = new(int64(source.Current - min(applied, source.Current)))
	}
	return r
}

// addProgress adds what the last run told of itself.
func (r *report) addProgress(p *progress, now time.Time) {
	if p.Counted {
		r.QueuedTransactions, r.QueuedBytes, r.LagSeconds = &p.QueuedTransactions, &p.QueuedBytes, new(int64(0))
	}
	if p.Counted && !p.OldestQueued.IsZero() {
		*r.LagSeconds = max(0, int64(now.Sub(p.OldestQueued).Seconds()))
	}
	if p.LastError != "" {
		r.LastError = &p.LastError
	}
	if !p.alive(now) {
		return
	}
	r.State = p.State
	if p.NextWindow.After(now) {
		r.NextWindow = &p.NextWindow
	}
}

func (r *report) json(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// table prints the report for a person. What is nil is "unknown" where it would
// be asked for, and left out where it usually is nil.
func (r *report) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, value string) { fmt.Fprintf(t, "%s\t%s\n", name, value) }
	line("pipeline", r.Pipeline)
	line("state", r.State)
	if r.Paused != nil {
		line("paused", fmt.Sprintf("since %s by %s", r.Paused.Since.UTC().Format(time.RFC3339), r.Paused.By))
	}
	if r.NextWindow != nil {
		line("next window", r.NextWindow.Local().Format(time.RFC3339))
	}
	line("source position", or(r.SourcePosition, "%s"))
	line("captured position", or(r.CapturedPosition, "%s"))
	line("applied position", or(r.AppliedPosition, "%s"))
	line("lag", or(r.LagBytes, "%d bytes")+", "+or(r.LagSeconds, "%d s"))
	line("queued", or(r.QueuedTransactions, "%d transactions")+", "+or(r.QueuedBytes, "%d bytes"))
	line("slot", r.slot())
	line("parked, conflicts", or(r.Parked, "%d")+", "+or(r.Conflicts, "%d"))
	if r.LastError != nil {
		line("last error", *r.LastError)
	}
	return t.Flush()
}

func (r *report) slot() string {
	if r.SlotActive == nil {
		return r.Slot + ": unknown"
	}
	if r.SlotWALStatus == nil {
		return r.Slot + ": not created"
	}
	used := "not in use"
	if *r.SlotActive {
		used = "in use"
	}
	return fmt.Sprintf("%s: %s, retains %d bytes (%s)", r.Slot, used, *r.SlotRetainedBytes, *r.SlotWALStatus)
}

func or[T any](v *T, format string) string {
	if v == nil {
		return "unknown"
	}
	return fmt.Sprintf(format, *v)
}
