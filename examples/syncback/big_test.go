package main_test

import (
	"fmt"
	"testing"
)

// mostMemory is what the program may take while a transaction of any size
// passes.
const mostMemory = 256 << 20

// TestBigTransaction carries one transaction that inserts all rows of a table,
// and one that updates a tenth of them, and looks at the most memory that the
// program ever had. SYNCBACK_BIG_ROWS=2000000 is the full size.
func TestBigTransaction(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	rows := fromEnv(t, "SYNCBACK_BIG_ROWS", 200_000)
	s.onSource(`CREATE TABLE big (id int PRIMARY KEY, ref text, amount numeric(12,2), day date, note text)`)
	s.onSource(`ALTER TABLE big REPLICA IDENTITY FULL`)
	s.onTarget(`CREATE TABLE dbo.big (id int NOT NULL PRIMARY KEY, ref char(11) NULL, amount numeric(12,2) NULL, day date NULL, note varchar(200) NULL)`)
	s.configure("tables: [{source: big, target: big}]\n")
	s.executeDDL()
	s.mustRun("run", "--until-idle")

	r := s.follow()
	s.onSource(fmt.Sprintf(`INSERT INTO big SELECT i, to_char(i %% 1000000, 'FM000000') || '/01', i * 1.01, DATE '2020-01-01' + i %% 2000, 'rent of week ' || i
		FROM generate_series(1, %d) i`, rows))
	r.awaitOne(fmt.Sprintf(`SELECT COUNT(*) FROM dbo.big WHERE id = %d`, rows))
	r.compareBig()
	r.fits(mostMemory, fmt.Sprintf("one transaction of %d inserts", rows))
	changed := max(rows/10, 1)
	s.onSource(fmt.Sprintf(`UPDATE big SET amount = -amount, note = note || ' taken back' WHERE id > %d`, rows-changed))
	r.awaitOne(fmt.Sprintf(`SELECT COUNT(*) FROM dbo.big WHERE amount < 0 AND id = %d`, rows))
	r.compareBig()
	r.fits(mostMemory, fmt.Sprintf("and one of %d updates", changed))
	r.end()
}

// compareBig compares sums over all rows, and some rows to the letter.
func (s *site) compareBig() {
	s.t.Helper()
	for _, query := range []string{
		`SELECT COUNT(*), CAST(SUM(CAST(id AS bigint)) AS varchar(40)), CAST(SUM(amount) AS varchar(40)), MIN(day), MAX(day), COUNT(DISTINCT ref), COUNT(DISTINCT note) FROM big`,
		`SELECT id, RTRIM(ref), CAST(amount AS varchar(40)), day, note FROM big WHERE id % 997 = 0 ORDER BY id`,
	} {
		s.same(query, query)
	}
}
