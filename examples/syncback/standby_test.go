package main_test

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
	"github.com/syncback/syncback/capture/postgres"
)

// TestStandbyTakesOver has another process read the slot without taking anything
// from it. A run waits, says so, and takes over when the other ends.
func TestStandbyTakesOver(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	end := s.readElsewhere()
	stop := s.start("run")
	s.wait("the state", func() bool { return s.status()["state"] == "standby" })
	if why, _ := s.status()["last_error"].(string); !strings.Contains(why, "slot "+s.slot()+" is read by another process") {
		t.Errorf("last_error is %q", why)
	}
	s.onSource(`INSERT INTO tenancy VALUES ('a')`)
	if state, n := s.status()["state"], s.count(); state != "standby" || n != 0 {
		t.Errorf("while another process captures the state is %v and the target has %d rows", state, n)
	}
	end()
	s.wait("the row", func() bool { return s.count() == 1 })
	s.wait("the state", func() bool { at := s.status(); return at["state"] == "idle" && at["last_error"] == nil })
	code, stderr := stop(syscall.SIGTERM)
	if code != 0 || !strings.Contains(stderr, "another process captures; this one stands by to take over") {
		t.Errorf("exit code %d, stderr:\n%s", code, stderr)
	}
}

// readElsewhere reads the slot as another process would that is stuck: nothing
// that it reads becomes durable.
func (s *site) readElsewhere() (end func()) {
	s.t.Helper()
	c, err := postgres.New(postgres.Config{DSN: s.source, Slot: s.slot(), Tables: []string{"public.tenancy"}})
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	sink := &capturetest.Sink{OnSync: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}
	go func() { done <- c.Capture(ctx, capture.Mark{}, sink) }()
	s.wait("the slot is read", func() bool { return s.status()["slot_active"] == true })
	end = func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			s.t.Error(err)
		}
		done <- nil
	}
	s.t.Cleanup(end)
	return end
}
