package sqlservertest

import (
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/syncback/syncback/capture/capturetest/wiretest"
)

// Proxy stands between a client and any server that speaks TDS, and lets a test
// act at each message: cut the connection, kill a process, wait. It reads the
// protocol in clear, so that the client's DSN must say encrypt=disable.
type Proxy struct {
	*wiretest.Proxy
	hook atomic.Pointer[func(Message) bool]
}

// NewProxy starts a proxy for the server of dsn, and returns it with the DSN
// that leads through it. It is closed when tb ends.
func NewProxy(tb testing.TB, dsn string) (*Proxy, string) {
	tb.Helper()
	p := &Proxy{}
	core, through := wiretest.New(tb, dsn, "1433", p.serve)
	p.Proxy = core
	return p, through
}

// On calls hook at each message from now on. Where hook returns false, both ends
// of the connection are closed, and the message, or its answer, arrives nowhere.
// It is called from two goroutines a connection.
func (p *Proxy) On(hook func(Message) bool) { p.hook.Store(&hook) }

func (p *Proxy) ask(m Message) bool {
	hook := p.hook.Load()
	return hook == nil || (*hook)(m)
}

func (p *Proxy) serve(client, server net.Conn) {
	asked := make(chan Message, 16) // what the server has yet to answer, in order
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.answers(server, client, asked)
		_ = client.Close()
		_ = server.Close()
		for range asked { // questions must not wait for a reader
		}
	}()
	p.questions(client, server, asked)
	_ = server.Close()
	close(asked)
	<-done
}

// questions forwards what the client asks.
func (p *Proxy) questions(client io.Reader, server io.Writer, asked chan<- Message) {
	for {
		kind, raw, body, err := readMessage(client)
		if err != nil {
			return
		}
		if kind != attention {
			m := describe(kind, body)
			if !p.ask(m) {
				return
			}
			asked <- m
		}
		if _, err := server.Write(raw); err != nil {
			return
		}
	}
}

// answers forwards what the server answers.
func (p *Proxy) answers(server io.Reader, client io.Writer, asked <-chan Message) {
	for {
		_, raw, _, err := readMessage(server)
		if err != nil {
			return
		}
		m, ok := <-asked
		m.Answered = true
		if !ok || !p.ask(m) {
			return
		}
		if _, err := client.Write(raw); err != nil {
			return
		}
	}
}
