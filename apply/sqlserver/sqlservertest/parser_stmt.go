package sqlservertest

import "strings"

// statement reads one statement, with the place where it stands.
func (p *parser) statement() *stmt {
	first := p.tok()
	s := &stmt{line: first.line}
	s.node = nested(p, p.statementNode)
	s.text = p.span(first)
	p.semicolons()
	return s
}

func (p *parser) statementNode() any {
	switch {
	case p.is("SELECT") || p.isOp("("):
		return &selectStmt{p.query()}
	case p.is("WITH"):
		return p.withStatement()
	case p.accept("INSERT"):
		return p.insert(nil)
	case p.accept("UPDATE"):
		return p.update(nil)
	case p.accept("DELETE"):
		return p.delete(nil)
	case p.accept("DECLARE"):
		return p.declare()
	case p.accept("SET"):
		return p.set()
	case p.accept("IF"):
		return p.ifStatement()
	case p.accept("WHILE"):
		return &whileStmt{p.expr(), p.statement()}
	case p.is("BEGIN"):
		return p.begin()
	case p.is("COMMIT") || p.is("ROLLBACK") || p.is("SAVE"):
		return p.transaction()
	case p.accept("RETURN"):
		if p.tok().kind == tInt || p.isOp("-") || p.isOp("(") || p.tok().kind == tVar {
			return &returnStmt{p.expr()}
		}
		return &returnStmt{}
	case p.is("BREAK") || p.is("CONTINUE"):
		return &jumpStmt{p.advance().up}
	case p.accept("PRINT"):
		return &printStmt{p.expr()}
	case p.accept("THROW"):
		return p.throw()
	case p.accept("RAISERROR"):
		return p.raise()
	case p.accept("EXEC") || p.accept("EXECUTE"):
		return p.exec()
	case p.accept("WAITFOR"):
		p.expect("DELAY")
		return &waitStmt{p.primary()}
	case p.accept("USE"):
		return &useStmt{p.name()}
	}
	return p.definition()
}

func (p *parser) withStatement() any {
	p.expect("WITH")
	with := p.ctes()
	switch {
	case p.accept("INSERT"):
		return p.insert(with)
	case p.accept("UPDATE"):
		return p.update(with)
	case p.accept("DELETE"):
		return p.delete(with)
	}
	q := p.query()
	q.with = with
	return &selectStmt{q}
}

func (p *parser) insert(with []cte) any {
	s := &insertStmt{with: with, top: p.top()}
	p.accept("INTO")
	s.table = tableRef{name: p.dotted(), hints: p.hints()}
	if p.isOp("(") && p.peek(1).up != "SELECT" {
		s.cols = p.names()
	}
	s.output = p.output()
	switch {
	case p.accept("DEFAULT", "VALUES"):
		s.defaults = true
	case p.accept("VALUES"):
		s.rows = p.rows()
	case p.is("SELECT") || p.isOp("(") || p.is("WITH"):
		s.q = p.query()
	case p.is("EXEC"):
		p.unknown("INSERT ... EXEC")
	default:
		p.fail()
	}
	return s
}

func (p *parser) output() []selectItem {
	if !p.accept("OUTPUT") {
		return nil
	}
	items := p.selectItems()
	if p.is("INTO") {
		p.unknown("OUTPUT ... INTO")
	}
	return items
}

func (p *parser) update(with []cte) any {
	s := &updateStmt{with: with, top: p.top()}
	s.target = tableRef{name: p.dotted(), hints: p.hints()}
	p.expect("SET")
	for {
		s.set = append(s.set, p.assignment())
		if !p.acceptOp(",") {
			break
		}
	}
	s.output = p.output()
	if p.accept("FROM") {
		s.from = p.from()
	}
	s.where = p.where()
	return s
}

func (p *parser) assignment() assignment {
	a := assignment{}
	if p.tok().kind == tVar {
		a.variable = strings.ToLower(p.advance().text)
		p.expectOp("=")
		a.x = p.expr()
		return a
	}
	parts := p.dotted()
	a.col = parts[len(parts)-1]
	for _, op := range []string{"+", "-", "*", "/", "%"} {
		if p.acceptOp(op + "=") {
			a.x = &binaryExpr{op, &columnRef{parts}, p.expr()}
			return a
		}
	}
	p.expectOp("=")
	a.x = p.expr()
	return a
}

func (p *parser) where() expr {
	if !p.accept("WHERE") {
		return nil
	}
	if p.is("CURRENT") {
		p.unknown("WHERE CURRENT OF")
	}
	x := p.expr()
	if p.accept("OPTION") {
		p.skipBrackets()
	}
	return x
}

func (p *parser) delete(with []cte) any {
	s := &deleteStmt{with: with, top: p.top()}
	p.accept("FROM")
	s.target = tableRef{name: p.dotted(), hints: p.hints()}
	s.output = p.output()
	if p.accept("FROM") {
		s.from = p.from()
	}
	s.where = p.where()
	return s
}

func (p *parser) declare() any {
	s := &declareStmt{}
	for {
		if p.tok().kind != tVar {
			p.fail()
		}
		v := declaredVar{name: strings.ToLower(p.advance().text)}
		p.accept("AS")
		if p.is("TABLE") || p.is("CURSOR") {
			p.unknown("DECLARE ... " + p.tok().up)
		}
		v.typ = p.dataType(1)
		if p.acceptOp("=") {
			v.init = p.expr()
		}
		s.vars = append(s.vars, v)
		if !p.acceptOp(",") {
			return s
		}
	}
}

// setOptions are the options that a session may be told; true are those with an
// effect here, the others change nothing that the stand-in does.
var setOptions = map[string]bool{
	"XACT_ABORT": true, "NOCOUNT": true, "LOCK_TIMEOUT": true, "IDENTITY_INSERT": true, "TRANSACTION": true,
	"DATEFORMAT": true, "LANGUAGE": true, "CONTEXT_INFO": true, "DEADLOCK_PRIORITY": true, "IMPLICIT_TRANSACTIONS": true,
	"QUOTED_IDENTIFIER": true,
	"ANSI_NULLS":        false, "ANSI_PADDING": false, "ANSI_WARNINGS": false, "ANSI_DEFAULTS": false,
	"ANSI_NULL_DFLT_ON": false, "ARITHABORT": false, "ARITHIGNORE": false, "CONCAT_NULL_YIELDS_NULL": false,
	"NUMERIC_ROUNDABORT": false, "CURSOR_CLOSE_ON_COMMIT": false, "TEXTSIZE": false, "STATISTICS": false,
}

func (p *parser) set() any {
	if p.tok().kind == tVar {
		name := strings.ToLower(p.advance().text)
		for _, op := range []string{"+", "-", "*", "/", "%"} {
			if p.acceptOp(op + "=") {
				return &setVarStmt{name, &binaryExpr{op, &variable{name}, p.expr()}}
			}
		}
		p.expectOp("=")
		return &setVarStmt{name, p.expr()}
	}
	s := &setOptionStmt{name: p.advance().up}
	if _, ok := setOptions[s.name]; !ok {
		p.unknown("SET " + s.name)
	}
	if s.name == "IDENTITY_INSERT" {
		s.args = p.dotted()
	}
	// Options end where a statement may begin.
	for {
		switch t := p.tok(); {
		case p.accept("ON"):
			s.on = true
			return s
		case p.accept("OFF"):
			return s
		case t.kind == tInt || p.isOp("-"):
			sign := ""
			if p.acceptOp("-") {
				sign = "-"
			}
			s.args = append(s.args, sign+p.advance().text)
			return s
		case t.kind == tVar || t.kind == tHex || t.kind == tString || t.kind == tNString:
			s.args = append(s.args, p.advance().text)
			return s
		case p.acceptOp(","):
		case p.accept("ISOLATION", "LEVEL"):
			s.args = append(s.args, p.isolation())
			return s
		case t.kind == tIdent && len(s.args) == 0:
			s.args = append(s.args, p.advance().up)
			if s.name == "DATEFORMAT" || s.name == "LANGUAGE" || s.name == "DEADLOCK_PRIORITY" {
				return s
			}
		default:
			p.fail()
		}
	}
}

func (p *parser) isolation() string {
	for _, level := range [][]string{
		{"READ", "UNCOMMITTED"}, {"READ", "COMMITTED"}, {"REPEATABLE", "READ"}, {"SERIALIZABLE"}, {"SNAPSHOT"},
	} {
		if p.accept(level...) {
			return strings.Join(level, " ")
		}
	}
	p.fail()
	return ""
}

func (p *parser) ifStatement() any {
	s := &ifStmt{cond: p.expr()}
	s.then = p.statement()
	if p.accept("ELSE") {
		s.els = p.statement()
	}
	return s
}

func (p *parser) begin() any {
	p.expect("BEGIN")
	switch {
	case p.is("TRAN") || p.is("TRANSACTION"):
		p.i--
		return p.transaction()
	case p.accept("TRY"):
		s := &tryStmt{body: p.until("END", "TRY")}
		p.expect("BEGIN", "CATCH")
		s.catch = p.until("END", "CATCH")
		return s
	}
	return &blockStmt{p.until("END")}
}

func (p *parser) until(words ...string) []*stmt {
	var body []*stmt
	p.semicolons()
	for !p.accept(words...) {
		if p.tok().kind == tEnd {
			p.fail()
		}
		body = append(body, p.statement())
	}
	return body
}

func (p *parser) transaction() any {
	s := &tranStmt{op: p.advance().up}
	if !p.accept("TRAN") && !p.accept("TRANSACTION") {
		p.accept("WORK")
	}
	if p.isName() {
		s.name = p.name()
	}
	return s
}

func (p *parser) throw() any {
	if p.isOp(";") || p.tok().kind == tEnd || p.is("END") {
		return &throwStmt{}
	}
	s := &throwStmt{number: p.unary()}
	p.expectOp(",")
	s.msg = p.unary()
	p.expectOp(",")
	s.state = p.unary()
	return s
}

func (p *parser) raise() any {
	p.expectOp("(")
	list := p.exprs()
	p.expectOp(")")
	if len(list) < 3 {
		p.fail()
	}
	if p.accept("WITH") {
		p.unknown("RAISERROR ... WITH")
	}
	return &raiseStmt{list[0], list[1], list[2], list[3:]}
}

func (p *parser) exec() any {
	if p.acceptOp("(") {
		s := &execStringStmt{p.expr()}
		p.expectOp(")")
		return s
	}
	s := &execProcStmt{name: p.dotted()}
	for p.tok().kind == tVar || p.tok().kind == tString || p.tok().kind == tNString || p.tok().kind == tInt {
		arg := procArg{}
		if p.tok().kind == tVar && p.peek(1).text == "=" {
			arg.name = strings.ToLower(p.advance().text)
			p.i++
		}
		arg.x = p.expr()
		s.args = append(s.args, arg)
		if !p.acceptOp(",") {
			break
		}
	}
	return s
}
