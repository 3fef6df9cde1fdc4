package postgres_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/capture/postgres"
)

// findings expects that Check finds what begins like each of want.
func findings(t *testing.T, s *source, want ...string) {
	t.Helper()
	found, err := s.capturer.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range found {
		all = append(all, f.Level.String()+" "+f.Object+": "+f.Problem+". "+f.Advice)
	}
	text := "\n" + strings.Join(all, "\n")
	for _, w := range want {
		if !strings.Contains(text, "\n"+w) {
			t.Errorf("%q is not found; what is:%s", w, text)
		}
	}
}

// noErrors expects that Check finds nothing that blocks.
func noErrors(t *testing.T, s *source) {
	t.Helper()
	found, err := s.capturer.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Level.String() == "error" {
			t.Errorf("%+v", f)
		}
	}
}

func TestCheckTables(t *testing.T) {
	s := newSource(t, `CREATE TABLE good (id int PRIMARY KEY); ALTER TABLE good REPLICA IDENTITY FULL;
		CREATE TABLE half (id int PRIMARY KEY); CREATE TABLE keyonly (id int PRIMARY KEY);
		CREATE TABLE none (id int); CREATE TABLE nothing (id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
		CREATE TABLE keyless (id int); ALTER TABLE keyless REPLICA IDENTITY FULL;
		CREATE VIEW v AS SELECT 1; CREATE UNLOGGED TABLE fleeting (id int PRIMARY KEY); ALTER TABLE fleeting REPLICA IDENTITY FULL;
		CREATE TABLE root (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE leaf PARTITION OF root FOR VALUES IN (1);
		ALTER TABLE root REPLICA IDENTITY FULL`,
		"public.good", "public.half", "public.keyonly", "public.none", "public.nothing", "public.keyless", "public.v",
		"public.fleeting", "public.root", "public.Half", "public.absent")
	s.cfg.KeyOnly = []string{"public.keyonly", "public.none"}
	s.configure()
	findings(t, s,
		`error table public.half: its replica identity is not full, so what changed in a row is not known. ALTER TABLE ONLY "public"."half" REPLICA IDENTITY FULL; or name`,
		"note table public.keyonly: its replica identity is not full, as it may be",
		"error table public.none: it has nothing that its rows are told apart by",
		"error table public.nothing: it has nothing that its rows are told apart by",
		"warning table public.keyless: it has no primary key",
		"error table public.v: it is not a table",
		"error table public.fleeting: it is unlogged",
		`error table public.root: not all of its partitions have a full replica identity, so what changed in a row is not known. ALTER TABLE "public"."leaf" REPLICA IDENTITY FULL`,
		"error table public.Half: it does not exist. Names are taken as they are written, and there is a table public.half",
		"error table public.absent: it does not exist",
		"note publication syncback: it does not exist. the first run creates it",
		"note slot "+s.cfg.Slot+": it does not exist. the first run creates it",
		"note max_slot_wal_keep_size: it is -1")

	// Publishing a table without an identity would break the source's own
	// updates, so Setup must refuse before it has made anything.
	err := s.capturer.Setup(t.Context())
	if err == nil || !strings.Contains(err.Error(), "public.half") {
		t.Errorf("Setup: %v", err)
	}
	s.exec(`UPDATE none SET id = 1; UPDATE nothing SET id = 1`)
	if n := s.query(`SELECT count(*)::text FROM pg_publication`); n != "0" {
		t.Errorf("Setup made %s publications all the same", n)
	}
}

// TestPartitionsThatAreNotPublished has partitions whose changes PostgreSQL leaves
// out without a word: before there is a publication, with one, and while it is
// captured.
func TestPartitionsThatAreNotPublished(t *testing.T) {
	s := newSource(t, `CREATE TABLE rent (id int, month int, PRIMARY KEY (id, month)) PARTITION BY LIST (month);
		CREATE TABLE rent_1 PARTITION OF rent FOR VALUES IN (1) PARTITION BY LIST (id);
		CREATE UNLOGGED TABLE "rent 1 7" PARTITION OF rent_1 FOR VALUES IN (7);
		ALTER TABLE rent REPLICA IDENTITY FULL; ALTER TABLE "rent 1 7" REPLICA IDENTITY FULL`, "public.rent")
	s.cfg.Heartbeat = 100 * time.Millisecond
	s.configure()
	fails := func(err error, says string) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), says) || capture.Retryable(err) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
	const why, mend = "partitions of it are unlogged or foreign, so PostgreSQL does not publish", `ALTER TABLE "public"."rent 1 7" SET LOGGED`
	findings(t, s, "error table public.rent: "+why+" what changes in them. "+mend+", or DETACH")
	fails(s.capturer.Setup(t.Context()), why)
	s.exec(`CREATE PUBLICATION syncback FOR TABLE rent WITH (publish_via_partition_root = true)`)
	fails(s.capturer.Setup(t.Context()), mend)
	findings(t, s, "error publication syncback: it does not send what changes in partitions of public.rent that are unlogged or foreign: "+mend)

	s.exec(mend)
	noErrors(t, s)
	findings(t, s, "warning table public.rent: TRUNCATE, ATTACH, DETACH and DROP of one of its partitions alone are not sent")
	s.setup()
	stop := s.start()
	s.exec(`INSERT INTO rent VALUES (7, 1)`)
	s.wait(1)
	s.exec(`CREATE FOREIGN DATA WRAPPER elsewhere; CREATE SERVER elsewhere FOREIGN DATA WRAPPER elsewhere;
		CREATE FOREIGN TABLE rent_2 (id int NOT NULL, month int NOT NULL) SERVER elsewhere;
		ALTER TABLE ONLY rent DROP CONSTRAINT rent_pkey; ALTER TABLE rent ATTACH PARTITION rent_2 FOR VALUES IN (2)`)
	s.release()
	fails(stop(), `"public"."rent_2"`)
	refused(t, s, s.sink.Mark(), capture.ErrTables, `"public"."rent_2"`)
}

// TestGeneratedColumns has the source write to tables with generated columns. From
// PostgreSQL 18 on it refuses to, once they are published with a full identity and
// without those columns.
func TestGeneratedColumns(t *testing.T) {
	s := newSource(t, `CREATE TABLE t (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) STORED, name text);
		ALTER TABLE t REPLICA IDENTITY FULL`, "public.t").setup()
	s.exec(`INSERT INTO t VALUES (1)`)
	s.exec(`UPDATE t SET id = 2`)
	tx := s.captured(2)[1]
	tables, err := s.capturer.Tables(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprintf("%+v", *tables[0]), fmt.Sprintf("%+v", *tx.List[0].Table); a != b {
		t.Errorf("Tables and the stream differ:\n%s\n%s", a, b)
	}
	if cluster.Version() < 18 {
		wantChanges(t, tx, "update public.t (1,null)->(2,null)")
		findings(t, s, "note table public.t: its generated columns are not captured: g")
		return
	}
	wantChanges(t, tx, "update public.t (1,2,null)->(2,4,null)")
	noErrors(t, s)
	s.exec(`ALTER PUBLICATION syncback SET (publish_generated_columns = none)`)
	findings(t, s, "note table public.t: its generated columns are not captured: g",
		"error table public.t: its replica identity is full, and has generated columns that are not published, so the source refuses to update or delete rows of it once it is published. "+
			`ALTER PUBLICATION "syncback" SET (publish_generated_columns = stored)`)

	s = newSource(t, `CREATE TABLE t (id int PRIMARY KEY, g int GENERATED ALWAYS AS (id * 2) VIRTUAL);
		ALTER TABLE t REPLICA IDENTITY FULL; INSERT INTO t VALUES (1)`, "public.t")
	if err := s.capturer.Setup(t.Context()); err == nil || !strings.Contains(err.Error(), "generated columns that are not published") {
		t.Errorf("Setup: %v", err)
	}
	s.exec(`UPDATE t SET id = 2`)
}

func TestSetupIsWhatCheckAsksFor(t *testing.T) {
	s := newSource(t, oneTable, "public.t")
	noErrors(t, s)
	s.setup()
	if err := s.capturer.Setup(t.Context()); err != nil {
		t.Errorf("a second time: %v", err)
	}
	noErrors(t, s)
	stop := s.start()
	s.exec(`INSERT INTO t VALUES (1)`)
	s.wait(1)
	findings(t, s, "note slot "+s.cfg.Slot+": it is being read")
	st, err := s.capturer.Status(t.Context())
	if err != nil || st.ActivePID == 0 || st.WALStatus != "reserved" || st.Restart == 0 || st.Current < st.ConfirmedFlush || st.Retained <= 0 {
		t.Errorf("status %+v, %v", st, err)
	}
	stop()
}

func TestSlotOfAnotherKind(t *testing.T) {
	s := newSource(t, oneTable, "public.t")
	s.exec(`SELECT pg_create_physical_replication_slot($1)`, s.cfg.Slot)
	defer s.exec(`SELECT pg_drop_replication_slot($1)`, s.cfg.Slot)
	findings(t, s, "error slot "+s.cfg.Slot+": it is not a logical slot of pgoutput")
	if err := s.capturer.Setup(t.Context()); err == nil {
		t.Error("Setup took it")
	}
}

// TestSlotOfTwoPhases has a slot that sends what is prepared before it is
// committed, which would stop the stream at the first of it.
func TestSlotOfTwoPhases(t *testing.T) {
	s := newSource(t, oneTable, "public.t")
	s.exec(`SELECT pg_create_logical_replication_slot($1, 'pgoutput', false, true)`, s.cfg.Slot)
	defer s.exec(`SELECT pg_drop_replication_slot($1)`, s.cfg.Slot)
	const says = "was made with two_phase"
	findings(t, s, "error slot "+s.cfg.Slot+": it "+says)
	if err := s.capturer.Setup(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("Setup: %v", err)
	}
	refused(t, s, capture.Mark{}, nil, says)
}

func TestCheckRole(t *testing.T) {
	s := newSource(t, oneTable, "public.t")
	s.exec(`DO $$ BEGIN CREATE ROLE clerk LOGIN PASSWORD 'x'; EXCEPTION WHEN duplicate_object THEN NULL; END $$`)
	u, err := url.Parse(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("clerk", "x")
	s.cfg.DSN = u.String()
	s.configure()
	findings(t, s, "error role clerk: it may not open a replication connection",
		`error publication syncback: it does not exist, and the role may not create it. Have the tables' owner run: CREATE PUBLICATION "syncback" FOR TABLE "public"."t" WITH`)

	c, err := postgres.New(s.cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Setup(t.Context()); err == nil {
		t.Error("Setup: no error")
	}
}
