package postgres_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

// through makes a capturer whose connections lead through a proxy, and which is
// not patient.
func (s *source) through(patience time.Duration) (*postgrestest.Proxy, *postgres.Capturer) {
	s.t.Helper()
	proxy, dsn := postgrestest.NewProxy(s.t, s.dsn)
	cfg := s.cfg
	cfg.DSN, cfg.AnswerTimeout = dsn+"&connect_timeout=1", patience
	c, err := postgres.New(cfg)
	if err != nil {
		s.t.Fatal(err)
	}
	return proxy, c
}

// TestHalfOpen has one direction of a connection carry nothing more, from one
// step of the protocol on, while both ends take it for open. Capture must notice
// by itself, and everything arrives over another connection, once.
func TestHalfOpen(t *testing.T) {
	for name, at := range map[string]func(postgrestest.Message) bool{
		"login":              func(m postgrestest.Message) bool { return !m.FromServer && m.Type == 0 },
		"answer to a login":  func(m postgrestest.Message) bool { return m.FromServer && m.Type == 'R' },
		"question":           func(m postgrestest.Message) bool { return !m.FromServer && m.Type == 'P' },
		"answer":             func(m postgrestest.Message) bool { return m.FromServer && m.Type == 'D' },
		"command":            func(m postgrestest.Message) bool { return !m.FromServer && m.Type == 'Q' },
		"start of the copy":  func(m postgrestest.Message) bool { return m.FromServer && m.Type == 'W' },
		"begin":              func(m postgrestest.Message) bool { return m.Change == 'B' },
		"row":                func(m postgrestest.Message) bool { return m.Change == 'I' },
		"commit":             func(m postgrestest.Message) bool { return m.Change == 'C' },
		"keepalive":          func(m postgrestest.Message) bool { return m.Replication == 'k' },
		"status":             func(m postgrestest.Message) bool { return m.Replication == 'r' },
		"status, it arrived": func(m postgrestest.Message) bool { return m.Replication == 'r' && m.Passed },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSource(t, oneTable, "public.t").setup()
			s.exec(`INSERT INTO t VALUES (1), (2)`)
			proxy, c := s.through(time.Second)
			var held atomic.Bool
			release := make(chan struct{})
			t.Cleanup(func() { close(release) })
			proxy.On(func(m postgrestest.Message) bool {
				if at(m) && held.CompareAndSwap(false, true) {
					<-release
				}
				return true
			})
			done := make(chan error, 1)
			go func() { done <- s.captureThroughCuts(c, 2) }()
			eventually(t, "a message is held", held.Load)
			s.exec(`INSERT INTO t VALUES (3)`)
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestSlowConnection has a row come so slowly that it takes several times what a
// source may be silent: it is not silent.
func TestSlowConnection(t *testing.T) {
	t.Parallel() // it waits for most of its time
	s := newSource(t, oneTable, "public.t").setup()
	s.exec(`INSERT INTO t VALUES (1, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 16000) i))`)
	proxy, c := s.through(time.Second)
	proxy.Trickle(128, time.Millisecond)
	if err := s.captureThroughCuts(c, 1); err != nil {
		t.Fatal(err)
	}
	if text, _ := s.sink.Txs()[0].List[0].After[1].Text(); len(text) != 32*16000 {
		t.Errorf("%d bytes came", len(text))
	}
}

// TestReaderAndSettleNoticeAHalfOpenConnection has no answer come through, while
// the connection stays open.
func TestReaderAndSettleNoticeAHalfOpenConnection(t *testing.T) {
	s := newSource(t, oneTable+`INSERT INTO t SELECT generate_series(1, 10)`, "public.t")
	_, tables := s.reader()
	var rows []capture.Row
	for _, c := range "12" {
		rows = append(rows, capture.Row{capture.Text(string(c)), {}})
	}
	for name, do := range map[string]func(c *postgres.Capturer, r *postgres.Reader) error{
		"Settle": func(c *postgres.Capturer, _ *postgres.Reader) error { return c.Settle(t.Context()) },
		"Scan": func(_ *postgres.Capturer, r *postgres.Reader) error {
			return r.Scan(t.Context(), tables[0], func(capture.Row) error { return nil })
		},
		"Find": func(_ *postgres.Capturer, r *postgres.Reader) error {
			return r.Find(t.Context(), tables[0], rows, func(int, capture.Row, string) error { return nil })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			proxy, c := s.through(time.Second / 4)
			r := c.Reader()
			defer r.Close(t.Context())
			release := make(chan struct{})
			defer close(release)
			proxy.On(func(m postgrestest.Message) bool {
				if m.FromServer && m.Type == 'D' {
					<-release
				}
				return true
			})
			done := make(chan error, 1)
			go func() { done <- do(c, r) }()
			select {
			case err := <-done:
				if !capture.Retryable(err) || !strings.Contains(err.Error(), "the source has not answered for 250ms") {
					t.Errorf("got %v", err)
				}
			case <-time.After(30 * time.Second):
				t.Error("it waits on")
			}
		})
	}
}

// TestReaderIsPatientWithWhatComesSlowly: neither a row that takes longer than a
// source may be silent, nor who takes that long over a row, is silence.
func TestReaderIsPatientWithWhatComesSlowly(t *testing.T) {
	t.Parallel() // it waits for most of its time
	s := newSource(t, `CREATE TABLE t (id int, name text);
		INSERT INTO t SELECT 1, string_agg(md5(i::text), '') FROM generate_series(1, 16000) i; INSERT INTO t VALUES (2)`, "public.t")
	_, tables := s.reader()
	proxy, c := s.through(time.Second)
	proxy.Trickle(128, time.Millisecond)
	r := c.Reader()
	defer r.Close(t.Context())
	n := 0
	if err := r.Scan(t.Context(), tables[0], func(capture.Row) error {
		n++
		time.Sleep(1500 * time.Millisecond)
		return nil
	}); err != nil || n != 2 {
		t.Errorf("%d rows, %v", n, err)
	}
}

// TestIdleSourceIsNotSilent: a source that has nothing to say, and is not asked
// for long, is not silent, however impatient the configuration is.
func TestIdleSourceIsNotSilent(t *testing.T) {
	t.Parallel() // it waits for most of its time
	s := newSource(t, oneTable, "public.t").setup()
	s.exec(`INSERT INTO t VALUES (1)`)
	s.cfg.DSN = s.dsn + "&wal_sender_timeout=60s" // it says nothing by itself
	s.cfg.AnswerTimeout = time.Second
	s.configure()
	stop := s.start()
	s.wait(1)
	time.Sleep(12 * time.Second)
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
