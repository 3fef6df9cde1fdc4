package sqlservertest

import (
	"fmt"
	"strings"
)

// value translates an expression that has a value.
func (b *binder) value(x expr) val {
	switch x := x.(type) {
	case *literal:
		return b.literal(x)
	case *nullLiteral:
		return val{sql: "NULL", nullable: true}
	case *variable:
		return b.variable(x.name)
	case *columnRef:
		return b.column(x.parts)
	case *unaryExpr:
		if x.op != "NOT" {
			return b.unary(x)
		}
	case *binaryExpr:
		if !isPredicate(x.op) {
			return b.arithmetic(x.op, b.value(x.l), b.value(x.r))
		}
	case *call:
		return b.call(x)
	case *castExpr:
		return b.cast(x)
	case *caseExpr:
		return b.caseValue(x)
	case *subquery:
		return b.scalar(x.q)
	case *collateExpr:
		v := b.value(x.x)
		if !v.typ.isString() {
			b.fail(errf(447, 16, "Expression type %s is invalid for COLLATE clause.", v.typ.name()))
		}
		v.sql = fmt.Sprintf("(%s COLLATE %s)", v.sql, pgCollation(x.name))
		v.typ.coll, v.explicit, v.bare, v.col = x.name, true, true, nil
		return v
	case *star, *defaultWord:
		b.fail(errSyntax("*"))
	}
	b.fail(errf(102, 15, "Incorrect syntax: a condition where a value is expected."))
	return val{}
}

func isPredicate(op string) bool { return strings.Contains(" AND OR = <> < > <= >= ", " "+op+" ") }

// condition translates an expression that is true, false or unknown.
func (b *binder) condition(x expr) string {
	switch x := x.(type) {
	case *unaryExpr:
		if x.op == "NOT" {
			if in, ok := x.x.(*inExpr); ok {
				return b.in(&inExpr{in.x, in.list, in.q, !in.not})
			}
			return "(NOT " + b.condition(x.x) + ")"
		}
	case *binaryExpr:
		switch {
		case x.op == "AND" || x.op == "OR":
			return "(" + b.condition(x.l) + " " + x.op + " " + b.condition(x.r) + ")"
		case isPredicate(x.op):
			return b.compare(x.op, b.value(x.l), b.value(x.r))
		}
	case *isNullExpr:
		v := b.value(x.x)
		if x.not {
			return "(" + v.sql + " IS DISTINCT FROM NULL)"
		}
		return "(" + v.sql + " IS NOT DISTINCT FROM NULL)"
	case *inExpr:
		return b.in(x)
	case *betweenExpr:
		v := b.value(x.x)
		s := "(" + b.compare(">=", v, b.value(x.low)) + " AND " + b.compare("<=", v, b.value(x.high)) + ")"
		return negate(s, x.not)
	case *likeExpr:
		return b.like(x)
	case *existsExpr:
		sql, _ := b.query(x.q)
		return "EXISTS (" + sql + ")"
	case *quantified:
		return b.quantified(x)
	case *call:
		if x.name == "UPDATE" {
			return b.updated(x)
		}
	}
	b.fail(errf(4145, 15, "An expression of non-boolean type specified in a context where a condition is expected."))
	return ""
}

func negate(s string, not bool) string {
	if not {
		return "(NOT " + s + ")"
	}
	return s
}

func (b *binder) in(x *inExpr) string {
	v := b.value(x.x)
	var parts []string
	if x.q != nil {
		sql, cols := b.query(x.q)
		if len(cols) != 1 {
			b.fail(errf(116, 16, "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS."))
		}
		item := val{sql: "q.c", typ: cols[0].typ, bare: true, implicit: cols[0].typ.isString()}
		test := b.compare("=", v, item)
		if !x.not {
			return fmt.Sprintf("EXISTS (SELECT FROM (%s) q(c) WHERE %s)", sql, test)
		}
		// NOT IN is unknown where nothing matches and something is NULL.
		s := fmt.Sprintf("coalesce((SELECT bool_or(%s) OR CASE WHEN bool_or((%s) IS NULL) THEN NULL ELSE false END FROM (%s) q(c)), CASE WHEN EXISTS (%s) THEN NULL ELSE false END)", test, test, sql, sql)
		return negate(s, true)
	}
	for _, item := range x.list {
		parts = append(parts, b.compare("=", v, b.value(item)))
	}
	return negate("("+strings.Join(parts, " OR ")+")", x.not)
}

func (b *binder) quantified(x *quantified) string {
	v := b.value(x.x)
	sql, cols := b.query(x.q)
	item := val{sql: "q.c", typ: cols[0].typ, bare: true, implicit: cols[0].typ.isString()}
	test := b.compare(x.op, v, item)
	if x.all {
		return fmt.Sprintf("(NOT EXISTS (SELECT FROM (%s) q(c) WHERE (%s) IS NOT TRUE))", sql, test)
	}
	return fmt.Sprintf("EXISTS (SELECT FROM (%s) q(c) WHERE %s)", sql, test)
}

func (b *binder) like(x *likeExpr) string {
	v, pattern := b.toString(b.value(x.x)), b.toString(b.value(x.pattern))
	escape := "''"
	if x.escape != nil {
		escape = b.value(x.escape).sql
	}
	coll := b.commonCollation(v, pattern)
	exact := strings.Contains(strings.ToUpper(coll), "_CS") || strings.Contains(strings.ToUpper(coll), "_BIN")
	s := fmt.Sprintf("tsql.\"like\"(%s, %s, %s, %t)", v.sql, pattern.sql, escape, exact)
	return negate(s, x.not)
}

// common is the type of two operands together.
func (b *binder) common(l, r val) sqlType {
	t, other := l.typ, r.typ
	if kinds[r.typ.kind].precedence > kinds[l.typ.kind].precedence {
		t, other = other, t
	}
	switch {
	case t.kind == kDecimal && other.family() == fInt:
		p, _ := other.precision()
		t.prec = min(38, max(t.prec-t.scale, p)+t.scale)
	case t.kind == kDecimal && other.family() == fDecimal:
		p, s := other.precision()
		scale := max(t.scale, s)
		t.prec, t.scale = min(38, max(t.prec-t.scale, p-s)+scale), scale
	case t.isString() && other.isString(), t.family() == fBinary && other.family() == fBinary:
		if t.len == maxLen || other.len == maxLen {
			t.len = maxLen
		} else {
			t.len = max(t.len, other.len)
		}
		if t.isString() {
			t.coll = b.commonCollation(l, r)
		}
	}
	return t
}

// commonCollation is that of two strings, by the rules of precedence: one that
// was given, else a column's, else the database's.
func (b *binder) commonCollation(l, r val) string {
	switch {
	case !l.typ.isString():
		return r.typ.coll
	case !r.typ.isString():
		return l.typ.coll
	case l.explicit:
		return l.typ.coll
	case r.explicit:
		return r.typ.coll
	case l.implicit && r.implicit && !strings.EqualFold(l.typ.coll, r.typ.coll):
		b.fail(errf(468, 16, "Cannot resolve the collation conflict between \"%s\" and \"%s\" in the equal to operation.", r.typ.coll, l.typ.coll))
	case r.implicit:
		return r.typ.coll
	}
	return l.typ.coll
}

var comparisonNames = map[string]string{
	"=": "equal to", "<>": "not equal to", "<": "less than", ">": "greater than",
	"<=": "less than or equal to", ">=": "greater than or equal to",
}

func (b *binder) compare(op string, l, r val) string {
	if l.typ.blob() || r.typ.blob() {
		b.fail(errf(402, 16, "The data types %s and %s are incompatible in the %s operator.", l.typ.name(), r.typ.name(), comparisonNames[op]))
	}
	if l.typ.kind == kNull || r.typ.kind == kNull {
		return fmt.Sprintf("(num_nulls(%s, %s) > NULL)", b.typed(l), b.typed(r)) // unknown, whatever they are
	}
	t := b.common(l, r)
	// A length would cut: comparisons see the whole.
	if t.isString() || t.family() == fBinary {
		t.len = maxLen
	}
	lsql, rsql := b.compared(l, t), b.compared(r, t)
	switch t.kind {
	case kDatetimeoffset:
		return fmt.Sprintf("((%s).utc %s (%s).utc)", lsql, op, rsql)
	case kUniqueidentifier:
		if op != "=" && op != "<>" {
			return fmt.Sprintf("(tsql.uuid_key(%s) %s tsql.uuid_key(%s))", lsql, op, rsql)
		}
	}
	return fmt.Sprintf("(%s %s %s)", lsql, op, rsql)
}

// typed gives a bare NULL a type, which PostgreSQL asks for in some places.
func (b *binder) typed(v val) string {
	if v.typ.kind == kNull {
		return "NULL::bpchar"
	}
	return v.sql
}

// compared is an operand converted to what both are compared as.
func (b *binder) compared(v val, t sqlType) string {
	if v.typ.isString() && t.isString() {
		return b.collated(v, t.coll)
	}
	if v.typ.family() == t.family() {
		switch t.family() {
		case fInt, fDecimal, fFloat, fDatetime, fBinary:
			return v.sql // PostgreSQL compares these across lengths and scales
		}
	}
	if v.typ.family() == fInt && t.family() == fDecimal {
		return v.sql
	}
	return b.convert(v, t, 0).sql
}

// collated is v as PostgreSQL compares it by the collation that T-SQL found.
func (b *binder) collated(v val, coll string) string {
	if v.bare && pgCollation(v.typ.coll) == pgCollation(coll) {
		return v.sql
	}
	return fmt.Sprintf("(%s COLLATE %s)", v.sql, pgCollation(coll))
}

func (b *binder) unary(x *unaryExpr) val {
	v := b.value(x.x)
	switch {
	case x.op == "+":
		return v
	case v.typ.kind == kNull:
		return v
	case v.typ.family() == fString && x.op == "-":
		b.fail(errf(8117, 16, "Operand data type %s is invalid for minus operator.", v.typ.name()))
	}
	if v.typ.kind == kBit || v.typ.kind == kTinyint && x.op == "-" {
		v = b.convert(v, simple(kSmallint), 0)
	}
	return val{sql: "(" + x.op + " " + v.sql + ")", typ: v.typ, nullable: v.nullable}
}

var arithmeticNames = map[string]string{
	"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "%": "modulo", "&": "'&'", "|": "'|'", "^": "'^'",
}

func (b *binder) arithmetic(op string, l, r val) val {
	if l.typ.blob() || r.typ.blob() {
		b.fail(errf(402, 16, "The data types %s and %s are incompatible in the %s operator.", l.typ.name(), r.typ.name(), arithmeticNames[op]))
	}
	if op == "+" && (l.typ.isString() || l.typ.kind == kNull) && (r.typ.isString() || r.typ.kind == kNull) {
		return b.concat(l, r)
	}
	t := b.common(l, r)
	switch t.family() {
	case fNull:
		return val{sql: "NULL", nullable: true}
	case fInt, fFloat:
		return b.plainArithmetic(op, t, l, r)
	case fDecimal:
		return b.decimalArithmetic(op, t, l, r)
	case fBinary:
		if op == "+" {
			return val{sql: "(" + l.sql + " || " + r.sql + ")", typ: sqlType{kind: kVarbinary, len: 8000}, nullable: true}
		}
	case fDatetime:
		if (t.kind == kDatetime || t.kind == kSmalldatetime) && (op == "+" || op == "-") {
			return b.daysArithmetic(op, t, l, r)
		}
	}
	b.fail(errf(8117, 16, "Operand data type %s is invalid for %s operator.", t.name(), arithmeticNames[op]))
	return val{}
}

func (b *binder) concat(l, r val) val {
	t := b.common(l, r)
	if t.kind == kNull {
		return val{sql: "NULL", nullable: true}
	}
	switch t.kind {
	case kChar:
		t.kind = kVarchar
	case kNchar:
		t.kind = kNvarchar
	}
	most := 8000
	if t.unicode() {
		most = 4000
	}
	if l.typ.len == maxLen || r.typ.len == maxLen {
		t.len = maxLen
	} else {
		t.len = min(most, l.typ.len+r.typ.len)
	}
	v := val{
		sql: fmt.Sprintf("(tsql.t(%s) || tsql.t(%s))::bpchar", b.typed(l), b.typed(r)), typ: t,
		explicit: l.explicit || r.explicit, implicit: l.implicit || r.implicit, nullable: true,
	}
	if t.len == most {
		v.sql = fmt.Sprintf("tsql.cut(%s, %d, %t)", v.sql, most, t.unicode())
	}
	return v
}

// plainArithmetic is that of whole numbers, and of floats: PostgreSQL's own.
func (b *binder) plainArithmetic(op string, t sqlType, l, r val) val {
	if t.kind == kBit {
		t.kind = kTinyint
	}
	ls, rs := b.convert(l, t, 0).sql, b.convert(r, t, 0).sql
	switch {
	case op == "^":
		op = "#"
	case t.family() == fFloat && op == "%":
		ls, rs = "("+ls+")::numeric", "("+rs+")::numeric"
	}
	sql := fmt.Sprintf("(%s %s %s)", ls, op, rs)
	switch {
	case t.kind == kTinyint:
		sql = fmt.Sprintf("tsql.fit_int(%s::int8, 0, 255, 'tinyint')::int2", sql)
	case t.family() == fFloat:
		sql = sql + "::" + t.pg()
	}
	return val{sql: sql, typ: t, nullable: true}
}

// decimalArithmetic gives the result the precision and scale that SQL Server's
// manual has for each operator.
func (b *binder) decimalArithmetic(op string, t sqlType, l, r val) val {
	for _, v := range []*val{&l, &r} {
		switch v.typ.family() {
		case fDecimal:
		case fInt:
			p, _ := v.typ.precision()
			if v.lit != nil {
				p = len(strings.TrimPrefix(v.lit.text, "-"))
			}
			v.typ = decimalType(p, 0)
			v.sql = "(" + v.sql + ")::numeric"
		case fNull:
			v.typ = decimalType(1, 0)
			v.sql = "NULL::numeric"
		default:
			*v = b.convert(*v, t, 0)
		}
	}
	if t.kind == kMoney || t.kind == kSmallmoney {
		return val{sql: fmt.Sprintf("tsql.fit_dec(trunc(%s %s %s, 4), 19, 4, 'money')", l.sql, op, r.sql), typ: t, nullable: true}
	}
	p1, s1 := l.typ.precision()
	p2, s2 := r.typ.precision()
	var p, s int
	switch op {
	case "+", "-":
		s = max(s1, s2)
		p = max(p1-s1, p2-s2) + s + 1
	case "*":
		p, s = p1+p2+1, s1+s2
	case "/":
		s = max(6, s1+p2+1)
		p = p1 - s1 + s2 + s
	case "%":
		s = max(s1, s2)
		p = min(p1-s1, p2-s2) + s
	default:
		b.fail(errf(402, 16, "The data types %s and %s are incompatible in the %s operator.", l.typ.name(), r.typ.name(), arithmeticNames[op]))
	}
	if p > 38 {
		whole := p - s
		p, s = 38, max(38-whole, min(s, 6))
	}
	sql := fmt.Sprintf("(%s %s %s)", l.sql, op, r.sql)
	if op == "/" {
		sql = fmt.Sprintf("trunc(round(%s, %d) / %s, %d)", l.sql, s+1, r.sql, s)
	}
	typ := decimalType(p, s)
	typ.numeric = true
	return val{sql: fmt.Sprintf("tsql.fit_dec(%s, %d, %d, 'numeric')", sql, p, s), typ: typ, nullable: true}
}

// daysArithmetic adds days to a datetime, or takes them off; the difference of
// two is a datetime too, and left out.
func (b *binder) daysArithmetic(op string, t sqlType, l, r val) val {
	if l.typ.family() == fDatetime && r.typ.family() == fDatetime || l.typ.family() != fDatetime {
		b.fail(errUnknown("this arithmetic of datetime"))
	}
	days := b.convert(r, simple(kFloat), 0)
	v := val{sql: fmt.Sprintf("(%s %s %s * interval '1 day')", l.sql, op, days.sql), typ: simple(kDatetime2)}
	return b.convert(v, t, 0)
}

func (b *binder) caseValue(x *caseExpr) val {
	var results []val
	for _, w := range x.whens {
		results = append(results, b.value(w[1]))
	}
	if x.els != nil {
		results = append(results, b.value(x.els))
	}
	t, v := b.commonOf(results)
	if t.kind == kNull {
		b.fail(errf(8133, 16, "At least one of the result expressions in a CASE specification must be an expression other than the NULL constant."))
	}
	var sql strings.Builder
	sql.WriteString("(CASE")
	for i, w := range x.whens {
		cond := w[0]
		if x.operand != nil {
			cond = &binaryExpr{"=", x.operand, w[0]}
		}
		fmt.Fprintf(&sql, " WHEN %s THEN %s", b.condition(cond), b.convert(results[i], t, 0).sql)
	}
	if x.els != nil {
		fmt.Fprintf(&sql, " ELSE %s", b.convert(results[len(results)-1], t, 0).sql)
	}
	v.sql = sql.String() + " END)"
	return v
}

// commonOf is the type of several values together, and a value with it.
func (b *binder) commonOf(vals []val) (sqlType, val) {
	v := val{nullable: true}
	for _, next := range vals {
		t := b.common(v, next)
		if v.typ.kind == kNull {
			t = next.typ
		} else if next.typ.kind == kNull {
			t = v.typ
		}
		v.typ = t
		v.explicit = v.explicit || next.explicit
		v.implicit = v.implicit || next.implicit
	}
	return v.typ, v
}

func (b *binder) scalar(q *query) val {
	sql, cols := b.query(q)
	if len(cols) != 1 {
		b.fail(errf(116, 16, "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS."))
	}
	return val{sql: "(" + sql + ")", typ: cols[0].typ, implicit: cols[0].typ.isString(), nullable: true}
}

// updated translates UPDATE(column), which a trigger asks.
func (b *binder) updated(x *call) string {
	if b.trigger == nil || len(x.args) != 1 {
		b.fail(errf(157, 15, "UPDATE() can be used only within a trigger."))
	}
	ref, ok := x.args[0].(*columnRef)
	if !ok || b.trigger.table.column(ref.parts[0]) == nil {
		b.fail(errColumn(fmt.Sprint(x.args[0])))
	}
	p := b.param("@@updated:"+strings.ToLower(ref.parts[0]), simple(kInt))
	return "(" + p.sql + " = 1)"
}
