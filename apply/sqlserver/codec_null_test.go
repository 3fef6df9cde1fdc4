package sqlserver

import (
	"strings"
	"testing"

	mssql "github.com/microsoft/go-mssqldb"

	"github.com/syncback/syncback/capture"
)

func TestLiteral(t *testing.T) {
	for _, c := range []struct{ typ, text, want string }{
		{"smalldatetime", "", "1900-01-01T00:00:00"},
		{"datetime", "19000101", "1900-01-01T00:00:00.000"},
		{"datetime2(0)", "2024-05-01T12:30:00", "2024-05-01T12:30:00"},
		{"date", "1900-01-01", "1900-01-01"},
		{"time(0)", "", "00:00:00"},
		{"datetimeoffset(0)", "", "1900-01-01T00:00:00+00:00"},
		{"int", "", "0"},
		{"money", "", "0.0000"},
		{"float", "0.1", "0.1"},
		{"bit", "1", "1"},
		{"decimal(9,2)", "1.5", "1.50"},
		{"decimal(9,2)", "", "!not a number"},
		{"decimal(9,2)", "1.555", "!more than 2 decimals"},
		{"char(3)", "   ", ""},
		{"char(3)", "0000", "!longer"},
		{"varchar(3)", "", ""},
		{"varbinary(2)", "0x00ff", "0x00ff"},
		{"varbinary(2)", "", "0x"},
		{"varbinary(2)", "00ff", "!0x00ff"},
		{"rowversion", "1", "!rowversion"},
	} {
		b, err := literal(typed(t, c.typ), c.text)
		reason, refused := strings.CutPrefix(c.want, "!")
		if refused != (err != nil) || refused && !strings.Contains(err.Error(), reason) || !refused && b.terms != c.want {
			t.Errorf("%q as %s: %q, %v; want %q", c.text, c.typ, b.terms, err, c.want)
		}
	}
}

// codecFor makes a codec that must be allowed.
func codecFor(t *testing.T, src, dst string, opt codecOptions) *codec {
	t.Helper()
	c, err := newCodec(source(src), typed(t, dst), opt)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestNullBecomesWhatStandsForIt(t *testing.T) {
	none := "1900-01-01"
	c := codecFor(t, "date", "smalldatetime", codecOptions{nullAs: &none})
	if b, err := c.encode(capture.Null()); err != nil || b.null || b.terms != "1900-01-01T00:00:00" {
		t.Errorf("null became %+v, %v", b, err)
	}
	if same, err := c.same(capture.Null(), capture.Text("1900-01-01")); err != nil || !same {
		t.Errorf("null and what stands for it: %v, %v", same, err)
	}
	plain := codecFor(t, "date", "smalldatetime", codecOptions{})
	if b, err := plain.encode(capture.Null()); err != nil || !b.null || b.expr("@p1") != "NULL" {
		t.Errorf("null became %+v, %v", b, err)
	}
	if _, err := plain.encode(capture.Value{}); err == nil {
		t.Error("an absent value was encoded")
	}
	wrong := "never"
	_, err := newCodec(source("date"), typed(t, "date"), codecOptions{nullAs: &wrong})
	if err == nil || !strings.Contains(err.Error(), "what stands for null does not fit date") {
		t.Errorf("null as text in a date: %v", err)
	}
}

func TestSame(t *testing.T) {
	absent, null, text := capture.Value{}, capture.Null(), capture.Text
	for _, c := range []struct {
		src, dst, rules string
		before, after   capture.Value
		want            bool
	}{
		{"varchar", "char(11)", "", text("000023/02"), text("000023/02  "), true},
		{"varchar", "varchar(11)", "", text("a"), text("a "), false},
		{"varchar", "char(11)", "", text("smith"), text("Smith"), false},
		{"varchar", "char(11)", "", text(""), null, false},
		{"varchar", "char(11)", "", null, null, true},
		{"varchar", "char(11)", "", text("a"), absent, true},
		{"varchar", "char(11)", "", absent, text("a"), false},
		{"varchar", "char(11)", "", absent, null, false},
		{"varchar", "char(3)", "", text("too long"), text("fit"), false},
		{"varchar", "char(3)", "", text("too long"), text("too long"), true},
		{"numeric", "decimal(9,2)", "", text("1.5"), text("1.500"), true},
		{"numeric", "decimal(9,2)", "r", text("1.501"), text("1.504"), true},
		{"timestamp", "smalldatetime", "r", text("2024-05-01 12:30:01"), text("2024-05-01 12:30:20"), true},
		{"timestamp", "datetime", "r", text("2024-05-01 12:30:00.001"), text("2024-05-01 12:30:00.002"), false},
		{"timestamptz", "datetime", "a", text("2024-10-27 00:30:00+00"), text("2024-10-27 01:30:00+00"), true},
		{"xml", "xml", "", text("<a/>"), text("<a></a>"), true},
	} {
		codec := codecFor(t, c.src, c.dst, codecOptions{lossy: rules(c.rules), zone: london(t)})
		if got, err := codec.same(c.before, c.after); err != nil || got != c.want {
			t.Errorf("%s to %s, case %+v: %v, %v", c.src, c.dst, c, got, err)
		}
	}
	c := codecFor(t, "varchar", "char(3)", codecOptions{})
	if _, err := c.same(text("fit"), text("too long")); err == nil {
		t.Error("a new value that does not fit was compared")
	}
}

// TestParametersHaveTheTypeOfTheirColumn: nvarchar against a varchar key would scan
// the table. A parameter has the type of its column's family and one declaration
// for values of every length, so that an index serves it and the target keeps one
// plan.
func TestParametersHaveTheTypeOfTheirColumn(t *testing.T) {
	for _, c := range []struct {
		src, dst, text string
		arg            any
		expr           string
	}{
		{"text", "char(5)", "ab", mssql.VarChar("ab   "), "@p1"},
		{"text", "char(5)", "é", mssql.NVarCharMax("é"), "CAST(@p1 COLLATE Latin1_General_CI_AS AS char(5))"},
		{"text", "varchar(5)", "ab", mssql.VarCharMax("ab"), "CAST(@p1 AS varchar(5))"},
		{"text", "varchar(5)", "é", mssql.NVarCharMax("é"), "CAST(@p1 COLLATE Latin1_General_CI_AS AS varchar(5))"},
		{"text", "text", "ab", mssql.VarCharMax("ab"), "CAST(@p1 AS varchar(max))"},
		{"text", "nchar(3)", "é", mssql.NChar("é  "), "@p1"},
		{"text", "nvarchar(3)", "ab", mssql.NVarCharMax("ab"), "CAST(@p1 AS nvarchar(3))"},
		{"text", "ntext", "ab", mssql.NVarCharMax("ab"), "CAST(@p1 AS nvarchar(max))"},
		{"int4", "tinyint", "1", uint8(1), "@p1"},
		{"int4", "smallint", "1", int16(1), "@p1"},
		{"int4", "int", "1", int32(1), "@p1"},
		{"int4", "bigint", "1", int64(1), "@p1"},
		{"bool", "bit", "t", true, "@p1"},
		{"float4", "real", "0.1", float32(0.1), "@p1"},
		{"float8", "float", "0.1", 0.1, "@p1"},
		{"numeric", "numeric(5,2)", "-1.5", mssql.VarChar("   -1.50"), "CAST(@p1 AS numeric(5,2))"},
		{"date", "datetime", "2024-05-01", mssql.VarChar("2024-05-01T00:00:00.000"), "CAST(@p1 AS datetime)"},
		{"xml", "xml", "<a/>", mssql.NVarCharMax("<a/>"), "CONVERT(xml, @p1, 1)"},
	} {
		b, err := codecFor(t, c.src, c.dst, codecOptions{}).encode(capture.Text(c.text))
		if err != nil || b.arg != c.arg || b.expr("@p1") != c.expr {
			t.Errorf("%s %q to %s: %T %q in %s, %v", c.src, c.text, c.dst, b.arg, b.arg, b.expr("@p1"), err)
		}
	}
	b, err := codecFor(t, "bytea", "varbinary(9)", codecOptions{}).encode(capture.Text(`\x`))
	if raw, ok := b.arg.([]byte); err != nil || !ok || raw == nil {
		t.Errorf("no bytes are bound as %#v, %v; the driver takes nil for NULL", b.arg, err)
	}
}

func TestTermsOfNull(t *testing.T) {
	for _, name := range fuzzTargets {
		if terms, ok, err := typed(t, name).terms(nil); ok || err != nil || terms != "" {
			t.Errorf("NULL in %s is %q, %v, %v", name, terms, ok, err)
		}
	}
	if _, _, err := typed(t, "int").terms(struct{}{}); err == nil {
		t.Error("a value of an unknown kind was read")
	}
}
