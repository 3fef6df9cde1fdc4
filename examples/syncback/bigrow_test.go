package main_test

import (
	"fmt"
	"testing"
)

// TestBigRow carries a row with a value of so many MB as SYNCBACK_BIG_ROW says,
// changes it beside that value and in it, and takes it away. Bytes come as twice
// as many hexadecimal digits, and what changes comes with what was there before.
// The memory that the program takes is a few times what one change is on the
// wire, and is logged.
func TestBigRow(t *testing.T) {
	t.Parallel()
	megabytes := fromEnv(t, "SYNCBACK_BIG_ROW", 20)
	size := megabytes * 1_000_000
	tenths, eighths := size/10-1, size/8-1 // but for the end
	for _, test := range []struct {
		name, from, to string
		value, other   string // expressions of the source
		length, end    string // expressions of the target
		ends           [2]string
		most           int // memory, in sizes of the row
	}{
		{
			"text", "text", "nvarchar(max)",
			fmt.Sprintf(`repeat('0123456789', %d) || 'first end.'`, tenths), fmt.Sprintf(`repeat('abcdefghij', %d) || 'other end.'`, tenths),
			"LEN(v)", "CAST(RIGHT(v, 10) AS varchar(10))", [2]string{"first end.", "other end."}, 6,
		},
		{
			"bytes", "bytea", "varbinary(max)",
			fmt.Sprintf(`decode(repeat('0123456789abcdef', %d) || '6669727374656e64', 'hex')`, eighths), fmt.Sprintf(`decode(repeat('fedcba9876543210', %d) || '6f74686572656e64', 'hex')`, eighths),
			"DATALENGTH(v)", fmt.Sprintf("CAST(SUBSTRING(v, %d, 8) AS varchar(10))", size-7), [2]string{"firstend", "otherend"}, 14,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t)
			s.pair("big", "id int PRIMARY KEY, n int, v "+test.from, "id int NOT NULL PRIMARY KEY, n int NULL, v "+test.to+" NULL")
			s.configure("tables: [{source: big, target: big}]\n")
			s.ready()
			r := s.follow()
			for n, step := range []struct{ sql, end string }{
				{`INSERT INTO big VALUES (1, 0, ` + test.value + `)`, test.ends[0]},
				{`UPDATE big SET n = 1`, test.ends[0]},
				{`UPDATE big SET n = 2, v = ` + test.other, test.ends[1]},
			} {
				s.onSource(step.sql)
				r.awaitOne(fmt.Sprintf(`SELECT COUNT(*) FROM dbo.big WHERE n = %d`, n))
				want := fmt.Sprintf("%d|%s", size, step.end)
				if rows := s.targetRows("SELECT " + test.length + ", " + test.end + " FROM dbo.big"); len(rows) != 1 || rows[0] != want {
					t.Fatalf("after %.30s… the target has %q, want %q", step.sql, rows, want)
				}
			}
			s.onSource(`DELETE FROM big`)
			r.await("the row to go", func() bool { return s.ask(`SELECT COUNT(*) FROM dbo.big`) == 0 })
			r.fits(max(int64(test.most*size), mostMemory), fmt.Sprintf("a row of %d MB", megabytes))
			r.end()
		})
	}
}
