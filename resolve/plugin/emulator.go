package plugin

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin/internal/wire"
)

// emulator asks a plugin's Emulator.
type emulator struct{ *host }

// Emulate implements resolve.Emulator.
func (e emulator) Emulate(ctx context.Context, changes []capture.Change, target resolve.Target) ([]capture.Change, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	var numbers tableNumbers
	encoded := make([]*wire.Change, len(changes))
	for i, c := range changes {
		encoded[i] = numbers.change(c)
		if proto.Size(encoded[i]) > longestMessage {
			return nil, e.permanent("is not asked of a change of %s, since it has more than %d bytes", c.Table, longestMessage)
		}
	}
	requests := []*wire.EmulateRequest{{Tables: numbers.tables}}
	for _, part := range parts(encoded) {
		requests = append(requests, &wire.EmulateRequest{Changes: part})
	}
	requests = append(requests, &wire.EmulateRequest{Last: true})
	var further []capture.Change
	err := e.call(ctx, func() sum { return sumOf(encoded) }, func(callCtx context.Context, rules wire.RulesClient, clock *clock) error {
		stream, err := rules.Emulate(callCtx)
		if err != nil {
			return err
		}
		if err := sendAll(stream, requests); err != nil {
			return err
		}
		asked := &conversation{host: e.host, stream: stream, target: target, clock: clock}
		further, err = asked.hold(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return further, nil
}

// conversation is one call of an Emulator, from the first question on.
type conversation struct {
	*host
	stream grpc.BidiStreamingClient[wire.EmulateRequest, wire.EmulateResponse]
	target resolve.Target
	clock  *clock

	causes  []error // what the target refused, nil for what it did not
	tables  tableList
	further []capture.Change
}

// hold answers the questions until the plugin has its answer.
func (c *conversation) hold(ctx context.Context) ([]capture.Change, error) {
	for size := 0; ; {
		response, err := c.stream.Recv()
		if errors.Is(err, io.EOF) {
			return c.further, nil
		}
		if err != nil {
			return nil, err
		}
		if response.Question != nil {
			if err := c.reply(ctx, response.Question); err != nil {
				return nil, err
			}
			continue
		}
		if size += proto.Size(response); size > c.MaxAnswer {
			return nil, c.oversized()
		}
		if response.Failure != nil {
			return nil, c.answered(response.Failure, c.Name, c.causes)
		}
		if err := c.take(response); err != nil {
			return nil, err
		}
	}
}

// take takes a part of the answer.
func (c *conversation) take(response *wire.EmulateResponse) error {
	if err := c.tables.add(response.Tables); err != nil {
		return err
	}
	for _, encoded := range response.Changes {
		change, err := c.tables.change(encoded)
		if err != nil {
			return err
		}
		c.further = append(c.further, change)
	}
	return nil
}

// reply asks the target, while the plugin's clock stands still.
func (c *conversation) reply(ctx context.Context, q *wire.Question) error {
	c.clock.pause()
	answer, err := c.put(ctx, q)
	if errors.Is(err, errMalformed) {
		return err
	}
	if err == nil && proto.Size(answer) > longestMessage {
		err = c.permanent("asked the target for more than %d bytes at once", longestMessage)
	}
	c.causes = append(c.causes, err)
	if err != nil {
		answer = &wire.Answer{Failure: encodeFailure(err)}
	}
	c.clock.resume()
	return sendAll(c.stream, []*wire.EmulateRequest{{Answer: answer}})
}

// put puts one question to the target.
func (c *conversation) put(ctx context.Context, q *wire.Question) (*wire.Answer, error) {
	switch of := q.Of.(type) {
	case *wire.Question_Rows:
		where, err := decodeArguments(of.Rows.Names, of.Rows.Where)
		if err != nil {
			return nil, err
		}
		query := resolve.Query{Table: string(of.Rows.Table), Where: where, Limit: int(of.Rows.Limit)}
		if !of.Rows.AllColumns {
			query.Columns = append([]string{}, decodeNames(of.Rows.Columns)...)
		}
		return encodeResult(c.target.Rows(ctx, query))
	case *wire.Question_Next:
		number, err := c.target.Next(ctx, string(of.Next))
		return &wire.Answer{Number: number}, err
	case *wire.Question_Call:
		args, err := decodeArguments(of.Call.Names, of.Call.Arguments)
		if err != nil {
			return nil, err
		}
		return encodeResult(c.target.Call(ctx, string(of.Call.Name), args))
	default:
		return nil, errMalformed
	}
}

func encodeResult(r resolve.Result, err error) (*wire.Answer, error) {
	out := &wire.Answer{Columns: encodeColumns(r.Columns)}
	for _, row := range r.Rows {
		out.Rows = append(out.Rows, encodeRow(row))
	}
	return out, err
}
