package sqlserver

import (
	"testing"

	"github.com/syncback/syncback/capture"
)

// TestCheckSaysAVerdictOfEachColumn holds what check says of a schema, column by
// column, to the word.
func TestCheckSaysAVerdictOfEachColumn(t *testing.T) {
	d := newDatabase(t, `CREATE TABLE dbo.house (
ref char(20) NOT NULL PRIMARY KEY, place varchar(60) NULL, town char(20) NULL, rent numeric(7,2) NULL,
eot smalldatetime NULL, lived_in bit NULL, floor tinyint NULL, photo varbinary(max) NULL, rates numeric(9,2) NULL,
kind char(1) NULL, seen datetime2(3) NULL, name nvarchar(80) NULL, tstamp rowversion)`)
	d.cfg.Tables = []Table{{Source: "house", Target: "house", Columns: map[string]Column{
		"town": {Lossy: Lossy{Truncate: true}}, "rates": {Lossy: Lossy{Round: true}}, "gone": {Skip: true},
	}}}
	source := &capture.Table{Schema: "public", Name: "house", Identity: capture.IdentityFull}
	add := func(name string, c capture.Column) {
		c.Name = name
		c.Key = name == "ref"
		source.Columns = append(source.Columns, c)
	}
	add("ref", modified("varchar", 100))
	add("place", modified("varchar", 60))
	add("town", modified("varchar", 100))
	add("rent", modified("numeric", 9, 2))
	add("eot", capture.Column{Base: "date", Modifier: -1})
	add("lived_in", capture.Column{Base: "bool", Modifier: -1})
	add("floor", capture.Column{Base: "int2", Modifier: -1})
	add("photo", capture.Column{Base: "bytea", Modifier: -1})
	add("rates", modified("numeric", 12, 4))
	add("kind", capture.Column{Base: "bool", Modifier: -1})
	add("seen", modified("timestamp", 6))
	add("name", modified("bpchar", 40))
	add("gone", capture.Column{Base: "text", Modifier: -1})

	findings, err := Check(t.Context(), d.cfg, []*capture.Table{source})
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	for _, f := range findings {
		said[f.Object] += f.Level.String() + ": " + f.Problem
		if f.Advice != "" {
			said[f.Object] += ". " + f.Advice
		}
	}
	for column, want := range map[string]string{
		"ref": "warning: varchar(100) into char(20): exact in range, or by a named rule; values longer than char(20) are refused. " +
			"widen the target's column, or allow them to be cut by the rule truncate",
		"place": "note: varchar(60) into varchar(60): exact in range, or by a named rule; values with characters outside code page 1252 are refused. " +
			"allow their nearest by the rule transliterate",
		"town":     "warning: varchar(100) into char(20): by a named rule; longer values are cut to char(20)",
		"rent":     "warning: numeric(9,2) into numeric(7,2): exact in range; values outside the range of numeric(7,2) are refused. widen the target's column, if they can occur",
		"eot":      "note: date into smalldatetime: exact in range; dates before 1900-01-01 and after 2079-06-06 are refused",
		"lived_in": "note: bool into bit: exact",
		"floor":    "warning: int2 into tinyint: exact in range; values outside the range of tinyint are refused. widen the target's column, if they can occur",
		"photo":    "note: bytea into varbinary(max): exact",
		"rates":    "warning: numeric(12,4) into numeric(9,2): by a named rule; values are rounded to 2 decimals",
		"kind":     "error: bool into char(1): refused; which text stands for true is not known. map bool to bit or to a number",
		"seen":     "warning: timestamp(6) into datetime2(3): exact in range, or by a named rule; values finer than datetime2(3) are refused. allow them by the rule round or truncate",
		"name":     "note: char(40) into nvarchar(80): exact",
		"gone":     "",
	} {
		if got := said["dbo.house, column "+column]; got != want {
			t.Errorf("%s:\n got %s\nwant %s", column, got, want)
		}
	}
	if said["dbo.house"] != "" {
		t.Errorf("the refused pair is told twice: %s", said["dbo.house"])
	}
}
