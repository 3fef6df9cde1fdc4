package queue_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue"
)

func Example() {
	dir, err := os.MkdirTemp("", "queue")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	q, err := queue.Open(queue.Config{Dir: dir})
	if err != nil {
		log.Fatal(err)
	}
	defer q.Close()

	// One goroutine fills it, with what a capturer sees.
	if err := queue.Fill(ctx, capturer{}, q, queue.FillConfig{}); err != nil {
		log.Fatal(err)
	}
	// Another one drains it.
	tx, err := q.Next(ctx, 0)
	if err != nil {
		log.Fatal(err)
	}
	for c, err := range tx.Changes {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(tx.Position, c.Op, c.Table)
	}
	if err := q.Trim(ctx, tx.Position); err != nil {
		log.Fatal(err)
	}
	// Output: 0/10 insert public.tenancy
}

// capturer sees one transaction.
type capturer struct{}

func (capturer) Capture(ctx context.Context, _ capture.Mark, sink capture.Sink) error {
	table := &capture.Table{Schema: "public", Name: "tenancy", Columns: []capture.Column{{Name: "tag_ref", Base: "bpchar"}}}
	tx := &capture.Tx{Position: 0x10, Changes: func(yield func(capture.Change, error) bool) {
		yield(capture.Change{Op: capture.Insert, Table: table, After: capture.Row{capture.Text("000023/02")}}, nil)
	}}
	if err := sink.Write(ctx, tx); err != nil {
		return err
	}
	_, err := sink.Sync(ctx)
	return err
}
