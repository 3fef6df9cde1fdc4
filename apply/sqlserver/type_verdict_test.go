package sqlserver

import (
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
)

// modified is a source column with a type modifier as PostgreSQL encodes it.
func modified(base string, n ...int32) capture.Column {
	c := source(base)
	switch {
	case base == "numeric":
		c.Modifier = n[0]<<16 | n[1]&0x7ff + 4
	case sourceFamily(base) >= familyDate:
		c.Modifier = n[0]
	default:
		c.Modifier = n[0] + 4
	}
	return c
}

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		src        capture.Column
		dst, rules string
		level      capture.Level
		want       string // part of problem and advice; "" is neither
	}{
		{source("bool"), "bit", "", capture.Note, ""},
		{source("int4"), "int", "", capture.Note, ""},
		{source("int2"), "tinyint", "", capture.Warns, "outside the range of tinyint"},
		{source("int4"), "numeric(12,2)", "", capture.Note, ""},
		{source("int4"), "numeric(9,0)", "", capture.Warns, "outside the range of numeric(9,0)"},
		{source("oid"), "int", "", capture.Warns, "outside the range of int"},
		{source("oid"), "bigint", "", capture.Note, ""},
		{source("int8"), "money", "", capture.Warns, "outside the range of money"},
		{source("int4"), "money", "", capture.Note, ""},
		{source("int4"), "smallmoney", "", capture.Warns, "outside the range of smallmoney"},
		{modified("numeric", 9, 2), "numeric(9,2)", "", capture.Note, ""},
		{modified("numeric", 9, 2), "numeric(7,2)", "", capture.Warns, "outside the range of numeric(7,2)"},
		{modified("numeric", 9, 3), "numeric(9,2)", "", capture.Warns, "more than 2 decimals are refused; allow them by the rule round"},
		{modified("numeric", 9, 3), "numeric(9,2)", "r", capture.Warns, "rounded to 2 decimals"},
		{modified("numeric", 2, -3), "int", "", capture.Note, ""},
		{source("numeric"), "numeric(9,2)", "", capture.Warns, "more than 2 decimals"},
		{source("float8"), "float", "", capture.Note, "NaN"},
		{source("float8"), "real", "", capture.Warns, "rule round"},
		{source("int8"), "float", "r", capture.Warns, "rounded to the nearest float"},
		{source("int2"), "real", "", capture.Note, ""},
		{modified("varchar", 100), "char(20)", "", capture.Warns, "values longer than char(20) are refused; widen"},
		{modified("varchar", 100), "char(20)", "t", capture.Warns, "longer values are cut to char(20)"},
		{modified("varchar", 20), "char(20)", "", capture.Note, "outside code page 1252"},
		{modified("varchar", 20), "char(20)", "l", capture.Note, "replaced by their nearest"},
		{modified("varchar", 20), "nvarchar(40)", "", capture.Note, ""},
		{modified("varchar", 20), "nvarchar(39)", "", capture.Warns, "longer"},
		{modified("bpchar", 3), "nchar(6)", "", capture.Note, ""},
		{source("text"), "varchar(8000)", "", capture.Warns, "longer"},
		{source("text"), "nvarchar(max)", "", capture.Note, ""},
		{source("uuid"), "char(36)", "", capture.Note, ""},
		{source("uuid"), "char(35)", "", capture.Warns, "longer"},
		{source("bytea"), "varbinary(max)", "", capture.Note, ""},
		{source("bytea"), "varbinary(10)", "", capture.Warns, "longer"},
		{source("bytea"), "binary(16)", "", capture.Warns, "other lengths than 16 bytes"},
		{source("uuid"), "uniqueidentifier", "", capture.Note, ""},
		{source("text"), "uniqueidentifier", "", capture.Warns, "text that PostgreSQL would not write"},
		{source("date"), "date", "", capture.Note, "infinity"},
		{source("date"), "datetime", "", capture.Note, "before 1753-01-01 and after 9999-12-31"},
		{source("date"), "smalldatetime", "", capture.Note, "before 1900-01-01 and after 2079-06-06"},
		{source("timestamp"), "datetime", "", capture.Warns, "finer than datetime are refused; allow them by the rule round or truncate"},
		{source("timestamp"), "smalldatetime", "r", capture.Warns, "brought to the precision of smalldatetime"},
		{modified("timestamp", 3), "datetime2(3)", "", capture.Note, "infinity"},
		{modified("timestamp", 2), "datetime", "", capture.Note, "before 1753"},
		{source("timestamp"), "datetime2(3)", "", capture.Warns, "finer"},
		{source("timestamptz"), "datetime2(7)", "", capture.Warns, "twice in autumn are refused; allow them by the rule ambiguous"},
		{source("timestamptz"), "datetime2(7)", "a", capture.Note, "infinity"},
		{source("timestamptz"), "datetimeoffset(7)", "", capture.Note, "infinity"},
		{source("time"), "time(6)", "", capture.Note, "24:00"},
		{source("xml"), "xml", "", capture.Note, "declaration"},
		{source("bool"), "char(1)", "", capture.Blocks, "which text stands for true is not known; map bool to bit"},
		{source("money"), "money", "", capture.Blocks, "locale; make the source column numeric"},
		{source("text"), "rowversion", "", capture.Blocks, "makes the values of a rowversion itself; exclude the column"},
		{source("text"), "sql_variant", "", capture.Blocks, "no source type is written to sql_variant"},
		{source("timestamp"), "datetimeoffset(7)", "", capture.Blocks, "make the source column timestamptz"},
	} {
		level, problem, advice := verdict(c.src, typed(t, c.dst), codecOptions{lossy: rules(c.rules), zone: london(t)})
		got := strings.TrimSuffix(problem+"; "+advice, "; ")
		if level != c.level || !strings.Contains(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s(%d) to %s: %s %q, want %s %q", c.src.Base, c.src.Modifier, c.dst, level, got, c.level, c.want)
		}
	}
}

func TestInstantsNeedAZone(t *testing.T) {
	for _, dst := range []string{"datetime", "smalldatetime", "datetime2(7)", "date"} {
		_, err := newCodec(source("timestamptz"), typed(t, dst), codecOptions{})
		if err == nil || !strings.Contains(err.Error(), "name the zone") {
			t.Errorf("timestamptz to %s without a zone: %v", dst, err)
		}
	}
	if _, err := newCodec(source("timestamptz"), typed(t, "datetimeoffset(3)"), codecOptions{}); err != nil {
		t.Error(err)
	}
}
