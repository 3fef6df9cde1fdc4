package sqlserver

import (
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
)

// typed reads the spelling that sqlType.String writes, with the collation of a
// British housing system for text.
func typed(t testing.TB, s string) sqlType {
	t.Helper()
	name, args, _ := strings.Cut(strings.TrimSuffix(s, ")"), "(")
	typ := sqlType{name: name}
	var n []int
	for _, a := range strings.Split(args, ",") {
		v := 0
		for _, c := range a {
			v = v*10 + int(c-'0')
		}
		if a == "max" {
			v = -1
		}
		n = append(n, v)
	}
	switch typ.class() {
	case classDecimal:
		typ.precision, typ.scale = n[0], n[1]
	case classTime:
		typ.scale = n[0]
	case classChar, classNChar:
		typ.collation, typ.codePage = "Latin1_General_CI_AS", 1252
		typ.length = n[0]
	default:
		typ.length = n[0]
	}
	if typ.String() != s {
		t.Fatalf("%q is read as %q", s, typ)
	}
	return typ
}

func source(base string) capture.Column {
	return capture.Column{Name: "c", Base: base, Modifier: -1}
}

func london(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// Rules by the letters that the tables of tests use.
func rules(s string) (l Lossy) {
	l.Round = strings.Contains(s, "r")
	l.Truncate = strings.Contains(s, "t")
	l.Transliterate = strings.Contains(s, "l")
	l.Ambiguous = strings.Contains(s, "a")
	return l
}

type encodeCase struct {
	src, dst, rules, text string
	want                  string // the terms, or after a ! part of the reason
}

func (c encodeCase) run(t *testing.T) {
	t.Helper()
	opt := codecOptions{lossy: rules(c.rules), zone: london(t)}
	codec, err := newCodec(source(c.src), typed(t, c.dst), opt)
	if err != nil {
		t.Errorf("%s to %s: %v", c.src, c.dst, err)
		return
	}
	b, err := codec.encode(capture.Text(c.text))
	reason, refused := strings.CutPrefix(c.want, "!")
	switch {
	case refused && err == nil:
		t.Errorf("%s %q to %s became %q; want it refused", c.src, c.text, c.dst, b.terms)
	case refused && !strings.Contains(err.Error(), reason):
		t.Errorf("%s %q to %s is refused with %q, want %q", c.src, c.text, c.dst, err, reason)
	case refused && len(c.text) > 4 && !strings.Contains(c.text, "nfinity") && strings.Contains(err.Error(), c.text):
		t.Errorf("%s %q to %s: the reason tells the value: %v", c.src, c.text, c.dst, err)
	case !refused && err != nil:
		t.Errorf("%s %q to %s: %v", c.src, c.text, c.dst, err)
	case !refused && b.terms != c.want:
		t.Errorf("%s %q to %s became %q, want %q", c.src, c.text, c.dst, b.terms, c.want)
	}
}

func runCases(t *testing.T, cases []encodeCase) {
	t.Helper()
	for _, c := range cases {
		c.run(t)
	}
}

func TestNumbersAtTheirLimits(t *testing.T) { runCases(t, numberCases()) }

func numberCases() []encodeCase {
	return []encodeCase{
		{"bool", "bit", "", "t", "1"},
		{"bool", "bit", "", "f", "0"},
		{"bool", "int", "", "t", "1"},
		{"bool", "bit", "", "true", "!neither"},
		{"int4", "bit", "", "1", "1"},
		{"int4", "bit", "r", "2", "!outside the range of bit"},
		{"int4", "bit", "", "-1", "!outside"},
		{"int2", "tinyint", "", "255", "255"},
		{"int2", "tinyint", "", "256", "!outside the range of tinyint"},
		{"int2", "tinyint", "", "-1", "!outside"},
		{"int4", "smallint", "", "-32768", "-32768"},
		{"int4", "smallint", "", "32768", "!outside"},
		{"int8", "int", "", "-2147483648", "-2147483648"},
		{"int8", "int", "", "2147483648", "!outside"},
		{"int8", "bigint", "", "-9223372036854775808", "-9223372036854775808"},
		{"numeric", "bigint", "", "9223372036854775807", "9223372036854775807"},
		{"numeric", "bigint", "", "9223372036854775808", "!outside"},
		{"numeric", "int", "", "12.00", "12"},
		{"numeric", "int", "", "12.5", "!more than 0 decimals; the rule round"},
		{"numeric", "int", "r", "12.5", "13"},
		{"numeric", "int", "r", "-12.5", "-13"},
		{"numeric", "int", "r", "-0.4", "0"},
		{"text", "int", "", "12", "12"},
		{"text", "int", "", "012", "!not a number"},
		{"text", "int", "", " 12", "!not a number"},
		{"text", "int", "", "+12", "!not a number"},
		{"text", "int", "", "", "!not a number"},
		{"text", "int", "", "1e3", "!not a number"},
		{"text", "numeric(9,2)", "", "1.", "!not a number"},
		{"text", "numeric(9,2)", "", ".5", "!not a number"},
		{"numeric", "numeric(9,2)", "", "9999999.99", "9999999.99"},
		{"numeric", "numeric(9,2)", "", "10000000.00", "!outside the range of numeric(9,2)"},
		{"numeric", "numeric(9,2)", "", "-9999999.990", "-9999999.99"},
		{"numeric", "numeric(9,2)", "", "1.005", "!more than 2 decimals"},
		{"numeric", "numeric(9,2)", "r", "1.005", "1.01"},
		{"numeric", "numeric(9,2)", "r", "9999999.995", "!outside"},
		{"numeric", "numeric(9,2)", "r", "-9.999", "-10.00"},
		{"numeric", "numeric(9,2)", "", "0", "0.00"},
		{"numeric", "numeric(9,2)", "r", "-0.001", "0.00"},
		{"numeric", "decimal(2,2)", "", "0.99", "0.99"},
		{"numeric", "decimal(2,2)", "", "1.00", "!outside"},
		{"numeric", "decimal(38,0)", "", strings.Repeat("9", 38), strings.Repeat("9", 38)},
		{"numeric", "decimal(38,38)", "", "0." + strings.Repeat("9", 38), "0." + strings.Repeat("9", 38)},
		{"numeric", "decimal(38,0)", "", "NaN", "!NaN"},
		{"numeric", "decimal(38,0)", "r", "-Infinity", "!infinity"},
		{"int4", "numeric(7,2)", "", "99999", "99999.00"},
		{"int4", "numeric(7,2)", "", "100000", "!outside"},
		{"numeric", "money", "", "922337203685477.5807", "922337203685477.5807"},
		{"numeric", "money", "", "922337203685477.5808", "!outside"},
		{"numeric", "money", "", "-922337203685477.5808", "-922337203685477.5808"},
		{"numeric", "money", "", "0.00001", "!more than 4 decimals"},
		{"numeric", "smallmoney", "", "-214748.3648", "-214748.3648"},
		{"numeric", "smallmoney", "", "214748.3648", "!outside"},
		{"float8", "numeric(9,2)", "", "0.5", "0.50"},
		{"float8", "numeric(9,2)", "", "0.1", "!decimals"},
		{"float8", "numeric(9,2)", "r", "0.1", "0.10"},
		{"float8", "int", "", "1e+09", "1000000000"},
		{"float8", "int", "", "NaN", "!NaN"},
	}
}

func TestFloatsAtTheirLimits(t *testing.T) { runCases(t, floatCases()) }

func floatCases() []encodeCase {
	return []encodeCase{
		{"float8", "float", "", "1.7976931348623157e+308", "1.7976931348623157e+308"},
		{"float8", "float", "", "2.2250738585072014e-308", "2.2250738585072014e-308"},
		{"float8", "float", "", "5e-324", "!smaller than the smallest float"},
		{"float8", "float", "r", "5e-324", "0"},
		{"float8", "float", "", "-0", "0"},
		{"float8", "float", "", "NaN", "!NaN"},
		{"float8", "float", "", "Infinity", "!infinity"},
		{"float8", "float", "r", "-Infinity", "!infinity"},
		{"float8", "float", "", "0.1", "0.1"},
		{"float4", "real", "", "0.1", "0.1"},
		{"float4", "real", "", "3.4028235e+38", "3.4028235e+38"},
		{"float4", "real", "", "1e-45", "!smaller"},
		{"float4", "float", "", "0.1", "0.10000000149011612"},
		{"float8", "real", "", "0.5", "0.5"},
		{"float8", "real", "", "0.1", "!no real is equal"},
		{"float8", "real", "r", "0.1", "0.1"},
		{"float8", "real", "r", "1e39", "!outside the range of real"},
		{"int8", "float", "", "9007199254740992", "9.007199254740992e+15"},
		{"int8", "float", "", "9007199254740993", "!no float is equal"},
		{"int8", "float", "r", "9007199254740993", "9.007199254740992e+15"},
		{"numeric", "float", "", "0.25", "0.25"},
		{"numeric", "float", "", "0.1", "!no float is equal"},
		{"numeric", "float", "r", "0.1", "0.1"},
		{"numeric", "float", "r", "1" + strings.Repeat("0", 400), "!outside the range of float"},
		{"text", "float", "", "0x10", "!not a number"},
	}
}

func TestTextAtItsLimits(t *testing.T) { runCases(t, textCases()) }

func textCases() []encodeCase {
	return []encodeCase{
		{"varchar", "char(11)", "", "000023/02", "000023/02"},
		{"varchar", "char(11)", "", "000023/02  ", "000023/02"},
		{"varchar", "char(3)", "", "abc      ", "abc"},
		{"varchar", "char(3)", "", "abcd", "!longer than char(3)"},
		{"varchar", "char(3)", "t", "abcd", "abc"},
		{"varchar", "char(3)", "t", "a  d", "a"},
		{"varchar", "varchar(5)", "", "abc  ", "abc  "},
		{"varchar", "varchar(3)", "", "abc  ", "!longer than varchar(3); the rule truncate"},
		{"bpchar", "varchar(5)", "", "abc  ", "abc"},
		{"text", "varchar(5)", "", "", ""},
		{"text", "char(5)", "", "   ", ""},
		{"text", "varchar(3)", "", "€ß’", "€ß’"},
		{"text", "varchar(3)", "", "€ß’x", "!longer"},
		{"text", "varchar(3)", "t", "€ß’x", "€ß’"},
		{"text", "varchar(20)", "", "Şahin", "!outside code page 1252; the rule transliterate"},
		{"text", "varchar(20)", "l", "Şahin Łukasz", "Sahin Lukasz"},
		{"text", "varchar(20)", "l", "ﬁne e\u0301 ½", "fine é ½"},
		{"text", "varchar(20)", "l", "日本", "!no near one"},
		{"text", "varchar(4)", "l", "ŞŁ日", "!no near one"},
		{"text", "nvarchar(2)", "", "😀", "😀"},
		{"text", "nvarchar(2)", "", "😀a", "!longer than nvarchar(2)"},
		{"text", "nvarchar(2)", "t", "a😀", "a"},
		{"text", "nchar(3)", "", "ab     ", "ab"},
		{"text", "nvarchar(max)", "", strings.Repeat("ă", 9000), strings.Repeat("ă", 9000)},
		{"text", "text", "", "note", "note"},
		{"text", "text", "", "日", "!code page"},
		{"text", "ntext", "", "日", "日"},
		{"text", "nvarchar(9)", "", "a\xff", "!UTF-8"},
		{"enum", "varchar(9)", "", "open", "open"},
		{"int4", "char(4)", "", "-123", "-123"},
		{"int4", "char(3)", "", "-123", "!longer"},
		{"numeric", "varchar(9)", "", "12.50", "12.50"},
		{"uuid", "char(36)", "", "6f9619ff-8b86-d011-b42d-00c04fc964ff", "6f9619ff-8b86-d011-b42d-00c04fc964ff"},
		{"jsonb", "nvarchar(max)", "", `{"a": 1}`, `{"a": 1}`},
		{"int4[]", "varchar(20)", "", "{1,2}", "{1,2}"},
		{"interval", "varchar(20)", "", "1 day", "1 day"},
		{"timestamptz", "varchar(30)", "", "2024-05-01 12:00:00+00", "2024-05-01 12:00:00+00"},
	}
}

func TestBytesUUIDAndXML(t *testing.T) { runCases(t, otherCases()) }

func otherCases() []encodeCase {
	const uuid = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
	return []encodeCase{
		{"bytea", "varbinary(2)", "", `\x00ff`, "0x00ff"},
		{"bytea", "varbinary(2)", "", `\x`, "0x"},
		{"bytea", "varbinary(2)", "", `\x00ff01`, "!longer"},
		{"bytea", "varbinary(2)", "t", `\x00ff01`, "0x00ff"},
		{"bytea", "varbinary(2)", "", `abc`, "!hex form"},
		{"bytea", "binary(2)", "", `\x00ff`, "0x00ff"},
		{"bytea", "binary(2)", "", `\x00`, "!takes 2 bytes"},
		{"bytea", "image", "", `\x01`, "0x01"},
		{"uuid", "uniqueidentifier", "", uuid, uuid},
		{"text", "uniqueidentifier", "", strings.ToUpper(uuid), uuid},
		{"text", "uniqueidentifier", "", uuid[:35], "!not a uuid"},
		{"text", "uniqueidentifier", "", uuid[:35] + "g", "!not a uuid"},
		{"xml", "xml", "", `<?xml version="1.1"?><a y="2" x='1'/>`, `<a x="1" y="2"></a>`},
		{"xml", "xml", "", `<?xml version="1.0" encoding="latin1"?><?p q?><!--c-->`, `<?p q?><!--c-->`},
		{"xml", "xml", "", `<a> <![CDATA[<]]>&amp;</a>`, `<a> &lt;&amp;</a>`},
		{"xml", "xml", "", `a<b/>`, `a<b></b>`},
		{"xml", "xml", "", `<a></b>`, "!well-formed"},
		{"xml", "xml", "", `<a>`, "!well-formed"},
		{"xml", "xml", "", `<!DOCTYPE a><a/>`, "!document type"},
	}
}

func TestTimesAtTheirLimits(t *testing.T) { runCases(t, timeCases()) }

func timeCases() []encodeCase {
	return []encodeCase{
		{"date", "date", "", "0001-01-01", "0001-01-01"},
		{"date", "date", "", "9999-12-31", "9999-12-31"},
		{"date", "date", "", "10000-01-01", "!after the year 9999"},
		{"date", "date", "", "0044-03-15 BC", "!before the year 1"},
		{"date", "date", "", "infinity", "!infinity"},
		{"date", "date", "", "2023-02-29", "!ISO"},
		{"date", "datetime", "", "1752-12-31", "!range of datetime"},
		{"date", "datetime", "", "1753-01-01", "1753-01-01T00:00:00.000"},
		{"date", "smalldatetime", "", "1900-01-01", "1900-01-01T00:00:00"},
		{"date", "smalldatetime", "", "1899-12-31", "!range"},
		{"date", "smalldatetime", "", "2079-06-07", "!range"},
		{"date", "datetime2(0)", "", "2024-05-01", "2024-05-01T00:00:00"},
		{"timestamp", "date", "", "2024-05-01 00:00:00", "2024-05-01"},
		{"timestamp", "date", "", "2024-05-01 18:00:00", "!finer than date"},
		{"timestamp", "date", "r", "2024-05-01 18:00:00", "2024-05-01"},
		{"timestamp", "date", "t", "2024-05-01 18:00:00", "2024-05-01"},
		{"timestamp", "smalldatetime", "", "2079-06-06 23:59:00", "2079-06-06T23:59:00"},
		{"timestamp", "smalldatetime", "r", "2079-06-06 23:59:30", "!range"},
		{"timestamp", "smalldatetime", "", "2024-05-01 12:30:01", "!finer than smalldatetime can hold; the rules round"},
		{"timestamp", "smalldatetime", "r", "2024-05-01 12:30:30", "2024-05-01T12:31:00"},
		{"timestamp", "smalldatetime", "r", "2024-05-01 12:30:29.999999", "2024-05-01T12:30:00"},
		{"timestamp", "smalldatetime", "t", "2024-05-01 12:30:59", "2024-05-01T12:30:00"},
		{"timestamp", "datetime", "", "2024-05-01 12:30:00.003", "2024-05-01T12:30:00.003"},
		{"timestamp", "datetime", "", "2024-05-01 12:30:00.997", "2024-05-01T12:30:00.997"},
		{"timestamp", "datetime", "", "2024-05-01 12:30:00.004", "!finer than datetime"},
		{"timestamp", "datetime", "r", "2024-05-01 12:30:00.004", "2024-05-01T12:30:00.003"},
		{"timestamp", "datetime", "r", "2024-05-01 12:30:00.005", "2024-05-01T12:30:00.007"},
		{"timestamp", "datetime", "r", "2024-05-01 12:30:00.001", "2024-05-01T12:30:00.000"},
		{"timestamp", "datetime", "r", "2024-05-01 12:30:00.999", "2024-05-01T12:30:01.000"},
		{"timestamp", "datetime", "t", "2024-05-01 12:30:00.999", "2024-05-01T12:30:00.997"},
		{"timestamp", "datetime", "t", "2024-05-01 12:30:00.002999", "2024-05-01T12:30:00.000"},
		{"timestamp", "datetime", "r", "9999-12-31 23:59:59.999", "!range"},
		{"timestamp", "datetime2(3)", "", "2024-05-01 12:30:00.123", "2024-05-01T12:30:00.123"},
		{"timestamp", "datetime2(3)", "", "2024-05-01 12:30:00.1234", "!finer than datetime2(3)"},
		{"timestamp", "datetime2(3)", "r", "2024-05-01 12:30:00.1235", "2024-05-01T12:30:00.124"},
		{"timestamp", "datetime2(7)", "", "2024-05-01 12:30:00.123456", "2024-05-01T12:30:00.1234560"},
		{"timestamp", "datetime2(7)", "", "-infinity", "!infinity"},
		{"timestamp", "datetime2(7)", "", "0044-03-15 12:00:00 BC", "!before the year 1"},
		{"time", "time(7)", "", "23:59:59.999999", "23:59:59.9999990"},
		{"time", "time(0)", "", "23:59:59", "23:59:59"},
		{"time", "time(0)", "r", "23:59:59.5", "!range"},
		{"time", "time(7)", "", "24:00:00", "!24:00"},
		{"timestamptz", "datetime", "", "2024-07-01 12:00:00+00", "2024-07-01T13:00:00.000"},
		{"timestamptz", "datetime", "", "2024-01-01 12:00:00+00", "2024-01-01T12:00:00.000"},
		{"timestamptz", "datetime", "", "2024-10-26 23:59:59+00", "2024-10-27T00:59:59.000"},
		{"timestamptz", "datetime", "", "2024-10-27 00:00:00+00", "!twice"},
		{"timestamptz", "datetime", "", "2024-10-27 01:59:59+00", "!twice"},
		{"timestamptz", "datetime", "a", "2024-10-27 00:30:00+00", "2024-10-27T01:30:00.000"},
		{"timestamptz", "datetime", "a", "2024-10-27 01:30:00+00", "2024-10-27T01:30:00.000"},
		{"timestamptz", "datetime", "", "2024-10-27 02:00:00+00", "2024-10-27T02:00:00.000"},
		{"timestamptz", "datetime", "", "2024-03-31 01:00:00+00", "2024-03-31T02:00:00.000"},
		{"timestamptz", "date", "", "2024-06-30 23:00:00+00", "2024-07-01"},
		{"timestamptz", "datetimeoffset(0)", "", "2024-10-27 00:30:00+00", "2024-10-27T00:30:00+00:00"},
		{"timestamptz", "datetimeoffset(7)", "", "2024-07-01 12:00:00.5+05:30", "2024-07-01T06:30:00.5000000+00:00"},
		{"timestamptz", "datetimeoffset(0)", "", "1800-01-01 00:00:00+00", "1800-01-01T00:00:00+00:00"},
		{"timestamptz", "datetimeoffset(0)", "", "0044-03-15 12:00:00+00 BC", "!before the year 1"},
		{"timestamptz", "datetimeoffset(0)", "", "infinity", "!infinity"},
		{"text", "datetime", "", "2024-05-01 12:30:00", "2024-05-01T12:30:00.000"},
		{"text", "date", "", "01/05/2024", "!ISO"},
	}
}

func TestCrossPairs(t *testing.T) { runCases(t, crossCases()) }

// crossCases are one value of each source family in one type of each class that
// the other cases leave out.
func crossCases() []encodeCase {
	var cases []encodeCase
	for _, src := range []struct{ base, text string }{
		{"int4", "12"}, {"numeric", "12.50"}, {"float4", "1.5e+30"}, {"float8", "1e-07"}, {"bpchar", "ab"},
		{"uuid", "6f9619ff-8b86-d011-b42d-00c04fc964ff"}, {"date", "0044-03-15 BC"}, {"time", "24:00:00"},
		{"timestamp", "infinity"}, {"timestamptz", "2024-05-01 12:00:00+00"}, {"xml", "<a/>"},
		{"jsonb", `{"a": "\\u0000"}`}, {"timetz", "12:00:00+01"}, {"inet", "10.0.0.0/8"},
		{"varbit", "0101"}, {"tsvector", "'a':1"}, {"point", "(1,2)"}, {"text[]", `{a,"b c",NULL}`},
	} {
		for _, dst := range []string{"varchar(50)", "nvarchar(50)"} {
			cases = append(cases, encodeCase{src.base, dst, "", src.text, src.text})
		}
	}
	for _, base := range []string{"int2", "numeric", "float4", "float8", "text"} {
		for _, dst := range []struct{ name, want string }{
			{"bit", "1"}, {"int", "1"}, {"decimal(9,2)", "1.00"}, {"money", "1.0000"}, {"float", "1"}, {"real", "1"},
		} {
			cases = append(cases, encodeCase{base, dst.name, "", "1", dst.want})
		}
	}
	return append(cases,
		encodeCase{"text", "float", "", "0.5", "0.5"},
		encodeCase{"text", "xml", "", "<a/>", "<a></a>"},
		encodeCase{"text", "time(3)", "", "12:30:00.5", "12:30:00.500"},
		encodeCase{"text", "datetimeoffset(0)", "", "2024-05-01 12:00:00+01", "2024-05-01T11:00:00+00:00"},
		encodeCase{"text", "datetimeoffset(3)", "", "2024-05-01 12:00:00.25Z", "2024-05-01T12:00:00.250+00:00"},
	)
}
