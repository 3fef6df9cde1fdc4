package sqlservertest

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
)

// An applier's batch is a row of writes, each followed by a look at @@ROWCOUNT
// that hardly ever finds anything. Waiting for PostgreSQL at each of them is most
// of the time that a batch takes, so a row of writes is sent at once; where one of
// the looks does find something, what came after it is undone.

// guarded is a write with the looks at its row count that follow it.
type guarded struct {
	st    *stmt
	cmd   uint16
	plan  *plan
	looks []*stmt
	rows  int64
	last  []byte // the identity that it made
}

// ahead runs the writes that body begins with, where there are several and an
// error would end the whole transaction anyway. It returns how many statements of
// body that were.
func (s *session) ahead(ctx context.Context, f *frame, body []*stmt) (used int, sig signal, err error) {
	if !s.pgTx || !s.options.xactAbort || f.outer != nil || f.inTry > 0 || s.srv.armed.Load() {
		return 0, goOn, nil
	}
	units, used := s.guardedWrites(f, body)
	if len(units) < 2 {
		return 0, goOn, nil
	}
	failed, err := s.pipeline(ctx, f, units)
	if found := s.found(f, units[:failed]); found < len(units)-1 && found < failed {
		if err := s.exec(context.WithoutCancel(ctx), "ROLLBACK TO ahead"); err != nil {
			return 0, doAbort, err
		}
		units = units[:found+1]
		failed, err = s.pipeline(ctx, f, units)
	}
	for _, u := range units[:failed] {
		s.writes(f, u)
		for _, look := range u.looks {
			if sig, e := s.step(ctx, f, look); e != nil || sig != goOn {
				return used, sig, e
			}
		}
	}
	if err != nil {
		u := units[failed]
		sig, err = s.failed(ctx, f, u.st, s.translateError(ctx, err, u.plan.write))
		return used, sig, err
	}
	return used, goOn, s.exec(ctx, "RELEASE ahead")
}

// writes does for a write that was sent ahead what follows every write.
func (s *session) writes(f *frame, u *guarded) {
	s.srv.statements.Add(1)
	s.srv.writes.Add(1)
	if u.last != nil {
		f.scopeID, s.identity = u.last, u.last
	}
	s.counted(f, u.cmd, u.rows)
}

// guardedWrites finds the writes that can be sent together: none fires a trigger,
// returns rows, or needs what an earlier one leaves in a variable.
func (s *session) guardedWrites(f *frame, body []*stmt) (units []*guarded, used int) {
	assigned := map[string]bool{}
	for i := 0; i < len(body); {
		u := &guarded{st: body[i]}
		translate := u.translation()
		if translate == nil {
			break
		}
		p, err := s.planned(f, body[i], func(b *binder, p *plan) {
			p.write = translate(b)
			p.sql, p.cols = p.write.sql, p.write.output
		})
		if err != nil || p.write.output != nil || len(p.write.table.triggers) > 0 || readsAny(p.params, assigned) {
			break
		}
		u.plan = p
		for i++; i < len(body) && isLook(body[i], assigned); i++ {
			u.looks = append(u.looks, body[i])
		}
		units, used = append(units, u), i
	}
	return units, used
}

func (u *guarded) translation() func(*binder) *write {
	switch n := u.st.node.(type) {
	case *insertStmt:
		u.cmd = cmdInsert
		return func(b *binder) *write { return b.insert(n) }
	case *updateStmt:
		u.cmd = cmdUpdate
		return func(b *binder) *write { return b.update(n) }
	case *deleteStmt:
		u.cmd = cmdDelete
		return func(b *binder) *write { return b.delete(n) }
	}
	return nil
}

func readsAny(params []string, assigned map[string]bool) bool {
	for _, p := range params {
		if assigned[p] || p == "@@rowcount" || p == "@@identity" || p == "@@scope_identity" || p == "@@error" {
			return true
		}
	}
	return false
}

// isLook says whether a statement is SET @n = @@ROWCOUNT, or an IF.
func isLook(st *stmt, assigned map[string]bool) bool {
	switch n := st.node.(type) {
	case *setVarStmt:
		v, ok := n.x.(*variable)
		if ok && v.name == "@@rowcount" {
			assigned[n.name] = true
			return true
		}
	case *ifStmt:
		return n.els == nil
	}
	return false
}

// found is the first write after which an IF does something; all of them where
// none does.
func (s *session) found(f *frame, units []*guarded) int {
	vars, rows := f.vars, s.rowcount
	defer func() { f.vars, s.rowcount = vars, rows }()
	f.vars = map[string][]byte{}
	for name, v := range vars {
		f.vars[name] = v
	}
	for i, u := range units {
		s.rowcount = u.rows
		for _, look := range u.looks {
			switch n := look.node.(type) {
			case *setVarStmt:
				f.vars[n.name] = s.global(f, "@@rowcount")
				s.rowcount = 1
			case *ifStmt:
				if truth, known := s.test(f, n.cond); truth || !known {
					return i
				}
			}
		}
	}
	return len(units)
}

// pipeline sends the writes after a savepoint. It returns how many came to their
// end; the one after those failed with err.
func (s *session) pipeline(ctx context.Context, f *frame, units []*guarded) (done int, err error) {
	if err := s.makeRoom(ctx, len(units)); err != nil {
		return 0, err
	}
	names := make([]string, len(units))
	for i, u := range units {
		if names[i], err = s.prepareBeside(ctx, u.plan.sql, len(u.plan.params)); err != nil {
			return 0, err
		}
	}
	p := s.pg.StartPipeline(ctx)
	defer func() { err = errors.Join(err, p.Close()) }()
	p.SendQueryParams("SAVEPOINT ahead", nil, nil, nil, nil)
	for i, u := range units {
		p.SendQueryPrepared(names[i], s.values(f, u.plan), nil, nil)
	}
	if err := p.Sync(); err != nil {
		return 0, err
	}
	if _, err := nextResult(p, nil); err != nil {
		return 0, err
	}
	for i, u := range units {
		u.last = nil
		u.rows, err = nextResult(p, func(row [][]byte) {
			if u.plan.write.identity {
				u.last = cloneBytes(row[0])
			}
		})
		if err != nil {
			return i, err
		}
	}
	return len(units), nil
}

func nextResult(p *pgconn.Pipeline, row func([][]byte)) (int64, error) {
	result, err := p.GetResults()
	if err != nil {
		return 0, err
	}
	r, ok := result.(*pgconn.ResultReader)
	if !ok {
		return 0, errors.New("PostgreSQL: a result that nobody asked for")
	}
	for r.NextRow() {
		if row != nil {
			row(r.Values())
		}
	}
	tag, err := r.Close()
	return tag.RowsAffected(), err
}
