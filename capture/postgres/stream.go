package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/syncback/syncback/capture"
)

// stream reads the replication connection, which no one else touches, and
// acknowledges on it what the sink holds. It keeps the connection alive while
// the sink is slow.
type stream struct {
	conn        *replication
	line        *line
	tables      tableNames
	publication string
	// again is the mark: what was committed before it arrives again, and is put
	// in the line whatever it is of.
	again pglogrepl.LSN
	// every is the longest time between two status updates, and silence the
	// longest one without a word from the server, although it was asked.
	every, silence time.Duration
	// today are the OIDs of the tables to capture, by the catalogue as it was when
	// the stream began, at since: before that, the stream may have other names for
	// them.
	today map[uint32]name
	since pglogrepl.LSN

	acked atomic.Uint64 // an LSN
	wake  atomic.Pointer[context.CancelFunc]

	// The rest belongs to the goroutine of read.
	round     context.Context // ends when a status update is due
	unwatch   func() bool     // has the end of round no longer end a read
	heard     time.Time       // when the server was last not listened to
	asked     bool            // whether the last status update asked for an answer
	open      *begin          // the transaction that the stream is in
	origin    string          // of open
	announced bool            // whether open was put in the line
	beat      bool            // whether open is a heartbeat
	relations map[uint32]relation
	described [2]uint32                  // the last two of them that were described, where no change came since
	lacking   map[uint32]map[uint32]bool // partitions whose old rows are not whole, by the table that they come as
}

// newStream derives its intervals from the server's wal_sender_timeout, after
// which the server gives up on a client that says nothing.
// silence is Config.AnswerTimeout.
func newStream(conn *replication, tables tableNames, timeout, silence time.Duration) *stream {
	if timeout <= 0 { // the server waits for ever
		timeout = patience
	}
	silence = cmp.Or(silence, max(timeout, patience))
	return &stream{
		conn: conn, line: newLine(lineBytes), tables: tables, relations: make(map[uint32]relation), lacking: make(map[uint32]map[uint32]bool),
		// One round passes before the server is asked, and one that it can answer in.
		every: min(timeout/4, 10*time.Second, silence/3), silence: silence,
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
		// The end of the round ends it, by the connection's deadline: a context
		// would be watched anew for each message, which costs a fifth of it all.
		msg, err := s.conn.ReceiveMessage(context.Background())
		switch {
		case err == nil:
			err = s.handle(ctx, msg)
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case s.conn.IsClosed() || !pgconn.Timeout(err):
			return sourceError("read the replication stream", err)
		case s.goesOn():
			continue
		case s.asked && s.quiet() > s.silence:
			return silent(s.silence)
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
	s.unwatch()
	(*s.wake.Load())()
}

// goesOn reports whether the round goes on. What ended a read then was the end of
// the round before, come late.
func (s *stream) goesOn() bool {
	if s.round.Err() != nil {
		return false
	}
	_ = s.conn.Conn().SetReadDeadline(time.Time{}) // where it fails, the next read does
	return s.round.Err() == nil                    // else its end may have been overwritten
}

// nextRound begins a round, and ends the one before.
func (s *stream) nextRound(ctx context.Context) {
	if s.unwatch != nil {
		s.unwatch()
	}
	conn := s.conn.Conn()
	_ = conn.SetReadDeadline(time.Time{}) // where it fails, the next read does
	round, endRound := context.WithTimeout(ctx, s.every)
	s.round = round
	s.unwatch = context.AfterFunc(round, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	if last := s.wake.Swap(&endRound); last != nil {
		(*last)()
	}
}

// report sends a status update, and begins the round that ends with the next.
// A server that has been quiet is asked to answer.
func (s *stream) report(ctx context.Context) error {
	s.nextRound(ctx)
	// acked is read after the round began: who raises it from now on ends this round.
	lsn := pglogrepl.LSN(s.acked.Load())
	s.asked = s.quiet() >= s.every
	err := pglogrepl.SendStandbyStatusUpdate(ctx, s.conn.PgConn, pglogrepl.StandbyStatusUpdate{
		WALWritePosition: lsn, // pglogrepl puts it for the others where they are zero
		WALFlushPosition: lsn,
		WALApplyPosition: lsn,
		ReplyRequested:   s.asked,
	})
	return sourceError("acknowledge to the source", err)
}

// quiet is how long nothing has come from the server that was listened to.
func (s *stream) quiet() time.Duration {
	return min(time.Since(s.heard), s.conn.net.quiet())
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
		if msg.Code == undefinedObject && msg.Routine == "get_publication_oid" {
			return s.unpublished()
		}
		return sourceError("read the replication stream", pgconn.ErrorResponseToPgError(msg))
	case *pgproto3.NoticeResponse:
		if msg.Code == notInPrerequisiteState {
			return s.unpublished()
		}
	case *pgproto3.CopyDone, *pgproto3.CommandComplete, *pgproto3.ReadyForQuery:
		return retryableError{errors.New("the source ended the replication stream")}
	}
	return nil // other notices, and changed parameters
}

// unpublished is for changes that were made while there was no publication to
// decode them with. Before PostgreSQL 18 the server fails at the first of them;
// from then on it warns, and leaves them out.
func (s *stream) unpublished() error {
	return fmt.Errorf("%w: publication %s was missing for a time, and what was changed then does not come. %s",
		capture.ErrGap, s.publication, resync)
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
