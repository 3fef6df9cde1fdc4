package sqlserver

import (
	"sync/atomic"
	"testing"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
)

// TestCutAtAnyMessage cuts a connection before and after messages all over the
// protocol: a login, the reading of the catalogue, each statement, the COMMIT
// and its answer. Each cut must be retryable, and after it every transaction has
// its effect, once.
func TestCutAtAnyMessage(t *testing.T) {
	p := newProxied(t)
	random := capturetest.Rand(t)
	applied := 0
	for cut := int64(1); ; cut += 1 + random.Int64N(4) {
		var n atomic.Int64
		p.On(func(sqlservertest.Message) bool { return n.Add(1) != cut })
		a := p.openThroughCuts()
		p.drain(a, p.txs(applied+1, 2), func(error) {})
		applied += 2
		if err := a.Close(); err != nil {
			t.Fatalf("cut at message %d: close: %v", cut, err)
		}
		if n.Load() < cut {
			break // all messages were tried
		}
	}
	p.once(applied)
}

// openThroughCuts opens an applier, again as long as the error is retryable.
func (p *proxied) openThroughCuts() *Applier {
	p.Helper()
	cfg := p.cfg
	cfg.Tables = []Table{tenancyMapping()}
	for {
		a, err := Open(p.Context(), cfg)
		if err == nil {
			return a
		}
		if !capture.Retryable(err) {
			p.Fatalf("open: %v", err)
		}
	}
}
