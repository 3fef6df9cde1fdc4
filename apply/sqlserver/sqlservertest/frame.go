package sqlservertest

import (
	"strconv"
	"strings"
)

// frame is what a batch, or a trigger's body, runs in.
type frame struct {
	outer   *frame
	batch   *batch
	vars    map[string][]byte // PostgreSQL's text form; absent is NULL
	trigger *triggerScope
	proc    string // a trigger's name, for errors
	inProc  bool   // DONEs are DONEINPROCs
	inTry   int
	scopeID []byte // SCOPE_IDENTITY()
	line    int    // the statement's
}

// triggerScope is what a trigger's statements know of what fired it.
type triggerScope struct {
	table   *tableInfo
	depth   int
	updated map[string]bool
}

// plan is a translated statement, and what it was translated under.
type plan struct {
	key     planKey
	sql     string
	params  []string
	cols    []column
	write   *write
	assigns []string // SELECT @v = ...
}

type planKey struct {
	version int64
	session bindSession
	depth   int
}

func (s *session) planKey(f *frame) planKey {
	k := planKey{version: s.srv.cat.version.Load(), session: s.bindSession()}
	if f.trigger != nil {
		k.depth = f.trigger.depth
	}
	return k
}

func (s *session) bindSession() bindSession {
	b := bindSession{dateFormat: s.options.dateFormat, identityInsert: s.options.identityInsert}
	if len(s.temporary) > 0 {
		b.temporary = s.temporarySchema()
	}
	return b
}

func (s *session) binder(f *frame) *binder {
	return &binder{
		cat: s.srv.cat, collation: s.srv.collation, vars: f.batch.vars, trigger: f.trigger, session: s.bindSession(), own: s.temporarySchema(),
	}
}

// planned returns the plan of a statement, translating it where that has not been
// done, or was done under other circumstances.
func (s *session) planned(f *frame, at *stmt, translate func(*binder, *plan)) (p *plan, err error) {
	key := s.planKey(f)
	if p := at.plan.Load(); p != nil && p.key == key {
		return p, nil
	}
	defer catch(&err)
	b := s.binder(f)
	p = &plan{key: key}
	translate(b, p)
	p.params = b.params
	at.plan.Store(p)
	return p, nil
}

// values are those of a plan's parameters.
func (s *session) values(f *frame, p *plan) [][]byte {
	list := make([][]byte, len(p.params))
	for i, name := range p.params {
		switch {
		case name == "@@trancount" && p.write != nil:
			// A write counts the transaction of its own that it runs in: 2 where
			// each commits by itself, and one more than the others see elsewhere.
			list[i] = strconv.AppendInt(nil, int64(max(s.tran, 1)+1), 10)
		case strings.HasPrefix(name, "@@"):
			list[i] = s.global(f, name)
		default:
			list[i] = f.vars[name]
		}
	}
	return list
}

// global is what the session knows under a name with @@; nil is NULL.
func (s *session) global(f *frame, name string) []byte {
	number := func(n int64) []byte { return strconv.AppendInt(nil, n, 10) }
	switch name {
	case "@@rowcount":
		return number(s.rowcount)
	case "@@trancount":
		return number(int64(s.tran))
	case "@@error":
		return number(int64(s.lastError))
	case "@@spid":
		return number(int64(s.spid))
	case "@@lock_timeout":
		return number(int64(s.options.lockTimeout))
	case "@@identity":
		return s.identity
	case "@@scope_identity":
		return f.scopeID
	case "@@xact_state":
		switch {
		case s.doomed:
			return number(-1)
		case s.tran > 0:
			return number(1)
		}
		return number(0)
	case "@@login":
		return []byte(s.login.user)
	case "@@app":
		return []byte(s.login.app)
	case "@@host":
		return []byte(s.login.host)
	case "@@database":
		return []byte(s.srv.database)
	case "@@context_info":
		return s.options.contextInfo
	}
	if key, ok := strings.CutPrefix(name, "@@context:"); ok {
		return s.context[key]
	}
	if col, ok := strings.CutPrefix(name, "@@updated:"); ok {
		return number(int64(bit(f.trigger != nil && f.trigger.updated[col])))
	}
	return s.caughtValue(name)
}

// caughtValue is what ERROR_NUMBER() and the others give within a CATCH.
func (s *session) caughtValue(name string) []byte {
	e := s.caught
	if e == nil {
		return nil
	}
	switch name {
	case "@@error_number":
		return strconv.AppendInt(nil, int64(e.number), 10)
	case "@@error_message":
		return []byte(e.msg)
	case "@@error_severity":
		return strconv.AppendInt(nil, int64(e.class), 10)
	case "@@error_state":
		return strconv.AppendInt(nil, int64(e.state), 10)
	case "@@error_line":
		return strconv.AppendInt(nil, int64(e.line), 10)
	case "@@error_procedure":
		if e.proc != "" {
			return []byte(e.proc)
		}
	}
	return nil
}
