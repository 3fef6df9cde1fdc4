package capturetest

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
)

// fault is a way in which a Capturer is broken, and the check that says so.
type fault struct {
	name, check string
	says        string
	make        func(capture.Capturer) capture.Capturer
}

// TestBrokenCapturersAreCaught has each fault caught by the check that is meant
// to, and a fault for each check. TestScriptConforms has a sound Capturer caught
// by none.
func TestBrokenCapturersAreCaught(t *testing.T) {
	var numbers atomic.Uint64
	faults := []fault{
		{"swaps two transactions", "order", "transaction 1", func(c capture.Capturer) capture.Capturer { return swapped{c.(*Script)} }},
		{"ends with what was there", "live", "Capture ended", func(c capture.Capturer) capture.Capturer {
			c.(*Script).End(nil)
			return c
		}},
		{"leaves the old image out", "images", "an old image: false", func(c capture.Capturer) capture.Capturer {
			return tampered{Capturer: c, wrap: edited(withoutOld)}
		}},
		{"does not say of which source", "bound", "0 transactions are durable", func(c capture.Capturer) capture.Capturer {
			return tampered{Capturer: c, wrap: func(s capture.Sink) capture.Sink {
				return sinkFuncs{Sink: s, advance: func(context.Context, capture.Mark) error { return nil }}
			}}
		}},
		{"numbers anew", "again", "and is", func(c capture.Capturer) capture.Capturer { return tampered{Capturer: c, wrap: numbered(&numbers)} }},
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
		{"goes on after a failed sync", "sync error", "Capture returned", func(c capture.Capturer) capture.Capturer {
			return tampered{Capturer: c, wrap: func(s capture.Sink) capture.Sink {
				return sinkFuncs{Sink: s, sync: func(ctx context.Context) (capture.Position, error) {
					p, _ := s.Sync(ctx)
					return p, nil
				}}
			}}
		}},
		{"leaves something running", "context", "after Capture had returned", func(c capture.Capturer) capture.Capturer { return lingering{c.(*Script)} }},
		{"is deaf to its context", "context", "still runs", func(c capture.Capturer) capture.Capturer { return deaf{c.(*Script)} }},
	}
	for _, fault := range faults {
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
	for _, c := range checks {
		if !slices.ContainsFunc(faults, func(f fault) bool { return f.check == c.name }) {
			t.Errorf("nothing shows that %q can fail", c.name)
		}
	}
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
	write   func(context.Context, *capture.Tx) error
	advance func(context.Context, capture.Mark) error
	sync    func(context.Context) (capture.Position, error)
}

func (s sinkFuncs) Write(ctx context.Context, tx *capture.Tx) error {
	if s.write == nil {
		return s.Sink.Write(ctx, tx)
	}
	return s.write(ctx, tx)
}

func (s sinkFuncs) Advance(ctx context.Context, m capture.Mark) error {
	if s.advance == nil {
		return s.Sink.Advance(ctx, m)
	}
	return s.advance(ctx, m)
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

// swapped has the changes of the first two transactions in each other's place.
type swapped struct{ *Script }

func (s swapped) Capture(ctx context.Context, from capture.Mark, sink capture.Sink) error {
	other := NewScript(s.source, slices.Clone(s.txs)...)
	if len(other.txs) > 1 {
		other.txs[0].Changes, other.txs[1].Changes = other.txs[1].Changes, other.txs[0].Changes
	}
	return other.Capture(ctx, from, sink)
}

func withoutOld(list []capture.Change) []capture.Change {
	for i := range list {
		if list[i].Op == capture.Update {
			list[i].Before = nil
		}
	}
	return list
}

// numbered gives each transaction that arrives a number of its own.
func numbered(last *atomic.Uint64) func(capture.Sink) capture.Sink {
	return func(sink capture.Sink) capture.Sink {
		return sinkFuncs{Sink: sink, write: func(ctx context.Context, tx *capture.Tx) error {
			other := *tx
			other.ID = 1000 + last.Add(1)
			return sink.Write(ctx, &other)
		}}
	}
}

// lingering goes on after it has returned.
type lingering struct{ *Script }

func (l lingering) Capture(ctx context.Context, from capture.Mark, sink capture.Sink) error {
	go func() { _ = l.Script.Capture(context.WithoutCancel(ctx), from, sink) }()
	<-ctx.Done()
	return context.Cause(ctx)
}

// deaf does not hear that its context ends.
type deaf struct{ *Script }

func (d deaf) Capture(ctx context.Context, from capture.Mark, sink capture.Sink) error {
	return d.Script.Capture(context.WithoutCancel(ctx), from, sink)
}
