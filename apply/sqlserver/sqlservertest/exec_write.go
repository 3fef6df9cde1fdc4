package sqlservertest

import (
	"context"
	"errors"
	"fmt"
)

// write runs an INSERT, UPDATE or DELETE, and the triggers that it fires.
func (s *session) write(ctx context.Context, f *frame, st *stmt, cmd uint16, translate func(*binder) *write) error {
	if s.doomed {
		return errf(3930, 16, "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the transaction.")
	}
	p, err := s.planned(f, st, func(b *binder, p *plan) {
		p.write = translate(b)
		p.sql, p.cols = p.write.sql, p.write.output
	})
	if err != nil {
		return err
	}
	s.srv.writes.Add(1)
	n, err := s.writeRows(ctx, f, p)
	if err != nil {
		return s.translateError(ctx, err, p.write)
	}
	s.counted(f, cmd, n)
	return nil
}

func (s *session) writeRows(ctx context.Context, f *frame, p *plan) (int64, error) {
	w := p.write
	if len(w.table.triggers) > 0 {
		return s.writeFiring(ctx, f, p)
	}
	if w.output == nil {
		return s.writePlain(ctx, f, p)
	}
	s.reply.columns(p.cols)
	return s.run(ctx, p.sql, s.values(f, p), func(row [][]byte) error { return s.reply.row(p.cols, row) })
}

// writePlain runs a write, and keeps the identity that it made.
func (s *session) writePlain(ctx context.Context, f *frame, p *plan) (int64, error) {
	var last []byte
	n, err := s.run(ctx, p.sql, s.values(f, p), func(row [][]byte) error {
		last = append(last[:0], row[0]...)
		return nil
	})
	if err == nil && p.write.identity && last != nil {
		f.scopeID, s.identity = last, last
	}
	return n, err
}

// maxNesting is how deep triggers may fire each other.
const maxNesting = 32

// writeFiring runs a write in a transaction together with what it fires. An error
// of a trigger ends the whole transaction.
func (s *session) writeFiring(ctx context.Context, f *frame, p *plan) (n int64, err error) {
	depth := 1
	if f.trigger != nil {
		depth = f.trigger.depth + 1
	}
	if depth > maxNesting {
		return 0, errf(217, 16, "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).")
	}
	own := !s.pgTx
	if own {
		if err := s.exec(ctx, "BEGIN"); err != nil {
			return 0, err
		}
		s.pgTx, s.tran = true, 1
		defer func() { err = s.endOwn(ctx, err) }()
	}
	if err := s.exec(ctx, fmt.Sprintf("SELECT set_config('tsql.depth', '%d', true)", depth)); err != nil {
		return 0, err
	}
	n, err = s.writePlain(ctx, f, p)
	if err != nil {
		return 0, err
	}
	identity := s.identity
	for _, tr := range p.write.table.fires(p.write.event) {
		if f.fired(p.write.table.id) {
			break // RECURSIVE_TRIGGERS is off
		}
		if err := s.fire(ctx, f, p, tr, depth, n); err != nil {
			return 0, err
		}
	}
	if s.identity == nil {
		s.identity = identity
	}
	return n, nil
}

// fired says whether the innermost trigger that runs is one of this table.
func (f *frame) fired(table int) bool { return f.trigger != nil && f.trigger.table.id == table }

// endOwn ends the transaction that a single statement opened for itself.
func (s *session) endOwn(ctx context.Context, err error) error {
	if s.tran == 0 {
		return err // a trigger has rolled it back
	}
	if err != nil {
		return errors.Join(err, s.rollback(context.WithoutCancel(ctx)))
	}
	s.tran, s.pgTx, s.undo = 0, false, nil
	return s.exec(ctx, "COMMIT")
}

// fire runs a trigger's body.
func (s *session) fire(ctx context.Context, f *frame, p *plan, tr *triggerInfo, depth int, n int64) error {
	vars := map[string]sqlType{}
	if err := declare(tr.body, vars); err != nil {
		return err
	}
	scope := &triggerScope{table: p.write.table, depth: depth, updated: map[string]bool{}}
	for _, c := range p.write.updated {
		scope.updated[c] = p.write.event != "DELETE"
	}
	inner := &frame{
		outer: f, batch: &batch{body: tr.body, vars: vars}, vars: map[string][]byte{}, trigger: scope, proc: tr.name, inProc: true,
	}
	before := s.options
	s.rowcount = n
	_, err := s.runAll(ctx, inner, tr.body)
	if e := s.restore(context.WithoutCancel(ctx), before); e != nil {
		return errors.Join(err, e)
	}
	var e *sqlError
	if errors.As(err, &e) {
		e.trigger = true
		return e
	}
	if err == nil && s.tran == 0 {
		e := errf(3609, 16, "The transaction ended in the trigger. The batch has been aborted.")
		e.trigger = true
		return e
	}
	return err
}
