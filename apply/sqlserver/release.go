package sqlserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// Decision is what a person decides about a parked transaction.
type Decision struct {
	// Action is TakeSource, TakeTarget or TakeRow. It decides every conflict of
	// the transaction, except that a row is of the one that was named. To take
	// the source where the target refused it is to try it once more, as after
	// the target was mended.
	Action resolve.Action
	// Row is the row for TakeRow, by the target's columns; nil is NULL. What is
	// not named is left as it is.
	Row map[string]*string
	// Drop drops the whole transaction instead, and Reason says why.
	Drop bool
	// By names the person, and Reason says why, for the ledger.
	By, Reason string

	// freed is set for nobody's decision: someone had a record open, and has no
	// more. The rules decide what else there is.
	freed bool
}

// ErrNotWaiting says that no parked transaction waits for the decision.
var ErrNotWaiting = errors.New("it does not wait for a decision")

// Decide carries out a decision about the parked transaction whose conflict has
// that number in the ledger, and then releases, in order, what waited behind it
// and behind nothing else: each is written as it would have been, its conflicts
// found and decided by the rules anew. It returns how many transactions were
// written or dropped. One of those that waited may be parked by a conflict of its
// own.
//
// Each transaction is released in one transaction of the target, under the
// checkpoint's lock: another process may apply meanwhile, and one that is killed
// can be followed by [Applier.Release]. A pause and a schedule do not hold a
// person back.
func (a *Applier) Decide(ctx context.Context, id int64, d Decision) (released int, err error) {
	if err := d.verify(); err != nil {
		return 0, err
	}
	position, found := capture.Position(0), false
	err = a.queryAgain(ctx, "SELECT [position] FROM "+a.control.own("parked")+" WHERE [pipeline] = @p1 AND [conflict] = @p2",
		func(rows *sql.Rows) error {
			var p int64
			err := rows.Scan(&p)
			position, found = capture.Position(p), true
			return err
		}, a.cfg.Pipeline, id)
	switch {
	case err != nil:
		return 0, err
	case !found:
		return 0, fmt.Errorf("conflict %d: %w; it was decided, or there is no such one in this pipeline", id, ErrNotWaiting)
	}
	if _, err := a.releaseOne(ctx, position, &d); err != nil {
		return 0, fmt.Errorf("conflict %d: %w", id, err)
	}
	released, err = a.Release(ctx)
	return released + 1, err
}

func (d *Decision) verify() error {
	switch {
	case d.By == "":
		return errors.New("a decision needs the name of who decides")
	case d.Drop && d.Reason == "":
		return errors.New("to drop a transaction needs a reason")
	case d.Drop && d.Action == resolve.Halt, d.Action == resolve.TakeSource, d.Action == resolve.TakeTarget:
		return nil
	case d.Action == resolve.TakeRow && len(d.Row) > 0:
		return nil
	}
	return errors.New("a decision is to take the source, the target or a row, or to drop the transaction")
}

// isTheRules reports whether a decision is nobody's, and the rules decide.
func (d *Decision) isTheRules() bool { return d == nil || d.freed }

// Release releases what waits behind nothing any more. It goes on where a Decide
// was cut short, as the first Apply of an Applier does.
func (a *Applier) Release(ctx context.Context) (released int, err error) {
	for {
		position, err := a.nextFree(ctx)
		if err != nil || position == 0 {
			return released, err
		}
		kept, err := a.releaseOne(ctx, position, nil)
		if err != nil {
			return released, fmt.Errorf("release transaction %s: %w", position, err)
		}
		if !kept {
			released++
		}
	}
}

// followUp goes on with a Decide that was cut short, once.
func (a *Applier) followUp(ctx context.Context) error {
	if a.followed || a.held.Parked == 0 {
		return nil
	}
	cp, err := a.readCheckpoint(ctx)
	if err != nil || cp.Paused {
		return err
	}
	_, err = a.Release(ctx)
	a.followed = err == nil
	return err
}

// queryAgain reads what a transaction that another process has open may hold.
func (a *Applier) queryAgain(ctx context.Context, text string, scan func(*sql.Rows) error, args ...any) error {
	return again(ctx, func() error { return a.query(ctx, text, scan, args...) })
}

// nextFree returns the first transaction that waits for no decision, and behind
// none; 0 where there is none.
func (a *Applier) nextFree(ctx context.Context) (position capture.Position, err error) {
	parked, keys := a.control.own("parked"), a.control.own("parked_key")
	err = a.queryAgain(ctx, `SELECT TOP (1) p.[position] FROM `+parked+` p WHERE p.[pipeline] = @p1 AND p.[conflict] IS NULL AND NOT EXISTS (
SELECT 1 FROM `+keys+` m JOIN `+keys+` o ON o.[pipeline] = m.[pipeline] AND o.[resource] = m.[resource] AND o.[position] < m.[position]
WHERE m.[pipeline] = @p1 AND m.[position] = p.[position] AND ((m.[touch] <> 3 AND o.[touch] = 1) OR (m.[touch] = 3 AND o.[touch] = 2)))
ORDER BY p.[position]`, func(rows *sql.Rows) error {
		var p int64
		err := rows.Scan(&p)
		position = capture.Position(p)
		return err
	}, a.cfg.Pipeline)
	return position, err
}

// releaseOne writes one parked transaction, by a person's decision or, where d is
// nil, by the rules. It waits for a batch that another process writes, and tries
// again what the target refused for a moment. kept says that the transaction
// stays parked, by a conflict of its own.
func (a *Applier) releaseOne(ctx context.Context, position capture.Position, d *Decision) (kept bool, err error) {
	known := &refusals{}
	attempt := func() error {
		return a.transact(ctx, func(tx *sql.Tx) error {
			w := &writing{Applier: a, ctx: ctx, tx: tx, refusals: known, parked: 1, released: position, releasing: d.isTheRules()}
			r := &release{writing: w, decision: d}
			err := r.run(position)
			kept = r.kept
			return err
		})
	}
	for retry := newAttempts(); ; {
		err = attempt()
		for known.learn(err) {
			err = attempt()
		}
		// One that was lost may have been committed: whoever decided looks.
		if _, lost := errors.AsType[*LostError](err); err == nil || lost {
			break
		}
		if err = retry.wait(ctx, err, false); err != nil {
			break
		}
	}
	if errors.Is(err, errCheckpointHeld) {
		err = ErrNotWaiting // someone else has decided
	}
	return kept, err
}

// release is one attempt to write one parked transaction.
type release struct {
	*writing
	decision *Decision
	pieces   int
	changes  int64
	conflict sql.NullInt64
	changeNo sql.NullInt64 // which change the conflict is about
	kind     resolve.Kind
	kept     bool // it stays parked
}

func (r *release) run(position capture.Position) error {
	// As when transactions are applied, the checkpoint's row comes first.
	count := &statement{
		text: "UPDATE " + r.control.table + " SET [parked] = [parked] - 1 WHERE [pipeline] = \x00 AND [parked] > 0 AND EXISTS (SELECT 1 FROM " +
			r.control.own("parked") + " WHERE [pipeline] = \x00 AND [position] = \x00)",
		args:   []any{r.cfg.Pipeline, r.cfg.Pipeline, int64(position)},
		missed: func(int64) error { return errCheckpointHeld },
	}
	if err := r.put(count); err != nil {
		return err
	}
	if err := r.flush(); err != nil {
		return err
	}
	t, err := r.load(position)
	if err != nil {
		return err
	}
	held, err := r.isHeld(r.refusals.waits[position])
	switch {
	case err != nil:
		return err
	case held:
		return r.keepBehind(t)
	}
	if p := r.refusals.park[position]; p != nil {
		return r.keep(p)
	}
	if r.decision == nil || !r.decision.Drop {
		if !r.decision.isTheRules() {
			r.rule, r.by = r.decision.resolver(r), cut(r.decision.By, 256)
			r.insist(position)
		}
		if err := r.writing.changes(t); err != nil {
			return err
		}
		if err := r.rememberLeft(); err != nil {
			return err
		}
	}
	if err := r.flush(); err != nil {
		return err
	}
	if r.decision != nil && (r.recorded == 0 || r.decision.freed) {
		if r.decision.Action == resolve.TakeRow {
			return errors.New("nothing is in conflict any more, so that there is nothing to take a row for; take the source or the target")
		}
		if err := r.note(); err != nil {
			return err
		}
	}
	return r.remove(position)
}

// insist has the person's word be asked for about the change of the conflict also
// where it fits by now: who leaves the target as it is does not want it written.
func (r *release) insist(position capture.Position) {
	id := changeID{position, r.changeNo.Int64}
	if r.decision.Action != resolve.TakeTarget || r.refusals.known[id] != nil {
		return
	}
	r.refusals.know(id, &refused{kind: r.kind})
}

// load reads what is known of a parked transaction. Its changes are read piece by
// piece.
func (r *release) load(position capture.Position) (*capture.Tx, error) {
	t := &capture.Tx{Source: r.held.Source, Position: position}
	var id int64
	var committed sql.NullTime
	var origin, kind sql.NullString
	err := r.query(`SELECT p.[txid], p.[committed_at], p.[origin], p.[pieces], p.[changes], p.[conflict], c.[change_no], c.[kind]
FROM `+r.control.own("parked")+` p LEFT JOIN `+r.control.own("conflict")+` c ON c.[id] = p.[conflict] WHERE p.[pipeline] = @p1 AND p.[position] = @p2`,
		func(rows *sql.Rows) error {
			return rows.Scan(&id, &committed, &origin, &r.pieces, &r.changes, &r.conflict, &r.changeNo, &kind)
		}, r.cfg.Pipeline, int64(position))
	r.kind, _ = resolve.ParseKind(kind.String) // we wrote it; there is none for what waits behind another
	t.ID, t.CommitTime, t.Origin, t.Count = uint64(id), committed.Time, origin.String, r.changes
	t.Changes = r.read(position)
	return t, err
}

func (r *release) read(position capture.Position) iter.Seq2[capture.Change, error] {
	return func(yield func(capture.Change, error) bool) {
		for piece := range r.pieces {
			body, found := "", false
			err := r.query("SELECT [body] FROM "+r.control.own("parked_piece")+" WHERE [pipeline] = @p1 AND [position] = @p2 AND [piece] = @p3",
				func(rows *sql.Rows) error { found = true; return rows.Scan(&body) }, r.cfg.Pipeline, int64(position), piece)
			if err == nil && !found {
				err = fmt.Errorf("piece %d of the parked transaction %s is gone; put our own tables back from a copy", piece, position)
			}
			if err == nil {
				body, err = r.seal.open(body, pieceName(r.cfg.Pipeline, position, int64(piece)))
			}
			more := err == nil
			if more {
				more, err = readPiece(body, func(c capture.Change) bool { return yield(c, nil) })
			}
			if err != nil {
				yield(capture.Change{}, err)
			}
			if !more {
				return
			}
		}
	}
}

// keep leaves a transaction parked, by a conflict of its own.
func (r *release) keep(p *parkError) error {
	var id int64
	if err := r.record(p.encounter, p.conflict, p.answer, p.encounter.current, &id); err != nil {
		return err
	}
	s := &statement{text: "UPDATE " + r.control.own("parked") + " SET [conflict] = \x00 WHERE [pipeline] = \x00 AND [position] = \x00", args: []any{id, r.cfg.Pipeline, int64(p.conflict.Position)}}
	if err := r.put(s); err != nil {
		return err
	}
	return r.leaveParked()
}

// keepBehind leaves a transaction parked because an Emulator would write to what
// one before it holds.
func (r *release) keepBehind(t *capture.Tx) error {
	if !r.decision.isTheRules() {
		return fmt.Errorf("what its triggers would do touches rows that transaction %s holds, which was parked before it; decide that one first", r.holder)
	}
	p := &parking{writing: r.writing, tx: t, keys: maps.Clone(r.refusals.waits[t.Position])}
	if err := p.putKeys(); err != nil {
		return err
	}
	return r.leaveParked()
}

// leaveParked takes back that the transaction is counted as parked no more.
func (r *release) leaveParked() error {
	r.kept = true
	if err := r.put(r.countOneMore()); err != nil {
		return err
	}
	return r.flush()
}

// note writes the decision into the ledger where nothing in the transaction was
// in conflict any more, or all of it was dropped.
func (r *release) note() error {
	action := r.decision.Action.String()
	if r.decision.Drop {
		action = "drop"
	}
	table := r.control.own("conflict")
	const copied = `[pipeline], [position], [txid], [committed_at], [change_no], [kind], [op], [table_name], [row_key], [base], [incoming], [current_row], [differs], [constraint_name], [rule_name]`
	s := &statement{
		text: "INSERT INTO " + table + " (" + copied + ", [action], [reason], [decided_by], [decided_at]) SELECT " + copied +
			", \x00, \x00, \x00, SYSUTCDATETIME() FROM " + table + " WHERE [id] = \x00",
		args: []any{action, cut(r.decision.Reason, 1000), cut(r.decision.By, 256), r.conflict.Int64},
		missed: func(int64) error {
			return fmt.Errorf("conflict %d is no longer in the ledger; put our own tables back from a copy", r.conflict.Int64)
		},
	}
	return (&batch{statements: []*statement{s}}).perform(r.ctx, r.tx)
}

func (r *release) remove(position capture.Position) error {
	for _, table := range []string{"parked_piece", "parked_key", "parked"} {
		s := &statement{
			text: "DELETE FROM " + r.control.own(table) + " WHERE [pipeline] = \x00 AND [position] = \x00",
			args: []any{r.cfg.Pipeline, int64(position)}, anyCount: true,
		}
		if err := r.put(s); err != nil {
			return err
		}
	}
	return r.flush()
}

// resolver decides as the person did.
func (d *Decision) resolver(r *release) resolve.Resolver {
	return resolve.Func(func(_ context.Context, c *resolve.Conflict) (resolve.Resolution, error) {
		out := resolve.Resolution{Action: d.Action, Reason: d.Reason}
		if d.Action != resolve.TakeRow {
			return out, nil
		}
		if r.deciding != r.changeNo.Int64 {
			return resolve.Resolution{Action: resolve.Halt, Reason: "the transaction has another conflict besides, which the row is not of"}, nil
		}
		out.Row = make(capture.Row, len(c.Table.Columns))
		for column, v := range d.Row {
			i := c.Column(column)
			if i < 0 {
				return out, fmt.Errorf("the row names column %q, which is not mapped in %s", column, c.Table)
			}
			out.Row[i] = capture.Null()
			if v != nil {
				out.Row[i] = capture.Text(*v)
			}
		}
		if c.Current == nil { // what is not named is as the source has it
			for i, v := range out.Row {
				if v.IsAbsent() && c.Incoming != nil {
					out.Row[i] = c.Incoming[i]
				}
			}
		}
		return out, nil
	})
}
