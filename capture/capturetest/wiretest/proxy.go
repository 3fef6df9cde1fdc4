// Package wiretest has the part that the proxies of tests share: one stands
// between a client and a server, knows their protocol, and cuts a connection or
// acts otherwise at a message that the test names.
package wiretest

import (
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy accepts connections and leads each to a server.
type Proxy struct {
	target string
	serve  func(client, server net.Conn)
	listen net.Listener
	wg     sync.WaitGroup
	pace   atomic.Pointer[pace]

	mu     sync.Mutex
	conns  map[net.Conn]bool
	closed bool
}

// New starts a proxy for the server of dsn, a URL, and returns it with the DSN
// that leads through it. serve copies what one connection's ends say to each
// other, until one of them closes; both are closed once it returns. The proxy is
// closed when tb ends.
func New(tb testing.TB, dsn, defaultPort string, serve func(client, server net.Conn)) (*Proxy, string) {
	tb.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		tb.Fatal("proxy: the DSN is not a URL")
	}
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("proxy: %v", err)
	}
	p := &Proxy{target: u.Host, serve: serve, listen: listen, conns: map[net.Conn]bool{}}
	if u.Port() == "" {
		p.target = net.JoinHostPort(u.Hostname(), defaultPort)
	}
	u.Host = listen.Addr().String()
	p.wg.Go(p.accept)
	tb.Cleanup(p.Close)
	return p, u.String()
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
		p.wg.Go(func() { p.lead(client) })
	}
}

func (p *Proxy) lead(client net.Conn) {
	if !p.keep(client) {
		return
	}
	defer p.forget(client)
	server, err := net.Dial("tcp", p.target)
	if err != nil || !p.keep(server) {
		return
	}
	defer p.forget(server)
	p.serve(&paced{client, &p.pace}, &paced{server, &p.pace})
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
