package postgres

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"math"
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
	d := c.answerTimeout()
	return context.WithTimeoutCause(ctx, d, silent(d))
}

func (c *Capturer) answerTimeout() time.Duration { return cmp.Or(c.cfg.AnswerTimeout, patience) }

func silent(d time.Duration) error {
	return retryableError{fmt.Errorf("the source has not answered for %s", d)}
}

// listened is a connection that knows when it last heard from its other end. A
// message that is large and comes slowly is no silence, though it is not whole.
type listened struct {
	net.Conn
	began time.Time    // whose monotonic clock counts: the time of day may be set
	heard atomic.Int64 // when it last did, in nanoseconds after began
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

// listen says whether anyone listens. While nobody does, nothing is quiet.
func (l *listened) listen(now bool) {
	at := time.Since(l.began)
	if !now {
		at = math.MaxInt64
	}
	l.heard.Store(int64(at))
}

// answering returns a context that ends, retryably, once nothing has come for d
// while someone listened. stop ends it, and the watch over it.
func (l *listened) answering(ctx context.Context, d time.Duration) (answer context.Context, stop func()) {
	answer, end := context.WithCancelCause(ctx)
	l.listen(true)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		tick := time.NewTicker(max(d/4, time.Millisecond))
		defer tick.Stop()
		for {
			select {
			case <-answer.Done():
				return
			case <-tick.C:
				if l.quiet() >= d {
					end(silent(d))
				}
			}
		}
	}()
	return answer, func() { end(nil); <-watched }
}

// listening has what dial opens be listened to.
func listening(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &listened{Conn: conn, began: time.Now()}, nil
	}
}

// below returns what a connection to the server was dialled as.
func below(conn *pgconn.PgConn) *listened {
	if secure, ok := conn.Conn().(*tls.Conn); ok {
		return secure.NetConn().(*listened)
	}
	return conn.Conn().(*listened)
}

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
	conn, err := pgconn.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, ended(ctx, sourceError("connect to the source for replication", err))
	}
	return &replication{PgConn: conn, net: below(conn)}, nil
}
