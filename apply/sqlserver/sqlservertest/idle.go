package sqlservertest

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// idle are PostgreSQL's connections that are not in use. They are kept, since to
// begin one takes longer than what many a session asks.
type idle struct {
	mu    sync.Mutex
	conns []*pgconn.PgConn
}

// take returns one of them, or nil.
func (i *idle) take(ctx context.Context) *pgconn.PgConn {
	for {
		i.mu.Lock()
		last := len(i.conns) - 1
		if last < 0 {
			i.mu.Unlock()
			return nil
		}
		pg := i.conns[last]
		i.conns = i.conns[:last]
		i.mu.Unlock()
		if pg.Ping(ctx) == nil { // PostgreSQL may have been restarted since
			return pg
		}
		pg.Close(ctx)
	}
}

func (i *idle) put(pg *pgconn.PgConn) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.conns = append(i.conns, pg)
}

// close ends them all. None is in use any more.
func (i *idle) close(ctx context.Context) {
	for _, pg := range i.conns {
		pg.Close(ctx)
	}
}
