package apply_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/applytest"
	"github.com/syncback/syncback/capture"
)

const source = capture.Source("test/source")

// fakeQueue is a queue in memory.
type fakeQueue struct {
	mu      sync.Mutex
	txs     []*capture.Tx
	trimmed capture.Position
	mark    capture.Position // of Last, when it is after the last transaction
	added   chan struct{}    // closed by an add
	next    func(after capture.Position) error
	trim    func(upTo capture.Position) error
}

func newQueue(txs ...*capture.Tx) *fakeQueue {
	return &fakeQueue{txs: txs, added: make(chan struct{})}
}

func (q *fakeQueue) add(txs ...*capture.Tx) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.txs = append(q.txs, txs...)
	close(q.added)
	q.added = make(chan struct{})
}

func (q *fakeQueue) Next(ctx context.Context, after capture.Position) (*capture.Tx, error) {
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		q.mu.Lock()
		added, trimmed, next := q.added, q.trimmed, q.next
		i := slices.IndexFunc(q.txs, func(tx *capture.Tx) bool { return tx.Position > after })
		var tx *capture.Tx
		if i >= 0 {
			tx = q.txs[i]
		}
		q.mu.Unlock()
		if next != nil {
			if err := next(after); err != nil {
				return nil, err
			}
		}
		if after < trimmed {
			return nil, fmt.Errorf("%w: trimmed up to %s", capture.ErrGap, trimmed)
		}
		if tx != nil {
			return tx, nil
		}
		select {
		case <-added:
		case <-ctx.Done():
		}
	}
}

func (q *fakeQueue) Trim(_ context.Context, upTo capture.Position) error {
	if q.trim != nil {
		if err := q.trim(upTo); err != nil {
			return err
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.trimmed = max(q.trimmed, upTo)
	return nil
}

// lastQueue is a queue that knows its end.
type lastQueue struct{ *fakeQueue }

func (q lastQueue) Last(context.Context) (capture.Mark, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := capture.Mark{Source: source, Position: q.mark}
	if n := len(q.txs); n > 0 {
		m.Position = max(m.Position, q.txs[n-1].Position)
	}
	return m, nil
}

// fakeApplier calls what a test puts in the place of Apply.
type fakeApplier struct {
	apply.Applier
	do     func(ctx context.Context, batch []*capture.Tx) error
	groups [][]capture.Position // that were committed
}

func (a *fakeApplier) Apply(ctx context.Context, batch []*capture.Tx) error {
	do := a.Applier.Apply
	if a.do != nil {
		do = a.do
	}
	err := do(ctx, batch)
	if err == nil {
		var group []capture.Position
		for _, tx := range batch {
			group = append(group, tx.Position)
		}
		a.groups = append(a.groups, group)
	}
	return err
}

// stage is a queue, a target and a Drain between them, in a synctest bubble.
type stage struct {
	t      testing.TB
	q      *fakeQueue
	m      *applytest.Memory
	a      *fakeApplier
	cfg    apply.Config
	mu     sync.Mutex
	states []string // what was observed, without what was applied
	seen   []apply.Progress
}

func newStage(t testing.TB, txs ...*capture.Tx) *stage {
	s := &stage{t: t, q: newQueue(txs...), m: applytest.NewMemory(table())}
	a, err := s.m.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.a = &fakeApplier{Applier: a}
	s.cfg.Observe = func(p apply.Progress) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.seen = append(s.seen, p)
		if p.State != apply.Applied {
			s.states = append(s.states, string(p.State))
		}
	}
	return s
}

// drain runs Drain to its end.
func (s *stage) drain(ctx context.Context) error { return apply.Drain(ctx, s.q, s.a, s.cfg) }

// running is a Drain in a goroutine.
type running struct {
	stop context.CancelCauseFunc
	err  chan error
}

func (s *stage) start(q apply.Queue) running {
	ctx, cancel := context.WithCancelCause(s.t.Context())
	r := running{cancel, make(chan error, 1)}
	go func() { r.err <- apply.Drain(ctx, q, s.a, s.cfg) }()
	synctest.Wait()
	return r
}

// end stops the Drain and expects that it returns why.
func (r running) end(t testing.TB) {
	t.Helper()
	cause := fmt.Errorf("the test is over")
	r.stop(cause)
	if err := <-r.err; err != cause {
		t.Errorf("Drain returned %v, not the cause of the context's end", err)
	}
}

func (s *stage) rows() string {
	s.t.Helper()
	stored, err := s.m.Rows(s.t.Context(), table())
	if err != nil {
		s.t.Fatal(err)
	}
	return texts(stored)
}

func texts(stored []capture.Row) string {
	var all []string
	for _, r := range stored {
		id, _ := r[0].Text()
		text, _ := r[1].Text()
		all = append(all, id+"="+text)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func (s *stage) expectRows(want string) {
	s.t.Helper()
	if got := s.rows(); got != want {
		s.t.Errorf("the target holds %q, not %q", got, want)
	}
}

func (s *stage) expectGroups(want ...[]capture.Position) {
	s.t.Helper()
	if got := fmt.Sprint(s.a.groups); got != fmt.Sprint(want) {
		s.t.Errorf("the groups were %s, not %s", got, fmt.Sprint(want))
	}
}

// last is what was observed last.
func (s *stage) last() apply.Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen[len(s.seen)-1]
}

func (s *stage) expectStates(want ...apply.State) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var texts []string
	for _, w := range want {
		texts = append(texts, string(w))
	}
	if !slices.Equal(s.states, texts) {
		s.t.Errorf("observed %q, not %q", s.states, texts)
	}
}

func (s *stage) pause(paused bool) {
	if err := s.m.Pause(s.t.Context(), paused); err != nil {
		s.t.Fatal(err)
	}
}

func table() *capture.Table {
	return &capture.Table{Schema: "public", Name: "t", Identity: capture.IdentityFull, Columns: []capture.Column{
		{Name: "id", OID: 23, Base: "int4", Modifier: -1, Key: true},
		{Name: "v", OID: 25, Base: "text", Modifier: -1},
	}}
}

func image(id int, v string) capture.Row {
	return capture.Row{capture.Text(strconv.Itoa(id)), capture.Text(v)}
}

func newTx(at capture.Position, changes ...capture.Change) *capture.Tx {
	return &capture.Tx{
		Source: source, Position: at, ID: 700 + uint64(at), Count: int64(len(changes)), Bytes: int64(len(changes)) * 100,
		Changes: func(yield func(capture.Change, error) bool) {
			for _, c := range changes {
				if !yield(c, nil) {
					return
				}
			}
		},
	}
}

// inserts is a transaction that inserts the row of its position.
func inserts(at capture.Position) *capture.Tx {
	return newTx(at, capture.Change{Op: capture.Insert, Table: table(), After: image(int(at), "x")})
}

// bad is a transaction that no target accepts.
func bad(at capture.Position) *capture.Tx {
	return newTx(at, capture.Change{Op: capture.Delete, Table: table(), Before: image(9999, "x")})
}

// positions from first to last.
func span(first, last capture.Position) []capture.Position {
	var all []capture.Position
	for p := first; p <= last; p++ {
		all = append(all, p)
	}
	return all
}

// lost is a lost connection.
type lost struct{ what string }

func (e lost) Error() string   { return "connection lost: " + e.what }
func (e lost) Retryable() bool { return true }
