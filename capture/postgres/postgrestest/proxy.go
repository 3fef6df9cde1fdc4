package postgrestest

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/syncback/syncback/capture/capturetest/wiretest"
)

// Proxy stands between a client and a PostgreSQL server, and lets a test act at
// each message: cut the connection, kill a process, wait. It reads the protocol
// in clear, so that the client's DSN must say sslmode=disable.
type Proxy struct {
	*wiretest.Proxy
	hook atomic.Pointer[func(Message) bool]
}

// Message is one message, at the moment before its receiver gets it, or at the
// moment after.
type Message struct {
	FromServer bool
	Passed     bool // the receiver has been sent it
	// Type is the message's first byte (PostgreSQL manual: Message Formats), 0
	// for a startup message, which has none.
	Type byte
	// Replication is the first byte of what a CopyData message holds: 'w' data,
	// 'k' keepalive, 'r' status (Streaming Replication Protocol).
	Replication byte
	// Change is the first byte of what data holds: 'B' begin, 'I' insert, 'C'
	// commit (Logical Replication Message Formats).
	Change byte
	// Flushed is what a status says is durable, a position of the source's log.
	Flushed uint64
}

// NewProxy starts a proxy for the server of dsn, a URL, and returns it with the
// DSN that leads through it. It is closed when tb ends.
func NewProxy(tb testing.TB, dsn string) (*Proxy, string) {
	tb.Helper()
	p := &Proxy{}
	core, through := wiretest.New(tb, dsn, "5432", p.serve)
	p.Proxy = core
	return p, through
}

// On calls hook at each message from now on. Where hook returns false, both ends
// of the connection are closed. It is called from two goroutines a connection.
func (p *Proxy) On(hook func(Message) bool) { p.hook.Store(&hook) }

func (p *Proxy) serve(client, server net.Conn) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		p.forward(server, client, true)
		_ = client.Close()
	}()
	p.forward(client, server, false)
	_ = client.Close()
	_ = server.Close()
	<-done
}

func (p *Proxy) forward(from io.Reader, to io.Writer, fromServer bool) {
	started := fromServer // a client's first message has no type
	for {
		m, raw, err := readMessage(from, started)
		if err != nil {
			return
		}
		started, m.FromServer = true, fromServer
		if !p.ask(m) {
			return
		}
		if _, err := to.Write(raw); err != nil {
			return
		}
		m.Passed = true
		if !p.ask(m) {
			return
		}
	}
}

func (p *Proxy) ask(m Message) bool {
	hook := p.hook.Load()
	return hook == nil || (*hook)(m)
}

// readMessage reads one message: a type, where it has one, and a length that
// counts itself.
func readMessage(r io.Reader, typed bool) (m Message, raw []byte, err error) {
	head := 4
	if typed {
		head = 5
	}
	raw = make([]byte, head)
	if _, err := io.ReadFull(r, raw); err != nil {
		return m, nil, err
	}
	size := int(binary.BigEndian.Uint32(raw[head-4:]))
	if size < 4 {
		return m, nil, errors.New("a message is shorter than its length")
	}
	raw = append(raw, make([]byte, size-4)...)
	if _, err := io.ReadFull(r, raw[head:]); err != nil {
		return m, nil, err
	}
	if typed {
		m.Type = raw[0]
		m.describe(raw[head:])
	}
	return m, raw, nil
}

// dataHeader is the length of what stands before the change in a data message.
const dataHeader = 1 + 8 + 8 + 8

func (m *Message) describe(body []byte) {
	if m.Type != 'd' || len(body) == 0 {
		return
	}
	m.Replication = body[0]
	switch {
	case m.Replication == 'w' && len(body) > dataHeader:
		m.Change = body[dataHeader]
	case m.Replication == 'r' && len(body) >= 1+8+8:
		m.Flushed = binary.BigEndian.Uint64(body[1+8:])
	}
}
