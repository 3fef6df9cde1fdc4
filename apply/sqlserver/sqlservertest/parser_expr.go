package sqlservertest

import (
	"fmt"
	"math/big"
	"strings"
)

// expr reads an expression: OR binds least, then AND, NOT, comparisons,
// additions, multiplications, signs.
func (p *parser) expr() expr {
	x := p.and()
	for p.accept("OR") {
		x = &binaryExpr{"OR", x, p.and()}
	}
	return x
}

func (p *parser) and() expr {
	x := p.not()
	for p.accept("AND") {
		x = &binaryExpr{"AND", x, p.not()}
	}
	return x
}

func (p *parser) not() expr {
	if p.accept("NOT") {
		return &unaryExpr{"NOT", nested(p, p.not)}
	}
	return p.comparison()
}

func (p *parser) comparison() expr {
	x := p.additive()
	for {
		not := p.is("NOT") && (p.peek(1).up == "IN" || p.peek(1).up == "LIKE" || p.peek(1).up == "BETWEEN")
		if not {
			p.i++
		}
		switch {
		case p.accept("IS"):
			n := p.accept("NOT")
			p.expect("NULL")
			x = &isNullExpr{x, n}
		case p.accept("IN"):
			x = p.in(x, not)
		case p.accept("LIKE"):
			like := &likeExpr{x: x, pattern: p.additive(), not: not}
			if p.accept("ESCAPE") {
				like.escape = p.additive()
			}
			x = like
		case p.accept("BETWEEN"):
			low := p.additive()
			p.expect("AND")
			x = &betweenExpr{x, low, p.additive(), not}
		case p.tok().kind == tOp && strings.Contains(" = <> != < > <= >= !< !> ", " "+p.tok().text+" "):
			x = p.compared(x)
		default:
			return x
		}
	}
}

func (p *parser) compared(x expr) expr {
	op := p.advance().text
	switch op {
	case "!=":
		op = "<>"
	case "!<":
		op = ">="
	case "!>":
		op = "<="
	}
	if p.is("ALL") || p.is("ANY") || p.is("SOME") {
		all := p.advance().up == "ALL"
		return &quantified{op, x, all, p.bracketedQuery()}
	}
	return &binaryExpr{op, x, p.additive()}
}

func (p *parser) in(x expr, not bool) expr {
	if p.peek(1).up == "SELECT" || p.peek(1).up == "WITH" {
		return &inExpr{x: x, q: p.bracketedQuery(), not: not}
	}
	p.expectOp("(")
	in := &inExpr{x: x, list: p.exprs(), not: not}
	p.expectOp(")")
	return in
}

func (p *parser) exprs() []expr {
	list := []expr{p.expr()}
	for p.acceptOp(",") {
		list = append(list, p.expr())
	}
	return list
}

func (p *parser) additive() expr {
	x := p.multiplicative()
	for p.tok().kind == tOp && strings.Contains(" + - & | ^ ", " "+p.tok().text+" ") {
		op := p.advance().text
		x = &binaryExpr{op, x, p.multiplicative()}
	}
	return x
}

func (p *parser) multiplicative() expr {
	x := p.unary()
	for p.tok().kind == tOp && strings.Contains(" * / % ", " "+p.tok().text+" ") {
		op := p.advance().text
		x = &binaryExpr{op, x, p.unary()}
	}
	return x
}

func (p *parser) unary() expr {
	for _, op := range []string{"-", "+", "~"} {
		if p.acceptOp(op) {
			x := nested(p, p.unary)
			if l, ok := x.(*literal); ok && op == "-" && l.typ.family() != fString && l.typ.family() != fBinary {
				return negated(l)
			}
			return &unaryExpr{op, x}
		}
	}
	x := nested(p, p.primary)
	for p.accept("COLLATE") {
		x = &collateExpr{x, p.collationName()}
	}
	return x
}

func negated(l *literal) expr {
	if rest, ok := strings.CutPrefix(l.text, "-"); ok {
		return &literal{l.typ, rest}
	}
	return &literal{l.typ, "-" + l.text}
}

func (p *parser) primary() expr {
	t := p.tok()
	switch t.kind {
	case tInt, tDecimal, tFloat, tMoney, tHex, tString, tNString:
		p.i++
		return p.literal(t)
	case tVar:
		p.i++
		return &variable{strings.ToLower(t.text)}
	case tOp:
		if p.isOp("*") {
			p.i++
			return &star{}
		}
		return p.bracketed()
	case tIdent:
		if x := p.special(t.up); x != nil {
			return x
		}
	case tEnd:
		p.fail()
	}
	return p.reference()
}

func (p *parser) bracketed() expr {
	if p.isOp("(") && (p.peek(1).up == "SELECT" || p.peek(1).up == "WITH") {
		return &subquery{p.bracketedQuery()}
	}
	p.expectOp("(")
	x := p.expr()
	p.expectOp(")")
	return x
}

func (p *parser) bracketedQuery() *query {
	p.expectOp("(")
	q := p.query()
	p.expectOp(")")
	return q
}

// literal makes a constant of t, of the type that SQL Server gives it.
func (p *parser) literal(t token) expr {
	switch t.kind {
	case tInt:
		n, _ := new(big.Int).SetString(t.text, 10)
		if n.IsInt64() && n.Int64() <= 1<<31-1 {
			return &literal{simple(kInt), n.String()}
		}
		return p.decimalLiteral(n.String())
	case tDecimal:
		return p.decimalLiteral(t.text)
	case tFloat:
		return &literal{simple(kFloat), t.text}
	case tMoney:
		n, _ := new(big.Rat).SetString(t.text)
		return &literal{simple(kMoney), n.FloatString(4)}
	case tHex:
		return &literal{sqlType{kind: kVarbinary, len: max(1, len(t.text)/2)}, `\x` + t.text}
	}
	s := t.text
	if strings.IndexByte(s, 0) >= 0 {
		p.unknown("text that holds NUL, which PostgreSQL cannot store")
	}
	typ := nvarchar(max(1, utf16Len(s)))
	if t.kind == tString {
		if !isUTF8(p.collation) {
			s = to1252(s)
		}
		typ = varchar(max(1, utf16Len(s)))
	}
	typ.coll = p.collation
	return &literal{typ, s}
}

func (p *parser) decimalLiteral(s string) expr {
	whole, frac, _ := strings.Cut(s, ".")
	whole = strings.TrimLeft(whole, "0")
	prec := max(1, len(whole)+len(frac))
	if prec > 38 {
		panic(errf(1007, 15, "The number '%s' is out of the range for numeric representation (maximum precision 38).", s))
	}
	typ := decimalType(prec, len(frac))
	typ.numeric = true
	if whole == "" {
		whole = "0"
	}
	if frac == "" {
		return &literal{typ, whole}
	}
	return &literal{typ, whole + "." + frac}
}

// special reads what begins with a keyword; nil where word is none of them.
func (p *parser) special(word string) expr {
	bracket := p.peek(1).kind == tOp && p.peek(1).text == "("
	switch word {
	case "NULL":
		p.i++
		return &nullLiteral{}
	case "DEFAULT":
		p.i++
		return &defaultWord{}
	case "CASE":
		p.i++
		return p.caseExpr()
	case "EXISTS":
		p.i++
		return &existsExpr{p.bracketedQuery()}
	case "CURRENT_TIMESTAMP", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "USER":
		if !bracket {
			p.i++
			return &call{name: word}
		}
	case "CAST", "TRY_CAST", "CONVERT", "TRY_CONVERT":
		if bracket {
			p.i += 2
			return p.conversion(word)
		}
	case "LEFT", "RIGHT", "UPDATE":
		if bracket {
			p.i++
			return p.call(word)
		}
	}
	return nil
}

func (p *parser) conversion(word string) expr {
	c := &castExpr{try: strings.HasPrefix(word, "TRY_")}
	if strings.HasSuffix(word, "CAST") {
		c.x = p.expr()
		p.expect("AS")
		c.to = p.dataType(30)
	} else {
		c.to = p.dataType(30)
		p.expectOp(",")
		c.x = p.expr()
		if p.acceptOp(",") {
			c.style = p.expr()
		}
	}
	p.expectOp(")")
	return c
}

func (p *parser) caseExpr() expr {
	c := &caseExpr{}
	if !p.is("WHEN") {
		c.operand = p.expr()
	}
	for p.accept("WHEN") {
		cond := p.expr()
		p.expect("THEN")
		c.whens = append(c.whens, [2]expr{cond, p.expr()})
	}
	if p.accept("ELSE") {
		c.els = p.expr()
	}
	p.expect("END")
	return c
}

// reference reads a column, a qualified star, or a function's call.
func (p *parser) reference() expr {
	if t := p.tok(); t.kind == tIdent && reserved[t.up] {
		p.fail()
	}
	parts := []string{p.name()}
	for p.acceptOp(".") {
		if p.acceptOp("*") {
			return &star{parts}
		}
		if p.isOp(".") {
			parts = append(parts, "")
			continue
		}
		parts = append(parts, p.name())
	}
	if p.isOp("(") {
		if len(parts) > 1 {
			p.unknown("the function " + strings.Join(parts, "."))
		}
		return p.call(strings.ToUpper(parts[0]))
	}
	return &columnRef{parts}
}

// dateParts are the functions whose first argument is a word.
var dateParts = map[string]bool{"DATEADD": true, "DATEDIFF": true, "DATEPART": true, "DATENAME": true, "DATEDIFF_BIG": true}

func (p *parser) call(name string) expr {
	c := &call{name: name}
	p.expectOp("(")
	switch {
	case p.acceptOp("*"):
		c.star = true
	case p.isOp(")"):
	default:
		c.distinct = p.accept("DISTINCT")
		p.accept("ALL")
		if dateParts[name] {
			c.args = append(c.args, &literal{varchar(20), strings.ToLower(p.name())})
			p.expectOp(",")
		}
		c.args = append(c.args, p.exprs()...)
	}
	p.expectOp(")")
	if p.accept("WITHIN", "GROUP") {
		p.expectOp("(")
		c.within = p.orderBy()
		p.expectOp(")")
	}
	if p.accept("OVER") {
		c.over = p.window()
	}
	return c
}

func (p *parser) window() *window {
	w := &window{}
	p.expectOp("(")
	if p.accept("PARTITION", "BY") {
		w.partition = p.exprs()
	}
	if p.is("ORDER") {
		w.order = p.orderBy()
	}
	if !p.isOp(")") {
		p.unknown(fmt.Sprintf("%q in OVER", p.tok().text))
	}
	p.expectOp(")")
	return w
}
