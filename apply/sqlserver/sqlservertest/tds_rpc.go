package sqlservertest

import (
	"context"
	"strings"
)

// Procedures that a client may name by number, MS-TDS 2.2.6.6.
var procedureIDs = map[uint16]string{
	10: "sp_executesql", 11: "sp_prepare", 12: "sp_execute", 13: "sp_prepexec", 15: "sp_unprepare",
}

// rpc is a remote procedure call.
type rpc struct {
	name   string
	params []rpcParam
}

type rpcParam struct {
	name   string
	output bool
	value  value
}

// maxParameters is how many a call may have, with sp_executesql's own two.
const maxParameters = 2100

func parseRPC(payload []byte) (call *rpc, err error) {
	defer catch(&err)
	r := &reader{payload}
	r.headers()
	call = &rpc{}
	if n := r.uint16(); n == 0xffff {
		id := r.uint16()
		if call.name = procedureIDs[id]; call.name == "" {
			r.fail("a procedure of this number")
		}
	} else {
		call.name = decodeUTF16(r.take(2 * int(n)))
	}
	r.uint16() // options
	for len(r.b) > 0 {
		if r.b[0] == 0x80 || r.b[0] == 0xff {
			r.fail("several calls in one request")
		}
		p := rpcParam{name: strings.ToLower(r.bVarChar())}
		flags := r.byte()
		p.output = flags&1 != 0
		p.value = r.value()
		call.params = append(call.params, p)
	}
	if len(call.params) > maxParameters {
		return nil, errf(8003, 16, "The incoming request has too many parameters. The server supports a maximum of %d parameters. Reduce the number of parameters and resend the request.", maxParameters)
	}
	return call, nil
}

// prepared is a statement that sp_prepare has made.
type prepared struct {
	text   string
	params []parameter
}

// parameter is one that a parameterised text declares.
type parameter struct {
	name string
	typ  sqlType
}

func (s *Server) parameters(text string) (list []parameter, err error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	p := &parser{src: text, tokens: tokens, collation: s.collation}
	defer catch(&err)
	for p.tok().kind != tEnd {
		if p.tok().kind != tVar {
			p.fail()
		}
		param := parameter{name: strings.ToLower(p.advance().text)}
		p.accept("AS")
		if p.is("NULL") { // what the driver declares for a NULL without a type
			p.i++
			param.typ = nvarchar(1)
			param.typ.coll = s.collation
		} else {
			param.typ = p.dataType(1)
		}
		if !p.accept("OUTPUT") {
			p.accept("OUT")
		}
		list = append(list, param)
		if !p.acceptOp(",") {
			break
		}
	}
	return list, nil
}

// call runs a remote procedure call.
func (s *session) call(ctx context.Context, c *rpc) error {
	text := func(i int) string {
		if i < len(c.params) {
			return string(c.params[i].value.text)
		}
		return ""
	}
	switch strings.ToLower(strings.TrimPrefix(c.name, "sys.")) {
	case "sp_executesql":
		params, err := s.srv.parameters(text(1))
		if err != nil {
			return s.refuse(err)
		}
		return s.callText(ctx, &prepared{text(0), params}, c.params, min(2, len(c.params)), 0)
	case "sp_prepare", "sp_prepexec":
		params, err := s.srv.parameters(text(1))
		if err != nil {
			return s.refuse(err)
		}
		handle := int32(len(s.handles) + 1)
		for s.handles[handle] != nil {
			handle++
		}
		s.handles[handle] = &prepared{text(2), params}
		if strings.EqualFold(c.name, "sp_prepexec") {
			return s.callText(ctx, s.handles[handle], c.params, min(3, len(c.params)), handle)
		}
		return s.endCall(c.params, nil, handle, 0)
	case "sp_execute":
		p := s.handle(text(0))
		if p == nil {
			return s.refuse(errf(8179, 16, "Could not find prepared statement with handle %s.", text(0)))
		}
		return s.callText(ctx, p, c.params, 1, 0)
	case "sp_unprepare":
		delete(s.handles, handleNumber(text(0)))
		return s.endCall(nil, nil, 0, 0)
	case "sp_set_session_context":
		if len(c.params) < 2 {
			return s.refuse(errf(201, 16, "Procedure or function 'sp_set_session_context' expects parameter '@value', which was not supplied."))
		}
		s.setContext(text(0), c.params[1].value.text)
		return s.endCall(nil, nil, 0, 0)
	}
	return s.refuse(errf(2812, 16, "Could not find stored procedure '%s'.", c.name))
}

func handleNumber(text string) int32 {
	n := int32(0)
	for _, c := range text {
		n = n*10 + c - '0'
	}
	return n
}

func (s *session) handle(text string) *prepared { return s.handles[handleNumber(text)] }

// refuse ends a call, or a batch, that was not run.
func (s *session) refuse(err error) error {
	e, ok := err.(*sqlError)
	if !ok {
		return err
	}
	if e.line == 0 {
		e.line = 1
	}
	s.tell(e)
	err = s.abortOf(e)
	s.reply.done(done{token: tokenDone, status: doneError})
	return err
}

// abortOf rolls back where a request that failed before its first statement ends
// the transaction.
func (s *session) abortOf(e *sqlError) error {
	s.lastError = e.number
	if s.options.xactAbort && s.tran > 0 && e.number != 8003 {
		return s.rollback(context.Background())
	}
	return nil
}

// callText runs a parameterised text with the values that begin at params[from].
func (s *session) callText(ctx context.Context, p *prepared, params []rpcParam, from int, handle int32) error {
	f := &frame{vars: map[string][]byte{}, inProc: true}
	names := make([]string, len(p.params))
	types := make([]sqlType, len(p.params))
	outputs := map[string]rpcParam{}
	for i, d := range p.params {
		names[i], types[i] = d.name, d.typ
		v, ok := argument(params[from:], d.name, i)
		if !ok {
			return s.refuse(errf(8178, 16, "The parameterized query '%s' expects the parameter '%s', which was not supplied.", cutRunes(p.text, 100), d.name))
		}
		text, err := s.coerce(ctx, v.value, d.typ)
		if err != nil {
			return s.refuse(s.translateError(ctx, err, nil))
		}
		f.vars[d.name] = text
		if v.output {
			outputs[d.name] = v
		}
	}
	if len(params)-from > len(p.params) {
		return s.refuse(errf(8144, 16, "Procedure or function has too many arguments specified."))
	}
	b, err := s.srv.batch(p.text, names, types)
	if err != nil {
		return s.refuse(err)
	}
	f.batch = b
	before, temporary := s.options, len(s.temporary)
	sig, err := s.runAll(ctx, f, b.body)
	if err != nil {
		return err
	}
	if err := s.restore(ctx, before); err != nil {
		return err
	}
	if err := s.dropTemporary(ctx, temporary); err != nil {
		return err
	}
	status := int32(0)
	if sig == doAbort {
		status = s.lastError
	}
	if err := s.endBatch(ctx, f); err != nil {
		return err
	}
	return s.endCall(params, f, handle, status)
}

// argument is the value of a parameter: by its name, or by its place.
func argument(params []rpcParam, name string, i int) (rpcParam, bool) {
	for _, p := range params {
		if p.name == name {
			return p, true
		}
	}
	if i < len(params) && params[i].name == "" {
		return params[i], true
	}
	return rpcParam{}, false
}

// coerce is a value as its parameter was declared.
func (s *session) coerce(ctx context.Context, v value, t sqlType) ([]byte, error) {
	switch {
	case v.text == nil:
		return nil, nil
	case v.typ.kind == t.kind && v.typ.scale == t.scale && !t.isString():
		return v.text, nil
	case v.typ.isString() && t.isString() && t.kind != kChar && t.kind != kNchar:
		text := string(v.text)
		if !t.unicode() && !isUTF8(t.coll) {
			text = to1252(text)
		}
		if t.len <= 0 || len(text) <= t.len {
			return []byte(text), nil
		}
	}
	v.typ.coll = s.srv.collation
	f := &frame{batch: &batch{vars: map[string]sqlType{"@v": v.typ}}, vars: map[string][]byte{"@v": v.text}}
	return s.scalar(ctx, f, nil, &variable{"@v"}, t)
}

// endCall sends what ends a procedure: its status and its output parameters. f is
// what ran; nil where nothing did.
func (s *session) endCall(params []rpcParam, f *frame, handle, status int32) error {
	s.reply.returnStatus(status)
	for i, p := range params {
		if !p.output {
			continue
		}
		var err error
		switch {
		case handle != 0 && i == 0:
			err = s.reply.returnValue(i, p.name, simple(kInt), fmtInt(handle))
		case f != nil:
			err = s.reply.returnValue(i, p.name, f.batch.vars[p.name], f.vars[p.name])
		}
		if err != nil {
			return err
		}
	}
	d := done{token: tokenDoneProc}
	if status != 0 {
		d.status = doneError
	}
	s.reply.done(d)
	return nil
}
