package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/syncback/syncback/capture"
)

// TestKeyOnlyOldTupleIsAbsentElsewhere has each replica identity. Where the old
// tuple is the key alone, the stream has nulls in its other places, which say
// nothing of the row.
func TestKeyOnlyOldTupleIsAbsentElsewhere(t *testing.T) {
	for _, test := range []struct{ identity, want string }{
		{"FULL", `
			insert public.t->(1,a,x,null)
			update public.t (1,a,x,null)->(1,b,x,null)
			update public.t (1,b,x,null)->(2,b,y,null)
			delete public.t (2,b,y,null)`},
		{"DEFAULT", `
			insert public.t->(1,a,x,null)
			update public.t->(1,b,x,null)
			update public.t (1,-,-,-)->(2,b,y,null)
			delete public.t (2,-,-,-)`},
		{"USING INDEX t_code", `
			insert public.t->(1,a,x,null)
			update public.t->(1,b,x,null)
			update public.t (-,-,x,-)->(2,b,y,null)
			delete public.t (-,-,y,-)`},
	} {
		t.Run(test.identity, func(t *testing.T) {
			s := newSource(t, `CREATE TABLE t (id int PRIMARY KEY, name text, code text NOT NULL, note text);
				CREATE UNIQUE INDEX t_code ON t (code);
				ALTER TABLE t REPLICA IDENTITY `+test.identity, "public.t")
			s.cfg.KeyOnly = s.cfg.Tables
			s.configure()
			s.setup()
			s.exec(`INSERT INTO t VALUES (1, 'a', 'x', NULL); UPDATE t SET name = 'b';
				UPDATE t SET id = 2, code = 'y'; DELETE FROM t`)
			wantChanges(t, s.captured(1)[0], test.want)
		})
	}
}

func TestWithoutIdentityOnlyInsertsCome(t *testing.T) {
	s := newSource(t, `CREATE TABLE t (id int PRIMARY KEY)`, "public.t")
	s.cfg.KeyOnly = s.cfg.Tables
	s.configure()
	s.setup()
	s.exec(`ALTER TABLE t REPLICA IDENTITY NOTHING; INSERT INTO t VALUES (1)`)
	tx := s.captured(1)[0]
	wantChanges(t, tx, "insert public.t->(1)")
	if got := tx.List[0].Table; got.Identity != capture.IdentityNothing || got.Columns[0].Key {
		t.Errorf("the table is %+v", got)
	}
}

// TestLessThanFullIdentityStops has a table lose its full identity while it is
// captured: what changed from then on cannot be told.
func TestLessThanFullIdentityStops(t *testing.T) {
	s := newSource(t, `CREATE TABLE t (id int PRIMARY KEY); ALTER TABLE t REPLICA IDENTITY FULL`, "public.t").setup()
	s.exec(`INSERT INTO t VALUES (1)`)
	s.exec(`ALTER TABLE t REPLICA IDENTITY DEFAULT; INSERT INTO t VALUES (2)`)
	err := s.capture(t.Context(), capture.Mark{}, s.sink)
	if err == nil || !strings.Contains(err.Error(), "replica identity default") || capture.Retryable(err) {
		t.Errorf("got %v", err)
	}
	if txs := s.sink.Written(); len(txs) != 1 {
		t.Errorf("%d transactions were taken in, want the one before", len(txs))
	}
}

// TestUnchangedToastIsAbsent: a large value that an update leaves alone is not
// sent, which is not null, nor any value that stands for it.
func TestUnchangedToastIsAbsent(t *testing.T) {
	s := newSource(t, `CREATE TABLE t (id int PRIMARY KEY, name text, doc text); ALTER TABLE t ALTER doc SET STORAGE EXTERNAL;
		ALTER TABLE t REPLICA IDENTITY FULL;
		CREATE TABLE k (id int PRIMARY KEY, name text, doc text); ALTER TABLE k ALTER doc SET STORAGE EXTERNAL`, "public.t", "public.k")
	s.cfg.KeyOnly = []string{"public.k"}
	s.configure()
	s.setup()
	s.exec(`INSERT INTO t VALUES (1, 'a', repeat('x', 10000)); UPDATE t SET name = 'b'; UPDATE t SET doc = NULL;
		INSERT INTO k VALUES (1, 'a', repeat('x', 10000)); UPDATE k SET name = 'b'; UPDATE k SET id = 2`)
	wantChanges(t, s.captured(1)[0], `
		insert public.t->(1,a,10000 bytes)
		update public.t (1,a,10000 bytes)->(1,b,-)
		update public.t (1,b,10000 bytes)->(1,b,null)
		insert public.k->(1,a,10000 bytes)
		update public.k->(1,b,-)
		update public.k (1,-,-)->(2,b,-)`)
}

func TestTruncateIsOneChangeATable(t *testing.T) {
	s := newSource(t, `CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY REFERENCES a); CREATE TABLE other (id int REFERENCES a);
		ALTER TABLE a REPLICA IDENTITY FULL; ALTER TABLE b REPLICA IDENTITY FULL`, "public.a", "public.b").setup()
	s.exec(`TRUNCATE a, b, other`)
	wantChanges(t, s.captured(1)[0], "truncate public.a\ntruncate public.b")
}

func TestPartitionsComeAsTheirRoot(t *testing.T) {
	const ddl = `CREATE TABLE rent (id int, month int, paid text, PRIMARY KEY (id, month)) PARTITION BY LIST (month);
		CREATE TABLE rent_1 PARTITION OF rent FOR VALUES IN (1);
		CREATE TABLE rent_2 (month int, paid text, id int, PRIMARY KEY (id, month));
		ALTER TABLE rent_2 ALTER month SET NOT NULL, ALTER id SET NOT NULL;
		ALTER TABLE rent ATTACH PARTITION rent_2 FOR VALUES IN (2);
		ALTER TABLE rent REPLICA IDENTITY FULL; ALTER TABLE rent_1 REPLICA IDENTITY FULL; ALTER TABLE rent_2 REPLICA IDENTITY FULL;`
	s := newSource(t, ddl, "public.rent").setup()
	s.exec(`INSERT INTO rent VALUES (7, 1, 'no'); INSERT INTO rent VALUES (7, 2, NULL); UPDATE rent SET paid = 'yes'`)
	wantChanges(t, s.captured(1)[0], `
		insert public.rent->(7,1,no)
		insert public.rent->(7,2,null)
		update public.rent (7,1,no)->(7,1,yes)
		update public.rent (7,2,null)->(7,2,yes)`)

	// A partition with less is announced by the stream as if it were full.
	s = newSource(t, ddl, "public.rent")
	s.cfg.KeyOnly = s.cfg.Tables
	s.configure()
	s.setup()
	s.exec(`ALTER TABLE rent_1 REPLICA IDENTITY DEFAULT`)
	s.exec(`INSERT INTO rent VALUES (7, 1, 'no'); DELETE FROM rent`)
	wantChanges(t, s.captured(1)[0], `
		insert public.rent->(7,1,no)
		delete public.rent (7,1,-)`)

	// One may tell its rows by other columns than the key of its root.
	s.exec(`ALTER TABLE rent_1 ALTER paid SET NOT NULL; CREATE UNIQUE INDEX rent_1_paid ON rent_1 (paid);
		ALTER TABLE rent_1 REPLICA IDENTITY USING INDEX rent_1_paid`)
	s.exec(`INSERT INTO rent VALUES (7, 1, 'no'); DELETE FROM rent`)
	wantChanges(t, s.captured(2)[1], `
		insert public.rent->(7,1,no)
		delete public.rent (-,-,-)`)
}

// TestPartitionsOldRowsAreThoseOfTheirTime makes a partition whose replica identity
// is not full, and gives it a full one only after it was changed: the stream says
// of its old rows what it says of full ones. Nothing of them is taken for null,
// and what comes without an old row is refused where the table is not key-only.
func TestPartitionsOldRowsAreThoseOfTheirTime(t *testing.T) {
	s := newSource(t, `CREATE TABLE rent (id int, month int, paid text, PRIMARY KEY (id, month)) PARTITION BY LIST (month);
		CREATE TABLE rent_1 PARTITION OF rent FOR VALUES IN (1);
		ALTER TABLE rent REPLICA IDENTITY FULL; ALTER TABLE rent_1 REPLICA IDENTITY FULL;
		CREATE TABLE other (id int PRIMARY KEY, name text)`, "public.rent").setup()
	s.exec(`INSERT INTO rent VALUES (6, 1, 'no')`)
	s.exec(`CREATE TABLE rent_2 PARTITION OF rent FOR VALUES IN (2)`)
	s.exec(`INSERT INTO rent VALUES (7, 2, 'no'); UPDATE rent SET paid = 'yes'; UPDATE rent SET id = 8 WHERE id = 7; DELETE FROM rent`)
	s.exec(`ALTER TABLE rent_2 REPLICA IDENTITY FULL; ALTER PUBLICATION syncback ADD TABLE other`)
	s.exec(`TRUNCATE other, rent; INSERT INTO other VALUES (1); UPDATE other SET name = 'a'`)
	s.exec(`INSERT INTO rent VALUES (7, 2, NULL); UPDATE rent SET paid = 'yes'`)
	refused(t, s, capture.Mark{}, capture.ErrTables, "name the table as key-only until what was changed before has come")
	s.cfg.KeyOnly = s.cfg.Tables
	s.configure()
	txs := s.captured(4)
	wantChanges(t, txs[0], `insert public.rent->(6,1,no)`)
	wantChanges(t, txs[1], `
		insert public.rent->(7,2,no)
		update public.rent (6,1,-)->(6,1,yes)
		update public.rent->(7,2,yes)
		update public.rent (7,2,-)->(8,2,yes)
		delete public.rent (6,1,-)
		delete public.rent (8,2,-)`)
	wantChanges(t, txs[2], `truncate public.rent`)
	wantChanges(t, txs[3], `
		insert public.rent->(7,2,null)
		update public.rent (7,2,null)->(7,2,yes)`)
	if a, b := txs[1].List[0].Table.Identity, txs[3].List[0].Table.Identity; a != capture.IdentityDefault || b != capture.IdentityFull {
		t.Errorf("the identity is %s, and later %s", a, b)
	}
}

func TestTypesAreResolved(t *testing.T) {
	s := newSource(t, `CREATE TYPE colour AS ENUM ('red', 'blue');
		CREATE DOMAIN ref AS varchar(11); CREATE DOMAIN tenancy_ref AS ref CHECK (value <> ''); CREATE DOMAIN tags AS text[];
		CREATE TYPE address AS (street text, number int);
		CREATE TABLE t (id int PRIMARY KEY, e colour, es colour[], d tenancy_ref, ds tenancy_ref[], tg tags, a address,
			n numeric(10,2), ns numeric[], ts timestamptz, iv interval, b bytea, m money, f float8, c char(5), r regclass, v int2vector);
		ALTER TABLE t REPLICA IDENTITY FULL`, "public.t").setup()
	s.exec(`SET timezone = 'Europe/London'; SET intervalstyle = 'postgres';
		INSERT INTO t VALUES (1, 'red', '{red,blue}', 'T1', '{T1,T2}', '{a,NULL}', '("High St",3)', 1.50, '{1,NaN}',
			'2026-07-01 12:00:00.123456', '1 year 2 days 03:04:05', '\xdeadbeef', 12.5, 0.1::float8 + 0.2::float8, 'ab', 't', '1 2')`)
	tx := s.captured(1)[0]
	wantChanges(t, tx, `insert public.t->(1,red,{red,blue},T1,{T1,T2},{a,NULL},("High St",3),1.50,{1,NaN},`+
		`2026-07-01 11:00:00.123456+00,P1Y2DT3H4M5S,\xdeadbeef,$12.50,0.30000000000000004,ab   ,public.t,1 2)`)
	var got []string
	for _, c := range tx.List[0].Table.Columns {
		got = append(got, fmt.Sprintf("%s %s %d %v", c.Name, c.Base, c.Modifier, c.Key))
	}
	want := []string{
		"id int4 -1 true", "e enum -1 false", "es enum[] -1 false", "d varchar 15 false", "ds varchar[] 15 false",
		"tg text[] -1 false", "a address -1 false", "n numeric 655366 false", "ns numeric[] -1 false",
		"ts timestamptz -1 false", "iv interval -1 false", "b bytea -1 false", "m money -1 false", "f float8 -1 false",
		"c bpchar 9 false", "r regclass -1 false", "v int2vector -1 false",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("columns:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	tables, err := s.capturer.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprintf("%+v", *tables[0]), fmt.Sprintf("%+v", *tx.List[0].Table); a != b {
		t.Errorf("Tables and the stream differ:\n%s\n%s", a, b)
	}
}

func TestSchemaChangeMakesANewTable(t *testing.T) {
	s := newSource(t, `CREATE TABLE t (id int PRIMARY KEY, a text); ALTER TABLE t REPLICA IDENTITY FULL;
		CREATE TYPE gone AS ENUM ('x'); CREATE TABLE u (id int PRIMARY KEY, e gone); ALTER TABLE u REPLICA IDENTITY FULL`,
		"public.t", "public.u").setup()
	s.exec(`INSERT INTO t VALUES (1, 'a'); INSERT INTO t VALUES (2, 'a')`)
	s.exec(`BEGIN; INSERT INTO t VALUES (3, 'a'); ALTER TABLE t ADD b int, DROP a; UPDATE t SET b = 1 WHERE id = 3; COMMIT`)
	s.exec(`INSERT INTO u VALUES (1, 'x')`)
	s.exec(`INSERT INTO t VALUES (4, 4); ANALYZE t`)
	s.exec(`ALTER TABLE t ALTER b SET DEFAULT 1; INSERT INTO t VALUES (5, 5)`)
	// Type and column are gone when the row comes.
	s.exec(`ALTER TABLE u DROP e; DROP TYPE gone`)
	txs := s.captured(5)
	wantChanges(t, txs[1], `
		insert public.t->(3,a)
		update public.t (3,null)->(3,1)`)
	wantChanges(t, txs[2], `insert public.u->(1,x)`)
	before, after := txs[0].List[0].Table, txs[1].List[1].Table
	if txs[1].List[0].Table != before || txs[0].List[1].Table != before || len(before.Columns) != 2 || before.Columns[1].Name != "a" {
		t.Errorf("before the change the table is %+v", before)
	}
	if after == before || after.Columns[1].Name != "b" {
		t.Errorf("after the change the table is %+v", after)
	}
	if txs[3].List[0].Table != after || txs[4].List[0].Table != after {
		t.Error("a new Table was made although nothing of it had changed")
	}
	if e := txs[2].List[0].Table.Columns[1]; e.Name != "e" || e.Base != "gone" {
		t.Errorf("a column whose type is gone is %+v", e)
	}
}

func TestNamesAreTakenAsTheyAre(t *testing.T) {
	s := newSource(t, `CREATE SCHEMA "Old.Housing"; CREATE TABLE "Old.Housing"."Ten ""Ancy" ("Id" int PRIMARY KEY, "a.b" text);
		ALTER TABLE "Old.Housing"."Ten ""Ancy" REPLICA IDENTITY FULL; CREATE TABLE "Case" (id int PRIMARY KEY); ALTER TABLE "Case" REPLICA IDENTITY FULL`,
		`"Old.Housing"."Ten ""Ancy"`, `public.Case`)
	s.cfg.Publication = `Pub "1", x`
	s.configure()
	s.setup()
	s.exec(`INSERT INTO "Old.Housing"."Ten ""Ancy" VALUES (1, 'x'); INSERT INTO "Case" VALUES (1)`)
	wantChanges(t, s.captured(1)[0], "insert Old.Housing.Ten \"Ancy->(1,x)\ninsert public.Case->(1)")
}

func TestWideAndLargeRows(t *testing.T) {
	var cols, vals []string
	for i := range 1600 {
		cols = append(cols, fmt.Sprintf("c%d bool", i))
		vals = append(vals, "true")
	}
	s := newSource(t, `CREATE TABLE wide (`+strings.Join(cols, ",")+`); ALTER TABLE wide REPLICA IDENTITY FULL;
		CREATE TABLE large (id int PRIMARY KEY, doc text); ALTER TABLE large REPLICA IDENTITY FULL`, "public.wide", "public.large").setup()
	s.exec(`INSERT INTO wide VALUES (` + strings.Join(vals, ",") + `)`)
	s.exec(`INSERT INTO large VALUES (1, repeat('x', 20000000)), (2, repeat('y', 20000000))`)
	txs := s.captured(2)
	if n := len(txs[0].List[0].After); n != 1600 {
		t.Errorf("%d columns came", n)
	}
	wantChanges(t, txs[1], "insert public.large->(1,20000000 bytes)\ninsert public.large->(2,20000000 bytes)")
}
