package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/capturetest"
	"github.com/syncback/syncback/capture/postgres"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

// TestCutAtAnyMessage cuts a connection before and after messages all over the
// protocol, from the first one of a login to the last acknowledgement, and has
// the sink forget what it had not synced. Each cut must be retryable, and after
// it everything arrives, once, in order.
func TestCutAtAnyMessage(t *testing.T) {
	t.Parallel() // it waits for most of its time
	s := newSource(t, oneTable, "public.t")
	proxy, through := postgrestest.NewProxy(t, s.dsn)
	s.setup()
	s.cfg.DSN = through
	c, err := postgres.New(s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	random := capturetest.Rand(t)

	committed := 0
	for cut := int64(1); ; cut += 1 + random.Int64N(32) {
		for range 2 {
			s.exec(`INSERT INTO t VALUES ($1), (-1 - $1)`, committed)
			committed++
		}
		var n atomic.Int64
		proxy.On(func(postgrestest.Message) bool { return n.Add(1) != cut })
		if err := s.captureThroughCuts(c, committed); err != nil {
			t.Fatalf("cut at message %d: %v", cut, err)
		}
		if n.Load() < cut {
			break // all messages were tried
		}
	}
	for i, tx := range s.sink.Txs() {
		if id, _ := tx.List[0].After[0].Text(); id != fmt.Sprint(i) || tx.Count != 2 {
			t.Fatalf("transaction %d begins with row %s and has %d changes", i, id, tx.Count)
		}
	}
}

// captureThroughCuts captures until n transactions are durable, again and again
// as long as the error is retryable.
func (s *source) captureThroughCuts(c capture.Capturer, n int) error {
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	go func() {
		if _, err := s.sink.WaitFor(ctx, n); err == nil {
			cancel()
		}
	}()
	wait := capture.Backoff{Min: time.Millisecond, Max: 50 * time.Millisecond}
	for {
		err := c.Capture(ctx, s.sink.Mark(), s.sink)
		s.sink.Crash()
		if len(s.sink.Txs()) == n && errors.Is(err, context.Canceled) {
			return nil
		}
		if !capture.Retryable(err) {
			return err
		}
		if err := wait.Wait(ctx); err != nil && len(s.sink.Txs()) != n {
			return err
		}
	}
}

// TestSetupCutAtAnyMessage cuts the connection before and after messages all over
// Setup, Begin and Marker. Done again they make what is still lacking, and take
// what was made although its answer was lost.
func TestSetupCutAtAnyMessage(t *testing.T) {
	t.Parallel() // it waits for most of its time
	s := newSource(t, oneTable, "public.t")
	proxy, c := s.through(0)
	wait := capture.Backoff{Min: time.Millisecond, Max: 50 * time.Millisecond}
	random := capturetest.Rand(t)
	for cut := int64(1); ; cut += 1 + random.Int64N(32) {
		var n atomic.Int64
		proxy.On(func(postgrestest.Message) bool { return n.Add(1) != cut })
		var mark capture.Mark
		for _, do := range []func() error{
			func() error { return c.Setup(t.Context()) },
			func() (err error) { mark, err = c.Begin(t.Context(), capture.Mark{}); return err },
			func() error { _, err := c.Marker(t.Context()); return err },
		} {
			for err := do(); err != nil; err = do() {
				if !capture.Retryable(err) {
					t.Fatalf("cut at message %d: %v", cut, err)
				}
				if err := wait.Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			wait.Reset()
		}
		if mark.Position != s.confirmed() || mark.Position == 0 {
			t.Fatalf("cut at message %d: it begins at %s, and its slot at %s", cut, mark.Position, s.confirmed())
		}
		if n.Load() < cut {
			break // all messages were tried
		}
		s.exec(`DROP PUBLICATION syncback`)
		s.dropSlot()
	}
	s.setup() // and dropped when the test ends
}

// TestSlotThatIsBeingMade: a session that lost its client may still be making the
// slot, which has no position yet.
func TestSlotThatIsBeingMade(t *testing.T) {
	s := newSource(t, oneTable, "public.t")
	s.exec(`BEGIN`)
	s.exec(`INSERT INTO other VALUES (1)`)
	made := make(chan error, 1)
	go func() { made <- s.capturer.Setup(t.Context()) }()
	eventually(t, "the slot is being made", func() bool {
		st, err := s.capturer.Status(t.Context())
		return err == nil && st.WALStatus != "" && st.Restart != 0
	})
	_, err := s.capturer.Begin(t.Context(), capture.Mark{})
	if !capture.Retryable(err) || !strings.Contains(err.Error(), "still being made") {
		t.Errorf("Begin: %v", err)
	}
	s.exec(`COMMIT`)
	if err := <-made; err != nil {
		t.Fatal(err)
	}
	s.setup()
	if m, err := s.capturer.Begin(t.Context(), capture.Mark{}); err != nil || m.Position == 0 {
		t.Errorf("Begin: %+v, %v", m, err)
	}
}
