package sqlserver

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// patience is how long the target may say nothing while it is waited for. A
// machine that is gone is noticed by TCP; one that stands still, or a firewall
// that has forgotten the connection and drops what it carries, by this alone.
//
// How long a statement may take no one can know. So each time that patience runs
// out it is twice as long the next time, until a transaction is committed: a
// statement that is slow gets through in the end, and a connection that is dead
// is waited on for no longer than it takes to find out.
type patience struct {
	least time.Duration

	mu    sync.Mutex
	worn  int  // how often it ran out since a transaction was committed
	short bool // whoever waits was told to end
	conns map[*patientConn]bool
	been  bool // whether a login could open the database
}

const (
	defaultPatience = 5 * time.Minute
	mostWorn        = 4
	// loginPatience bounds a login, which no statement makes slow.
	loginPatience = 30 * time.Second
	// endPatience is for who was told to end: what is not answered by then is
	// left to the checkpoint.
	endPatience = 5 * time.Second
)

func newPatience(least time.Duration) *patience {
	return &patience{least: least, conns: make(map[*patientConn]bool)}
}

// limit is how long c may wait. The caller holds mu.
func (p *patience) limit(c *patientConn) time.Duration {
	d := p.least << p.worn
	if !c.in {
		d = min(d, loginPatience)
	}
	if p.short {
		d = min(d, endPatience)
	}
	return d
}

// ranOut notes that c waited in vain.
func (p *patience) ranOut(c *patientConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.in && !p.short {
		p.worn = min(p.worn+1, mostWorn)
	}
}

// committed has patience be as it was at first.
func (p *patience) committed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.worn = 0
}

// until makes patience short from when ctx ends, for as long as calm was not
// called.
func (p *patience) until(ctx context.Context) (calm func()) {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.short = true
		for c := range p.conns {
			_ = c.Conn.SetDeadline(time.Now().Add(p.limit(c))) // it fails where the connection is closed
		}
	})
	return func() {
		if stop() {
			return
		}
		<-ended
		p.mu.Lock()
		defer p.mu.Unlock()
		p.short = false
	}
}

// patientConn is a connection of the driver, which reads only when it waits for
// an answer.
type patientConn struct {
	net.Conn
	p  *patience
	in bool // whether its login is over; p.mu guards it
}

func (c *patientConn) Read(b []byte) (int, error) {
	return c.wait(c.Conn.SetReadDeadline, c.Conn.Read, b)
}

func (c *patientConn) Write(b []byte) (int, error) {
	return c.wait(c.Conn.SetWriteDeadline, c.Conn.Write, b)
}

func (c *patientConn) wait(deadline func(time.Time) error, do func([]byte) (int, error), b []byte) (int, error) {
	c.p.mu.Lock()
	limit := c.p.limit(c)
	err := deadline(time.Now().Add(limit))
	c.p.mu.Unlock()
	if err != nil {
		return 0, err
	}
	n, err := do(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.p.ranOut(c)
		err = &silentError{limit}
	}
	return n, err
}

// Close closes the connection.
func (c *patientConn) Close() error {
	c.p.mu.Lock()
	delete(c.p.conns, c)
	c.p.mu.Unlock()
	return c.Conn.Close()
}

// silentError is a net.Error, by which the driver knows a connection that is
// not to be used again.
type silentError struct{ waited time.Duration }

func (e *silentError) Error() string {
	return fmt.Sprintf("the target has not answered for %s", e.waited)
}
func (*silentError) Timeout() bool   { return true }
func (*silentError) Temporary() bool { return false }

// patientConnector makes connections that are patient.
type patientConnector struct {
	driver.Connector
	p *patience
}

// Connect logs in.
func (c patientConnector) Connect(ctx context.Context) (driver.Conn, error) {
	var dialled []*patientConn
	conn, err := c.Connector.Connect(context.WithValue(ctx, dialledKey{}, &dialled))
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	for _, d := range dialled {
		d.in = true
	}
	if c.p.been {
		err = whyAway(err)
	}
	c.p.been = c.p.been || err == nil
	return conn, err
}

// dialledKey is where a login keeps the connections that were made for it.
type dialledKey struct{}

// patientDialer is the driver's dialer.
type patientDialer struct {
	net.Dialer
	p *patience
}

// DialContext dials. What is not TCP asks where an instance listens, and has a
// time limit already.
func (d patientDialer) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, addr)
	if err != nil || network != "tcp" {
		return conn, err
	}
	c := &patientConn{Conn: conn, p: d.p}
	d.p.mu.Lock()
	defer d.p.mu.Unlock()
	d.p.conns[c] = true
	if dialled, ok := ctx.Value(dialledKey{}).(*[]*patientConn); ok {
		*dialled = append(*dialled, c)
	}
	return c, nil
}
