package sqlservertest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// session is one login: its settings, its transaction, and the connection to
// PostgreSQL that it works through.
type session struct {
	srv   *Server
	pg    *pgconn.PgConn
	login *login
	spid  uint16
	reply *reply

	options   options
	tran      int    // @@TRANCOUNT
	desc      uint64 // the transaction's descriptor; 0 outside
	pgTx      bool   // PostgreSQL has a transaction open
	doomed    bool   // the transaction can be rolled back only
	snapshot  bool   // of the open transaction
	undo      []func()
	nextDesc  uint64
	rowcount  int64
	lastError int32
	caught    *sqlError // what the CATCH that runs has caught
	identity  []byte    // @@IDENTITY
	context   map[string][]byte
	prepared  map[string]string // PostgreSQL's names of prepared statements, by their text
	version   int64             // of the catalogue, when they were prepared
	handles   map[int32]*prepared
	nextName  int
	temporary []string // its temporary tables
	lost      bool     // the client is to lose its connection
}

// options are the SETs of a session; the zero value is not their default.
type options struct {
	xactAbort, noCount bool
	lockTimeout        int // milliseconds; -1 waits for ever
	identityInsert     int // the object that has it ON
	identityTable      string
	dateFormat         string
	isolation          string
	contextInfo        []byte
}

func defaultOptions() options {
	return options{lockTimeout: -1, dateFormat: "mdy", isolation: "READ COMMITTED"}
}

// reset is what sp_reset_connection does.
func (s *session) reset(ctx context.Context, keepTran bool) error {
	var err error
	if !keepTran {
		err = s.rollback(ctx)
	}
	keep := s.options.isolation // SQL Server keeps it, to everyone's surprise
	waits := s.options.lockTimeout
	s.options = defaultOptions()
	s.options.isolation = keep
	s.context = map[string][]byte{}
	s.identity, s.rowcount, s.lastError, s.handles = nil, 0, 0, map[int32]*prepared{}
	err = errors.Join(err, s.dropTemporary(ctx, 0))
	if waits != -1 {
		err = errors.Join(err, s.setLockTimeout(ctx, -1))
	}
	return err
}

// exec runs statements of PostgreSQL that have no parameters.
func (s *session) exec(ctx context.Context, sql string) error {
	_, err := s.pg.Exec(ctx, sql).ReadAll()
	return err
}

func (s *session) setLockTimeout(ctx context.Context, ms int) error {
	s.options.lockTimeout = ms
	wait := ms
	switch {
	case ms < 0:
		wait = 0 // for ever
	case ms == 0:
		wait = 1 // PostgreSQL's shortest
	}
	return s.exec(ctx, fmt.Sprintf("SET lock_timeout = %d", wait))
}

// restore ends the SETs of a text that was run by EXEC or sp_executesql, or of a
// trigger: they last no longer than it does.
func (s *session) restore(ctx context.Context, before options) error {
	waits := s.options.lockTimeout != before.lockTimeout
	before.contextInfo = s.options.contextInfo
	s.options = before
	if waits {
		return s.setLockTimeout(ctx, before.lockTimeout)
	}
	return nil
}

// begin opens a transaction, or counts one more within it.
func (s *session) begin(ctx context.Context) error {
	if s.tran > 0 {
		s.tran++
		return nil
	}
	level := map[string]string{"SNAPSHOT": "REPEATABLE READ", "SERIALIZABLE": "SERIALIZABLE", "REPEATABLE READ": "REPEATABLE READ"}[s.options.isolation]
	if level == "" {
		level = "READ COMMITTED"
	}
	if err := s.exec(ctx, "BEGIN ISOLATION LEVEL "+level); err != nil {
		return err
	}
	s.pgTx, s.snapshot, s.tran = true, s.options.isolation == "SNAPSHOT", 1
	s.nextDesc++
	s.desc = uint64(s.spid)<<32 | s.nextDesc
	s.reply.envBytes(envBegin, descriptor(s.desc), nil)
	return nil
}

func descriptor(d uint64) []byte { return appendInt(nil, d, 8) }

// commit ends one level of the transaction; the last one ends it.
func (s *session) commit(ctx context.Context) error {
	switch {
	case s.tran == 0:
		return errf(3902, 16, "The COMMIT TRANSACTION request has no corresponding BEGIN TRANSACTION.")
	case s.doomed:
		return errf(3930, 16, "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the transaction.")
	case s.tran > 1:
		s.tran--
		return nil
	}
	if f := s.srv.fault(BeforeCommit, "COMMIT"); f != nil {
		if err := s.suffer(ctx, f); err != nil {
			return err
		}
	}
	err := s.exec(ctx, "COMMIT")
	desc := s.desc
	s.pgTx, s.tran, s.desc, s.snapshot = false, 0, 0, false
	if err != nil {
		s.undoDefinitions()
		s.reply.envBytes(envRollback, nil, descriptor(desc))
		return err
	}
	s.undo = nil
	s.reply.envBytes(envCommit, nil, descriptor(desc))
	if f := s.srv.fault(AfterCommit, "COMMIT"); f != nil {
		return s.suffer(ctx, f)
	}
	return nil
}

// rollback ends the whole transaction, where there is one.
func (s *session) rollback(ctx context.Context) error {
	var err error
	if s.pgTx {
		err = s.exec(ctx, "ROLLBACK")
	}
	s.undoDefinitions()
	if s.tran > 0 && s.desc != 0 && s.reply != nil {
		s.reply.envBytes(envRollback, nil, descriptor(s.desc))
	}
	s.pgTx, s.tran, s.desc, s.doomed, s.snapshot = false, 0, 0, false, false
	return err
}

func (s *session) undoDefinitions() {
	for i := len(s.undo) - 1; i >= 0; i-- {
		s.undo[i]()
	}
	s.undo = nil
}

// errCancelled is a request that the client has called off.
var errCancelled = errors.New("cancelled by the client")

// errDropped is a connection that a fault has cut.
var errDropped = errors.New("dropped by a fault")

// suffer makes a fault happen.
func (s *session) suffer(ctx context.Context, f *Fault) error {
	if f.Delay > 0 {
		if err := wait(ctx, f.Delay); err != nil {
			return err
		}
	}
	if f.Drop {
		s.lost = true
		return errDropped
	}
	if f.Error == 0 {
		return nil
	}
	return faultError(f)
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return errCancelled
	case <-timer.C:
		return nil
	}
}

// prepare has PostgreSQL prepare a statement, once for each text.
func (s *session) prepare(ctx context.Context, sql string, params int) (string, error) {
	if _, ok := s.prepared[sql]; !ok {
		if err := s.makeRoom(ctx, 1); err != nil {
			return "", err
		}
	}
	return s.prepareBeside(ctx, sql, params)
}

// makeRoom forgets all prepared statements where n more would be too many, or
// where the results' types may be others by now.
func (s *session) makeRoom(ctx context.Context, n int) error {
	const most = 1000
	v := s.srv.cat.version.Load()
	if v == s.version && len(s.prepared)+n <= most {
		return nil
	}
	if err := s.exec(ctx, "DEALLOCATE ALL"); err != nil {
		return err
	}
	s.prepared, s.version = map[string]string{}, v
	return nil
}

// prepareBeside prepares a statement, and forgets none.
func (s *session) prepareBeside(ctx context.Context, sql string, params int) (string, error) {
	if name, ok := s.prepared[sql]; ok {
		return name, nil
	}
	s.nextName++
	name := fmt.Sprintf("s%d", s.nextName)
	if _, err := s.pg.Prepare(ctx, name, sql, unused(sql, params)); err != nil {
		return "", err
	}
	s.prepared[sql] = name
	return name, nil
}

// unused gives the parameters that a text has no use for a type, which PostgreSQL
// cannot guess; 0 leaves it to the text.
func unused(sql string, params int) []uint32 {
	const oidText = 25
	types := make([]uint32, params)
	for i := range types {
		if !strings.Contains(sql, fmt.Sprintf("$%d::", i+1)) {
			types[i] = oidText
		}
	}
	return types
}

// savepoints says whether an error of one statement leaves the transaction as it
// was before it.
func (s *session) savepoints() bool { return s.pgTx && !s.options.xactAbort }

// run executes one statement of PostgreSQL and hands its rows to row, which may
// be nil. Under savepoints an error undoes the statement alone.
func (s *session) run(ctx context.Context, sql string, params [][]byte, row func([][]byte) error) (int64, error) {
	save := s.savepoints()
	if save {
		if err := s.exec(ctx, "SAVEPOINT s"); err != nil {
			return 0, err
		}
	}
	n, err := s.runPrepared(ctx, sql, params, row)
	switch {
	case !save:
	case err != nil:
		if e := s.exec(context.WithoutCancel(ctx), "ROLLBACK TO s; RELEASE s"); e != nil {
			return 0, errors.Join(err, e)
		}
	default:
		err = s.exec(ctx, "RELEASE s")
	}
	return n, err
}

func (s *session) runPrepared(ctx context.Context, sql string, params [][]byte, row func([][]byte) error) (int64, error) {
	name, err := s.prepare(ctx, sql, len(params))
	if err != nil {
		return 0, err
	}
	result := s.pg.ExecPrepared(ctx, name, params, nil, nil)
	var failed error
	for result.NextRow() {
		if row == nil || failed != nil {
			continue
		}
		failed = row(result.Values())
	}
	tag, err := result.Close()
	if err == nil {
		err = failed
	}
	return tag.RowsAffected(), err
}

// define runs the statements of a definition, all of them or none.
func (s *session) define(ctx context.Context, d *definition) error {
	sql := strings.Join(d.sql, ";\n")
	if s.savepoints() {
		if err := s.exec(ctx, "SAVEPOINT s"); err != nil {
			return err
		}
		if err := s.exec(ctx, sql); err != nil {
			return errors.Join(err, s.exec(context.WithoutCancel(ctx), "ROLLBACK TO s; RELEASE s"))
		}
		sql = "RELEASE s"
	}
	if err := s.exec(ctx, sql); err != nil {
		return err
	}
	undo := d.apply(s.srv.cat)
	if s.pgTx {
		s.undo = append(s.undo, undo)
	}
	return nil
}

// temporarySchema is the schema under which the catalogue has the session's
// temporary tables.
func (s *session) temporarySchema() string { return fmt.Sprintf("#%d", s.spid) }

// dropTemporary drops the temporary tables but the first n.
func (s *session) dropTemporary(ctx context.Context, n int) error {
	var err error
	for _, name := range s.temporary[n:] {
		if s.srv.cat.at(s.temporarySchema(), name) == nil {
			continue
		}
		s.srv.cat.put(s.temporarySchema(), name, nil)
		if !s.pg.IsClosed() {
			err = errors.Join(err, s.exec(ctx, "DROP TABLE IF EXISTS pg_temp."+ident(name)+" CASCADE"))
		}
	}
	s.temporary = s.temporary[:n]
	return err
}

// forget takes what the session leaves behind out of the catalogue.
func (s *session) forget() {
	s.undoDefinitions()
	for _, name := range s.temporary {
		s.srv.cat.put(s.temporarySchema(), name, nil)
	}
}
