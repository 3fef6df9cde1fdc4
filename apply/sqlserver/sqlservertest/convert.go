package sqlservertest

import (
	"fmt"
	"strconv"
	"strings"
)

// limits are the ranges of the whole numbers.
var limits = map[kind][2]string{
	kTinyint:  {"0", "255"},
	kSmallint: {"-32768", "32767"},
	kInt:      {"-2147483648", "2147483647"},
	kBigint:   {"'-9223372036854775808'::int8", "9223372036854775807"},
}

func (b *binder) cast(x *castExpr) val {
	v := b.value(x.x)
	style := 0
	if x.style != nil {
		l, ok := x.style.(*literal)
		if !ok {
			b.fail(errUnknown("CONVERT with a style that is no constant"))
		}
		style, _ = strconv.Atoi(l.text)
	}
	if !x.try {
		r := b.convert(v, x.to, style)
		r.bare, r.col = false, nil
		if r.typ.isString() && v.typ.isString() {
			r.implicit, r.explicit, r.typ.coll = v.implicit, v.explicit, v.typ.coll
		}
		return r
	}
	inner := b.convert(val{sql: "$1::" + v.typ.pg(), typ: v.typ}, x.to, style)
	text := "(" + v.sql + ")::text"
	if v.typ.isString() {
		text = "tsql.t(" + v.sql + ")"
	}
	body := "SELECT (" + inner.sql + ")::text"
	if x.to.isString() {
		body = "SELECT tsql.t(" + inner.sql + ")"
	}
	inner.sql = fmt.Sprintf("tsql.try(%s, %s)::%s", quote(body), text, x.to.pg())
	inner.nullable = true
	return inner
}

// convert is v as a value of type to: CAST, CONVERT and the implicit conversions.
func (b *binder) convert(v val, to sqlType, style int) val {
	r := v
	r.typ, r.lit, r.bare = to, nil, false
	from := v.typ
	if from.kind == kNull {
		r.sql = "NULL::" + to.pg()
		return r
	}
	if from == to {
		r.bare = v.bare
		return r
	}
	if !b.convertible(from, to) {
		b.fail(errf(529, 16, "Explicit conversion from data type %s to %s is not allowed.", from.name(), to.name()))
	}
	switch to.family() {
	case fInt:
		r.sql = b.toInt(v, to)
	case fDecimal:
		r.sql = b.toDecimal(v, to)
	case fFloat:
		r.sql = "(" + b.toFloat(v) + ")::" + to.pg()
	case fString:
		r.sql, r.bare = b.toText(v, to, style)
	case fBinary:
		r.sql = b.toBinary(v, to, style)
	case fUUID:
		r.sql = b.toUUID(v)
	default:
		r.sql = b.toTime(v, to, style)
	}
	return r
}

func isTemporal(f family) bool { return f == fDate || f == fTime || f == fDatetime || f == fOffset }

// convertible leaves out what SQL Server refuses.
func (b *binder) convertible(from, to sqlType) bool {
	f, t := from.family(), to.family()
	number := func(f family) bool { return f == fInt || f == fDecimal || f == fFloat }
	legacy := func(t sqlType) bool { return t.kind == kDatetime || t.kind == kSmalldatetime }
	switch {
	case isTemporal(f) && number(t):
		return legacy(from)
	case number(f) && isTemporal(t):
		return legacy(to)
	case f == fUUID && (number(t) || isTemporal(t)), t == fUUID && (number(f) || isTemporal(f)):
		return false
	case from.blob() && from.kind != kXML && !(t == fString || t == fBinary):
		return false
	case f == fFloat && t == fBinary, f == fBinary && t == fFloat, isTemporal(f) && t == fBinary, f == fBinary && isTemporal(t):
		return false
	case f == fDate && t == fTime, f == fTime && t == fDate:
		return false
	}
	return true
}

func (b *binder) toInt(v val, to sqlType) string {
	if to.kind == kBit {
		switch v.typ.family() {
		case fString:
			return fmt.Sprintf("tsql.str_bit(%s)", v.sql)
		case fBinary:
			return fmt.Sprintf("(tsql.bin_int(%s) <> 0)::int4::int2", v.sql)
		}
		return fmt.Sprintf("(%s <> 0)::int4::int2", v.sql)
	}
	lim := limits[to.kind]
	args := fmt.Sprintf("%s, %s, '%s'", lim[0], lim[1], to.name())
	var sql string
	switch v.typ.family() {
	case fInt:
		if kinds[v.typ.kind].precedence <= kinds[to.kind].precedence {
			return "(" + v.sql + ")::" + to.pg()
		}
		sql = fmt.Sprintf("tsql.fit_int((%s)::int8, %s)", v.sql, args)
	case fDecimal:
		x := "trunc(" + v.sql + ")"
		if v.typ.kind != kDecimal {
			x = "round(" + v.sql + ")"
		}
		sql = fmt.Sprintf("tsql.num_int(%s, %s)", x, args)
	case fFloat:
		sql = fmt.Sprintf("tsql.flt_int(%s, %s)", v.sql, args)
	case fString:
		sql = fmt.Sprintf("tsql.str_int(%s, %s, '%s')", v.sql, args, v.typ.name())
	case fBinary:
		sql = fmt.Sprintf("tsql.bin_int(%s)", v.sql)
	case fDatetime:
		sql = fmt.Sprintf("round(extract(epoch FROM %s - timestamp '1900-01-01') / 86400)", v.sql)
	}
	return "(" + sql + ")::" + to.pg()
}

func (b *binder) toDecimal(v val, to sqlType) string {
	p, s := to.precision()
	var x string
	switch v.typ.family() {
	case fInt, fDecimal:
		fp, fs := v.typ.precision()
		if p-s >= fp-fs && s >= fs && to.kind != kSmallmoney {
			return fmt.Sprintf("round((%s)::numeric, %d)", v.sql, s)
		}
		x = "(" + v.sql + ")::numeric"
	case fFloat:
		x = fmt.Sprintf("tsql.flt_dec(%s)", v.sql)
	case fString:
		x = fmt.Sprintf("tsql.str_dec(%s, '%s', '%s')", v.sql, v.typ.name(), to.name())
	case fBinary:
		x = fmt.Sprintf("tsql.bin_int(%s)::numeric", v.sql)
	case fDatetime:
		x = fmt.Sprintf("extract(epoch FROM %s - timestamp '1900-01-01') / 86400", v.sql)
	}
	if to.kind == kSmallmoney {
		return fmt.Sprintf("tsql.fit_smallmoney(%s)", x)
	}
	if to.kind == kMoney {
		return fmt.Sprintf("tsql.fit_money(%s)", x)
	}
	return fmt.Sprintf("tsql.fit_dec(%s, %d, %d, '%s')", x, p, s, v.typ.name())
}

func (b *binder) toFloat(v val) string {
	switch v.typ.family() {
	case fString:
		return fmt.Sprintf("tsql.str_flt(%s, '%s')", v.sql, v.typ.name())
	case fDatetime:
		return fmt.Sprintf("extract(epoch FROM %s - timestamp '1900-01-01') / 86400", v.sql)
	}
	return v.sql
}

// toString is v as a string of whatever length it takes.
func (b *binder) toString(v val) val {
	if v.typ.isString() {
		return v
	}
	if v.typ.kind == kNull {
		return val{sql: "NULL::bpchar", typ: sqlType{kind: kVarchar, len: 1, coll: b.collation}, nullable: true}
	}
	return b.convert(v, sqlType{kind: kVarchar, len: 8000, coll: b.collation}, 0)
}

// textOf is the text of a value that is no string.
func textOf(v val, style int) string {
	switch v.typ.family() {
	case fInt, fDecimal:
		if v.typ.kind == kMoney || v.typ.kind == kSmallmoney {
			if style == 2 {
				return fmt.Sprintf("round(%s, 4)::text", v.sql)
			}
			return fmt.Sprintf("round(%s, 2)::text", v.sql)
		}
		return "(" + v.sql + ")::text"
	case fFloat:
		return fmt.Sprintf("tsql.flt_str(%s, %d)", v.sql, style)
	case fUUID:
		return fmt.Sprintf("upper((%s)::text)", v.sql)
	case fBinary:
		return fmt.Sprintf("tsql.bin_str(%s, %d)", v.sql, style)
	case fDate:
		return fmt.Sprintf("tsql.dt_str((%s)::timestamp, %d, 'date', 0)", v.sql, style)
	case fTime:
		return fmt.Sprintf("tsql.dt_str(timestamp '1900-01-01' + (%s), %d, 'time', %d)", v.sql, style, v.typ.scale)
	case fDatetime:
		return fmt.Sprintf("tsql.dt_str(%s, %d, '%s', %d)", v.sql, style, v.typ.name(), v.typ.scale)
	}
	return fmt.Sprintf("tsql.dto_str(%s, %d, %d)", v.sql, style, v.typ.scale)
}

// toText converts to a string: characters outside the code page become '?', what
// is too long is cut (assignments to columns refuse it before).
func (b *binder) toText(v val, to sqlType, style int) (sql string, bare bool) {
	narrow := !to.unicode() && !isUTF8(to.coll)
	from := v.typ
	sql, bare = v.sql, v.bare
	switch {
	case from.family() == fBinary && to.unicode():
		sql = fmt.Sprintf("tsql.bin_nstr(%s, %d)::bpchar", v.sql, style)
	case !from.isString():
		sql = textOf(v, style) + "::bpchar"
		if to.len > 0 && from.family() != fBinary && !isTemporal(from.family()) {
			return padded(fmt.Sprintf("tsql.num_str(%s, %d, '%s', '%s')", sql, to.len, from.name(), to.name()), to), false
		}
		from = varchar(8000)
	case narrow && (from.unicode() || isUTF8(from.coll)):
		sql, bare = fmt.Sprintf("tsql.page(%s)", sql), false
	}
	if to.len > 0 && (from.len == maxLen || from.len > to.len || from.blob() || !from.isString()) {
		sql, bare = fmt.Sprintf("tsql.cut(%s, %d, %t)", sql, to.len, to.unicode()), false
	}
	if to.kind == kChar || to.kind == kNchar {
		return padded(sql, to), false
	}
	return sql, bare
}

// padded fills a char up.
func padded(sql string, to sqlType) string {
	if to.kind != kChar && to.kind != kNchar {
		return sql
	}
	return fmt.Sprintf("tsql.pad(%s, %d, %t)", sql, to.len, to.unicode())
}

func (b *binder) toBinary(v val, to sqlType, style int) string {
	var sql string
	switch v.typ.family() {
	case fBinary:
		sql = v.sql
	case fString:
		sql = fmt.Sprintf("tsql.str_bin(%s, %t, %d)", v.sql, v.typ.unicode(), style)
	case fInt:
		size := v.typ.maxLength()
		if to.kind == kBinary || to.kind == kRowversion {
			return fmt.Sprintf("tsql.int_bin((%s)::int8, %d)", v.sql, to.maxLength())
		}
		sql = fmt.Sprintf("tsql.int_bin((%s)::int8, %d)", v.sql, size)
	case fUUID:
		sql = fmt.Sprintf("tsql.uuid_bin(%s)", v.sql)
	default:
		b.fail(errUnknown("the conversion of " + v.typ.name() + " to " + to.name()))
	}
	if to.len > 0 || to.kind == kRowversion {
		sql = fmt.Sprintf("substring(%s FROM 1 FOR %d)", sql, to.maxLength())
	}
	if to.kind == kBinary {
		sql = fmt.Sprintf("tsql.pad_bin(%s, %d)", sql, to.len)
	}
	return sql
}

func (b *binder) toUUID(v val) string {
	if v.typ.family() == fBinary {
		return fmt.Sprintf("tsql.bin_uuid(%s)", v.sql)
	}
	return fmt.Sprintf("tsql.str_uuid(%s)", v.sql)
}

// toTime converts to the kinds of dates and times, by way of a timestamp.
func (b *binder) toTime(v val, to sqlType, style int) string {
	var ts string // a timestamp
	switch v.typ.family() {
	case fString:
		if to.kind == kDatetimeoffset {
			return fmt.Sprintf("tsql.str_dto(%s, %d, %d)", v.sql, style, min(6, to.scale))
		}
		ts = fmt.Sprintf("tsql.str_ts(%s, %d, '%s', '%s')", v.sql, style, b.session.dateFormat, to.name())
	case fDate:
		ts = "(" + v.sql + ")::timestamp"
	case fTime:
		if to.kind == kTime {
			return fmt.Sprintf("(%s)::time(%d)", v.sql, min(6, to.scale))
		}
		ts = fmt.Sprintf("(timestamp '1900-01-01' + (%s))", v.sql)
	case fDatetime:
		ts = v.sql
	case fOffset:
		if to.kind == kDatetimeoffset {
			return fmt.Sprintf("tsql.round_dto(%s, %d)", v.sql, min(6, to.scale))
		}
		ts = fmt.Sprintf("tsql.dto_local(%s)", v.sql)
	default:
		days := b.convert(v, simple(kFloat), 0)
		ts = fmt.Sprintf("(timestamp '1900-01-01' + %s * interval '1 day')", days.sql)
	}
	switch to.kind {
	case kDate:
		return "(" + ts + ")::date"
	case kTime:
		return fmt.Sprintf("(%s)::time(%d)", ts, min(6, to.scale))
	case kSmalldatetime:
		return fmt.Sprintf("tsql.to_smalldt(%s, '%s')", ts, v.typ.name())
	case kDatetime:
		return fmt.Sprintf("tsql.to_datetime(%s, '%s')", ts, v.typ.name())
	case kDatetime2:
		if to.scale >= 6 {
			return ts
		}
		return fmt.Sprintf("(%s)::timestamp(%d)", ts, to.scale)
	}
	return fmt.Sprintf("tsql.mk_dto((%s)::timestamp(%d))", ts, min(6, to.scale))
}

// assign is v as a column takes it: what is too long for it is an error.
func (b *binder) assign(v val, t *tableInfo, c *columnInfo) string {
	to := c.typ
	if b.fitsAsIs(v.typ, to) {
		return v.sql
	}
	if v.typ.kind == kNull {
		return "NULL"
	}
	if b.clash(v.typ, to) || !b.convertible(v.typ, to) {
		b.fail(errf(206, 16, "Operand type clash: %s is incompatible with %s", v.typ.name(), to.name()))
	}
	where := fmt.Sprintf("%s, %s", quote(t.schema+"."+t.name), quote(c.name))
	switch {
	case to.isString() && to.len > 0 && (v.typ.isString() || isTemporal(v.typ.family()) || v.typ.family() == fUUID):
		long := to
		long.kind, long.len = kVarchar, maxLen
		if to.unicode() {
			long.kind = kNvarchar
		}
		sql := b.convert(v, long, 0).sql
		if v.typ.len == maxLen || v.typ.len > to.len || !v.typ.isString() {
			sql = fmt.Sprintf("tsql.fit(%s, %d, %t, %s)", sql, to.len, to.unicode(), where)
		}
		return padded(sql, to)
	case to.family() == fBinary && v.typ.family() == fBinary && to.len > 0:
		sql := v.sql
		if v.typ.len == maxLen || v.typ.len > to.len || v.typ.kind == kImage {
			sql = fmt.Sprintf("tsql.fit_bin(%s, %d, %s)", sql, to.len, where)
		}
		if to.kind == kBinary {
			sql = fmt.Sprintf("tsql.pad_bin(%s, %d)", sql, to.len)
		}
		return sql
	}
	return b.convert(v, to, 0).sql
}

// fitsAsIs says that a value needs no work to be stored.
func (b *binder) fitsAsIs(from, to sqlType) bool {
	if from.kind != to.kind {
		return false
	}
	switch to.family() {
	case fString, fBinary:
		if to.kind == kChar || to.kind == kNchar || to.kind == kBinary {
			return from.len == to.len
		}
		return to.len == maxLen || from.len != maxLen && from.len <= to.len
	}
	return from == to
}

// clash is what SQL Server does not convert on its own.
func (b *binder) clash(from, to sqlType) bool {
	f, t := from.family(), to.family()
	switch {
	case f == fString && t == fBinary:
		return true
	case isTemporal(t) && t != fDatetime && (f == fInt || f == fDecimal || f == fFloat || f == fBinary):
		return true
	case to.kind == kDatetime2 && (f == fInt || f == fDecimal || f == fFloat):
		return true
	case isTemporal(f) && (t == fInt || t == fDecimal || t == fFloat):
		return strings.HasPrefix(from.name(), "d") && from.kind != kDatetime || from.kind == kTime
	case f == fUUID && t != fUUID && t != fString && t != fBinary:
		return true
	}
	return false
}
