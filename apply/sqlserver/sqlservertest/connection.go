package sqlservertest

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"sync"
)

// connection is a client's: a goroutine reads its messages, so that an attention
// reaches a statement that runs.
type connection struct {
	srv     *Server
	conn    net.Conn
	packets *packets
	session *session

	mu          sync.Mutex
	cancel      context.CancelFunc // of the request that runs
	interrupted bool               // a request was cancelled
}

func fmtInt(n int32) []byte { return strconv.AppendInt(nil, int64(n), 10) }

// serve runs a connection until either side ends it.
func (s *Server) serve(ctx context.Context, conn net.Conn, spid uint16) {
	c := &connection{srv: s, conn: conn, packets: &packets{conn: conn, size: defaultPacketSize, spid: spid}}
	err := c.run(ctx)
	conn.Close()
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, errDropped) {
		s.log.Info("connection ended", slog.Any("err", err))
	}
}

func (c *connection) run(ctx context.Context) error {
	after, err := negotiate(c.packets, c.srv.tls)
	if err != nil {
		return err
	}
	if err := c.login(ctx, after); err != nil {
		return err
	}
	defer c.release(context.WithoutCancel(ctx))
	defer c.session.forget()

	ctx, stop := context.WithCancel(ctx)
	messages := make(chan message)
	failed := make(chan error, 1)
	var reading sync.WaitGroup
	reading.Go(func() { failed <- c.readAll(ctx, messages) })
	defer reading.Wait()
	defer c.conn.Close()
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return err
		case m := <-messages:
			if err := c.request(ctx, m); err != nil {
				return err
			}
		}
	}
}

// readAll hands every message on; an attention cancels the request that runs
// before it is.
func (c *connection) readAll(ctx context.Context, to chan<- message) error {
	for {
		m, err := c.packets.read()
		if err != nil {
			c.interrupt()
			return err
		}
		if m.kind == packetAttention {
			c.interrupt()
		}
		select {
		case to <- m:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *connection) interrupt() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
		c.interrupted = true
	}
}

// release leaves PostgreSQL's connection to the next session, as good as new. One
// in which a request was cancelled is closed, for the cancellation may reach it
// late.
func (c *connection) release(ctx context.Context) {
	pg := c.session.pg
	c.mu.Lock()
	fit := !c.interrupted
	c.mu.Unlock()
	if fit && pg.TxStatus() != 'I' {
		fit = execute(ctx, pg, "ROLLBACK") == nil
	}
	if !fit || execute(ctx, pg, "DISCARD ALL") != nil {
		pg.Close(ctx)
		return
	}
	c.srv.released.put(pg)
}

// login answers LOGIN7 and opens the session.
func (c *connection) login(ctx context.Context, after net.Conn) error {
	m, err := c.packets.read()
	if err != nil {
		return err
	}
	if m.kind != packetLogin {
		return errors.New("no LOGIN7 after PRELOGIN")
	}
	c.packets.conn = after
	l, err := parseLogin(m.payload)
	if err != nil {
		return err
	}
	reply := &reply{p: c.packets}
	if e := c.srv.admits(l); e != nil {
		e.line = 1
		reply.sqlMessage(e)
		reply.done(done{token: tokenDone, status: doneError})
		return errors.Join(reply.finish(), e)
	}
	c.session, err = c.srv.open(ctx, l, c.packets.spid)
	if err != nil {
		return err
	}
	name := c.srv.database
	reply.envString(envDatabase, name, "master")
	reply.sqlMessage(&sqlError{number: 5701, class: 0, state: 2, msg: "Changed database context to '" + name + "'.", line: 1})
	reply.envBytes(envCollation, collationBytes(c.srv.collation), nil)
	reply.envString(envLanguage, "us_english", "")
	reply.sqlMessage(&sqlError{number: 5703, class: 0, state: 1, msg: "Changed language setting to us_english.", line: 1})
	reply.loginAck()
	reply.envString(envPacket, strconv.Itoa(l.packetSize), strconv.Itoa(defaultPacketSize))
	reply.done(done{token: tokenDone})
	if err := reply.finish(); err != nil {
		return err
	}
	c.packets.size = l.packetSize
	return nil
}

// admits checks the login.
func (s *Server) admits(l *login) *sqlError {
	if !strings.EqualFold(l.user, s.user) || l.password != s.password {
		e := errf(18456, 14, "Login failed for user '%s'.", l.user)
		return e
	}
	if s.away.Load() || l.database != "" && !strings.EqualFold(l.database, s.database) {
		return errf(4060, 11, "Cannot open database \"%s\" requested by the login. The login failed.", l.database)
	}
	return nil
}

// request runs one message and answers it.
func (c *connection) request(ctx context.Context, m message) error {
	s := c.session
	s.reply = &reply{p: c.packets}
	if m.kind == packetAttention {
		s.reply.done(done{token: tokenDone, status: doneAttention})
		return s.reply.finish()
	}
	c.srv.roundTrips.Add(1)
	run, stop := context.WithCancel(ctx)
	defer stop()
	c.mu.Lock()
	c.cancel = stop
	c.mu.Unlock()
	err := c.answer(run, m)
	c.mu.Lock()
	c.cancel = nil
	c.mu.Unlock()
	if errors.Is(err, errCancelled) {
		err = c.cancelled(ctx)
	}
	if s.lost {
		return errDropped
	}
	if err != nil {
		return err
	}
	return s.reply.finish()
}

// cancelled leaves the session as an attention does: the transaction goes with
// XACT_ABORT only.
func (c *connection) cancelled(ctx context.Context) error {
	s := c.session
	if s.pg.IsClosed() {
		return errDropped
	}
	var err error
	if s.options.xactAbort && s.tran > 0 || s.tran > 0 && s.pg.TxStatus() == 'E' {
		err = s.rollback(ctx)
	}
	s.reply.done(done{token: tokenDone, status: doneError})
	return err
}

func (c *connection) answer(ctx context.Context, m message) error {
	s := c.session
	if m.status&(statusReset|statusResetKeep) != 0 {
		if err := s.reset(ctx, m.status&statusResetKeep != 0); err != nil {
			return err
		}
		s.reply.envString(envResetAck, "", "")
	}
	switch m.kind {
	case packetBatch:
		text, err := parseBatchMessage(m.payload)
		if err != nil {
			return s.refuse(err)
		}
		return s.batchText(ctx, text)
	case packetRPC:
		call, err := parseRPC(m.payload)
		if err != nil {
			return s.refuse(err)
		}
		return s.call(ctx, call)
	case packetTransMgr:
		return s.transactionManager(ctx, m.payload)
	}
	return s.refuse(errUnknown("a message of this type"))
}

func parseBatchMessage(payload []byte) (text string, err error) {
	defer catch(&err)
	r := &reader{payload}
	r.headers()
	return decodeUTF16(r.b), nil
}

// batchText runs a batch without parameters.
func (s *session) batchText(ctx context.Context, text string) error {
	b, err := s.srv.batch(text, nil, nil)
	if err != nil {
		return s.refuse(err)
	}
	f := &frame{batch: b, vars: map[string][]byte{}}
	if _, err := s.runAll(ctx, f, b.body); err != nil {
		return err
	}
	return s.endBatch(ctx, f)
}

// endBatch rolls back what a batch leaves behind that nobody can commit.
func (s *session) endBatch(ctx context.Context, f *frame) error {
	if !s.doomed {
		return nil
	}
	e := errf(3998, 16, "Uncommittable transaction is detected at the end of the batch. The transaction is rolled back.")
	e.line = 1
	s.reply.sqlMessage(e)
	err := s.rollback(ctx)
	s.doneWith(f, done{status: doneError})
	return err
}

// Requests of the transaction manager, MS-TDS 2.2.6.9.
const (
	tmBegin    = 5
	tmCommit   = 7
	tmRollback = 8
)

func (s *session) transactionManager(ctx context.Context, payload []byte) (err error) {
	defer func() {
		var e *sqlError
		if errors.As(err, &e) {
			err = s.refuse(e)
		}
	}()
	defer catch(&err)
	r := &reader{payload}
	r.headers()
	switch kind := r.uint16(); kind {
	case tmBegin:
		if level := r.byte(); level > 0 {
			levels := []string{"READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "SNAPSHOT"}
			if int(level) > len(levels) {
				return errUnknown("this isolation level")
			}
			s.options.isolation = levels[level-1]
		}
		err = s.begin(ctx)
	case tmCommit:
		err = s.commit(ctx)
	case tmRollback:
		if s.tran == 0 {
			return errf(3903, 16, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.")
		}
		err = s.rollback(ctx)
	default:
		return errUnknown("transaction manager request " + strconv.Itoa(int(kind)))
	}
	if err != nil {
		return s.translateError(ctx, err, nil)
	}
	s.reply.done(done{token: tokenDone})
	return nil
}
