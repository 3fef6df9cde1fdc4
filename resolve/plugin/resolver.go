package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin/internal/wire"
)

// resolver asks a plugin's Resolver.
type resolver struct{ *host }

// Resolve implements resolve.Resolver.
func (r resolver) Resolve(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
	if len(conflicts) == 0 {
		return nil, nil
	}
	var numbers tableNumbers
	encoded := make([]*wire.Conflict, len(conflicts))
	for i, c := range conflicts {
		encoded[i] = numbers.conflict(c)
		if proto.Size(encoded[i]) > longestMessage {
			return nil, r.permanent("is not asked of a conflict in %s, since it has more than %d bytes", c.Table, longestMessage)
		}
	}
	requests := []*wire.ResolveRequest{{Tables: numbers.tables}}
	for _, part := range parts(encoded) {
		requests = append(requests, &wire.ResolveRequest{Conflicts: part})
	}
	var answers []resolve.Resolution
	err := r.call(ctx, func() sum { return sumOf(encoded) }, func(ctx context.Context, rules wire.RulesClient, _ *clock) error {
		stream, err := rules.Resolve(ctx)
		if err != nil {
			return err
		}
		if err := sendAll(stream, requests); err != nil {
			return err
		}
		if err := stream.CloseSend(); err != nil {
			return err
		}
		answers, err = r.receive(stream, conflicts[0].Rule)
		return err
	})
	if err != nil {
		return nil, err
	}
	return answers, nil
}

func (r resolver) receive(stream grpc.BidiStreamingClient[wire.ResolveRequest, wire.ResolveResponse], rule string) ([]resolve.Resolution, error) {
	var answers []resolve.Resolution
	for size := 0; ; {
		response, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return answers, nil
		}
		if err != nil {
			return nil, err
		}
		if size += proto.Size(response); size > r.MaxAnswer {
			return nil, r.oversized()
		}
		if response.Failure != nil {
			return nil, r.answered(response.Failure, rule, nil)
		}
		for _, encoded := range response.Resolutions {
			answer, err := decodeResolution(encoded)
			if err != nil {
				return nil, err
			}
			answers = append(answers, answer)
		}
	}
}

// sendAll sends requests, as many as the other side takes. Where it takes no
// more, what it answers says why.
func sendAll[Req, Res any](stream grpc.BidiStreamingClient[Req, Res], requests []*Req) error {
	for _, request := range requests {
		if err := stream.Send(request); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// answered is the error with which the plugin answered. causes are the errors of
// the target that it was told of.
func (h *host) answered(f *wire.Failure, rule string, causes []error) error {
	if f.Panicked {
		panicked := &panicError{of: oneLine(f.Message)}
		return errAnswered{&resolve.NonsenseError{Rule: rule, Err: fmt.Errorf("plugin %s: %w", h.Name, panicked)}}
	}
	err := &Error{Plugin: h.Name, Problem: "says: " + oneLine(f.Message), retryable: f.Retryable}
	if f.Cause > 0 && int(f.Cause) <= len(causes) {
		err.Err = causes[f.Cause-1]
	}
	return errAnswered{err}
}
