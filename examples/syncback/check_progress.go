package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres"
	"github.com/syncback/syncback/queue"
)

// checkQueue looks at the queue's folder. known reports whether it is told what is
// in it: a run that has it open alone knows that.
func (s *session) checkQueue() (held queue.Contents, findings []capture.Finding, known bool) {
	object := "queue in " + s.cfg.queue.Dir
	held, err := queue.Inspect(s.cfg.queue)
	switch {
	case errors.Is(err, queue.ErrInUse):
		findings = append(findings, capture.Finding{Level: capture.Note, Object: object, Problem: "another process has it open, such as a run"})
	case err != nil:
		findings = append(findings, blockedBy(object, err))
	}
	return held, findings, err == nil
}

// checkProgress asks whether a pipeline that has begun can go on from where it is,
// as a run does: a slot that is gone is not made anew for it. What findings tell is
// not told again.
func (s *session) checkProgress(ctx context.Context, held queue.Contents, known bool, findings []capture.Finding) ([]capture.Finding, error) {
	at, err := sqlserver.ReadCheckpoint(ctx, s.cfg.target)
	if err != nil {
		if blocking(findings) > 0 {
			return nil, nil // such as our own tables, which are missing
		}
		return nil, failure("target", err)
	}
	from := held.Mark
	if from == (capture.Mark{}) && at.Source != "" {
		from = capture.Mark{Source: at.Source, Position: at.Position + 1}
	}
	if from == (capture.Mark{}) {
		return nil, nil // it is new
	}
	if err := s.admitted(ctx, from, known); capture.Retryable(err) {
		return nil, failure("source", err)
	} else if err != nil {
		told := slices.ContainsFunc(findings, func(f capture.Finding) bool {
			return f.Level == capture.Blocks && strings.Contains(err.Error(), strings.TrimPrefix(f.Problem, "it "))
		})
		if told || !isOfProgress(err) && blocking(findings) > 0 {
			return nil, nil
		}
		return []capture.Finding{blockedBy("source", err)}, nil
	}
	if err := held.Covers(at.Position); known && err != nil {
		return []capture.Finding{blockedBy("queue in "+s.cfg.queue.Dir, err)}, nil
	}
	return nil, nil
}

// isOfProgress reports whether err is about where a pipeline has come to. What else
// may be wrong with a source was looked for before.
func isOfProgress(err error) bool {
	return errors.Is(err, capture.ErrGap) || errors.Is(err, capture.ErrDiverged) || errors.Is(err, capture.ErrOtherSource)
}

// admitted returns why the source refuses to go on from there. Where it is not
// known how far the queue has come, that can only be said of a slot that is gone.
func (s *session) admitted(ctx context.Context, from capture.Mark, known bool) error {
	capturer, err := postgres.New(s.cfg.source)
	if err != nil {
		return err
	}
	if !known {
		if source, err := capturer.Status(ctx); err != nil || source.WALStatus != "" {
			return err
		}
	}
	_, err = capturer.Begin(ctx, from)
	return err
}

// blockedBy is an error's sentence as a finding: what follows its semicolon is the
// advice.
func blockedBy(object string, err error) capture.Finding {
	problem, advice, _ := strings.Cut(strings.TrimPrefix(err.Error(), "open "+object+": "), "; ")
	return capture.Finding{Level: capture.Blocks, Object: object, Problem: problem, Advice: advice}
}
