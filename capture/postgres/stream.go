package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// stream reads the replication connection, which no one else touches, and
// acknowledges on it what the sink holds. It keeps the connection alive while
// the sink is slow.
type stream struct {
	conn   *pgconn.PgConn
	line   *line
	tables tableNames
	// again is the mark: what was committed before it arrives again, and is put
	// in the line whatever it is of.
	again pglogrepl.LSN
	// every is the longest time between two status updates, and silence the
	// longest one without a word from the server, although it was asked.
	every, silence time.Duration

	acked atomic.Uint64 // an LSN
	wake  atomic.Pointer[context.CancelFunc]

	// The rest belongs to the goroutine of read.
	round     context.Context // ends when a status update is due
	heard     time.Time       // when the server last sent something
	open      *begin          // the transaction that the stream is in
	origin    string          // of open
	announced bool            // whether open was put in the line
	beat      bool            // whether open is a heartbeat
	relations map[uint32]relation
}

// newStream derives its intervals from the server's wal_sender_timeout, after
// which the server gives up on a client that says nothing.
func newStream(conn *pgconn.PgConn, tables tableNames, timeout time.Duration) *stream {
	if timeout <= 0 { // the server waits for ever
		timeout = time.Minute
	}
	return &stream{
		conn: conn, line: newLine(lineBytes), tables: tables, relations: make(map[uint32]relation),
		every: min(timeout/4, 10*time.Second), silence: max(timeout, time.Minute),
	}
}

// acknowledge has the server told that everything before lsn is durable here.
// It never takes back what was said before.
func (s *stream) acknowledge(lsn pglogrepl.LSN) {
	if uint64(lsn) <= s.acked.Load() {
		return
	}
	s.acked.Store(uint64(lsn))
	if endRound := s.wake.Load(); endRound != nil {
		(*endRound)()
	}
}

// read puts what is ours in the line until ctx or the stream ends, and returns
// why.
func (s *stream) read(ctx context.Context) error {
	defer s.finish(ctx)
	s.heard = time.Now()
	if err := s.report(ctx); err != nil {
		return err
	}
	for {
		msg, err := s.conn.ReceiveMessage(s.round)
		switch {
		case err == nil:
			s.heard = time.Now()
			err = s.handle(ctx, msg)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case s.conn.IsClosed() || s.round.Err() == nil:
			return sourceError("read the replication stream", err)
		case time.Since(s.heard) > s.silence:
			return retryableError{fmt.Errorf("the source has not answered for %s", s.silence)}
		default:
			err = s.report(ctx)
		}
		if err != nil {
			return ended(ctx, err)
		}
	}
}

// finish acknowledges what the sink has synced last, so that it does not come
// again the next time.
func (s *stream) finish(ctx context.Context) {
	if ctx.Err() != nil && !s.conn.IsClosed() {
		_ = s.conn.Conn().SetDeadline(time.Now().Add(time.Second))
		_ = s.report(ctx) // if it fails, that much comes again
	}
	(*s.wake.Load())()
}

// report sends a status update, and begins the round that ends with the next.
// A server that has been quiet is asked to answer.
func (s *stream) report(ctx context.Context) error {
	round, endRound := context.WithTimeout(ctx, s.every)
	s.round = round
	if last := s.wake.Swap(&endRound); last != nil {
		(*last)()
	}
	// acked is read after the swap: who raises it from now on ends this round.
	lsn := pglogrepl.LSN(s.acked.Load())
	err := pglogrepl.SendStandbyStatusUpdate(ctx, s.conn, pglogrepl.StandbyStatusUpdate{
		WALWritePosition: lsn, // pglogrepl puts it for the others where they are zero
		WALFlushPosition: lsn,
		WALApplyPosition: lsn,
		ReplyRequested:   time.Since(s.heard) >= s.every,
	})
	return sourceError("acknowledge to the source", err)
}

// put puts m in the line. While there is no room it goes on reporting, so that
// the server does not take a slow sink for a dead one.
func (s *stream) put(ctx context.Context, m any) error {
	for !s.line.offer(m) {
		select {
		case <-s.line.room:
		case <-s.round.Done():
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := s.report(ctx); err != nil {
				return err
			}
		}
		s.heard = time.Now() // it was not listened to
	}
	return nil
}

func (s *stream) handle(ctx context.Context, msg pgproto3.BackendMessage) error {
	switch msg := msg.(type) {
	case *pgproto3.CopyData:
		return s.handleData(ctx, msg.Data)
	case *pgproto3.ErrorResponse:
		return sourceError("read the replication stream", pgconn.ErrorResponseToPgError(msg))
	case *pgproto3.CopyDone, *pgproto3.CommandComplete, *pgproto3.ReadyForQuery:
		return retryableError{errors.New("the source ended the replication stream")}
	}
	return nil // notices and changed parameters
}

func (s *stream) handleData(ctx context.Context, data []byte) error {
	if len(data) == 0 {
		return errors.New("the replication stream has an empty message")
	}
	switch data[0] {
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		k, err := pglogrepl.ParsePrimaryKeepaliveMessage(data[1:])
		if err != nil {
			return fmt.Errorf("decode the replication stream: %w", err)
		}
		return s.keepalive(ctx, k)
	case pglogrepl.XLogDataByteID:
		x, err := pglogrepl.ParseXLogData(data[1:])
		if err != nil {
			return fmt.Errorf("decode the replication stream: %w", err)
		}
		m, err := decode(x.WALData)
		if err != nil {
			return err
		}
		return s.message(ctx, m)
	}
	return nil
}

// keepalive passes on how far the server has read its log, which is progress
// only outside of a transaction. The line keeps it behind what came before.
func (s *stream) keepalive(ctx context.Context, k pglogrepl.PrimaryKeepaliveMessage) error {
	if k.ReplyRequested {
		// Answer soon, not at once: a server that shuts down asks again and
		// again until it is told what it wants to hear.
		time.AfterFunc(min(s.every, 100*time.Millisecond), *s.wake.Load())
	}
	if s.open != nil {
		return nil
	}
	return s.put(ctx, progress{to: k.ServerWALEnd, urgent: k.ReplyRequested})
}
