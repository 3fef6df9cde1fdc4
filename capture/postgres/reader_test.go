package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

// reader returns a reader of the source's tables, and their shapes.
func (s *source) reader() (*postgres.Reader, []*capture.Table) {
	s.t.Helper()
	tables, err := s.capturer.Tables(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	r := s.capturer.Reader()
	s.t.Cleanup(func() { r.Close(context.Background()) })
	return r, tables
}

// scan returns the rows of a table, each on a line.
func (s *source) scan(r *postgres.Reader, t *capture.Table) (rows []string) {
	s.t.Helper()
	if err := r.Scan(s.t.Context(), t, func(row capture.Row) error {
		rows = append(rows, showRow(row))
		return nil
	}); err != nil {
		s.t.Fatal(err)
	}
	return rows
}

// What is read must be what is captured, to the letter.
func TestReaderReadsWhatIsCaptured(t *testing.T) {
	s := newSource(t, `
		CREATE TYPE mood AS ENUM ('sad', 'ok');
		CREATE DOMAIN label AS varchar(20);
		CREATE TABLE keyed (m mood, l label, c char(8), "odd ""name" "char", at timestamptz, u uuid, n numeric(9,2),
			b bytea, i interval, f float4, x text, g int GENERATED ALWAYS AS (1) STORED, PRIMARY KEY (m, l, c, "odd ""name", at, u, n));
		ALTER TABLE keyed REPLICA IDENTITY FULL;
		CREATE TABLE keyless (v text);
		ALTER TABLE keyless REPLICA IDENTITY FULL;
		CREATE TABLE parted (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
		CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (10);
		CREATE TABLE high PARTITION OF parted FOR VALUES FROM (10) TO (20);
		ALTER TABLE parted REPLICA IDENTITY FULL; ALTER TABLE low REPLICA IDENTITY FULL; ALTER TABLE high REPLICA IDENTITY FULL`,
		"public.keyed", "public.keyless", "public.parted").setup()
	s.start()
	s.exec(`SET TimeZone = 'Asia/Tokyo'`)
	s.exec(`
		INSERT INTO keyed SELECT 'sad', 'l' || i, 'c' || i, 'q', '2024-07-01 12:00:00+02', gen_random_uuid(), i, '\x00ff', '1 day', 0.1, NULL FROM generate_series(1, 5) i;
		INSERT INTO keyless VALUES ('a'), ('a'), (NULL);
		INSERT INTO parted SELECT i, i FROM generate_series(5, 14) i`)
	captured := map[string][]string{}
	for _, c := range s.captured(1)[0].List {
		captured[c.Table.Name] = append(captured[c.Table.Name], showRow(c.After))
	}
	r, tables := s.reader()
	for _, table := range tables {
		got, want := s.scan(r, table), captured[table.Name]
		slices.Sort(got)
		slices.Sort(want)
		if len(got) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: read\n%s\nand captured\n%s", table, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

func TestReaderReadsPages(t *testing.T) {
	s := newSource(t, `CREATE TABLE t (a text, b int, PRIMARY KEY (a, b)); ALTER TABLE t REPLICA IDENTITY FULL;
		INSERT INTO t SELECT i % 7, i FROM generate_series(1, 3000) i`, "public.t")
	r, tables := s.reader()
	rows := s.scan(r, tables[0])
	slices.Sort(rows)
	if len(slices.Compact(rows)) != 3000 {
		t.Errorf("read %d different rows, want 3000", len(rows))
	}
	s.exec(`DELETE FROM t`)
	if rows := s.scan(r, tables[0]); len(rows) != 0 {
		t.Errorf("read %d rows of an empty table", len(rows))
	}
}

// TestReaderFollowsTheIndexOfTheKey: in any other order, each page would have the
// source read and sort the whole table.
func TestReaderFollowsTheIndexOfTheKey(t *testing.T) {
	s := newSource(t, `
		CREATE TABLE backwards (a int, b int, c int, PRIMARY KEY (c, b) INCLUDE (a)); ALTER TABLE backwards REPLICA IDENTITY FULL;
		INSERT INTO backwards SELECT i, i % 7, -i FROM generate_series(1, 2500) i;
		CREATE TABLE byindex (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL, UNIQUE (b, a));
		ALTER TABLE byindex REPLICA IDENTITY USING INDEX byindex_b_a_key;
		INSERT INTO byindex SELECT i, i % 50, i / 50 FROM generate_series(0, 2499) i`, "public.backwards", "public.byindex")
	r, tables := s.reader()
	for i, test := range []struct{ columns, key string }{{"a, b, c", "c, b"}, {"id, a, b", "b, a"}} {
		want := s.query(`SELECT string_agg(concat('(', concat_ws(',', ` + test.columns + `), ')'), ' ' ORDER BY ` + test.key + `) FROM ` + tables[i].Name)
		if got := s.scan(r, tables[i]); strings.Join(got, " ") != want {
			t.Errorf("%s is read in another order than %s: %d rows, from %s to %s", tables[i], test.key, len(got), got[0], got[len(got)-1])
		}
	}
}

func TestReaderStopsWhenItIsTold(t *testing.T) {
	s := newSource(t, `CREATE TABLE t (a int); INSERT INTO t SELECT generate_series(1, 3000)`, "public.t")
	r, tables := s.reader()
	enough := errors.New("enough")
	n := 0
	err := r.Scan(t.Context(), tables[0], func(capture.Row) error { n++; return enough })
	if !errors.Is(err, enough) || n != 1 {
		t.Errorf("after %d rows: %v", n, err)
	}
	if rows := s.scan(r, tables[0]); len(rows) != 3000 {
		t.Errorf("then it reads %d rows", len(rows))
	}
}

func TestReaderFinds(t *testing.T) {
	s := newSource(t, `CREATE TABLE t (v text, k char(4), d date, PRIMARY KEY (k, d)); ALTER TABLE t REPLICA IDENTITY FULL;
		INSERT INTO t SELECT 'v', i, '2024-01-01' FROM generate_series(1, 500) i`, "public.t")
	r, tables := s.reader()
	find := func() map[int]string {
		var keys []capture.Row
		for i := range 501 { // 0 is not there
			keys = append(keys, capture.Row{{}, capture.Text(fmt.Sprint(i)), capture.Text("2024-01-01")})
		}
		found := map[int]string{}
		err := r.Find(t.Context(), tables[0], keys, func(i int, row capture.Row, version string) error {
			if k, _ := row[1].Text(); strings.TrimSpace(k) != fmt.Sprint(i) || len(row) != 3 {
				t.Fatalf("key %d finds %s", i, k)
			}
			found[i] = version
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	before := find()
	if _, ok := before[0]; ok || len(before) != 500 {
		t.Errorf("found %d rows", len(before))
	}
	s.exec(`UPDATE t SET v = 'w' WHERE k = '7'; UPDATE t SET v = 'v' WHERE k = '7'`)
	for i, version := range find() {
		if (version != before[i]) != (i == 7) {
			t.Errorf("the version of row %d was %s and is %s", i, before[i], version)
		}
	}
}

// TestReaderCutAtAnyMessage cuts the connection at every message in turn: each
// row must come once all the same.
func TestReaderCutAtAnyMessage(t *testing.T) {
	s := newSource(t, `CREATE TABLE t (a int PRIMARY KEY, b text); ALTER TABLE t REPLICA IDENTITY FULL;
		INSERT INTO t SELECT i, i FROM generate_series(1, 1500) i`, "public.t")
	_, tables := s.reader()
	proxy, through := postgrestest.NewProxy(t, s.dsn)
	s.cfg.DSN = through
	s.configure()
	var passed atomic.Int64
	proxy.On(func(postgrestest.Message) bool { passed.Add(1); return true })
	r := s.capturer.Reader()
	s.scan(r, tables[0])
	r.Close(t.Context())
	proxy.On(func(postgrestest.Message) bool { return true })
	messages := passed.Load()
	for cut := int64(1); cut < messages; cut += 1 + messages/10 {
		var n atomic.Int64
		proxy.On(func(postgrestest.Message) bool { return n.Add(1) != cut })
		r := s.capturer.Reader()
		rows := s.scan(r, tables[0])
		slices.Sort(rows)
		if len(rows) != 1500 || len(slices.Compact(rows)) != 1500 {
			t.Fatalf("cut at message %d: read %d rows", cut, len(rows))
		}
		r.Close(t.Context())
	}
}

func TestSettleWaitsForWhatIsOpen(t *testing.T) {
	s := newSource(t, oneTable, "public.t")
	open, err := s.db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open.Exec(t.Context(), `INSERT INTO t VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	settled := make(chan error, 1)
	go func() { settled <- s.capturer.Settle(t.Context()) }()
	select {
	case err := <-settled:
		t.Fatalf("it did not wait: %v", err)
	case <-time.After(200 * time.Millisecond):
	}
	if err := open.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-settled; err != nil {
		t.Error(err)
	}
}

// TestRowSecurityHidesNoRow: the stream has every row, whatever policies say. A
// role to which they apply must not be shown a part of a table as if it were all.
func TestRowSecurityHidesNoRow(t *testing.T) {
	s := newSource(t, oneTable+`
		DO $$ BEGIN CREATE ROLE tenant LOGIN PASSWORD 'x' REPLICATION; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
		ALTER ROLE tenant NOBYPASSRLS; GRANT SELECT ON t TO tenant;
		ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON t USING (id = 1)`, "public.t").setup()
	u, err := url.Parse(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("tenant", "x")
	s.cfg.DSN = u.String()
	s.configure()
	findings(t, s, "warning table public.t: the role is subject to its row security")
	s.exec(`INSERT INTO t VALUES (1), (2)`)
	if n := len(s.captured(1)[0].List); n != 2 {
		t.Errorf("captured %d rows of 2", n)
	}

	r, tables := s.reader()
	for what, err := range map[string]error{
		"Scan": r.Scan(t.Context(), tables[0], func(row capture.Row) error { t.Errorf("Scan shows %s", showRow(row)); return nil }),
		"Find": r.Find(t.Context(), tables[0], []capture.Row{{capture.Text("2"), {}}}, func(int, capture.Row, string) error { return nil }),
	} {
		if err == nil || capture.Retryable(err) || !strings.HasSuffix(err.Error(),
			"(SQLSTATE 42501); give the role BYPASSRLS, or connect as the table's owner, on whom row security is not forced") {
			t.Errorf("%s: %v", what, err)
		}
	}
	s.exec(`ALTER ROLE tenant BYPASSRLS`)
	r, _ = s.reader()
	if rows := s.scan(r, tables[0]); len(rows) != 2 {
		t.Errorf("with BYPASSRLS it reads %v", rows)
	}
	found, err := s.capturer.Check(t.Context())
	for _, f := range found {
		if strings.Contains(f.Problem, "row security") {
			t.Errorf("with BYPASSRLS: %+v", f)
		}
	}
	if err != nil {
		t.Error(err)
	}
}
