package sqlserver

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/syncback/syncback/apply"
	"github.com/syncback/syncback/capture"
)

// Applier writes transactions to a SQL Server database. It implements
// [apply.Applier] and [apply.Beginner].
type Applier struct {
	cfg      Config
	db       *sql.DB
	patience *patience
	control  *Control
	mappings map[name]*mapping
	cat      catalogue
	honoured map[proof]bool // triggers that were seen to stay silent
	// unrelated are proofs that a call about several changes need not have: the
	// one change does not lead to that write.
	unrelated map[proof]bool
	log       *slog.Logger
	seal      *seal // of what is parked; nil is none

	// conn is the one session that applies; nil until it is needed, and after
	// an error.
	conn *sql.Conn
	// held is the checkpoint that this applier knows the target to hold, once it
	// is known.
	held  apply.Checkpoint
	known bool
	// followed says that what an interrupted decision left was released.
	followed bool
	// forgotten says that what other tables remembered was forgotten.
	forgotten bool
	retried   time.Time // when what waits for locked records was looked at last
}

// Open connects to the target, reads its catalogue and matches the configured
// tables with it. A table or a column that the target lacks is an error that
// names it. The target must hold our own tables: see [DDL].
func Open(ctx context.Context, cfg Config) (*Applier, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg, err := withDefaults(cfg)
	if err != nil {
		return nil, err
	}
	db, patience, err := open(cfg)
	if err != nil {
		return nil, err
	}
	a := &Applier{cfg: cfg, db: db, patience: patience, control: newControl(db, cfg), honoured: map[proof]bool{}, unrelated: map[proof]bool{}, log: cfg.Logger}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if err := a.prepare(ctx); err != nil {
		_ = db.Close()
		return nil, err
	}
	return a, nil
}

func (a *Applier) prepare(ctx context.Context) (err error) {
	if err := a.control.prepare(ctx); err != nil {
		return err
	}
	if a.cat, err = readCatalogue(ctx, a.db); err != nil {
		return unreadCatalogue(translate(ctx, err))
	}
	var wrong []error
	if a.mappings, wrong = matchTables(a.cfg.Tables, a.cat); len(wrong) > 0 {
		return wrong[0]
	}
	if a.seal, err = newSeal(a.cfg.LedgerKey); err != nil {
		return fmt.Errorf("the ledger key: %w", err)
	}
	return a.checkSeal(ctx)
}

// Close closes the connections. An open transaction is rolled back.
func (a *Applier) Close() error {
	a.discard()
	return a.db.Close()
}

// Checkpoint reads how far the target has come. The next Apply goes on from
// there.
func (a *Applier) Checkpoint(ctx context.Context) (apply.Checkpoint, error) {
	cp, err := a.readCheckpoint(ctx)
	a.held, a.known = cp, err == nil
	return cp, err
}

// readCheckpoint reads on the session that applies.
func (a *Applier) readCheckpoint(ctx context.Context) (apply.Checkpoint, error) {
	conn, err := a.session(ctx)
	if err != nil {
		return apply.Checkpoint{}, err
	}
	cp, err := a.control.read(ctx, conn)
	if err != nil {
		a.discard()
	}
	return cp, err
}

// Begin notes where a new pipeline begins. See [apply.Beginner].
func (a *Applier) Begin(ctx context.Context, m capture.Mark) error {
	if m.Source == "" || m.Position == 0 {
		return errors.New("a pipeline begins at a position of a source")
	}
	before := m.Position - 1
	conn, err := a.session(ctx)
	if err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, `UPDATE `+a.control.table+` SET [source] = @p1, [position] = @p2
WHERE [pipeline] = @p3 AND [source] = N'' AND [position] = 0`, string(m.Source), int64(before), a.cfg.Pipeline)
	if err != nil {
		a.discard()
		return translate(ctx, err)
	}
	// The row tells, also where an earlier answer was lost.
	cp, err := a.Checkpoint(ctx)
	if err == nil && (cp.Source != m.Source || cp.Position != before) {
		return fmt.Errorf("%w: pipeline %q stands at %s in the target, and this one begins at %s; stop one of the two", apply.ErrFenced, a.cfg.Pipeline, cp.Position, m.Position)
	}
	return err
}

func (a *Applier) fenced(cp apply.Checkpoint) error {
	return fmt.Errorf("%w: pipeline %q stands at %s in the target, where this one left it at %s; stop one of the two", apply.ErrFenced, a.cfg.Pipeline, cp.Position, a.held.Position)
}

// Apply writes batch and the new checkpoint in one transaction of the target.
// See [apply.Applier]. The first Apply that finds transactions parked goes on with
// the release of those that wait behind nothing any more, where a person's
// decision was cut short; and every so often those are tried again that wait for a
// record that someone had open: see Config.RetryLocked.
func (a *Applier) Apply(ctx context.Context, batch []*capture.Tx) error {
	if len(batch) == 0 {
		return nil
	}
	if !a.known {
		if _, err := a.Checkpoint(ctx); err != nil {
			return err
		}
	}
	if err := a.checkBatch(batch); err != nil {
		return err
	}
	if err := a.forgetOthers(ctx); err != nil {
		return err
	}
	if err := a.followUp(ctx); err != nil {
		return err
	}
	if err := a.retryLocked(ctx); err != nil {
		return err
	}
	last := batch[len(batch)-1]
	known := &refusals{}
	parked, err := a.attempt(ctx, batch, known)
	for known.learn(err) {
		parked, err = a.attempt(ctx, batch, known)
	}
	switch {
	case errors.Is(err, errCheckpointHeld):
		return a.whyHeld(ctx, last)
	case err != nil:
		return err
	}
	a.held.Position, a.held.Source, a.held.Parked = last.Position, last.Source, parked
	return nil
}

// attempt writes batch in a transaction of the target. It returns how many
// transactions of the source are parked then.
func (a *Applier) attempt(ctx context.Context, batch []*capture.Tx, known *refusals) (parked int, err error) {
	err = a.transact(ctx, func(tx *sql.Tx) error {
		w := &writing{Applier: a, ctx: ctx, tx: tx, refusals: known, parked: a.held.Parked}
		err := w.write(batch)
		parked = w.parked
		return err
	})
	return parked, err
}

// checkBatch refuses what would move the checkpoint back, or to another source.
func (a *Applier) checkBatch(batch []*capture.Tx) error {
	at := a.held.Position
	for _, t := range batch {
		if t.Position <= at {
			return fmt.Errorf("transaction %s does not come after %s, up to which the target holds everything", t.Position, at)
		}
		if a.held.Source != "" && t.Source != a.held.Source {
			return fmt.Errorf("%w: the target holds changes of %s, and these are of %s; use a pipeline of another name for it", capture.ErrOtherSource, a.held.Source, t.Source)
		}
		at = t.Position
	}
	return nil
}

// transact runs do in one transaction of the target. After an error the session
// is given up: what state it is in is then anyone's guess.
func (a *Applier) transact(ctx context.Context, do func(*sql.Tx) error) error {
	conn, err := a.session(ctx)
	if err != nil {
		return err
	}
	calm := a.patience.until(ctx)
	defer calm()
	// The end of ctx ends the statement that runs, and not the transaction: the
	// driver's answer to a rollback under a context that has ended is read by a
	// goroutine that nobody waits for, into a buffer that goes to others.
	tx, err := conn.BeginTx(context.WithoutCancel(ctx), nil)
	if err != nil {
		a.discard()
		return translate(ctx, err)
	}
	committed := false
	defer func() { // also where do panics, or the session would hang on in Close
		if !committed {
			_ = tx.Rollback() // the cause is what counts; a lost session rolls back by itself
			a.discard()
		}
	}()
	if err := do(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return translate(ctx, err)
	}
	committed = true
	a.patience.committed()
	return nil
}

// session returns the session that applies, and opens it where there is none.
func (a *Applier) session(ctx context.Context) (*sql.Conn, error) {
	if a.conn != nil {
		return a.conn, nil
	}
	conn, err := a.db.Conn(ctx)
	if err != nil {
		return nil, translate(ctx, err)
	}
	a.conn = conn
	if err := prepareSession(ctx, conn, a.cfg.LockTimeout); err != nil {
		a.discard()
		return nil, translate(ctx, err)
	}
	return conn, nil
}

// query reads on the session that applies: it may be the only connection that the
// target is to grant. It is not tried again.
func (a *Applier) query(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error {
	conn, err := a.session(ctx)
	if err != nil {
		return err
	}
	if err := query(ctx, conn, text, scan, args...); err != nil {
		a.discard()
		return translate(ctx, err)
	}
	return nil
}

// discard closes the session for good: it does not go back to the pool.
func (a *Applier) discard() {
	if a.conn == nil {
		return
	}
	_ = a.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = a.conn.Close()
	a.conn = nil
}

// holdCheckpoint is the first statement of every transaction: while that is open
// nobody else applies anything. It waits for a session that lost its answer and
// may still commit, and it matches nothing where another process has moved the
// checkpoint or someone paused the pipeline.
func (a *Applier) holdCheckpoint() *statement {
	return &statement{
		text: `UPDATE ` + a.control.table + ` SET [position] = [position] WHERE [pipeline] = ` + "\x00" +
			` AND [position] = ` + "\x00" + ` AND [paused] = 0`,
		args:   []any{a.cfg.Pipeline, int64(a.held.Position)},
		missed: func(int64) error { return errCheckpointHeld },
	}
}

// moveCheckpoint is the last statement of a transaction that applies: a trigger
// that ends the transaction on its way commits nothing that is then passed over.
// Outside a transaction it moves nothing; within the UPDATE the server would count
// one more, whether there is one or not.
func (a *Applier) moveCheckpoint(to *capture.Tx) *statement {
	return &statement{
		text: `DECLARE @open int = @@TRANCOUNT; UPDATE ` + a.control.table + ` SET [position] = ` + "\x00" + `, [applied_at] = SYSUTCDATETIME(), [source] = ` + "\x00" +
			` WHERE [pipeline] = ` + "\x00" + ` AND [position] = ` + "\x00" + ` AND @open = 2`,
		args:   []any{int64(to.Position), string(to.Source), a.cfg.Pipeline, int64(a.held.Position)},
		missed: func(int64) error { return errCheckpointHeld },
	}
}

// whyHeld says why the checkpoint did not move.
func (a *Applier) whyHeld(ctx context.Context, t *capture.Tx) error {
	cp, err := a.readCheckpoint(ctx)
	switch {
	case err != nil:
		return err
	case cp.Paused:
		return fmt.Errorf("%w: by %s at %s", apply.ErrPaused, cp.ChangedBy, cp.ChangedAt.Format("2006-01-02 15:04:05 MST"))
	case cp.Position != a.held.Position:
		return a.fenced(cp)
	default:
		// It was resumed, or put back, since the statement was refused.
		return &LostError{Err: fmt.Errorf("the checkpoint was in motion when %s was applied", t.Position)}
	}
}
