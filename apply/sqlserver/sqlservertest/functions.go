package sqlservertest

import (
	"fmt"
	"strconv"
	"strings"
)

// function translates a call; its arguments are translated already.
type function func(b *binder, args []val) val

// call translates a function's call.
func (b *binder) call(x *call) val {
	if x.over != nil || isAggregate(x.name) {
		return b.aggregate(x)
	}
	if x.name == "IIF" && len(x.args) == 3 {
		return b.caseValue(&caseExpr{whens: [][2]expr{{x.args[0], x.args[1]}}, els: x.args[2]})
	}
	f, ok := functions[x.name]
	if !ok {
		b.fail(errf(195, 15, "'%s' is not a function that the stand-in knows.", strings.ToLower(x.name)))
	}
	var args []val
	for _, a := range x.args {
		args = append(args, b.value(a))
	}
	if len(args) < f.min || len(args) > f.max {
		b.fail(errf(174, 15, "The %s function requires %d argument(s).", strings.ToLower(x.name), f.min))
	}
	v := f.f(b, args)
	v.nullable = true
	if v.typ.isString() && v.typ.coll == "" {
		v.typ.coll = b.collation
		for _, a := range args {
			if a.typ.isString() && (a.explicit || a.implicit) {
				v.typ.coll, v.explicit, v.implicit = a.typ.coll, a.explicit, a.implicit
				break
			}
		}
	}
	return v
}

type functionInfo struct {
	min, max int
	f        function
}

// functions are those without words of their own in the grammar.
var functions = joinFunctions(stringFunctions, numberFunctions, timeFunctions, systemFunctions)

func joinFunctions(tables ...map[string]functionInfo) map[string]functionInfo {
	all := map[string]functionInfo{}
	for _, t := range tables {
		for name, f := range t {
			all[name] = f
		}
	}
	return all
}

// str translates f(text, numbers...) with a format whose verbs take the arguments;
// the type is the first one's, without a fixed length.
func str(format string) function {
	return func(b *binder, args []val) val {
		v := b.toString(args[0])
		sql := []any{v.sql}
		for _, a := range args[1:] {
			if a.typ.family() == fDecimal || a.typ.family() == fFloat || a.typ.family() == fInt {
				a = b.convert(a, simple(kInt), 0)
			}
			sql = append(sql, b.typed(a))
		}
		return val{sql: fmt.Sprintf(format, sql...), typ: varying(v.typ)}
	}
}

// varying is the type of what comes out of a string function.
func varying(t sqlType) sqlType {
	switch t.kind {
	case kNchar, kNtext, kXML:
		t.kind = kNvarchar
	case kChar, kText:
		t.kind = kVarchar
	}
	if t.len == 0 {
		t.len = maxLen
	}
	t.coll = ""
	return t
}

// widest is varying with the longest length that is not (max).
func widest(t sqlType) sqlType {
	t = varying(t)
	switch {
	case t.len == maxLen:
	case t.unicode():
		t.len = 4000
	default:
		t.len = 8000
	}
	return t
}

func intOf(format string) function {
	return func(b *binder, args []val) val {
		var sql []any
		for _, a := range args {
			sql = append(sql, b.typed(b.toString(a)))
		}
		return val{sql: fmt.Sprintf(format, sql...), typ: simple(kInt)}
	}
}

var stringFunctions = map[string]functionInfo{
	"LEN":       {1, 1, intOf("tsql.len(%s)")},
	"LTRIM":     {1, 1, str("ltrim(tsql.t(%s), ' ')::bpchar")},
	"RTRIM":     {1, 1, str("rtrim(tsql.t(%s), ' ')::bpchar")},
	"TRIM":      {1, 1, str("btrim(tsql.t(%s), ' ')::bpchar")},
	"UPPER":     {1, 1, str(`upper(tsql.t(%s) COLLATE tsql.cs_as)::bpchar`)},
	"LOWER":     {1, 1, str(`lower(tsql.t(%s) COLLATE tsql.cs_as)::bpchar`)},
	"LEFT":      {2, 2, str("left(tsql.t(%s), tsql.count(%s))::bpchar")},
	"RIGHT":     {2, 2, str("right(tsql.t(%s), tsql.count(%s))::bpchar")},
	"SUBSTRING": {3, 3, substring},
	"REPLICATE": {2, 2, func(b *binder, a []val) val { return widen(str("repeat(tsql.t(%s), %s)::bpchar")(b, a)) }},
	"SPACE":     {1, 1, space},
	"REVERSE":   {1, 1, str("reverse(tsql.t(%s))::bpchar")},
	"REPLACE":   {3, 3, func(b *binder, a []val) val { return widen(str("tsql.replace(%s, %s, %s)")(b, a)) }},
	"STUFF":     {4, 4, func(b *binder, a []val) val { return widen(str("tsql.stuff(%s, %s, %s, %s)")(b, a)) }},
	"CHARINDEX": {2, 3, charIndex},
	"ASCII":     {1, 1, intOf("tsql.ascii(%s)")},
	"UNICODE":   {1, 1, intOf("nullif(ascii(tsql.t(%s)), 0)")},
	"CHAR": {1, 1, func(b *binder, a []val) val {
		return val{sql: "tsql.chr(" + b.convert(a[0], simple(kInt), 0).sql + ")", typ: varchar(1)}
	}},
	"NCHAR": {1, 1, func(b *binder, a []val) val {
		return val{sql: "chr(" + b.convert(a[0], simple(kInt), 0).sql + ")::bpchar", typ: nvarchar(1)}
	}},
	"CONCAT":     {2, 254, concatAll},
	"DATALENGTH": {1, 1, dataLength},
	"QUOTENAME": {1, 1, func(b *binder, a []val) val {
		return val{sql: "tsql.quotename(" + b.toString(a[0]).sql + ")", typ: nvarchar(258)}
	}},
	"ISNULL":   {2, 2, isNull},
	"COALESCE": {2, 254, coalesce},
	"NULLIF":   {2, 2, nullIf},
	"CHECKSUM": {1, 254, checksum},
}

func widen(v val) val {
	v.typ = widest(v.typ)
	return v
}

func substring(b *binder, args []val) val {
	from, n := b.convert(args[1], simple(kInt), 0).sql, b.convert(args[2], simple(kInt), 0).sql
	if args[0].typ.family() == fBinary {
		return val{sql: fmt.Sprintf("substring(%s FROM %s FOR %s)", args[0].sql, from, n), typ: sqlType{kind: kVarbinary, len: max(args[0].typ.len, maxLen)}}
	}
	v := b.toString(args[0])
	return val{sql: fmt.Sprintf("tsql.substr(%s, %s, %s)", v.sql, from, n), typ: varying(v.typ)}
}

func space(b *binder, args []val) val {
	return val{sql: "repeat(' ', " + b.convert(args[0], simple(kInt), 0).sql + ")::bpchar", typ: varchar(8000)}
}

func charIndex(b *binder, args []val) val {
	start := "1"
	if len(args) == 3 {
		start = b.convert(args[2], simple(kInt), 0).sql
	}
	l, r := b.toString(args[0]), b.toString(args[1])
	exact := strings.Contains(strings.ToUpper(b.commonCollation(l, r)), "_CS")
	return val{sql: fmt.Sprintf("tsql.charindex(%s, %s, %s, %t)", l.sql, r.sql, start, exact), typ: simple(kInt)}
}

func concatAll(b *binder, args []val) val {
	t := varchar(0)
	var parts []string
	for _, a := range args {
		s := b.toString(a)
		if s.typ.unicode() {
			t.kind = kNvarchar
		}
		if s.typ.len == maxLen || t.len == maxLen {
			t.len = maxLen
		} else {
			t.len += s.typ.len
		}
		parts = append(parts, "tsql.t("+s.sql+")")
	}
	if t.len > 4000 && t.unicode() || t.len > 8000 {
		t = widest(t)
	}
	t.coll = ""
	return val{sql: "concat(" + strings.Join(parts, ", ") + ")::bpchar", typ: t}
}

func dataLength(b *binder, args []val) val {
	v := args[0]
	switch v.typ.family() {
	case fString:
		return val{sql: fmt.Sprintf("tsql.datalength(%s, %t)", v.sql, v.typ.unicode()), typ: simple(kInt)}
	case fBinary:
		return val{sql: fmt.Sprintf("octet_length(%s)", v.sql), typ: simple(kInt)}
	case fNull:
		return val{sql: "NULL::int4", typ: simple(kInt)}
	}
	return val{sql: fmt.Sprintf("CASE WHEN %s IS NOT NULL THEN %d END", v.sql, v.typ.maxLength()), typ: simple(kInt)}
}

func isNull(b *binder, args []val) val {
	v := args[0]
	if v.typ.kind == kNull {
		v = b.convert(v, args[1].typ, 0)
	}
	v.sql = fmt.Sprintf("coalesce(%s, %s)", v.sql, b.convert(args[1], v.typ, 0).sql)
	v.bare, v.col, v.lit = false, nil, nil
	return v
}

func coalesce(b *binder, args []val) val {
	t, v := b.commonOf(args)
	var parts []string
	for _, a := range args {
		parts = append(parts, b.convert(a, t, 0).sql)
	}
	v.sql = "coalesce(" + strings.Join(parts, ", ") + ")"
	return v
}

func nullIf(b *binder, args []val) val {
	v := args[0]
	v.sql = fmt.Sprintf("CASE WHEN %s THEN NULL ELSE %s END", b.compare("=", args[0], args[1]), args[0].sql)
	v.bare, v.col, v.lit = false, nil, nil
	return v
}

func checksum(b *binder, args []val) val {
	var parts []string
	for _, a := range args {
		parts = append(parts, "coalesce(hashtext(rtrim(lower(("+b.typed(a)+")::text), ' ')), 0)")
	}
	return val{sql: "(" + strings.Join(parts, " # ") + ")", typ: simple(kInt)}
}

var numberFunctions = map[string]functionInfo{
	"ABS":     {1, 1, number("abs(%s)")},
	"CEILING": {1, 1, number("ceiling(%s)")},
	"FLOOR":   {1, 1, number("floor(%s)")},
	"SIGN":    {1, 1, number("sign(%s)")},
	"ROUND":   {2, 3, round},
	"SQRT":    {1, 1, float("sqrt(%s)")},
	"POWER":   {2, 2, power},
	"STR":     {1, 3, strFunction},
}

func number(format string) function {
	return func(b *binder, args []val) val {
		v := args[0]
		if v.typ.isString() || v.typ.kind == kNull {
			v = b.convert(v, simple(kFloat), 0)
		}
		if v.typ.kind == kBit || v.typ.kind == kTinyint || v.typ.kind == kSmallint {
			v = b.convert(v, simple(kInt), 0)
		}
		if v.typ.kind == kDecimal && format != "abs(%s)" {
			v.typ.scale = 0
		}
		return val{sql: "(" + fmt.Sprintf(format, v.sql) + ")::" + v.typ.pg(), typ: v.typ}
	}
}

func float(format string) function {
	return func(b *binder, args []val) val {
		return val{sql: fmt.Sprintf(format, b.convert(args[0], simple(kFloat), 0).sql), typ: simple(kFloat)}
	}
}

func round(b *binder, args []val) val {
	f := "round"
	if len(args) == 3 {
		f = "trunc"
	}
	v := args[0]
	if v.typ.isString() {
		v = b.convert(v, simple(kFloat), 0)
	}
	n := b.convert(args[1], simple(kInt), 0).sql
	return val{sql: fmt.Sprintf("%s((%s)::numeric, %s)::%s", f, v.sql, n, v.typ.pg()), typ: v.typ}
}

func power(b *binder, args []val) val {
	v := args[0]
	return val{sql: fmt.Sprintf("power((%s)::float8, (%s)::float8)::%s", v.sql, args[1].sql, v.typ.pg()), typ: v.typ}
}

func strFunction(b *binder, args []val) val {
	n, d := "10", "0"
	if len(args) > 1 {
		n = args[1].sql
	}
	if len(args) > 2 {
		d = args[2].sql
	}
	x := b.convert(args[0], simple(kFloat), 0).sql
	return val{sql: fmt.Sprintf("lpad(round((%s)::numeric, %s)::text, %s)::bpchar", x, d, n), typ: varchar(8000)}
}

func isAggregate(name string) bool {
	switch name {
	case "COUNT", "COUNT_BIG", "SUM", "AVG", "MIN", "MAX", "STRING_AGG", "ROW_NUMBER", "RANK", "DENSE_RANK",
		"NTILE", "LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE":
		return true
	}
	return false
}

// anyAggregate says whether a select list makes one row of all.
func anyAggregate(items []selectItem) bool {
	for _, item := range items {
		if c, ok := item.x.(*call); ok && isAggregate(c.name) {
			return true
		}
	}
	return false
}

func (b *binder) aggregate(x *call) val {
	var v val
	if len(x.args) > 0 {
		v = b.value(x.args[0])
		v.bare, v.col, v.lit = false, nil, nil
	}
	arg := b.output(v)
	if x.distinct {
		arg = "DISTINCT " + arg
	}
	over := ""
	if x.over != nil {
		over = " OVER (" + b.over(x.over) + ")"
	}
	v.nullable = true
	switch x.name {
	case "COUNT", "COUNT_BIG":
		if x.star {
			arg = "*"
		}
		v = val{sql: fmt.Sprintf("count(%s)%s", arg, over), typ: simple(kBigint)}
		if x.name == "COUNT" {
			v.sql, v.typ = "("+v.sql+")::int4", simple(kInt)
		}
	case "MIN", "MAX":
		if v.typ.kind == kBit || v.typ.blob() || v.typ.kind == kUniqueidentifier || v.typ.kind == kDatetimeoffset {
			b.fail(errf(8117, 16, "Operand data type %s is invalid for %s operator.", v.typ.name(), strings.ToLower(x.name)))
		}
		f := strings.ToLower(x.name)
		if v.typ.family() == fBinary {
			f = "tsql." + f
		}
		v.sql = fmt.Sprintf("%s(%s)%s", f, arg, over)
	case "SUM", "AVG":
		return b.sum(x, v, arg, over)
	case "STRING_AGG":
		return b.stringAgg(x, v)
	case "LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE":
		if len(x.args) > 1 {
			b.fail(errUnknown(x.name + " with more than one argument"))
		}
		v.sql = fmt.Sprintf("%s(%s)%s", strings.ToLower(x.name), arg, over)
	default:
		if x.over == nil {
			b.fail(errf(10753, 15, "The function '%s' must have an OVER clause.", strings.ToLower(x.name)))
		}
		if x.name != "NTILE" {
			arg = ""
		}
		v = val{sql: strings.ToLower(x.name) + "(" + arg + ")" + over, typ: simple(kBigint)}
	}
	return v
}

func (b *binder) sum(x *call, v val, arg, over string) val {
	t := v.typ
	switch t.family() {
	case fInt:
		if t.kind == kBit {
			b.fail(errf(8117, 16, "Operand data type bit is invalid for %s operator.", strings.ToLower(x.name)))
		}
		if t.kind != kBigint {
			t.kind = kInt
		}
	case fDecimal:
		if t.kind != kDecimal {
			t.kind = kMoney
			break
		}
		t.prec = 38
		if x.name == "AVG" {
			t.scale = max(6, t.scale)
		}
	case fFloat:
		t.kind = kFloat
	default:
		b.fail(errf(8117, 16, "Operand data type %s is invalid for %s operator.", t.name(), strings.ToLower(x.name)))
	}
	sql := fmt.Sprintf("%s(%s)%s", strings.ToLower(x.name), arg, over)
	switch {
	case x.name == "SUM":
	case t.family() == fInt:
		sql = "trunc(" + sql + ")"
	case t.family() == fDecimal:
		_, scale := t.precision()
		sql = fmt.Sprintf("trunc(%s, %s)", sql, strconv.Itoa(scale))
	}
	return val{sql: "(" + sql + ")::" + t.pg(), typ: t, nullable: true}
}

func (b *binder) stringAgg(x *call, v val) val {
	if len(x.args) != 2 {
		b.fail(errf(174, 15, "The string_agg function requires 2 argument(s)."))
	}
	s, sep := b.toString(v), b.toString(b.value(x.args[1]))
	order := ""
	if x.within != nil {
		var parts []string
		for _, item := range x.within {
			parts = append(parts, b.sortKey(item))
		}
		order = " ORDER BY " + strings.Join(parts, ", ")
	}
	return val{sql: fmt.Sprintf("string_agg(tsql.t(%s), tsql.t(%s)%s)::bpchar", s.sql, sep.sql, order), typ: withCollation(widest(s.typ), s.typ.coll), nullable: true}
}

func withCollation(t sqlType, coll string) sqlType {
	t.coll = coll
	return t
}

func (b *binder) over(w *window) string {
	var parts []string
	if len(w.partition) > 0 {
		var keys []string
		for _, x := range w.partition {
			v := b.value(x)
			keys = append(keys, v.sql)
		}
		parts = append(parts, "PARTITION BY "+strings.Join(keys, ", "))
	}
	if len(w.order) > 0 {
		var keys []string
		for _, item := range w.order {
			if _, ok := item.x.(*subquery); ok { // ORDER BY (SELECT NULL): none
				continue
			}
			keys = append(keys, b.sortKey(item))
		}
		if len(keys) > 0 {
			parts = append(parts, "ORDER BY "+strings.Join(keys, ", "))
		}
	}
	return strings.Join(parts, " ")
}
