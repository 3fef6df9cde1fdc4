package sqlserver

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/queue/queuetest"
)

// proxied is a database whose applier's connections lead through a proxy, and
// which counts what its triggers saw.
type proxied struct {
	*database
	*sqlservertest.Proxy
	tenancy *capture.Table
}

func newProxied(t testing.TB) *proxied {
	d := newDatabase(t, append([]string{tenancies}, writes...)...)
	proxy, dsn := sqlservertest.NewProxy(t, d.cfg.DSN)
	d.cfg.DSN = dsn
	return &proxied{d, proxy, tenancy()}
}

// txs are n transactions, each of which adds a row and changes it.
func (p *proxied) txs(first, n int) (txs []*capture.Tx) {
	for i := first; i < first+n; i++ {
		txs = append(txs, tx(capture.Position(i),
			insert(p.tenancy, fmt.Sprint(i), "Ann", "1", "-"),
			update(p.tenancy, row(fmt.Sprint(i), "Ann", "1", "-"), row(fmt.Sprint(i), "Bob", "1", "-"))))
	}
	return txs
}

// drain drains transactions, and calls retried whenever one is to be tried
// again.
func (p *proxied) drain(a apply.Applier, txs []*capture.Tx, retried func(error)) {
	p.Helper()
	q := queuetest.NewMemory()
	for _, tx := range txs {
		if err := q.Write(p.Context(), tx); err != nil {
			p.Fatal(err)
		}
	}
	if _, err := q.Sync(p.Context()); err != nil {
		p.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.Context(), time.Minute)
	defer cancel()
	err := apply.Drain(ctx, q, a, apply.Config{
		MaxTxs:  1,
		Until:   txs[len(txs)-1].Position,
		Backoff: capture.Backoff{Min: time.Millisecond, Max: 100 * time.Millisecond},
		Observe: func(p apply.Progress) {
			if p.State == apply.Retrying {
				retried(p.Err)
			}
		},
	})
	if err != nil {
		p.Fatal(err)
	}
}

// once expects that the first n transactions had their effect once.
func (p *proxied) once(n int) {
	p.Helper()
	p.holds(`SELECT COUNT(*) FROM dbo.tenagree WHERE surname = 'Bob'`, fmt.Sprint(n))
	p.holds(`SELECT SUM(n) FROM dbo.writes WHERE what = 'rows'`, fmt.Sprint(n))
}

// TestHalfOpen has a connection carry nothing more, from a question or an answer
// on, while both ends take it for open. The applier must notice by itself, and
// goes on over another connection. When it has, what was held arrives after all.
func TestHalfOpen(t *testing.T) {
	t.Parallel() // it waits for most of its time
	for _, kind := range []sqlservertest.MessageKind{
		sqlservertest.Login, sqlservertest.Batch, sqlservertest.Call, sqlservertest.Begin, sqlservertest.Commit,
	} {
		for _, answered := range []bool{false, true} {
			t.Run(sqlservertest.Message{Kind: kind, Answered: answered}.String(), func(t *testing.T) {
				t.Parallel()
				p := newProxied(t)
				p.cfg.AnswerTimeout = 2 * time.Second
				a := p.open(tenancyMapping())
				p.Cut() // so that there is a login, too
				var held atomic.Bool
				release := make(chan struct{})
				let := sync.OnceFunc(func() { close(release) })
				t.Cleanup(let)
				p.On(func(m sqlservertest.Message) bool {
					if m.Kind == kind && m.Answered == answered && held.CompareAndSwap(false, true) {
						<-release
					}
					return true
				})
				silent := 0
				p.drain(a, p.txs(1, 3), func(err error) {
					if e := (*silentError)(nil); errors.As(err, &e) && held.Load() {
						silent++
						let()
					}
				})
				if silent == 0 {
					t.Error("no connection was given up because the target did not answer")
				}
				p.once(3)
			})
		}
	}
}

// TestSlowStatementGetsThrough has every round trip take several times as long as
// the target may be silent at first.
func TestSlowStatementGetsThrough(t *testing.T) {
	t.Parallel() // it waits for most of its time
	p := newProxied(t)
	p.cfg.AnswerTimeout = time.Second
	a := p.open(tenancyMapping())
	p.On(func(m sqlservertest.Message) bool {
		if m.Kind == sqlservertest.Call && m.Contains("INSERT INTO") && !m.Answered {
			time.Sleep(3 * time.Second)
		}
		return true
	})
	retries := 0
	p.drain(a, p.txs(1, 1), func(error) { retries++ })
	if retries < 2 {
		t.Errorf("it got through after %d retries; nothing was tried", retries)
	}
	p.once(1)
	if p.On(func(sqlservertest.Message) bool { return true }); a.patience.worn != 0 {
		t.Error("patience is not what it was at first")
	}
}

// TestSlowConnection has everything pass a few bytes at a time: the time that a
// batch needs to get there is a part of what the target is waited for.
func TestSlowConnection(t *testing.T) {
	t.Parallel() // it waits for most of its time
	p := newProxied(t)
	p.cfg.AnswerTimeout = 2 * time.Second
	a := p.open(tenancyMapping())
	p.Trickle(16, time.Millisecond)
	var changes []capture.Change
	for i := range 30 {
		changes = append(changes, insert(p.tenancy, fmt.Sprint(i), "Ann", "1", "-"))
	}
	p.drain(a, []*capture.Tx{tx(1, changes...)}, func(err error) { t.Logf("tried again: %v", err) })
	p.holds(`SELECT COUNT(*) FROM dbo.tenagree`, "30")
}

// TestEndDoesNotWaitForATargetThatIsSilent ends a context while the target does
// not answer. Whoever ends it has a grace period, and no more patience.
func TestEndDoesNotWaitForATargetThatIsSilent(t *testing.T) {
	t.Parallel() // it waits for most of its time
	for _, kind := range []sqlservertest.MessageKind{sqlservertest.Begin, sqlservertest.Call, sqlservertest.Commit} {
		t.Run(sqlservertest.Message{Kind: kind}.String(), func(t *testing.T) {
			t.Parallel()
			p := newProxied(t)
			a := p.open(tenancyMapping())
			if _, err := a.Checkpoint(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, end := context.WithCancel(t.Context())
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })
			p.On(func(m sqlservertest.Message) bool {
				if m.Kind == kind {
					end()
					<-release
				}
				return true
			})
			done := make(chan error, 1)
			go func() { done <- a.Apply(ctx, p.txs(1, 1)) }()
			select {
			case err := <-done:
				if !errors.Is(err, context.Canceled) {
					t.Errorf("got %v", err)
				}
			case <-time.After(time.Minute): // of the five that patience has
				t.Error("it still waits")
			}
		})
	}
}
