package postgres

import (
	"context"
	"sync"
	"time"
	"unsafe"

	"github.com/syncback/syncback/capture"
)

// lineBytes bounds what is read ahead of a sink, in bytes of memory. One row
// that is larger passes alone.
const lineBytes = 8 << 20

// line is a bounded line of messages, from the goroutine that reads the
// connection to the one that writes to the sink. Its bound is in bytes: rows
// differ in size by a factor of a million.
type line struct {
	limit int
	room  chan struct{} // has something after a message was taken
	more  chan struct{} // has something after one was put, or after close

	mu    sync.Mutex
	items []any
	head  int // items[:head] were taken
	bytes int
	err   error // set by close
}

func newLine(limit int) *line {
	return &line{limit: limit, room: make(chan struct{}, 1), more: make(chan struct{}, 1)}
}

// offer puts m at the end, unless there is no room for it.
func (l *line) offer(m any) bool {
	n := sizeOf(m)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head < len(l.items) {
		if p, ok := m.(progress); ok && l.merge(p) {
			return true
		}
		if l.bytes+n > l.limit {
			return false
		}
	}
	l.items = append(l.items, m)
	l.bytes += n
	signal(l.more)
	return true
}

// merge puts p in the place of a progress that is last in the line. The caller
// holds mu, and the line is not empty.
func (l *line) merge(p progress) bool {
	last, ok := l.items[len(l.items)-1].(progress)
	if ok {
		p.urgent = p.urgent || last.urgent
		if p.xid == 0 {
			p.xid = last.xid
		}
		l.items[len(l.items)-1] = p
	}
	return ok
}

// poll takes the first message, if there is one.
func (l *line) poll() (any, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head == len(l.items) {
		return nil, false
	}
	m := l.items[l.head]
	l.items[l.head] = nil
	l.head++
	l.bytes -= sizeOf(m)
	if l.head == len(l.items) {
		l.items, l.head = l.items[:0], 0
	} else if l.head >= 1024 && l.head*2 >= len(l.items) {
		n := copy(l.items, l.items[l.head:])
		clear(l.items[n:])
		l.items, l.head = l.items[:n], 0
	}
	signal(l.room)
	return m, true
}

// take takes the first message, and waits for one until ctx ends, the line was
// closed or the timer fires; then it returns nil, and no error for the timer.
func (l *line) take(ctx context.Context, timer <-chan time.Time) (any, error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if m, ok := l.poll(); ok {
			return m, nil
		}
		if err := l.ended(); err != nil {
			return nil, err
		}
		select {
		case <-l.more:
		case <-ctx.Done():
		case <-timer:
			return nil, nil
		}
	}
}

// ended returns the error that the line was closed with, once all before it
// was taken.
func (l *line) ended() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head < len(l.items) {
		return nil
	}
	return l.err
}

// close ends the line with err, which comes after what is in it.
func (l *line) close(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.err = err
	signal(l.more)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sizeOf returns roughly what a message holds on to.
func sizeOf(m any) int {
	const base = 64
	switch m := m.(type) {
	case rowChange:
		return base + sizeOfRow(m.old) + sizeOfRow(m.new)
	case logicalMessage:
		return base + len(m.prefix) + len(m.content)
	case relation:
		return base * (1 + len(m.columns))
	case truncate:
		return base + 4*len(m.relations)
	}
	return base
}

func sizeOfRow(row capture.Row) int {
	n := len(row) * int(unsafe.Sizeof(capture.Value{}))
	for _, v := range row {
		text, _ := v.Text()
		n += len(text)
	}
	return n
}
