package capturetest

import (
	"context"
	"fmt"
	"strings"
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

// tampered is a Capturer that hands its sink on through wrap, and changes the
// mark that it is given by mark.
type tampered struct {
	capture.Capturer
	wrap func(capture.Sink) capture.Sink
	mark func(capture.Mark) capture.Mark
}

func (c tampered) Capture(ctx context.Context, from capture.Mark, sink capture.Sink) error {
	if c.mark != nil {
		from = c.mark(from)
	}
	if c.wrap != nil {
		sink = c.wrap(sink)
	}
	return c.Capturer.Capture(ctx, from, sink)
}

// sinkFuncs is a sink of which single methods are replaced.
type sinkFuncs struct {
	capture.Sink
	write func(context.Context, *capture.Tx) error
	sync  func(context.Context) (capture.Position, error)
}

func (s sinkFuncs) Write(ctx context.Context, tx *capture.Tx) error {
	if s.write == nil {
		return s.Sink.Write(ctx, tx)
	}
	return s.write(ctx, tx)
}

func (s sinkFuncs) Sync(ctx context.Context) (capture.Position, error) {
	if s.sync == nil {
		return s.Sink.Sync(ctx)
	}
	return s.sync(ctx)
}

// edited passes each transaction on as f makes it.
func edited(f func(list []capture.Change) []capture.Change) func(capture.Sink) capture.Sink {
	return func(sink capture.Sink) capture.Sink {
		return sinkFuncs{Sink: sink, write: func(ctx context.Context, tx *capture.Tx) error {
			var list []capture.Change
			for c, err := range tx.Changes {
				if err != nil {
					return err
				}
				list = append(list, c)
			}
			other := *tx
			other.Changes = Changes(f(list)...)
			return sink.Write(ctx, &other)
		}}
	}
}

// TestBrokenCapturersAreCaught has each fault caught by the check that is meant
// to, and a sound Capturer by none.
func TestBrokenCapturersAreCaught(t *testing.T) {
	for _, fault := range []struct {
		name, check string
		says        string
		make        func(capture.Capturer) capture.Capturer
	}{
		{"acknowledges before it syncs", "acknowledge", "may forget", func(c capture.Capturer) capture.Capturer { return hasty{c.(*Script)} }},
		{"never acknowledges", "forget", "was told", func(c capture.Capturer) capture.Capturer {
			return tampered{Capturer: c, wrap: func(s capture.Sink) capture.Sink {
				return sinkFuncs{Sink: s, sync: func(ctx context.Context) (capture.Position, error) {
					_, err := s.Sync(ctx)
					return 0, err
				}}
			}}
		}},
		{"swallows a change", "whole", "499 changes", func(c capture.Capturer) capture.Capturer {
			return tampered{Capturer: c, wrap: edited(func(l []capture.Change) []capture.Change { return l[:max(1, len(l)-1)] })}
		}},
		{"turns null into absent", "null", "absent", func(c capture.Capturer) capture.Capturer {
			return tampered{Capturer: c, wrap: edited(withoutNulls)}
		}},
		{"uses one row for all changes", "whole", "column id", func(c capture.Capturer) capture.Capturer {
			return tampered{Capturer: c, wrap: edited(oneRow)}
		}},
		{"begins one too late", "resume", "waiting for 10", func(c capture.Capturer) capture.Capturer {
			return tampered{Capturer: c, mark: func(m capture.Mark) capture.Mark {
				if m.Position > 0 {
					m.Position += 8
				}
				return m
			}}
		}},
		{"takes any source for its own", "other source", "Capture returned", func(c capture.Capturer) capture.Capturer {
			return tampered{Capturer: c, mark: func(m capture.Mark) capture.Mark {
				m.Source = "script/1"
				return m
			}}
		}},
		{"skips a gap", "gap", "Capture returned", func(c capture.Capturer) capture.Capturer {
			s := c.(*Script)
			return tampered{Capturer: c, mark: func(m capture.Mark) capture.Mark {
				m.Position = max(m.Position, s.Acknowledged())
				return m
			}}
		}},
		{"does not return the sink's error", "write error", "Capture returned", func(c capture.Capturer) capture.Capturer {
			return tampered{Capturer: c, wrap: func(s capture.Sink) capture.Sink {
				return sinkFuncs{Sink: s, write: func(ctx context.Context, tx *capture.Tx) error {
					_ = s.Write(ctx, tx)
					return nil
				}}
			}}
		}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			for _, c := range checks {
				if c.name != fault.check {
					continue
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				src := newScripted()
				src.wrap = fault.make
				if err := c.run(ctx, src); err == nil || !strings.Contains(err.Error(), fault.says) {
					t.Errorf("check %q says %v, want %q in it", c.name, err, fault.says)
				}
				return
			}
			t.Fatalf("there is no check %q", fault.check)
		})
	}
}

// hasty acknowledges what it has written, durable or not.
type hasty struct{ *Script }

func (h hasty) Capture(ctx context.Context, from capture.Mark, sink capture.Sink) error {
	return h.Script.Capture(ctx, from, sinkFuncs{Sink: sink, write: func(ctx context.Context, tx *capture.Tx) error {
		err := sink.Write(ctx, tx)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.acked = tx.Position
		return err
	}})
}

func withoutNulls(list []capture.Change) []capture.Change {
	for _, c := range list {
		for _, row := range []capture.Row{c.Before, c.After} {
			for i := range row {
				if row[i].IsNull() {
					row[i] = capture.Value{}
				}
			}
		}
	}
	return list
}

func oneRow(list []capture.Change) []capture.Change {
	shared := make(capture.Row, 2)
	for i := range list {
		copy(shared, list[i].After)
		list[i].After = shared
	}
	return list
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
