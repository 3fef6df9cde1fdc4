package sqlservertest

import (
	"context"
	"errors"
	"log/slog"
)

// signal is what a statement means for the ones after it.
type signal uint8

const (
	goOn signal = iota
	doReturn
	doBreak
	doContinue
	doAbort // the batch is over
)

// runAll runs statements until one of them ends the batch. An error is one that a
// TRY or a trigger's statement has to see, or the connection's.
func (s *session) runAll(ctx context.Context, f *frame, body []*stmt) (signal, error) {
	for i := 0; i < len(body); i++ {
		n, sig, err := s.ahead(ctx, f, body[i:])
		if n == 0 && err == nil {
			n = 1
			sig, err = s.step(ctx, f, body[i])
		}
		if err != nil || sig != goOn {
			return sig, err
		}
		i += n - 1
	}
	return goOn, nil
}

// step runs one statement, and deals with its error.
func (s *session) step(ctx context.Context, f *frame, st *stmt) (signal, error) {
	if sig, err, ok := s.control(ctx, f, st); ok {
		return sig, err
	}
	f.line = st.line
	s.srv.statements.Add(1)
	if ctx.Err() != nil {
		return doAbort, errCancelled
	}
	if flt := s.srv.fault(BeforeStatement, st.text); flt != nil {
		if err := s.suffer(ctx, flt); err != nil {
			return s.failed(ctx, f, st, err)
		}
	}
	sig, err := s.do(ctx, f, st)
	if err == nil {
		if flt := s.srv.fault(AfterStatement, st.text); flt != nil {
			err = s.suffer(ctx, flt)
		}
	}
	if err != nil {
		return s.failed(ctx, f, st, err)
	}
	return sig, nil
}

// control runs the statements that are made of others.
func (s *session) control(ctx context.Context, f *frame, st *stmt) (sig signal, err error, ok bool) {
	switch n := st.node.(type) {
	case *blockStmt:
		sig, err = s.runAll(ctx, f, n.body)
	case *ifStmt:
		truth, err := s.condition(ctx, f, st, n.cond)
		switch {
		case err != nil:
			sig, err = s.failed(ctx, f, st, err)
			return sig, err, true
		case truth:
			sig, err = s.step(ctx, f, n.then)
		case n.els != nil:
			sig, err = s.step(ctx, f, n.els)
		}
		return sig, err, true
	case *whileStmt:
		sig, err = s.while(ctx, f, st, n)
	case *tryStmt:
		sig, err = s.try(ctx, f, n)
	case *jumpStmt:
		sig = map[string]signal{"BREAK": doBreak, "CONTINUE": doContinue}[n.word]
	case *returnStmt:
		sig = doReturn
	default:
		return goOn, nil, false
	}
	return sig, err, true
}

func (s *session) while(ctx context.Context, f *frame, st *stmt, n *whileStmt) (signal, error) {
	for {
		truth, err := s.condition(ctx, f, st, n.cond)
		if err != nil {
			return s.failed(ctx, f, st, err)
		}
		if !truth {
			return goOn, nil
		}
		sig, err := s.step(ctx, f, n.body)
		if err != nil || sig == doReturn || sig == doAbort {
			return sig, err
		}
		if sig == doBreak {
			return goOn, nil
		}
	}
}

// try runs TRY, and CATCH with the error that ended it.
func (s *session) try(ctx context.Context, f *frame, n *tryStmt) (signal, error) {
	f.inTry++
	sig, err := s.runAll(ctx, f, n.body)
	f.inTry--
	var e *sqlError
	if !errors.As(err, &e) {
		return sig, err
	}
	if e.trigger && !f.inTrigger() || s.options.xactAbort || e.scope() == endsTransaction {
		if err := s.doom(ctx); err != nil {
			return doAbort, err
		}
	}
	before := s.caught
	s.caught = e
	defer func() { s.caught = before }()
	return s.runAll(ctx, f, n.catch)
}

// doom leaves a transaction that can only be rolled back. PostgreSQL's is rolled
// back at once: what CATCH reads is what was there before it.
func (s *session) doom(ctx context.Context) error {
	if s.tran == 0 {
		return nil
	}
	s.doomed = true
	if !s.pgTx {
		return nil
	}
	s.pgTx = false
	s.undoDefinitions()
	return s.exec(context.WithoutCancel(ctx), "ROLLBACK")
}

func (f *frame) inTrigger() bool {
	for ; f != nil; f = f.outer {
		if f.trigger != nil {
			return true
		}
	}
	return false
}

func (f *frame) anyTry() bool {
	for ; f != nil; f = f.outer {
		if f.inTry > 0 {
			return true
		}
	}
	return false
}

// failed tells the client of a statement's error, or whoever catches it, and
// decides what it ends.
func (s *session) failed(ctx context.Context, f *frame, st *stmt, err error) (signal, error) {
	err = s.translateError(ctx, err, nil)
	var e *sqlError
	if !errors.As(err, &e) {
		return doAbort, err
	}
	if e.line == 0 {
		e.line = st.line
	}
	if e.proc == "" {
		e.proc = f.proc
	}
	s.lastError, s.rowcount = e.number, 0
	if e.raised && (!f.anyTry() || e.class <= 10) {
		s.reply.sqlMessage(e)
		return goOn, nil
	}
	if f.inTrigger() || f.anyTry() {
		e.trigger = e.trigger || f.inTrigger()
		return doAbort, e
	}
	ctx = context.WithoutCancel(ctx)
	s.tell(e)
	scope := e.scope()
	if s.options.xactAbort {
		scope = endsTransaction
	}
	out, err := goOn, error(nil)
	switch { // the transaction's end goes before the DONE, at which clients stop to read
	case scope == endsTransaction || s.doomed:
		out, err = doAbort, s.rollback(ctx)
	case scope == endsBatch:
		out = doAbort
	}
	s.doneWith(f, done{status: doneError})
	return out, err
}

// tell sends an error. What the stand-in does not know goes to its log, too:
// clients are apt to hide the words.
func (s *session) tell(e *sqlError) {
	s.reply.sqlMessage(e)
	if e.number == numberUnknown {
		s.srv.log.Warn("refused a statement", slog.String("err", e.msg))
	}
}

// doneWith ends a statement in the client's eyes.
func (s *session) doneWith(f *frame, d done) {
	d.token = tokenDone
	if f.inProc {
		d.token = tokenDoneInProc
	}
	if s.tran > 0 {
		d.status |= doneInXact
	}
	s.reply.done(d)
}

// counted ends a statement that has a number of rows.
func (s *session) counted(f *frame, cmd uint16, n int64) {
	s.rowcount, s.lastError = n, 0
	if s.options.noCount {
		if cmd == cmdSelect {
			s.doneWith(f, done{cmd: cmd})
		}
		return
	}
	s.doneWith(f, done{cmd: cmd, status: doneCount, rows: n})
}

// condition computes the condition of an IF or a WHILE.
func (s *session) condition(ctx context.Context, f *frame, st *stmt, x expr) (bool, error) {
	if truth, known := s.test(f, x); known {
		return truth, nil
	}
	p, err := s.planned(f, st, func(b *binder, p *plan) { p.sql = "SELECT coalesce(" + b.condition(x) + ", false)" })
	if err != nil {
		return false, err
	}
	var truth bool
	_, err = s.run(ctx, p.sql, s.values(f, p), func(row [][]byte) error {
		truth = string(row[0]) == "t"
		return nil
	})
	return truth, err
}

// scalar computes an expression as a value of type t.
func (s *session) scalar(ctx context.Context, f *frame, st *stmt, x expr, t sqlType) ([]byte, error) {
	if v, ok := s.eval(f, x); ok && (v.typ == t || v.text == nil || v.typ.family() == fInt && t.kind == kInt && v.typ.kind != kBigint) {
		return v.text, nil
	}
	var p *plan
	translate := func(b *binder, p *plan) { p.sql = "SELECT " + b.convert(b.value(x), t, 0).sql }
	var err error
	if st != nil {
		p, err = s.planned(f, st, translate)
	} else {
		p, err = s.planned(f, &stmt{}, translate)
	}
	if err != nil {
		return nil, err
	}
	var v []byte
	_, err = s.run(ctx, p.sql, s.values(f, p), func(row [][]byte) error {
		v = cloneBytes(row[0])
		return nil
	})
	return v, err
}

// cloneBytes keeps the difference between nil and empty.
func cloneBytes(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}
