package postgres

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// patience is the default of Config.AnswerTimeout.
const patience = time.Minute

// asking bounds what the source is asked: a connection whose other end is gone
// without a word must not be waited on for ever. Its end is retryable.
func (c *Capturer) asking(ctx context.Context) (context.Context, context.CancelFunc) {
	d := cmp.Or(c.cfg.AnswerTimeout, patience)
	return context.WithTimeoutCause(ctx, d, silent(d))
}

func silent(d time.Duration) error {
	return retryableError{fmt.Errorf("the source has not answered for %s", d)}
}

// listened is a connection that knows when it last heard from its other end. A
// message that is large and comes slowly is no silence, though it is not whole.
type listened struct {
	net.Conn
	began time.Time    // whose monotonic clock counts: the time of day may be set
	heard atomic.Int64 // when that was, in nanoseconds after began
}

func (l *listened) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b)
	if n > 0 {
		l.heard.Store(int64(time.Since(l.began)))
	}
	return n, err
}

// quiet is how long nothing has come.
func (l *listened) quiet() time.Duration { return time.Since(l.began) - time.Duration(l.heard.Load()) }

// replication is a connection for the replication protocol.
type replication struct {
	*pgconn.PgConn
	net     *listened
	standby bool // whether the server was in recovery when it was asked who it is
}

// ask asks for one value, "" where there is no row. The protocol for questions
// with parameters is not there for such a connection.
func (r *replication) ask(ctx context.Context, sql string) (string, error) {
	answers, err := r.Exec(ctx, sql).ReadAll()
	if err != nil || len(answers[0].Rows) == 0 {
		return "", err
	}
	return string(answers[0].Rows[0][0]), nil
}

// connectReplication opens a connection for the replication protocol.
func (c *Capturer) connectReplication(ctx context.Context) (*replication, error) {
	cfg := c.conn.Config.Copy()
	cfg.RuntimeParams["replication"] = "database"
	r := &replication{}
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		r.net = &listened{Conn: conn, began: time.Now()} // the last one that is tried is the one in use
		return r.net, nil
	}
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, ended(ctx, sourceError("connect to the source for replication", err))
	}
	r.PgConn = conn
	return r, nil
}
