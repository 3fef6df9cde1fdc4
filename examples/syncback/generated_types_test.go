package main_test

import "math/rand/v2"

// typePair is a column's type in the source and in the target.
type typePair struct {
	from, to string
	rule     string // key of the column in the YAML that allows a loss
	// values are what the source is given. Where the target holds another text
	// it follows after " => ". The forms are written by hand: nothing of the
	// applier tells what to expect.
	values []string
	random func(*rand.Rand) string // further values of the same form
}

// generatedTypes has every family of built-in types but money, which is refused.
func generatedTypes() []typePair {
	return append(append(append(numberPairs(), textPairs()...), timePairs()...), formPairs()...)
}

func numberPairs() []typePair {
	return []typePair{
		{from: "bool", to: "bit", values: []string{"t => 1", "f => 0"}},
		{from: "bool", to: "int", values: []string{"t => 1", "f => 0"}},
		{from: "int2", to: "smallint", values: []string{"-32768", "32767", "0"}},
		{from: "int2", to: "tinyint", values: []string{"0", "255", "17"}},
		{from: "int4", to: "int", values: []string{"-2147483648", "2147483647", "0"}, random: randomInt},
		{from: "int4", to: "decimal(12,2)", values: []string{"7 => 7.00", "-2147483648 => -2147483648.00"}},
		{from: "int8", to: "bigint", values: []string{"-9223372036854775808", "9223372036854775807"}, random: randomInt},
		{from: "int8", to: "float", values: []string{"9007199254740992 => 9.007199254740992e+15", "-3"}},
		{from: "oid", to: "bigint", values: []string{"4294967295", "1"}},
		{from: "numeric", to: "decimal(38,10)", values: []string{
			"1.5 => 1.5000000000", "1.50 => 1.5000000000", "0 => 0.0000000000", "0.00 => 0.0000000000",
			"-1234567890123456789012345678.0123456789"}, random: randomDecimal},
		{from: "numeric(12,3)", to: "numeric(9,2)", rule: "round", values: []string{
			"12.345 => 12.35", "12.351 => 12.35", "-0.004 => 0.00", "0.001 => 0.00", "9999999.99 => 9999999.99"}},
		{from: "numeric", to: "money", values: []string{"12.5 => 12.5000", "12.500 => 12.5000", "-922337203685477.5808"}},
		{from: "numeric", to: "smallmoney", values: []string{"-214748.3648", "1 => 1.0000"}},
		{from: "numeric", to: "int", values: []string{"12 => 12", "12.00 => 12", "-7"}},
		{from: "numeric", to: "varchar(40)", values: []string{"12.5", "12.50", "1000000000000000000000"}},
		{from: "float4", to: "real", values: []string{"0.1", "3.4028235e+38", "-0 => 0", "0"}},
		{from: "float4", to: "float", values: []string{"0.1 => 0.10000000149011612", "-2.5"}},
		{from: "float8", to: "float", values: []string{"1.7976931348623157e+308", "2.2250738585072014e-308", "-0 => 0", "0"}, random: randomFloat},
		{from: "float8", to: "decimal(18,4)", rule: "round", values: []string{"0.1 => 0.1000", "0.10001 => 0.1000", "-3.5 => -3.5000"}},
		{from: "price", to: "decimal(10,2)", values: []string{"12.50", "0 => 0.00", "-99999999.99"}},
	}
}

func textPairs() []typePair {
	return []typePair{
		{from: "text", to: "nvarchar(max)", values: []string{"", "😀 日本", "a", "A", "a ", "O'Brien \"x\" \\ %s @p1\nline"}, random: randomText},
		{from: "text", to: "varchar(200)", values: []string{"", "€ß’é", "Zoë", "zoë", "blank ", "blank"}},
		{from: "text", to: "varchar(max)", values: []string{"", "naïve"}, random: randomASCII},
		{from: "text", to: "char(11)", values: []string{"000023/02", "000023/02   ", "", "  "}},
		{from: "text", to: "nchar(12)", values: []string{"日本", "日本  ", "x"}},
		{from: "text", to: "text", values: []string{"note ß", "", "x "}, random: randomASCII},
		{from: "text", to: "ntext", values: []string{"日本", "x"}, random: randomText},
		{from: "text", to: "int", values: []string{"12", "-3"}},
		{from: "text", to: "uniqueidentifier", values: []string{
			"6f9619ff-8b86-d011-b42d-00c04fc964ff", "6F9619FF-8B86-D011-B42D-00C04FC964FF => 6f9619ff-8b86-d011-b42d-00c04fc964ff"}},
		{from: "varchar(30)", to: "varchar(30)", rule: "transliterate", values: []string{"Şahin => Sahin", "Sahin", "ﬁne => fine"}},
		{from: "varchar(40)", to: "nvarchar(4)", rule: "truncate", values: []string{"abcdef => abcd", "abcdxx => abcd", "ab"}},
		{from: "char(8)", to: "varchar(8)", values: []string{"abc", "abc  => abc", "éèê"}},
		{from: "char(8)", to: "char(9)", values: []string{"abc", "abc ", ""}},
		{from: "name", to: "nvarchar(64)", values: []string{"relname", "RelName"}},
		{from: `"char"`, to: "char(1)", values: []string{"r", "v"}},
		{from: "bytea", to: "varbinary(max)", values: []string{`\x => `, `\x00 => 00`, `\x0000 => 0000`, `\xff => ff`}, random: randomBytes},
		{from: "bytea", to: "varbinary(4)", values: []string{`\x00ff => 00ff`, `\x00ff00 => 00ff00`, `\x => `}},
		{from: "bytea", to: "binary(3)", values: []string{`\x00ff00 => 00ff00`, `\x010203 => 010203`}},
		{from: "bytea", to: "image", values: []string{`\x01 => 01`, `\x0100 => 0100`}},
		{from: "uuid", to: "uniqueidentifier", values: []string{"00112233-4455-6677-8899-aabbccddeeff"}, random: randomUUID},
		{from: "uuid", to: "char(36)", values: []string{"00112233-4455-6677-8899-aabbccddeeff"}, random: randomUUID},
		{from: "mood", to: "varchar(10)", values: []string{"sad", "it's ok", "Sad"}},
		{from: "label", to: "nvarchar(80)", values: []string{"Löwe", "löwe", "x"}},
		{from: "xml", to: "xml", values: []string{`<a x="1">t &amp; u</a>`, `<a x="2">é</a>`}},
		{from: "xml", to: "nvarchar(max)", values: []string{"<a/>", "<a></a>"}},
		{from: "json", to: "nvarchar(max)", values: []string{`{"b": 1,  "a": [null, "ü"]}`, "{}"}},
		{from: "jsonb", to: "nvarchar(400)", values: []string{`{"a": [null, "ü"], "b": 1}`, "{}", `"s"`}},
	}
}

func timePairs() []typePair {
	return []typePair{
		{from: "date", to: "date", values: []string{"0001-01-01", "9999-12-31", "2024-02-29"}},
		{from: "date", to: "datetime", values: []string{"1753-01-01 => 1753-01-01 00:00:00", "2024-02-29 => 2024-02-29 00:00:00"}},
		{from: "date", to: "smalldatetime", values: []string{"1900-01-01 => 1900-01-01 00:00:00", "2079-06-06 => 2079-06-06 00:00:00"}},
		{from: "date", to: "varchar(10)", values: []string{"2024-02-29", "infinity"}},
		{from: "time", to: "time(6)", values: []string{"00:00:00", "23:59:59.999999", "12:30:00.5"}},
		{from: "time(3)", to: "time(3)", values: []string{"12:30:00.123", "00:00:00"}},
		{from: "timetz", to: "varchar(30)", values: []string{"12:30:00+01", "23:59:59.5-03:30"}},
		{from: "timestamp", to: "datetime2(6)", values: []string{"0001-01-01 00:00:00", "2024-05-01 12:30:00.000001"}, random: randomTimestamp},
		{from: "timestamp", to: "datetime", rule: "round", values: []string{
			"2024-05-01 12:30:00.004 => 2024-05-01 12:30:00.003", "2024-05-01 12:30:00.003", "2024-05-01 12:30:00.999 => 2024-05-01 12:30:01", "2024-05-01 12:30:01"}},
		{from: "timestamp", to: "smalldatetime", rule: "truncate", values: []string{"2024-05-01 12:30:59 => 2024-05-01 12:30:00", "2024-05-01 12:30:00"}},
		{from: "timestamp", to: "date", rule: "truncate", values: []string{"2024-05-01 18:00:00 => 2024-05-01", "2024-05-01 00:00:00 => 2024-05-01"}},
		{from: "timestamp(0)", to: "varchar(30)", values: []string{"2024-05-01 18:00:00", "0044-03-15 12:00:00 BC"}},
		{from: "timestamptz", to: "datetimeoffset(6)", values: []string{
			"2024-07-01 12:00:00.000001+00 => 2024-07-01 13:00:00.000001+01:00", "2024-01-01 12:00:00+00 => 2024-01-01 12:00:00+00:00"}},
		{from: "timestamptz", to: "datetime2(3)", values: []string{
			"2024-07-01 12:00:00.25+00 => 2024-07-01 13:00:00.25", "2024-03-31 01:00:00+00 => 2024-03-31 02:00:00"}},
		{from: "timestamptz", to: "varchar(40)", values: []string{"2024-07-01 12:00:00+00", "infinity"}},
		{from: "interval", to: "varchar(60)", values: []string{"P1Y2M3DT4H5M6.7S", "PT0S", "P-1D"}},
	}
}

// formPairs have no counterpart in the target and go there in their text form.
func formPairs() []typePair {
	pairs := []typePair{
		{from: "text[]", to: "nvarchar(200)", values: []string{`{a,"b c",NULL,"q\"q"}`, "{}"}},
		{from: "mood[]", to: "varchar(40)", values: []string{`{sad,"it's ok"}`, "{}"}},
		{from: "spot", to: "nvarchar(80)", values: []string{`(1,"a b")`, "(,)"}},
		{from: "tsvector", to: "nvarchar(200)", values: []string{"'cat':3 'dog':1,2", "'ü'"}},
		{from: "tsquery", to: "nvarchar(200)", values: []string{"'cat' & !'dog'", "'a' <-> 'b'"}},
	}
	for _, p := range []struct {
		from   string
		values []string
	}{
		{"int4[]", []string{"{1,2,NULL}", "{{1,2},{3,4}}", "[0:1]={5,6}"}},
		{"numeric[]", []string{"{1.50,NaN}", "{}"}},
		{"bool[]", []string{"{t,f,NULL}", "{}"}},
		{"date[]", []string{"{2024-02-29,infinity}", "{}"}},
		{"uuid[]", []string{"{00112233-4455-6677-8899-aabbccddeeff}", "{}"}},
		{"inet", []string{"10.0.0.1", "fe80::1/64"}},
		{"cidr", []string{"10.0.0.0/8", "2001:db8::/32"}},
		{"macaddr", []string{"08:00:2b:01:02:03", "ff:ff:ff:ff:ff:ff"}},
		{"macaddr8", []string{"08:00:2b:01:02:03:04:05", "ff:ff:ff:ff:ff:ff:ff:ff"}},
		{"point", []string{"(1,2.5)", "(-0.1,1e+300)"}},
		{"line", []string{"{1,-1,0}", "{0,-1,5}"}},
		{"lseg", []string{"[(0,0),(1,1)]", "[(2,2),(0,0)]"}},
		{"box", []string{"(3,4),(1,2)", "(0,0),(0,0)"}},
		{"path", []string{"((0,0),(1,1),(2,0))", "[(0,0),(1,1)]"}},
		{"polygon", []string{"((0,0),(1,1),(2,0))", "((1,2),(3,4),(5,6))"}},
		{"circle", []string{"<(1,2),3>", "<(0,0),0.5>"}},
		{"bit(5)", []string{"10101", "00000"}},
		{"varbit", []string{"1", "0101"}},
		{"int4range", []string{"[1,5)", "empty", "(,3)"}},
		{"int8range", []string{"[1,9000000000)", "empty"}},
		{"numrange", []string{"(1.50,2]", "[,] => (,)"}},
		{"daterange", []string{"[2024-01-01,2024-02-01)", "empty"}},
		{"tsrange", []string{`["2024-01-01 00:00:00","2024-01-02 00:00:00")`, "empty"}},
		{"tstzrange", []string{`["2024-01-01 00:00:00+00",)`, "empty"}},
		{"int4multirange", []string{"{[1,3),[5,7)}", "{}"}},
		{"datemultirange", []string{"{[2024-01-01,2024-02-01)}", "{}"}},
		{"pg_lsn", []string{"16/B374D848", "0/0"}},
		{"xid", []string{"42", "4294967295"}},
		{"tid", []string{"(0,1)", "(7,9)"}},
		{"pg_snapshot", []string{"10:20:10,14,15", "1:1:"}},
		{"jsonpath", []string{`$."a"[*]`, "$"}},
		{"regclass", []string{"pg_class", "pg_type"}},
	} {
		pairs = append(pairs, typePair{from: p.from, to: "varchar(120)", values: p.values})
	}
	return pairs
}

// typeDefinitions are the source's types that are not built in.
const typeDefinitions = `
CREATE TYPE mood AS ENUM ('sad', 'Sad', 'it''s ok');
CREATE DOMAIN price AS numeric(10,2) CHECK (VALUE < 1e8);
CREATE DOMAIN label AS text;
CREATE TYPE spot AS (x int, note text)`
