package sqlservertest

import (
	"context"
	"errors"
	"strings"
)

// procedureInfo is a stored procedure. It is not changed once it is in the
// catalogue.
type procedureInfo struct {
	id           int
	schema, name string
	params       []parameter
	batch        *batch
}

// procedure returns a procedure by its name; nil where there is none.
func (c *catalogue) procedure(name []string) *procedureInfo {
	schema := "dbo"
	if len(name) > 1 && name[len(name)-2] != "" {
		schema = name[len(name)-2]
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.procedures[tableKey(schema, name[len(name)-1])]
}

// putProcedure puts a procedure into the catalogue, or takes it out.
func (c *catalogue) putProcedure(schema, name string, p *procedureInfo) (undo func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := tableKey(schema, name)
	before := c.procedures[key]
	put := func(p *procedureInfo) {
		c.procedures[key] = p
		if p == nil {
			delete(c.procedures, key)
		}
	}
	put(p)
	c.version.Add(1)
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		put(before)
		c.version.Add(1)
	}
}

// createProcedure reads what follows CREATE PROCEDURE.
func (p *parser) createProcedure() any {
	from := p.peek(-2)
	s := &createProcedureStmt{name: p.dotted()}
	brackets := p.acceptOp("(")
	for p.tok().kind == tVar {
		param := parameter{name: strings.ToLower(p.advance().text)}
		p.accept("AS")
		param.typ = p.dataType(1)
		if p.is("OUTPUT") || p.is("OUT") || p.isOp("=") {
			p.unknown("a parameter with OUTPUT or a default")
		}
		s.params = append(s.params, param)
		if !p.acceptOp(",") {
			break
		}
	}
	if brackets {
		p.expectOp(")")
	}
	if p.is("WITH") {
		p.unknown("WITH of a procedure")
	}
	p.expect("AS")
	for p.semicolons(); p.tok().kind != tEnd; p.semicolons() {
		s.body = append(s.body, p.statement())
	}
	s.text = p.span(from)
	return s
}

func (b *binder) createProcedure(s *createProcedureStmt) (*definition, error) {
	schema, name := b.place(s.name)
	if b.cat.procedure([]string{schema, name}) != nil || b.find([]string{schema, name}) != nil {
		return nil, errf(2714, 16, "There is already an object named '%s' in the database.", name)
	}
	p := &procedureInfo{id: b.cat.newID(), schema: schema, name: name, params: s.params}
	p.batch = &batch{body: s.body, vars: map[string]sqlType{}}
	for _, param := range s.params {
		p.batch.vars[param.name] = param.typ
	}
	if err := declare(s.body, p.batch.vars); err != nil {
		return nil, err
	}
	d := &definition{apply: func(c *catalogue) func() { return c.putProcedure(schema, name, p) }}
	w := &describer{d: d, schema: "(SELECT schema_id FROM sys.schemas WHERE name = " + quote(schema) + ")"}
	w.object(name, p.id, 0, "P", "SQL_STORED_PROCEDURE")
	w.insert("sql_modules", p.id, s.text)
	return d, nil
}

// callProcedure runs a procedure of the database.
func (s *session) callProcedure(ctx context.Context, f *frame, n *execProcStmt) (signal, error) {
	p := s.srv.cat.procedure(n.name)
	if p == nil {
		return goOn, errf(2812, 16, "Could not find stored procedure '%s'.", strings.Join(n.name, "."))
	}
	inner := &frame{outer: f, batch: p.batch, vars: map[string][]byte{}, inProc: true, proc: p.name}
	given := 0
	for i, param := range p.params {
		found := false
		for j, a := range n.args {
			if a.name != param.name && (a.name != "" || j != i) {
				continue
			}
			v, err := s.scalar(ctx, f, nil, a.x, param.typ)
			if err != nil {
				return goOn, err
			}
			inner.vars[param.name], found = v, true
			given++
		}
		if !found {
			return goOn, errf(201, 16, "Procedure or function '%s' expects parameter '%s', which was not supplied.", p.name, param.name)
		}
	}
	if given < len(n.args) {
		return goOn, errf(8144, 16, "Procedure or function %s has too many arguments specified.", p.name)
	}
	before, open := s.options, s.tran
	sig, err := s.runAll(ctx, inner, p.batch.body)
	if e := s.restore(context.WithoutCancel(ctx), before); e != nil {
		return doAbort, errors.Join(err, e)
	}
	if err == nil && s.tran != open {
		err = errf(266, 16, "Transaction count after EXECUTE indicates a mismatching number of BEGIN and COMMIT statements. Previous count = %d, current count = %d.", open, s.tran)
	}
	if sig == doReturn {
		sig = goOn
	}
	return sig, err
}
