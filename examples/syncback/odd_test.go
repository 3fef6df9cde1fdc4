package main_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// pair makes a table of the same columns on both sides, without rows.
func (s *site) pair(name, source, target string) {
	s.t.Helper()
	s.onSource(fmt.Sprintf(`CREATE TABLE %s (%s)`, name, source))
	s.onSource(fmt.Sprintf(`ALTER TABLE %s REPLICA IDENTITY FULL`, name))
	s.onTarget(fmt.Sprintf(`CREATE TABLE dbo.%s (%s)`, name, target))
}

// ready does what comes before the first change.
func (s *site) ready() {
	s.t.Helper()
	s.executeDDL()
	s.mustRun("check")
	s.mustRun("run", "--until-idle")
}

// TestThousandTables carries changes of a thousand tables, in one transaction and
// in one for each.
func TestThousandTables(t *testing.T) {
	t.Parallel()
	const tables = 1000
	s := newSite(t)
	var source, target, all strings.Builder
	config := "tables:\n"
	for i := range tables {
		fmt.Fprintf(&source, "CREATE TABLE t%d (id int PRIMARY KEY, v text); ALTER TABLE t%d REPLICA IDENTITY FULL;", i, i)
		fmt.Fprintf(&target, "CREATE TABLE dbo.t%d (id int NOT NULL PRIMARY KEY, v varchar(40) NULL);\n", i)
		fmt.Fprintf(&all, "INSERT INTO t%d VALUES (1, 'in one of all'), (2, 'too');", i)
		config += fmt.Sprintf("  - {source: t%d, target: t%d}\n", i, i)
		if i%100 == 99 {
			s.onTarget(target.String())
			target.Reset()
			s.simple(source.String())
			source.Reset()
		}
	}
	s.configure(config)
	s.ready()
	r := s.follow()
	s.simple("BEGIN;" + all.String() + "COMMIT")
	for i := range tables {
		s.onSource(fmt.Sprintf("UPDATE t%d SET v = 'by itself' WHERE id = 1", i))
	}
	s.simple("BEGIN;" + strings.ReplaceAll(strings.ReplaceAll(all.String(), "INSERT INTO", "DELETE FROM"), " VALUES (1, 'in one of all'), (2, 'too')", " WHERE id = 2") + "COMMIT")
	r.awaitOne(fmt.Sprintf("SELECT COUNT(*) + 1 FROM (SELECT id FROM dbo.t%d WHERE id = 2 OR v <> 'by itself') x", tables-1))
	r.fits(mostMemory, "a thousand tables")
	r.end()
	s.mustRun("run", "--until-idle")
	for first := 0; first < tables; first += 20 {
		var every []string
		for i := range 20 {
			every = append(every, fmt.Sprintf("SELECT id, v FROM dbo.t%d", first+i))
		}
		rows := s.targetRows(strings.Join(every, " UNION ALL "))
		if strings.Join(rows, " ") != strings.TrimSuffix(strings.Repeat("1|by itself ", 20), " ") {
			t.Errorf("the twenty tables from %d have %d rows: %q", first, len(rows), rows)
		}
	}
}

// simple runs statements of the source by the simple protocol, which takes many.
func (s *site) simple(sql string) {
	s.t.Helper()
	if err := s.pg.PgConn().Exec(s.t.Context(), sql).Close(); err != nil {
		s.t.Fatal(err)
	}
}

// TestWideTables carries rows of as many columns as there are: an insert and an
// update of all of them, and an update of one. Without a key a row is found by all
// of them.
func TestWideTables(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		columns int
		keyless bool
	}{{"240 columns", 240, false}, {"240 columns without a key", 240, true}, {"1024 columns", 1024, false}, {"1024 columns without a key", 1024, true}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			key := " PRIMARY KEY"
			if test.keyless {
				key = ""
			}
			source, target, values, raised := "c0 int"+key, "c0 int NOT NULL"+key, "n", "c0 = c0"
			names := "c0"
			for i := 1; i < test.columns; i++ {
				source += fmt.Sprintf(", c%d int", i)
				target += fmt.Sprintf(", c%d int NULL", i)
				values += fmt.Sprintf(", n * %d", i)
				raised += fmt.Sprintf(", c%d = c%d + 1", i, i)
				names += fmt.Sprintf(", c%d", i)
			}
			s.pair("wide", source, target)
			s.configure("tables: [{source: wide, target: wide}]\n")
			s.ready()
			s.onSource("INSERT INTO wide SELECT " + values + " FROM generate_series(1, 5) n")
			s.onSource("UPDATE wide SET " + raised + " WHERE c0 <= 3")
			s.onSource(fmt.Sprintf("UPDATE wide SET c%d = -1 WHERE c0 <= 2", test.columns-1))
			s.onSource("DELETE FROM wide WHERE c0 = 1")
			s.mustRun("run", "--until-idle")
			s.same("SELECT "+names+" FROM wide ORDER BY c0", "SELECT "+names+" FROM dbo.wide ORDER BY c0")
		})
	}
}

// TestOddNames carries changes of tables whose names, and those of their columns,
// hold what names hardly ever do; each pair is mapped to other such names.
func TestOddNames(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	names := s.probe(append(oddNames(), `"`, `[`, `]`, `]]`, `"a"."b"`, `[a].[b]`, `a.b.c`, ` leads`, `😀👩‍👩‍👧‍👧`, `${x}`, `null`, `~`, `{}`, `1`, `a: b`, `'`, `%`))
	text := func(name string) string { return quoteYAML(strings.ReplaceAll(name, "${", "$${")) }
	const schema = `Odd "sch.ema" 😀`
	s.onSource("CREATE SCHEMA " + pgx.Identifier{schema}.Sanitize())
	config := "tables:\n"
	other := func(i int) string { return names[(i+1)%len(names)] }
	for i, name := range names {
		table := pgx.Identifier{schema, name}.Sanitize()
		key, column := quoteSource(name), quoteSource(other(i))
		s.onSource(fmt.Sprintf("CREATE TABLE %s (%s int PRIMARY KEY, %s text)", table, key, column))
		s.onSource("ALTER TABLE " + table + " REPLICA IDENTITY FULL")
		s.onTarget(fmt.Sprintf("CREATE TABLE dbo.%s (%s int NOT NULL PRIMARY KEY, %s nvarchar(40) NULL)", quoteTarget(other(i)), quoteTarget(other(i)), quoteTarget(name)))
		config += fmt.Sprintf("  - source: %s\n    target: %s\n    columns:\n      %s: {to: %s}\n      %s: {to: %s}\n",
			text(table), text("dbo."+quoteTarget(other(i))), quoteYAML(name), text(other(i)), quoteYAML(other(i)), text(name))
	}
	s.configure(config)
	s.ready()
	for i, name := range names {
		table, key, column := pgx.Identifier{schema, name}.Sanitize(), quoteSource(name), quoteSource(other(i))
		s.onSource("INSERT INTO " + table + " VALUES (1, 'a'), (2, 'b'), (3, 'c')")
		s.onSource(fmt.Sprintf("UPDATE %s SET %s = '😀' WHERE %s = 2", table, column, key))
		s.onSource(fmt.Sprintf("DELETE FROM %s WHERE %s = 3", table, key))
	}
	s.mustRun("run", "--until-idle")
	for i, name := range names {
		q := quoteTarget(other(i))
		rows := s.targetRows(fmt.Sprintf("SELECT %s AS a, %s AS b FROM dbo.%s ORDER BY 1", q, quoteTarget(name), q))
		if got := strings.Join(rows, " "); got != "1|a 2|😀" {
			t.Errorf("%s into %s: %s", name, other(i), got)
		}
	}
}

// TestEmptyTables: tables without a row, and changes that are none, are nothing to
// do.
func TestEmptyTables(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.pair("a", "id int PRIMARY KEY", "id int NOT NULL PRIMARY KEY")
	s.pair("b", "id int", "id int NULL") // without a key
	s.configure("tables: [{source: a, target: a, truncate: true}, {source: b, target: b}]\n")
	s.ready()
	for _, sql := range []string{`UPDATE a SET id = id + 1`, `DELETE FROM b`, `TRUNCATE a`, `TRUNCATE a`} {
		s.onSource(sql)
	}
	s.mustRun("run", "--until-idle")
	s.same(`SELECT id FROM a UNION ALL SELECT id FROM b`, `SELECT id FROM dbo.a UNION ALL SELECT id FROM dbo.b`)
	if status := s.status(); status["queued_transactions"] != 0.0 || status["last_error"] != nil {
		t.Errorf("status is %v", status)
	}
}
