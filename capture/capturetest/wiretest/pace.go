package wiretest

import (
	"net"
	"sync/atomic"
	"time"
)

// pace is how a slow connection passes things on.
type pace struct {
	bytes int
	pause time.Duration
}

// Trickle has everything pass in pieces of so many bytes from now on, with a
// pause behind each.
func (p *Proxy) Trickle(bytes int, pause time.Duration) {
	p.pace.Store(&pace{bytes, pause})
}

// paced is a connection that is written to at a pace.
type paced struct {
	net.Conn
	pace *atomic.Pointer[pace]
}

func (c *paced) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		p := c.pace.Load()
		if p == nil {
			m, err := c.Conn.Write(b)
			return n + m, err
		}
		var m int
		m, err = c.Conn.Write(b[:min(p.bytes, len(b))])
		n, b = n+m, b[m:]
		time.Sleep(p.pause)
	}
	return n, err
}
