package sqlservertest

import "strings"

// query reads a SELECT with all that may follow it.
func (p *parser) query() *query {
	q := &query{}
	if p.accept("WITH") {
		q.with = p.ctes()
	}
	q.body = nested(p, p.setOps)
	if p.is("ORDER", "BY") {
		q.order = p.orderBy()
	}
	if p.accept("OFFSET") {
		q.offset = p.expr()
		if !p.accept("ROWS") {
			p.expect("ROW")
		}
		if p.accept("FETCH") {
			if !p.accept("NEXT") {
				p.expect("FIRST")
			}
			q.fetch = p.expr()
			if !p.accept("ROWS") {
				p.expect("ROW")
			}
			p.expect("ONLY")
		}
	}
	if p.accept("FOR") {
		p.unknown("FOR after a query")
	}
	if p.accept("OPTION") {
		p.skipBrackets()
	}
	return q
}

// skipBrackets skips a list that says how, not what.
func (p *parser) skipBrackets() {
	p.expectOp("(")
	for depth := 1; depth > 0; {
		switch {
		case p.tok().kind == tEnd:
			p.fail()
		case p.isOp("("):
			depth++
		case p.isOp(")"):
			depth--
		}
		p.i++
	}
}

func (p *parser) ctes() []cte {
	var list []cte
	for {
		c := cte{name: p.name()}
		if p.isOp("(") {
			c.cols = p.names()
		}
		p.expect("AS")
		c.q = p.bracketedQuery()
		list = append(list, c)
		if !p.acceptOp(",") {
			return list
		}
	}
}

func (p *parser) setOps() queryBody {
	x := p.intersections()
	for {
		switch {
		case p.accept("UNION", "ALL"):
			x = &setOp{"UNION ALL", x, p.intersections()}
		case p.accept("UNION"):
			x = &setOp{"UNION", x, p.intersections()}
		case p.accept("EXCEPT"):
			x = &setOp{"EXCEPT", x, p.intersections()}
		default:
			return x
		}
	}
}

func (p *parser) intersections() queryBody {
	x := p.queryTerm()
	for p.accept("INTERSECT") {
		x = &setOp{"INTERSECT", x, p.queryTerm()}
	}
	return x
}

func (p *parser) queryTerm() queryBody {
	if p.isOp("(") {
		return p.bracketedQuery()
	}
	if p.accept("VALUES") {
		return &valuesBody{p.rows()}
	}
	return p.selectCore()
}

// rows reads the rows of VALUES.
func (p *parser) rows() [][]expr {
	var rows [][]expr
	for {
		p.expectOp("(")
		rows = append(rows, p.exprs())
		p.expectOp(")")
		if !p.acceptOp(",") {
			return rows
		}
	}
}

func (p *parser) selectCore() *selectCore {
	p.expect("SELECT")
	s := &selectCore{}
	s.distinct = p.accept("DISTINCT")
	p.accept("ALL")
	s.top = p.top()
	s.items = p.selectItems()
	if p.accept("INTO") {
		s.into = p.dotted()
	}
	if p.accept("FROM") {
		s.from = p.from()
	}
	if p.accept("WHERE") {
		s.where = p.expr()
	}
	if p.accept("GROUP", "BY") {
		s.group = p.exprs()
	}
	if p.accept("HAVING") {
		s.having = p.expr()
	}
	return s
}

func (p *parser) top() *topClause {
	if !p.accept("TOP") {
		return nil
	}
	t := &topClause{}
	if p.acceptOp("(") {
		t.n = p.expr()
		p.expectOp(")")
	} else {
		t.n = p.primary()
	}
	t.percent = p.accept("PERCENT")
	t.ties = p.accept("WITH", "TIES")
	if t.percent {
		p.unknown("TOP ... PERCENT")
	}
	return t
}

func (p *parser) selectItems() []selectItem {
	var items []selectItem
	for {
		items = append(items, p.selectItem())
		if !p.acceptOp(",") {
			return items
		}
	}
}

func (p *parser) selectItem() selectItem {
	equals := p.peek(1).kind == tOp && p.peek(1).text == "="
	switch {
	case p.tok().kind == tVar && equals:
		item := selectItem{assign: strings.ToLower(p.advance().text)}
		p.i++
		item.x = p.expr()
		return item
	case p.isName() && equals: // alias = x
		item := selectItem{alias: p.advance().text}
		p.i++
		item.x = p.expr()
		return item
	}
	item := selectItem{x: p.expr()}
	item.alias = p.alias()
	return item
}

// alias reads [AS] name, where there is one; a column's may be a string.
func (p *parser) alias() string {
	as := p.accept("AS")
	if t := p.tok(); t.kind == tString && as {
		return p.advance().text
	}
	if as || p.isName() && !p.is("OFFSET") && !p.is("OUTPUT") {
		return p.name()
	}
	return ""
}

func (p *parser) orderBy() []orderItem {
	p.expect("ORDER", "BY")
	var items []orderItem
	for {
		item := orderItem{x: p.expr()}
		if p.accept("DESC") {
			item.desc = true
		} else {
			p.accept("ASC")
		}
		items = append(items, item)
		if !p.acceptOp(",") {
			return items
		}
	}
}

func (p *parser) from() []tableExpr {
	list := []tableExpr{p.joined()}
	for p.acceptOp(",") {
		list = append(list, p.joined())
	}
	return list
}

func (p *parser) joined() tableExpr {
	x := p.tablePrimary()
	for {
		kind := p.joinKind()
		if kind == "" {
			return x
		}
		j := &join{kind: kind, l: x, r: p.tablePrimary()}
		if strings.HasPrefix(kind, "CROSS") || kind == "OUTER APPLY" {
			x = j
			continue
		}
		// a JOIN b JOIN c ON ... ON ...: the inner one comes first
		for !p.is("ON") {
			inner := p.joinKind()
			if inner == "" {
				p.fail()
			}
			r := &join{kind: inner, l: j.r, r: p.tablePrimary()}
			p.expect("ON")
			r.on = p.expr()
			j.r = r
		}
		p.expect("ON")
		j.on = p.expr()
		x = j
	}
}

func (p *parser) joinKind() string {
	switch {
	case p.accept("JOIN"), p.accept("INNER", "JOIN"):
		return "INNER"
	case p.accept("CROSS", "JOIN"):
		return "CROSS"
	case p.accept("CROSS", "APPLY"):
		return "CROSS APPLY"
	case p.accept("OUTER", "APPLY"):
		return "OUTER APPLY"
	}
	for _, side := range []string{"LEFT", "RIGHT", "FULL"} {
		if p.accept(side, "JOIN") || p.accept(side, "OUTER", "JOIN") {
			return side
		}
	}
	return ""
}

func (p *parser) tablePrimary() tableExpr {
	if p.isOp("(") {
		if up := p.peek(1).up; up == "SELECT" || up == "VALUES" || up == "WITH" || p.peek(1).text == "(" {
			d := &derived{q: p.bracketedQuery()}
			d.alias = p.alias()
			if p.isOp("(") {
				d.cols = p.names()
			}
			return d
		}
		p.expectOp("(")
		x := p.joined()
		p.expectOp(")")
		return x
	}
	return p.tableRef()
}

// tableRef reads a table's name, its alias and its hints.
func (p *parser) tableRef() *tableRef {
	t := &tableRef{name: p.dotted()}
	if p.isOp("(") {
		p.i++
		if !p.acceptOp(")") {
			p.unknown("the table function " + strings.Join(t.name, "."))
		}
		t.function = true
	}
	t.alias = p.alias()
	t.hints = p.hints()
	return t
}

func (p *parser) hints() []string {
	if !p.is("WITH") || p.peek(1).text != "(" {
		return nil
	}
	p.i += 2
	var hints []string
	for !p.acceptOp(")") {
		if p.tok().kind == tEnd {
			p.fail()
		}
		hints = append(hints, p.advance().up)
	}
	return hints
}
