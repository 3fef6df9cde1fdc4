package plugin

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin/internal/wire"
)

// targetError is the target's answer to a question, where that is an error. It
// stays what it is on its way through the rules, so that the host finds its own
// error again.
type targetError struct {
	question  uint32 // from 1
	message   string
	retryable bool
}

func (e *targetError) Error() string   { return e.message }
func (e *targetError) Retryable() bool { return e.retryable }

// remoteTarget is the target as the plugin sees it: it asks the host over the
// stream of the call.
type remoteTarget struct {
	mu     sync.Mutex
	stream grpc.BidiStreamingServer[wire.EmulateRequest, wire.EmulateResponse]
	asked  uint32
	ended  bool
}

// Rows implements resolve.Target.
func (t *remoteTarget) Rows(ctx context.Context, q resolve.Query) (resolve.Result, error) {
	names, values := encodeArguments(q.Where)
	query := &wire.Query{
		Table: []byte(q.Table), Columns: encodeNames(q.Columns), AllColumns: q.Columns == nil,
		Names: names, Where: values, Limit: int64(q.Limit),
	}
	return t.result(ctx, &wire.Question{Of: &wire.Question_Rows{Rows: query}})
}

// Next implements resolve.Target.
func (t *remoteTarget) Next(ctx context.Context, allocator string) (int64, error) {
	answer, err := t.ask(ctx, &wire.Question{Of: &wire.Question_Next{Next: []byte(allocator)}})
	return answer.GetNumber(), err
}

// Call implements resolve.Target.
func (t *remoteTarget) Call(ctx context.Context, procedure string, args []resolve.Argument) (resolve.Result, error) {
	names, values := encodeArguments(args)
	call := &wire.Procedure{Name: []byte(procedure), Names: names, Arguments: values}
	return t.result(ctx, &wire.Question{Of: &wire.Question_Call{Call: call}})
}

func (t *remoteTarget) result(ctx context.Context, q *wire.Question) (resolve.Result, error) {
	answer, err := t.ask(ctx, q)
	if err != nil {
		return resolve.Result{}, err
	}
	out := resolve.Result{Columns: decodeColumns(answer.Columns), Rows: make([]capture.Row, len(answer.Rows))}
	for i, r := range answer.Rows {
		if out.Rows[i], err = decodeRow(r); err != nil {
			return resolve.Result{}, err
		}
	}
	return out, nil
}

func (t *remoteTarget) ask(ctx context.Context, q *wire.Question) (*wire.Answer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return nil, errors.New("the target was used after the call that it was given to")
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := t.stream.Send(&wire.EmulateResponse{Question: q}); err != nil {
		return nil, err
	}
	request, err := t.stream.Recv()
	if err != nil {
		return nil, err
	}
	t.asked++
	if f := request.Answer.GetFailure(); f != nil {
		return nil, &targetError{question: t.asked, message: string(f.Message), retryable: f.Retryable}
	}
	return request.Answer, nil
}

func (t *remoteTarget) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
}
