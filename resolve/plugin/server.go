package plugin

import (
	"context"
	"errors"
	"io"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin/internal/wire"
)

// GRPCClient implements goplugin.GRPCPlugin.
func (d *dispensed) GRPCClient(_ context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return wire.NewRulesClient(conn), nil
}

// server is the plugin's end of the protocol.
type server struct {
	wire.UnimplementedRulesServer
	rules any
	turn  chan struct{} // holds a token while the rules are called: one call at a time
}

func newServer(rules any) *server { return &server{rules: rules, turn: make(chan struct{}, 1)} }

// call calls the rules, when it is their turn. A call whose host went away may
// still be running.
func (s *server) call(ctx context.Context, rules func() error) error {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
		return guarded(rules)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Begin implements wire.RulesServer.
func (s *server) Begin(ctx context.Context, request *wire.BeginRequest) (*wire.BeginResponse, error) {
	_, resolves := s.rules.(resolve.Resolver)
	_, emulates := s.rules.(resolve.Emulator)
	out := &wire.BeginResponse{Resolves: resolves, Emulates: emulates}
	if len(request.Config) == 0 {
		return out, nil
	}
	configurer, ok := s.rules.(Configurer)
	err := errors.New("it takes none")
	if ok {
		err = s.call(ctx, func() error { return configurer.Configure(request.Config) })
	}
	if err != nil {
		out.Refusal = encodeFailure(err)
	}
	return out, nil
}

// Resolve implements wire.RulesServer.
func (s *server) Resolve(stream grpc.BidiStreamingServer[wire.ResolveRequest, wire.ResolveResponse]) error {
	conflicts, err := receiveConflicts(stream)
	if err != nil {
		return err
	}
	var answers []resolve.Resolution
	err = s.call(stream.Context(), func() (err error) {
		answers, err = s.rules.(resolve.Resolver).Resolve(stream.Context(), conflicts)
		return err
	})
	if err != nil {
		return stream.Send(&wire.ResolveResponse{Failure: encodeFailure(err)})
	}
	encoded := make([]*wire.Resolution, len(answers))
	for i, a := range answers {
		encoded[i] = encodeResolution(a)
	}
	for _, part := range parts(encoded) {
		if err := stream.Send(&wire.ResolveResponse{Resolutions: part}); err != nil {
			return err
		}
	}
	return nil
}

func receiveConflicts(stream grpc.BidiStreamingServer[wire.ResolveRequest, wire.ResolveResponse]) ([]*resolve.Conflict, error) {
	var tables tableList
	var conflicts []*resolve.Conflict
	for {
		request, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return conflicts, nil
		}
		if err == nil {
			err = tables.add(request.Tables)
		}
		if err != nil {
			return nil, err
		}
		for _, c := range request.Conflicts {
			conflict, err := tables.conflict(c)
			if err != nil {
				return nil, err
			}
			conflicts = append(conflicts, conflict)
		}
	}
}

// Emulate implements wire.RulesServer.
func (s *server) Emulate(stream grpc.BidiStreamingServer[wire.EmulateRequest, wire.EmulateResponse]) error {
	changes, err := receiveChanges(stream)
	if err != nil {
		return err
	}
	target := &remoteTarget{stream: stream}
	var further []capture.Change
	err = s.call(stream.Context(), func() (err error) {
		defer target.end()
		further, err = s.rules.(resolve.Emulator).Emulate(stream.Context(), changes, target)
		return err
	})
	if err != nil {
		return stream.Send(&wire.EmulateResponse{Failure: encodeFailure(err)})
	}
	var numbers tableNumbers
	encoded := make([]*wire.Change, len(further))
	for i, c := range further {
		encoded[i] = numbers.change(c)
	}
	if err := stream.Send(&wire.EmulateResponse{Tables: numbers.tables}); err != nil {
		return err
	}
	for _, part := range parts(encoded) {
		if err := stream.Send(&wire.EmulateResponse{Changes: part}); err != nil {
			return err
		}
	}
	return nil
}

func receiveChanges(stream grpc.BidiStreamingServer[wire.EmulateRequest, wire.EmulateResponse]) ([]capture.Change, error) {
	var tables tableList
	var changes []capture.Change
	for {
		request, err := stream.Recv()
		if err == nil {
			err = tables.add(request.Tables)
		}
		if err != nil {
			return nil, err
		}
		for _, c := range request.Changes {
			change, err := tables.change(c)
			if err != nil {
				return nil, err
			}
			changes = append(changes, change)
		}
		if request.Last {
			return changes, nil
		}
	}
}
