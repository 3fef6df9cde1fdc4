package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres"
)

// check prints what keeps the pipeline from running, and what someone should
// know of. A source that cannot be reached does not keep the target from being
// checked. Nothing is changed on either side, nor in the queue.
func (s *session) check(ctx context.Context) error {
	tables, findings, sourceErr := s.checkSource(ctx)
	more, targetErr := s.checkTarget(ctx, tables)
	findings = append(findings, more...)
	held, queued, known := s.checkQueue()
	var progressErr error
	if sourceErr == nil && targetErr == nil {
		more, progressErr = s.checkProgress(ctx, held, known, findings)
		findings = append(findings, more...)
	}
	rules, pluginErr := s.checkPlugins(ctx)
	findings = slices.Concat(findings, queued, rules)
	for _, f := range findings {
		printFinding(s.stdout, f)
	}
	if err := errors.Join(sourceErr, targetErr, progressErr, pluginErr); err != nil {
		return err
	}
	if n := blocking(findings); n > 0 {
		return fmt.Errorf("not fit to run: mend what is marked as error (%d), then check again", n)
	}
	_, err := fmt.Fprintln(s.stdout, "fit to run")
	return err
}

func (s *session) checkSource(ctx context.Context) ([]*capture.Table, []capture.Finding, error) {
	capturer, err := postgres.New(s.cfg.source)
	if err != nil {
		return nil, nil, failure("source", err)
	}
	findings, err := capturer.Check(ctx)
	if err != nil {
		return nil, findings, failure("source", err)
	}
	tables, err := capturer.Tables(ctx)
	if blocking(findings) > 0 && !capture.Retryable(err) {
		return tables, findings, nil // a table that is missing was found before
	}
	if err != nil {
		return nil, findings, failure("source", err)
	}
	return tables, findings, nil
}

func (s *session) checkTarget(ctx context.Context, tables []*capture.Table) ([]capture.Finding, error) {
	findings, err := sqlserver.Check(ctx, s.cfg.target, tables)
	if err != nil {
		return findings, failure("target", err)
	}
	return findings, nil
}

// blocking is how many of the findings keep the pipeline from running.
func blocking(findings []capture.Finding) (n int) {
	for _, f := range findings {
		if f.Level == capture.Blocks {
			n++
		}
	}
	return n
}

func printFinding(w io.Writer, f capture.Finding) {
	fmt.Fprintf(w, "%-8s %s: %s\n", f.Level, f.Object, f.Problem)
	if f.Advice != "" {
		fmt.Fprintf(w, "%-8s %s\n", "", f.Advice)
	}
}
