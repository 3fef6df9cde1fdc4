package sqlservertest

import (
	"encoding/binary"
)

// Types on the wire, MS-TDS 2.2.5.4.
const (
	tdsNull       = 0x1f
	tdsInt1       = 0x30
	tdsBit        = 0x32
	tdsInt2       = 0x34
	tdsInt4       = 0x38
	tdsDatetime4  = 0x3a
	tdsFloat4     = 0x3b
	tdsMoney      = 0x3c
	tdsDatetime   = 0x3d
	tdsFloat8     = 0x3e
	tdsMoney4     = 0x7a
	tdsInt8       = 0x7f
	tdsGUID       = 0x24
	tdsIntN       = 0x26
	tdsDateN      = 0x28
	tdsTimeN      = 0x29
	tdsDatetime2N = 0x2a
	tdsOffsetN    = 0x2b
	tdsBitN       = 0x68
	tdsDecimalN   = 0x6a
	tdsNumericN   = 0x6c
	tdsFloatN     = 0x6d
	tdsMoneyN     = 0x6e
	tdsDatetimeN  = 0x6f
	tdsVarbinary  = 0xa5
	tdsVarchar    = 0xa7
	tdsBinary     = 0xad
	tdsChar       = 0xaf
	tdsNvarchar   = 0xe7
	tdsNchar      = 0xef
	tdsXML        = 0xf1
	tdsText       = 0x23
	tdsImage      = 0x22
	tdsNtext      = 0x63
)

// wireKind is the form in which a value of t travels: an _UTF8 varchar goes as
// nvarchar to a client that has not asked for UTF-8.
func wireKind(t sqlType) kind {
	if isUTF8(t.coll) {
		switch t.kind {
		case kVarchar:
			return kNvarchar
		case kChar:
			return kNchar
		}
	}
	return t.kind
}

// appendTypeInfo writes TYPE_INFO. A column's text, ntext and image have the
// name of their table, which is left empty.
func appendTypeInfo(b []byte, t sqlType, column bool) []byte {
	k := wireKind(t)
	switch k {
	case kNull:
		return append(b, tdsIntN, 4) // as SQL Server has it
	case kBit:
		return append(b, tdsBitN, 1)
	case kTinyint, kSmallint, kInt, kBigint:
		return append(b, tdsIntN, byte(t.maxLength()))
	case kReal, kFloat:
		return append(b, tdsFloatN, byte(t.maxLength()))
	case kSmallmoney, kMoney:
		return append(b, tdsMoneyN, byte(t.maxLength()))
	case kSmalldatetime, kDatetime:
		return append(b, tdsDatetimeN, byte(t.maxLength()))
	case kDecimal:
		id := byte(tdsDecimalN)
		if t.numeric {
			id = tdsNumericN
		}
		return append(b, id, byte(decimalSize(t.prec)), byte(t.prec), byte(t.scale))
	case kDate:
		return append(b, tdsDateN)
	case kTime:
		return append(b, tdsTimeN, byte(t.scale))
	case kDatetime2:
		return append(b, tdsDatetime2N, byte(t.scale))
	case kDatetimeoffset:
		return append(b, tdsOffsetN, byte(t.scale))
	case kUniqueidentifier:
		return append(b, tdsGUID, 16)
	case kXML:
		return append(b, tdsXML, 0)
	case kText, kNtext, kImage:
		return appendLongTypeInfo(b, t, column)
	}
	return appendShortTypeInfo(b, k, t)
}

func appendShortTypeInfo(b []byte, k kind, t sqlType) []byte {
	id := map[kind]byte{
		kChar: tdsChar, kVarchar: tdsVarchar, kNchar: tdsNchar, kNvarchar: tdsNvarchar,
		kBinary: tdsBinary, kVarbinary: tdsVarbinary, kRowversion: tdsBinary,
	}[k]
	size := t.maxLength()
	if k != t.kind && size > 0 {
		size *= 2
	}
	if size == maxLen || size > 8000 {
		size = 0xffff
	}
	b = append(b, id, byte(size), byte(size>>8))
	if t.isString() {
		b = append(b, collationBytes(t.coll)...)
	}
	return b
}

func appendLongTypeInfo(b []byte, t sqlType, column bool) []byte {
	id, size := byte(tdsText), uint32(0x7fffffff)
	switch t.kind {
	case kNtext:
		id, size = tdsNtext, 0x7ffffffe
	case kImage:
		id = tdsImage
	}
	b = binary.LittleEndian.AppendUint32(append(b, id), size)
	if t.kind != kImage {
		b = append(b, collationBytes(t.coll)...)
	}
	if column {
		b = append(b, 1, 0, 0) // one part, of no characters
	}
	return b
}

// fixedTypes have no more in their TYPE_INFO than their number.
var fixedTypes = map[byte]kind{
	tdsNull: kNull, tdsInt1: kTinyint, tdsBit: kBit, tdsInt2: kSmallint, tdsInt4: kInt, tdsInt8: kBigint, tdsFloat4: kReal,
	tdsFloat8: kFloat, tdsMoney: kMoney, tdsMoney4: kSmallmoney, tdsDatetime: kDatetime, tdsDatetime4: kSmalldatetime,
}

// readTypeInfo reads TYPE_INFO of a parameter. plp says that the value comes in
// chunks.
func readTypeInfo(r *reader) (t sqlType, id byte, plp bool) {
	id = r.byte()
	if k, ok := fixedTypes[id]; ok {
		return simple(k), id, false
	}
	switch id {
	case tdsGUID:
		t.kind = kUniqueidentifier
		r.byte()
	case tdsBitN:
		t.kind = kBit
		r.byte()
	case tdsDateN:
		t.kind = kDate
	case tdsTimeN, tdsDatetime2N, tdsOffsetN:
		t.kind = map[byte]kind{tdsTimeN: kTime, tdsDatetime2N: kDatetime2, tdsOffsetN: kDatetimeoffset}[id]
		t.scale = int(r.byte())
	case tdsIntN, tdsFloatN, tdsMoneyN, tdsDatetimeN:
		t.kind = sizedKind(r, id, r.byte())
	case tdsDecimalN, tdsNumericN:
		r.byte()
		t = decimalType(int(r.byte()), int(r.byte()))
		t.numeric = id == tdsNumericN
	case tdsVarbinary, tdsBinary, tdsVarchar, tdsChar, tdsNvarchar, tdsNchar:
		t, plp = readShortTypeInfo(r, id)
	case tdsXML:
		t, plp = sqlType{kind: kXML, len: maxLen}, true
		if r.byte() != 0 {
			r.fail("an XML schema")
		}
	case tdsText, tdsNtext, tdsImage:
		t.kind = map[byte]kind{tdsText: kText, tdsNtext: kNtext, tdsImage: kImage}[id]
		r.take(4)
		if id != tdsImage {
			r.take(5)
		}
	default:
		r.fail("a parameter of this type")
	}
	return t, id, plp
}

func sizedKind(r *reader, id, size byte) kind {
	k := map[[2]byte]kind{
		{tdsIntN, 1}: kTinyint, {tdsIntN, 2}: kSmallint, {tdsIntN, 4}: kInt, {tdsIntN, 8}: kBigint,
		{tdsFloatN, 4}: kReal, {tdsFloatN, 8}: kFloat,
		{tdsMoneyN, 4}: kSmallmoney, {tdsMoneyN, 8}: kMoney,
		{tdsDatetimeN, 4}: kSmalldatetime, {tdsDatetimeN, 8}: kDatetime,
	}[[2]byte{id, size}]
	if k == kNull {
		r.fail("a parameter of this size")
	}
	return k
}

func readShortTypeInfo(r *reader, id byte) (t sqlType, plp bool) {
	t.kind = map[byte]kind{
		tdsVarbinary: kVarbinary, tdsBinary: kBinary, tdsVarchar: kVarchar, tdsChar: kChar,
		tdsNvarchar: kNvarchar, tdsNchar: kNchar,
	}[id]
	t.len = int(r.uint16())
	plp = t.len == 0xffff
	switch {
	case plp:
		t.len = maxLen
	case t.unicode():
		t.len /= 2
	}
	if t.isString() {
		r.take(5) // a parameter takes the database's collation
	}
	return t, plp
}
