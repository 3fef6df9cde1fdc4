package postgres_test

import (
	"sync/atomic"
	"testing"
	"time"

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
