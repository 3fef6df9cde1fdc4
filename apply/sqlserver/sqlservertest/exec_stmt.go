package sqlservertest

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// do runs one statement that is not made of others.
func (s *session) do(ctx context.Context, f *frame, st *stmt) (signal, error) {
	switch n := st.node.(type) {
	case *selectStmt:
		return goOn, s.selectRows(ctx, f, st, n)
	case *insertStmt:
		return goOn, s.write(ctx, f, st, cmdInsert, func(b *binder) *write { return b.insert(n) })
	case *updateStmt:
		return goOn, s.write(ctx, f, st, cmdUpdate, func(b *binder) *write { return b.update(n) })
	case *deleteStmt:
		return goOn, s.write(ctx, f, st, cmdDelete, func(b *binder) *write { return b.delete(n) })
	case *declareStmt:
		return goOn, s.declared(ctx, f, n)
	case *setVarStmt:
		return goOn, s.setVariable(ctx, f, st, n)
	case *setOptionStmt:
		return goOn, s.setOption(ctx, f, n)
	case *tranStmt:
		return goOn, s.transaction(ctx, n)
	case *printStmt:
		v, err := s.scalar(ctx, f, st, n.x, s.str(8000))
		if err == nil {
			s.reply.sqlMessage(&sqlError{number: 0, class: 0, state: 1, msg: string(v), line: st.line, proc: f.proc})
		}
		return goOn, err
	case *throwStmt:
		return goOn, s.throw(ctx, f, n)
	case *raiseStmt:
		return goOn, s.raise(ctx, f, n)
	case *execStringStmt:
		text, err := s.scalar(ctx, f, st, n.x, s.str(maxLen))
		if err != nil {
			return goOn, err
		}
		return s.nested(ctx, f, string(text), nil, nil, nil)
	case *execProcStmt:
		return s.execProc(ctx, f, n)
	case *waitStmt:
		return goOn, s.waitFor(ctx, f, n)
	case *useStmt:
		if !strings.EqualFold(n.name, s.srv.database) {
			return goOn, errf(911, 16, "Database '%s' does not exist. Make sure that the name is entered correctly.", n.name)
		}
		return goOn, nil
	}
	return goOn, s.defineStmt(ctx, f, st)
}

func (s *session) str(n int) sqlType {
	t := nvarchar(n)
	t.coll = s.srv.collation
	return t
}

func (s *session) selectRows(ctx context.Context, f *frame, st *stmt, n *selectStmt) error {
	core, _ := n.q.body.(*selectCore)
	if core != nil && core.from == nil && n.q.with == nil && len(n.q.order) == 0 {
		if ok, err := s.selectConstants(f, core); ok {
			return err
		}
	}
	p, err := s.planned(f, st, func(b *binder, p *plan) {
		if core != nil && len(core.items) > 0 && core.items[0].assign != "" {
			b.selectAssign(n.q, core, p)
			return
		}
		p.sql, p.cols = b.query(n.q)
		if len(p.cols) > 4096 {
			b.fail(errf(1056, 15, "The number of elements in the select list exceeds the maximum allowed number of 4096 elements."))
		}
	})
	if err != nil {
		return err
	}
	if p.assigns != nil {
		return s.assignRows(ctx, f, p)
	}
	return s.sendRows(ctx, f, p)
}

// selectConstants answers SELECT -1, 1 and its like.
func (s *session) selectConstants(f *frame, core *selectCore) (ok bool, err error) {
	if core.where != nil || core.top != nil || core.group != nil || core.having != nil {
		return false, nil
	}
	var cols []column
	var values [][]byte
	for _, item := range core.items {
		v, ok := s.eval(f, item.x)
		if !ok || item.assign != "" || v.typ.kind == kNull {
			return false, nil
		}
		cols = append(cols, column{name: item.alias, typ: v.typ, nullable: true})
		values = append(values, v.text)
	}
	s.reply.columns(cols)
	if err := s.reply.row(cols, values); err != nil {
		return true, err
	}
	s.counted(f, cmdSelect, 1)
	return true, nil
}

// sendRows runs a plan and sends its rows as a result set. Nothing is sent of a
// statement that fails before its first row.
func (s *session) sendRows(ctx context.Context, f *frame, p *plan) error {
	begun := false
	begin := func() {
		if !begun {
			s.reply.columns(p.cols)
			begun = true
		}
	}
	n := int64(0)
	_, err := s.run(ctx, p.sql, s.values(f, p), func(row [][]byte) error {
		begin()
		n++
		return s.reply.row(p.cols, row)
	})
	if err != nil {
		return err
	}
	begin()
	s.counted(f, cmdSelect, n)
	return nil
}

// selectAssign translates SELECT @a = x, @b = y.
func (b *binder) selectAssign(q *query, core *selectCore, p *plan) {
	plain := *core
	plain.items = nil
	for _, item := range core.items {
		if item.assign == "" {
			b.fail(errf(141, 15, "A SELECT statement that assigns a value to a variable must not be combined with data-retrieval operations."))
		}
		t, ok := b.vars[item.assign]
		if !ok {
			b.fail(errf(137, 15, "Must declare the scalar variable \"%s\".", item.assign))
		}
		p.assigns = append(p.assigns, item.assign)
		plain.items = append(plain.items, selectItem{x: &castExpr{x: item.x, to: t}})
	}
	whole := *q
	whole.body = &plain
	p.sql, p.cols = b.query(&whole)
}

func (s *session) assignRows(ctx context.Context, f *frame, p *plan) error {
	n := int64(0)
	_, err := s.run(ctx, p.sql, s.values(f, p), func(row [][]byte) error {
		n++
		for i, name := range p.assigns {
			f.vars[name] = cloneBytes(row[i])
		}
		return nil
	})
	if err == nil {
		s.rowcount, s.lastError = n, 0
	}
	return err
}

func (s *session) declared(ctx context.Context, f *frame, n *declareStmt) error {
	for i := range n.vars {
		v := &n.vars[i]
		if v.init == nil {
			continue
		}
		x, err := s.scalar(ctx, f, nil, v.init, v.typ)
		if err != nil {
			return err
		}
		f.vars[v.name] = x
		s.rowcount = 1
	}
	return nil
}

func (s *session) setVariable(ctx context.Context, f *frame, st *stmt, n *setVarStmt) error {
	t, ok := f.batch.vars[n.name]
	if !ok {
		return errf(137, 15, "Must declare the scalar variable \"%s\".", n.name)
	}
	v, err := s.scalar(ctx, f, st, n.x, t)
	if err != nil {
		return err
	}
	f.vars[n.name] = v
	s.rowcount, s.lastError = 1, 0
	return nil
}

func (s *session) transaction(ctx context.Context, n *tranStmt) error {
	switch n.op {
	case "BEGIN":
		return s.begin(ctx)
	case "COMMIT":
		return s.commit(ctx)
	case "ROLLBACK":
		if s.tran == 0 {
			return errf(3903, 16, "The ROLLBACK TRANSACTION request has no corresponding BEGIN TRANSACTION.")
		}
		if n.name != "" {
			return errUnknown("ROLLBACK to a name")
		}
		return s.rollback(ctx)
	}
	return errUnknown("SAVE TRANSACTION")
}

func (s *session) throw(ctx context.Context, f *frame, n *throwStmt) error {
	if n.number == nil {
		if s.caught == nil {
			return errf(10704, 15, "To rethrow an error, a THROW statement must be used inside a CATCH block.")
		}
		again := *s.caught
		again.thrown = true
		return &again
	}
	number, err := s.scalar(ctx, f, nil, n.number, simple(kInt))
	if err != nil {
		return err
	}
	msg, err := s.scalar(ctx, f, nil, n.msg, s.str(2048))
	if err != nil {
		return err
	}
	state, err := s.scalar(ctx, f, nil, n.state, simple(kInt))
	if err != nil {
		return err
	}
	num, _ := strconv.Atoi(string(number))
	st, _ := strconv.Atoi(string(state))
	if num < 50000 {
		return errf(35100, 16, "Error number %d in the THROW statement is outside the valid range. Specify an error number in the valid range of 50000 to 2147483647.", num)
	}
	return &sqlError{number: int32(num), class: 16, state: uint8(st), msg: string(msg), thrown: true}
}

func (s *session) raise(ctx context.Context, f *frame, n *raiseStmt) error {
	msg, err := s.scalar(ctx, f, nil, n.msg, s.str(2048))
	if err != nil {
		return err
	}
	class, err := s.scalar(ctx, f, nil, n.class, simple(kInt))
	if err != nil {
		return err
	}
	state, err := s.scalar(ctx, f, nil, n.state, simple(kInt))
	if err != nil {
		return err
	}
	text := string(msg)
	for _, a := range n.args {
		v, err := s.scalar(ctx, f, nil, a, s.str(2048))
		if err != nil {
			return err
		}
		i := strings.IndexByte(text, '%')
		if i < 0 || i+1 >= len(text) || !strings.ContainsRune("sdi", rune(text[i+1])) {
			return errUnknown("a RAISERROR format other than %s, %d and %i")
		}
		text = text[:i] + strings.ReplaceAll(string(v), "%", "%%") + text[i+2:]
	}
	c, _ := strconv.Atoi(string(class))
	st, _ := strconv.Atoi(string(state))
	return &sqlError{number: 50000, class: uint8(c), state: uint8(st), msg: strings.ReplaceAll(text, "%%", "%"), raised: true}
}

func (s *session) waitFor(ctx context.Context, f *frame, n *waitStmt) error {
	v, err := s.scalar(ctx, f, nil, n.delay, s.str(30))
	if err != nil {
		return err
	}
	var d time.Duration
	for _, layout := range []string{"15:04:05.999", "15:04"} {
		if at, err := time.Parse(layout, string(v)); err == nil {
			d = at.Sub(at.Truncate(24 * time.Hour))
			return wait(ctx, d)
		}
	}
	return errf(148, 15, "Incorrect time syntax in time string '%s' used with WAITFOR.", v)
}

// nested runs a text of its own: EXEC (...), sp_executesql.
func (s *session) nested(ctx context.Context, f *frame, text string, names []string, types []sqlType, args [][]byte) (signal, error) {
	b, err := s.srv.batch(text, names, types)
	if err != nil {
		return goOn, err
	}
	inner := &frame{outer: f, batch: b, vars: map[string][]byte{}, inProc: true, proc: f.proc, trigger: f.trigger}
	for i, n := range names {
		inner.vars[n] = args[i]
	}
	before := s.options
	sig, err := s.runAll(ctx, inner, b.body)
	if e := s.restore(context.WithoutCancel(ctx), before); e != nil {
		return doAbort, errors.Join(err, e)
	}
	if sig == doReturn {
		sig = goOn
	}
	return sig, err
}

func (s *session) execProc(ctx context.Context, f *frame, n *execProcStmt) (signal, error) {
	name := strings.ToLower(n.name[len(n.name)-1])
	arg := func(i int, key string, t sqlType) ([]byte, error) {
		for j, a := range n.args {
			if a.name == key || a.name == "" && j == i {
				return s.scalar(ctx, f, nil, a.x, t)
			}
		}
		return nil, nil
	}
	switch name {
	case "sp_executesql":
		if len(n.args) > 1 {
			return goOn, errUnknown("EXEC sp_executesql with parameters")
		}
		text, err := arg(0, "@stmt", s.str(maxLen))
		if err != nil {
			return goOn, err
		}
		return s.nested(ctx, f, string(text), nil, nil, nil)
	case "sp_set_session_context":
		key, err := arg(0, "@key", s.str(128))
		if err != nil {
			return goOn, err
		}
		v, err := arg(1, "@value", s.str(4000))
		s.setContext(string(key), v)
		return goOn, err
	}
	return s.callProcedure(ctx, f, n)
}

func (s *session) setContext(key string, v []byte) { s.context[strings.ToLower(key)] = v }

// setOption runs SET ... ON and its like.
func (s *session) setOption(ctx context.Context, f *frame, n *setOptionStmt) error {
	switch n.name {
	case "XACT_ABORT":
		s.options.xactAbort = n.on
	case "NOCOUNT":
		s.options.noCount = n.on
	case "LOCK_TIMEOUT":
		ms, err := strconv.Atoi(strings.Join(n.args, ""))
		if err != nil {
			return errSyntax("LOCK_TIMEOUT")
		}
		return s.setLockTimeout(ctx, ms)
	case "IDENTITY_INSERT":
		return s.setIdentityInsert(n)
	case "TRANSACTION":
		s.options.isolation = n.args[len(n.args)-1]
		if s.options.isolation == "TRANSACTION" {
			return errSyntax("TRANSACTION")
		}
	case "DATEFORMAT":
		format := strings.ToLower(strings.Join(n.args, ""))
		if len(format) != 3 || !strings.Contains("mdy dmy ymd ydm myd dym", format) {
			return errSyntax(format)
		}
		s.options.dateFormat = format
	case "LANGUAGE":
		switch strings.ToLower(strings.Join(n.args, "")) {
		case "us_english", "english":
			s.options.dateFormat = "mdy"
		case "british":
			s.options.dateFormat = "dmy"
		default:
			return errUnknown("LANGUAGE " + strings.Join(n.args, ""))
		}
	case "CONTEXT_INFO":
		return s.setContextInfo(f, n)
	case "IMPLICIT_TRANSACTIONS", "QUOTED_IDENTIFIER":
		if n.on == (n.name == "IMPLICIT_TRANSACTIONS") {
			return errUnknown("SET " + n.name + " as it is asked")
		}
	}
	return nil
}

func (s *session) setContextInfo(f *frame, n *setOptionStmt) error {
	arg := strings.Join(n.args, "")
	if strings.HasPrefix(arg, "@") {
		v, ok := f.vars[strings.ToLower(arg)]
		if !ok {
			return errf(137, 15, "Must declare the scalar variable \"%s\".", arg)
		}
		s.options.contextInfo = v
		return nil
	}
	raw, err := hex.DecodeString(arg)
	if err != nil || len(raw) > 128 {
		return errf(8114, 16, "Error converting data type to varbinary(128).")
	}
	s.options.contextInfo = []byte(`\x` + arg)
	return nil
}

func (s *session) setIdentityInsert(n *setOptionStmt) error {
	t := s.binder(&frame{batch: &batch{}}).find(n.args)
	switch {
	case t == nil:
		return errf(1088, 16, "Cannot find the object \"%s\" because it does not exist or you do not have permissions.", strings.Join(n.args, "."))
	case t.identityColumn() == nil:
		return errf(8106, 16, "Table '%s' does not have the identity property. Cannot perform SET operation.", t.full())
	case !n.on && s.options.identityInsert == t.id:
		s.options.identityInsert = 0
	case !n.on:
	case s.options.identityInsert != 0 && s.options.identityInsert != t.id:
		return errf(8107, 16, "IDENTITY_INSERT is already ON for table '%s.%s'. Cannot perform SET operation for table '%s'.", s.srv.database, s.options.identityTable, t.full())
	default:
		s.options.identityInsert, s.options.identityTable = t.id, t.full()
	}
	return nil
}

// defineStmt runs CREATE, ALTER, DROP and TRUNCATE.
func (s *session) defineStmt(ctx context.Context, f *frame, st *stmt) (err error) {
	if s.doomed {
		return errf(3930, 16, "The current transaction cannot be committed and cannot support operations that write to the log file. Roll back the transaction.")
	}
	d, err := s.definition(f, st)
	if err != nil || len(d.sql) == 0 {
		return err
	}
	if err := s.define(ctx, d); err != nil {
		return err
	}
	s.lastError = 0
	if n, ok := st.node.(*createTableStmt); ok && strings.HasPrefix(n.name[len(n.name)-1], "#") {
		s.temporary = append(s.temporary, n.name[len(n.name)-1])
	}
	return nil
}

func (s *session) definition(f *frame, st *stmt) (d *definition, err error) {
	defer catch(&err)
	b := s.binder(f)
	switch n := st.node.(type) {
	case *createSchemaStmt:
		return b.createSchema(n), nil
	case *createTableStmt:
		return b.createTable(n), nil
	case *alterTableStmt:
		return b.alterTable(n), nil
	case *createIndexStmt:
		return b.createIndex(n), nil
	case *disableIndexStmt:
		return b.disableIndex(n), nil
	case *dropStmt:
		return b.drop(n), nil
	case *truncateStmt:
		return b.truncate(n), nil
	case *createTriggerStmt:
		return b.createTrigger(n), nil
	case *createProcedureStmt:
		return b.createProcedure(n)
	case *createViewStmt:
		return b.createView(n), nil
	}
	return nil, errUnknown(fmt.Sprintf("a statement of type %T", st.node))
}
