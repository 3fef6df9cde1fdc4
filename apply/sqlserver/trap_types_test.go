package sqlserver

import (
	"fmt"
	"strings"
	"testing"
)

// TestTypesThatOthersDamage writes what other systems have turned into something
// else on the way, and reads what the target holds in the target's own terms. What
// it cannot hold is refused, and the column named. A text of the source holds no
// NUL, so that of the values with one only bytes are here.
func TestTypesThatOthersDamage(t *testing.T) {
	tests := []struct {
		damage       string
		from, to     string
		value        string
		read         string // an expression over the column v
		want, reason string // one of the two
	}{
		{"a boolean as text", "bool", "bit", "t", "CAST(v AS int)", "1", ""},
		{"false as null", "bool", "bit", "f", "CAST(v AS int)", "0", ""},
		{"letters through varchar", "text", "nvarchar(20)", "Şahin 日本 ☂", "v", "Şahin 日本 ☂", ""},
		{"letters of the code page", "text", "varchar(20)", "Zoë €5", "v", "Zoë €5", ""},
		{"letters outside the code page", "text", "varchar(20)", "Şahin", "", "", "code page 1252"},
		{"64 bits through a float", "int8", "bigint", "9007199254740993", "CAST(v AS varchar(30))", "9007199254740993", ""},
		{"a numeric through a float", "numeric", "decimal(38,10)", "1234567890123456789012345678.0123456789", "CAST(v AS varchar(50))", "1234567890123456789012345678.0123456789", ""},
		{"money through a float", "numeric", "money", "922337203685477.5807", "CAST(v AS decimal(19,4))", "922337203685477.5807", ""},
		{"the bytes of a uuid in another order", "uuid", "uniqueidentifier", "00112233-4455-6677-8899-aabbccddeeff", "LOWER(CAST(v AS varchar(36)))", "00112233-4455-6677-8899-aabbccddeeff", ""},
		{"a datetime that is rounded", "timestamp", "datetime", "2024-05-01 12:30:00.004", "", "", "finer than datetime"},
		{"a datetime's own step", "timestamp", "datetime", "2024-05-01 12:30:00.997", "CONVERT(varchar(23), v, 126)", "2024-05-01T12:30:00.997", ""},
		{"seconds in a smalldatetime", "timestamp", "smalldatetime", "2024-05-01 12:30:31", "", "", "finer than smalldatetime"},
		{"microseconds", "timestamp", "datetime2(6)", "2024-05-01 12:30:00.123457", "CONVERT(varchar(26), v, 121)", "2024-05-01 12:30:00.123457", ""},
		{"NaN as zero", "numeric", "decimal(9,2)", "NaN", "", "", "NaN"},
		{"infinity as a large number", "numeric", "decimal(9,2)", "Infinity", "", "", "infinity"},
		{"a float's NaN", "float8", "float", "NaN", "", "", "NaN"},
		{"a date before the calendar's first", "date", "datetime", "1752-12-31", "", "", "outside the range of datetime"},
		{"a date before Christ", "date", "date", "0044-03-15 BC", "", "", "before the year 1"},
		{"a date that is infinite", "date", "date", "infinity", "", "", "infinity"},
		{"summer time", "timestamptz", "datetime", "2024-07-01 12:00:00+00", "CONVERT(varchar(19), v, 126)", "2024-07-01T13:00:00", ""},
		{"the hour that comes twice", "timestamptz", "datetime", "2024-10-27 00:30:00+00", "", "", "twice"},
		{"bytes with a NUL", "bytea", "varbinary(9)", `\x61006200`, "CASE WHEN v = 0x61006200 THEN DATALENGTH(v) END", "4", ""},
		{"an empty text as null", "text", "varchar(9)", "", "'<' + v + '>'", "<>", ""},
	}
	d := newDatabase(t)
	d.cfg.Zone = london(t)
	var tables []Table
	for i, test := range tests {
		name := fmt.Sprintf("t%d", i)
		d.exec(`CREATE TABLE dbo.` + name + ` (id int NOT NULL PRIMARY KEY, v ` + test.to + collated(test.to) + ` NULL)`)
		tables = append(tables, Table{Source: name, Target: name})
	}
	a := d.open(tables...)
	for i, test := range tests {
		t.Run(test.damage, func(t *testing.T) {
			d := &database{TB: t, db: d.db, cfg: d.cfg}
			at, name := d.checkpoint(a)+1, tables[i].Target
			of := sourceTable(name, "*id int4", "v "+test.from)
			if test.reason != "" {
				err := d.refuses(a, at, insert(of, "1", test.value), "dbo."+name, "column v", test.reason)
				if len(test.value) > 8 && strings.Contains(err.Error(), test.value) {
					t.Errorf("the error quotes the value: %v", err)
				}
				d.holds(`SELECT id FROM dbo.` + name)
				return
			}
			d.do(a, at, insert(of, "1", test.value))
			d.holds(`SELECT `+test.read+` FROM dbo.`+name, test.want)
		})
	}
}

// collated is the collation of a British housing system, for text in a code page.
func collated(typ string) string {
	if strings.HasPrefix(typ, "varchar") {
		return " COLLATE Latin1_General_CI_AS"
	}
	return ""
}
