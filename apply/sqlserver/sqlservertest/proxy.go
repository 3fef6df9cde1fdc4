package sqlservertest

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Proxy stands between a client and any server that speaks TDS, and lets a test
// act at each message: cut the connection, kill a process, wait. It reads the
// protocol in clear, so that the client's DSN must say encrypt=disable.
type Proxy struct {
	target string
	listen net.Listener
	wg     sync.WaitGroup

	mu     sync.Mutex
	hook   func(Message) bool
	conns  map[net.Conn]bool
	closed bool
}

// NewProxy starts a proxy for the server of dsn, and returns it with the DSN
// that leads through it. It is closed when tb ends.
func NewProxy(tb testing.TB, dsn string) (*Proxy, string) {
	tb.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatalf("proxy: %v", err)
	}
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("proxy: %v", err)
	}
	p := &Proxy{target: u.Host, listen: listen, conns: map[net.Conn]bool{}}
	if u.Port() == "" {
		p.target = net.JoinHostPort(u.Hostname(), "1433")
	}
	u.Host = listen.Addr().String()
	p.wg.Go(p.accept)
	tb.Cleanup(p.Close)
	return p, u.String()
}

// On calls hook at each message from now on; nil calls nothing. Where hook
// returns false, both ends of the connection are closed, and the message, or its
// answer, arrives nowhere. It is called from two goroutines a connection.
func (p *Proxy) On(hook func(Message) bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hook = hook
}

// Cut closes every connection that is open.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Close closes every connection and stops listening.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listen.Close()
	p.Cut()
	p.wg.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listen.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.serve(client) })
	}
}

// keep notes a connection as open, unless the proxy is closed.
func (p *Proxy) keep(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *Proxy) forget(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *Proxy) ask(m Message) bool {
	p.mu.Lock()
	hook := p.hook
	p.mu.Unlock()
	return hook == nil || hook(m)
}

// serve copies messages both ways until one end closes or the hook says so.
func (p *Proxy) serve(client net.Conn) {
	if !p.keep(client) {
		return
	}
	defer p.forget(client)
	server, err := net.Dial("tcp", p.target)
	if err != nil || !p.keep(server) {
		return
	}
	defer p.forget(server)
	asked := make(chan Message, 16) // what the server has yet to answer, in order
	var wg sync.WaitGroup
	wg.Go(func() {
		p.answers(server, client, asked)
		_ = client.Close()
		_ = server.Close()
		for range asked { // questions must not wait for a reader
		}
	})
	p.questions(client, server, asked)
	_ = server.Close()
	close(asked)
	wg.Wait()
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
