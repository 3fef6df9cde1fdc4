package main

import (
	"context"
	"fmt"
	"os"
	"os/user"
	"time"

	"github.com/syncback/syncback/apply/sqlserver"
)

// pause stops applying, durably: the target refuses the next transaction,
// whichever process brings it.
func (s *session) pause(ctx context.Context) error {
	return s.control(ctx, func(c *sqlserver.Control) error { return c.Pause(ctx, operator()) })
}

func (s *session) resume(ctx context.Context) error {
	return s.control(ctx, func(c *sqlserver.Control) error { return c.Resume(ctx, operator()) })
}

// control does what the operator asks for and prints what is so afterwards.
func (s *session) control(ctx context.Context, do func(*sqlserver.Control) error) error {
	control, err := s.openControl(ctx)
	if err != nil {
		return err
	}
	defer control.Close()
	if err := do(control); err != nil {
		return failure("target", err)
	}
	at, err := control.Checkpoint(ctx)
	if err != nil {
		return failure("target", err)
	}
	is, then := "is not paused", "a run applies what is queued"
	if at.Paused {
		is, then = "is paused", "capture goes on, and nothing is applied until it is resumed"
	}
	_, err = fmt.Fprintf(s.stdout, "%s %s, by word of %s at %s: %s\n",
		s.cfg.target.Pipeline, is, at.ChangedBy, at.ChangedAt.UTC().Format(time.RFC3339), then)
	return err
}

// openControl connects to our own tables in the target. It looks at no table of
// the pipeline: pausing works while one of them is missing.
func (s *session) openControl(ctx context.Context) (*sqlserver.Control, error) {
	control, err := sqlserver.OpenControl(ctx, s.cfg.target)
	if err != nil {
		return nil, failure("target", err)
	}
	return control, nil
}

// operator names who asks, for the record in the target.
func operator() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}
