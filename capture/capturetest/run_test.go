package capturetest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
)

// scripted is a Source over a Script. wrap, where it is set, breaks its
// Capturers.
type scripted struct {
	script *Script
	wrap   func(capture.Capturer) capture.Capturer

	mu    sync.Mutex
	last  capture.Position
	names map[int]capture.Value
}

var items = &capture.Table{
	Schema: "public", Name: "items", Identity: capture.IdentityFull,
	Columns: []capture.Column{{Name: "id", Base: "int4", Modifier: -1, Key: true}, {Name: "name", Base: "text", Modifier: -1}},
}

func newScripted() *scripted {
	return &scripted{script: NewScript("script/1"), names: make(map[int]capture.Value)}
}

func (s *scripted) Capturer() (capture.Capturer, error) {
	if s.wrap != nil {
		return s.wrap(s.script), nil
	}
	return s.script, nil
}

func (s *scripted) Acknowledged(context.Context) (capture.Position, error) {
	return s.script.Acknowledged(), nil
}

func (s *scripted) Commit(_ context.Context, edits ...Edit) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []capture.Change
	for _, e := range edits {
		id := capture.Text(fmt.Sprint(e.ID))
		c := capture.Change{Op: e.Op, Table: items}
		if e.Op != capture.Insert {
			c.Before = capture.Row{id, s.names[e.ID]}
		}
		if e.Op != capture.Delete {
			c.After = capture.Row{id, e.Name}
		}
		s.names[e.ID] = e.Name
		list = append(list, c)
	}
	s.last += 8
	s.script.Commit(capture.Tx{
		Position: s.last, ID: uint64(s.last), CommitTime: time.Unix(int64(s.last), 0).UTC(), Changes: Changes(list...),
	})
	return nil
}

func TestScriptConforms(t *testing.T) {
	Run(t, func(*testing.T) Source { return newScripted() })
}

func TestScriptEnds(t *testing.T) {
	src := newScripted()
	if err := src.Commit(t.Context(), insert(1)); err != nil {
		t.Fatal(err)
	}
	src.script.End(nil)
	sink := new(Sink)
	if err := src.script.Capture(t.Context(), capture.Mark{}, sink); err != nil {
		t.Error(err)
	}
	if n := len(sink.Txs()); n != 1 {
		t.Errorf("%d transactions are durable", n)
	}
}
