package sqlservertest

import (
	"fmt"
	"strings"
)

// kind is one of SQL Server's types, without its length.
type kind uint8

const (
	kNull kind = iota // of a bare NULL
	kBit
	kTinyint
	kSmallint
	kInt
	kBigint
	kSmallmoney
	kMoney
	kDecimal
	kReal
	kFloat
	kTime
	kDate
	kSmalldatetime
	kDatetime
	kDatetime2
	kDatetimeoffset
	kChar
	kVarchar
	kText
	kNchar
	kNvarchar
	kNtext
	kBinary
	kVarbinary
	kImage
	kRowversion
	kUniqueidentifier
	kXML
)

// kindInfo is what is known of a kind.
type kindInfo struct {
	name       string
	system     int // system_type_id
	precedence int // of two operands of an operator, the higher one's type wins
	pg         string
}

var kinds = [...]kindInfo{
	kNull:             {"null", 0, 0, "bpchar"},
	kBit:              {"bit", 104, 12, "int2"},
	kTinyint:          {"tinyint", 48, 13, "int2"},
	kSmallint:         {"smallint", 52, 14, "int2"},
	kInt:              {"int", 56, 15, "int4"},
	kBigint:           {"bigint", 127, 16, "int8"},
	kSmallmoney:       {"smallmoney", 122, 17, "numeric"},
	kMoney:            {"money", 60, 18, "numeric"},
	kDecimal:          {"decimal", 106, 19, "numeric"},
	kReal:             {"real", 59, 20, "float4"},
	kFloat:            {"float", 62, 21, "float8"},
	kTime:             {"time", 41, 22, "time"},
	kDate:             {"date", 40, 23, "date"},
	kSmalldatetime:    {"smalldatetime", 58, 24, "timestamp"},
	kDatetime:         {"datetime", 61, 25, "timestamp"},
	kDatetime2:        {"datetime2", 42, 26, "timestamp"},
	kDatetimeoffset:   {"datetimeoffset", 43, 27, "tsql.dto"},
	kBinary:           {"binary", 173, 1, "bytea"},
	kVarbinary:        {"varbinary", 165, 2, "bytea"},
	kChar:             {"char", 175, 3, "bpchar"},
	kVarchar:          {"varchar", 167, 4, "bpchar"},
	kNchar:            {"nchar", 239, 5, "bpchar"},
	kNvarchar:         {"nvarchar", 231, 6, "bpchar"},
	kUniqueidentifier: {"uniqueidentifier", 36, 7, "uuid"},
	kRowversion:       {"timestamp", 189, 8, "bytea"},
	kImage:            {"image", 34, 9, "bytea"},
	kText:             {"text", 35, 10, "bpchar"},
	kNtext:            {"ntext", 99, 11, "bpchar"},
	kXML:              {"xml", 241, 28, "bpchar"},
}

// typeNames are the names that a declaration may use.
var typeNames = namesOfTypes()

func namesOfTypes() map[string]kind {
	names := map[string]kind{
		"integer": kInt, "dec": kDecimal, "numeric": kDecimal, "character": kChar, "rowversion": kRowversion,
		"sysname": kNvarchar,
	}
	for k := kBit; int(k) < len(kinds); k++ {
		names[kinds[k].name] = k
	}
	return names
}

// maxLen is the length of the (max) types.
const maxLen = -1

// sqlType is a type as it is declared.
type sqlType struct {
	kind        kind
	len         int // characters, or bytes of a binary type; maxLen for (max)
	prec, scale int // of decimals; scale also of time, datetime2, datetimeoffset
	coll        string
	numeric     bool // declared as numeric: a type of its own to the catalogue
}

func simple(k kind) sqlType               { return sqlType{kind: k} }
func decimalType(prec, scale int) sqlType { return sqlType{kind: kDecimal, prec: prec, scale: scale} }
func varchar(n int) sqlType               { return sqlType{kind: kVarchar, len: n} }
func nvarchar(n int) sqlType              { return sqlType{kind: kNvarchar, len: n} }

// family groups kinds that convert alike.
type family uint8

const (
	fNull    family = iota
	fInt            // bit included
	fDecimal        // money included
	fFloat
	fString // xml included
	fBinary
	fDate
	fTime
	fDatetime
	fOffset
	fUUID
)

func (t sqlType) family() family {
	switch t.kind {
	case kBit, kTinyint, kSmallint, kInt, kBigint:
		return fInt
	case kSmallmoney, kMoney, kDecimal:
		return fDecimal
	case kReal, kFloat:
		return fFloat
	case kChar, kVarchar, kText, kNchar, kNvarchar, kNtext, kXML:
		return fString
	case kBinary, kVarbinary, kImage, kRowversion:
		return fBinary
	case kDate:
		return fDate
	case kTime:
		return fTime
	case kSmalldatetime, kDatetime, kDatetime2:
		return fDatetime
	case kDatetimeoffset:
		return fOffset
	case kUniqueidentifier:
		return fUUID
	}
	return fNull
}

func (t sqlType) isString() bool { return t.family() == fString }
func (t sqlType) unicode() bool {
	return t.kind == kNchar || t.kind == kNvarchar || t.kind == kNtext || t.kind == kXML
}

// blob says that t is one of the types that know no comparison.
func (t sqlType) blob() bool {
	return t.kind == kText || t.kind == kNtext || t.kind == kImage || t.kind == kXML
}

func (t sqlType) pg() string { return kinds[t.kind].pg }
func (t sqlType) name() string {
	if t.kind == kDecimal && t.numeric {
		return "numeric"
	}
	return kinds[t.kind].name
}

// systemType is t's system_type_id.
func (t sqlType) systemType() int {
	if t.kind == kDecimal && t.numeric {
		return 108
	}
	return kinds[t.kind].system
}

// userType is what COLMETADATA says of types that share another's form.
func (t sqlType) userType() uint32 {
	if t.kind == kRowversion {
		return 80
	}
	return 0
}

// maxLength is what sys.columns says: bytes, -1 for (max).
func (t sqlType) maxLength() int {
	switch t.kind {
	case kBit, kTinyint:
		return 1
	case kSmallint:
		return 2
	case kInt, kReal, kSmalldatetime, kSmallmoney:
		return 4
	case kBigint, kFloat, kDatetime, kMoney, kRowversion:
		return 8
	case kDate:
		return 3
	case kTime:
		return timeSize(t.scale)
	case kDatetime2:
		return timeSize(t.scale) + 3
	case kDatetimeoffset:
		return timeSize(t.scale) + 5
	case kDecimal:
		return decimalSize(t.prec)
	case kText, kNtext, kImage, kUniqueidentifier:
		return 16
	case kXML:
		return -1
	case kNchar, kNvarchar:
		if t.len != maxLen {
			return 2 * t.len
		}
	}
	return t.len
}

// precision and scale as sys.columns has them.
func (t sqlType) precision() (prec, scale int) {
	switch t.kind {
	case kBit:
		return 1, 0
	case kTinyint:
		return 3, 0
	case kSmallint:
		return 5, 0
	case kInt, kDate:
		return 10, 0
	case kBigint:
		return 19, 0
	case kSmallmoney:
		return 10, 4
	case kMoney:
		return 19, 4
	case kDecimal:
		return t.prec, t.scale
	case kReal:
		return 24, 0
	case kFloat:
		return 53, 0
	case kSmalldatetime:
		return 16, 0
	case kDatetime:
		return 23, 3
	case kTime:
		return scaled(8, t.scale), t.scale
	case kDatetime2:
		return scaled(19, t.scale), t.scale
	case kDatetimeoffset:
		return scaled(26, t.scale), t.scale
	}
	return 0, 0
}

// scaled is the length of a time with its fraction.
func scaled(base, scale int) int {
	if scale == 0 {
		return base
	}
	return base + 1 + scale
}

// timeSize and decimalSize are the bytes that a value takes, without the
// decimal's sign for its digits: MS-TDS 2.2.5.5.1.
func timeSize(scale int) int {
	switch {
	case scale <= 2:
		return 3
	case scale <= 4:
		return 4
	}
	return 5
}

func decimalSize(prec int) int {
	switch {
	case prec <= 9:
		return 5
	case prec <= 19:
		return 9
	case prec <= 28:
		return 13
	}
	return 17
}

// declared makes a type from its name and the numbers in its brackets, with the
// lengths that T-SQL gives where there are none: n is 1 in a declaration, 30 in a
// conversion.
func declared(name string, args []int, n int) (sqlType, error) {
	lower := strings.ToLower(name)
	k, ok := typeNames[lower]
	if !ok {
		return sqlType{}, errUnknown("the type " + name)
	}
	t := sqlType{kind: k, numeric: lower == "numeric"}
	arg := func(i, otherwise int) int {
		if i < len(args) {
			return args[i]
		}
		return otherwise
	}
	switch k {
	case kChar, kVarchar, kNchar, kNvarchar, kBinary, kVarbinary:
		t.len = arg(0, n)
		if lower == "sysname" {
			t.len = 128
		}
		most := 8000
		if t.unicode() {
			most = 4000
		}
		fixed := k == kChar || k == kNchar || k == kBinary
		if t.len > most || t.len == maxLen && fixed || t.len == 0 {
			return t, errf(131, 15, "The size (%d) given to the type '%s' exceeds the maximum allowed (%d).", t.len, name, most)
		}
	case kDecimal:
		t.prec, t.scale = arg(0, 18), arg(1, 0)
		if t.prec < 1 || t.prec > 38 || t.scale < 0 || t.scale > t.prec {
			return t, errf(2750, 16, "Column or parameter #1: Specified column precision %d is greater than the maximum precision of 38.", t.prec)
		}
	case kTime, kDatetime2, kDatetimeoffset:
		t.scale = arg(0, 7)
		if t.scale < 0 || t.scale > 7 {
			return t, errf(1002, 16, "Line 1: Specified scale %d is invalid.", t.scale)
		}
	case kFloat:
		if arg(0, 53) <= 24 {
			t.kind = kReal
		}
	}
	return t, nil
}

// String is the type as a declaration writes it.
func (t sqlType) String() string {
	switch t.kind {
	case kChar, kVarchar, kNchar, kNvarchar, kBinary, kVarbinary:
		if t.len == maxLen {
			return t.name() + "(max)"
		}
		return fmt.Sprintf("%s(%d)", t.name(), t.len)
	case kDecimal:
		return fmt.Sprintf("%s(%d,%d)", t.name(), t.prec, t.scale)
	case kTime, kDatetime2, kDatetimeoffset:
		return fmt.Sprintf("%s(%d)", t.name(), t.scale)
	}
	return t.name()
}
