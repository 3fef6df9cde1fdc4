package apply_test

import (
	"context"
	"fmt"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/applytest"
	"github.com/syncback/syncback/capture"
)

// history is a queue that holds what it holds.
type history []*capture.Tx

func (h history) Next(ctx context.Context, after capture.Position) (*capture.Tx, error) {
	for _, tx := range h {
		if tx.Position > after {
			return tx, nil
		}
	}
	<-ctx.Done()
	return nil, context.Cause(ctx)
}

func (history) Trim(context.Context, capture.Position) error { return nil }

func ExampleDrain() {
	ctx := context.Background()
	tenancy := &capture.Table{Schema: "public", Name: "tenancy", Columns: []capture.Column{
		{Name: "ref", Base: "text", Key: true}, {Name: "tenant", Base: "text"},
	}}
	added := capture.Change{Op: capture.Insert, Table: tenancy, After: capture.Row{capture.Text("000023/02"), capture.Null()}}
	queue := history{{Source: "example", Position: 0x1B8, Count: 1, Changes: func(yield func(capture.Change, error) bool) {
		yield(added, nil)
	}}}

	target := applytest.NewMemory(tenancy)
	applier, _ := target.Open(ctx)
	err := apply.Drain(ctx, queue, applier, apply.Config{
		Until:   0x1B8, // a run by hand; without it Drain goes on until ctx ends
		Observe: func(p apply.Progress) { fmt.Println(p.State, p.Position, p.Changes) },
	})
	fmt.Println(err)
	// Output:
	// applied 0/1B8 1
	// <nil>
}
