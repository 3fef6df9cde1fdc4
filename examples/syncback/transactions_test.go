package main_test

import (
	"strings"
	"testing"
)

const wantTenancies = `SELECT ref, CAST(rent AS varchar(20)) FROM tenancy ORDER BY ref`

// sameTenancies compares every row of the site's own table.
func (s *site) sameTenancies(rows int) {
	s.t.Helper()
	if n := s.count(); n != rows {
		s.t.Errorf("the target has %d rows, want %d", n, rows)
	}
	s.same(wantTenancies, `SELECT RTRIM(tag_ref), CAST(rent AS varchar(20)) FROM dbo.tenagree ORDER BY tag_ref`)
}

// TestCommitsOfNothingForUs: what changes no table of ours moves the slot on, and
// nothing in the target.
func TestCommitsOfNothingForUs(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.carry("a")
	s.onSource(`CREATE TABLE other (id int PRIMARY KEY)`)
	r := s.follow()
	r.await("what the run before has left", func() bool {
		status := s.status()
		return status["slot_active"] == true && status["queued_transactions"] == 0.0
	})
	applied := s.begun()
	for _, sql := range []string{
		`INSERT INTO other SELECT generate_series(1, 1000)`,
		`UPDATE other SET id = -id`,
		`TRUNCATE other`,
		`DROP TABLE other`,
		`CREATE TABLE other AS SELECT 1 id`,
		`BEGIN; SELECT 1; COMMIT`,
		`UPDATE tenancy SET rent = 1 WHERE false`,
	} {
		s.simple(sql)
	}
	end := s.position()
	s.simple(`SELECT pg_logical_emit_message(true, 'syncback', 'heartbeat')`) // has progress acknowledged soon
	r.await("the slot to move on", func() bool { return s.confirmed() >= end })
	if at := s.begun(); at != applied {
		t.Errorf("the target's checkpoint moved from %d to %d", applied, at)
	}
	if status := s.status(); status["queued_transactions"] != 0.0 {
		t.Errorf("status is %v", status)
	}
	s.onSource(`INSERT INTO tenancy VALUES ('b')`)
	r.await("what is for us", func() bool { return s.count() == 2 })
	r.end()
}

// position is where the source's log ends.
func (s *site) position() (at int64) {
	s.t.Helper()
	if err := s.pg.QueryRow(s.t.Context(), `SELECT (pg_current_wal_lsn() - '0/0')::bigint`).Scan(&at); err != nil {
		s.t.Fatal(err)
	}
	return at
}

// TestTruncateOfSeveralTables: one TRUNCATE of several tables, of which some are
// not ours, deletes in the order that the target's foreign keys want, between what
// the transaction did before and after it.
func TestTruncateOfSeveralTables(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.pair("parent", "id int PRIMARY KEY", "id int NOT NULL PRIMARY KEY")
	s.pair("child", "id int PRIMARY KEY, parent int", "id int NOT NULL PRIMARY KEY, parent int NULL REFERENCES dbo.parent (id)")
	s.pair("grandchild", "id int PRIMARY KEY, child int", "id int NOT NULL PRIMARY KEY, child int NULL REFERENCES dbo.child (id)")
	s.onSource(`CREATE TABLE other (id int PRIMARY KEY)`)
	config := "tables:\n"
	for _, name := range []string{"parent", "child", "grandchild"} {
		config += "  - {source: " + name + ", target: " + name + ", truncate: true}\n"
	}
	s.configure(config)
	s.ready()
	fill := `INSERT INTO parent VALUES (1), (2); INSERT INTO child VALUES (1, 1), (2, 2); INSERT INTO grandchild VALUES (1, 1), (2, 2);`
	s.simple(fill + `INSERT INTO other VALUES (1)`)
	s.mustRun("run", "--until-idle")
	s.simple(`BEGIN; INSERT INTO parent VALUES (3); TRUNCATE parent, other, grandchild, child;` + fill + `DELETE FROM grandchild WHERE id = 2; COMMIT`)
	s.mustRun("run", "--until-idle")
	for _, name := range []string{"parent", "child", "grandchild"} {
		s.same("SELECT * FROM "+name+" ORDER BY id", "SELECT * FROM dbo."+name+" ORDER BY id")
	}
	s.onSource(`TRUNCATE grandchild, child, parent`)
	s.mustRun("run", "--until-idle")
	if n := s.ask(`SELECT (SELECT COUNT(*) FROM dbo.parent) + (SELECT COUNT(*) FROM dbo.child) + (SELECT COUNT(*) FROM dbo.grandchild)`); n != 0 {
		t.Errorf("%d rows are left", n)
	}
}

// TestTruncateIsRefusedUnlessAllowed: it would delete what only the target has.
func TestTruncateIsRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.carry("a")
	s.onSource(`TRUNCATE tenancy`)
	if last := s.mustFail("run", "--until-idle"); !strings.Contains(last, "truncates public.tenancy") || !strings.Contains(last, "`truncate`") {
		t.Errorf("it says: %s", last)
	}
	if n := s.count(); n != 1 {
		t.Errorf("%d rows are left of 1", n)
	}
	s.configure(strings.Replace(tables, "target: tenagree\n", "target: tenagree\n    truncate: true\n", 1))
	s.mustRun("run", "--until-idle")
	s.sameTenancies(0)
}

// TestSavepointsAndRollbacks carries a session of them: what was taken back is not
// there, and what surrounds it is.
func TestSavepointsAndRollbacks(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.simple(`BEGIN; INSERT INTO tenancy VALUES ('a', NULL, 1), ('b', NULL, 1), ('c', NULL, 1); COMMIT`)
	r := s.follow()
	s.simple(`
		BEGIN;
		UPDATE tenancy SET rent = 2 WHERE ref = 'a';
		SAVEPOINT one;
			INSERT INTO tenancy VALUES ('gone', NULL, 1);
			SAVEPOINT two;
				DELETE FROM tenancy WHERE ref = 'a';
				INSERT INTO tenancy VALUES ('a', NULL, 99);
			ROLLBACK TO two;
			SAVEPOINT three;
				UPDATE tenancy SET rent = 3 WHERE ref = 'b';
			RELEASE three;
		ROLLBACK TO one;
		SAVEPOINT one; -- of the same name
			INSERT INTO tenancy VALUES ('d', NULL, 4);
			SAVEPOINT deep;
				INSERT INTO tenancy VALUES ('e', NULL, 5);
			RELEASE deep;
		RELEASE one;
		ROLLBACK TO one; -- the first, which is still there
		INSERT INTO tenancy VALUES ('f', NULL, 6);
		COMMIT`)
	s.simple(`BEGIN; DELETE FROM tenancy; ROLLBACK`)
	// Each caught exception is a subtransaction that was rolled back.
	s.simple(`DO $$ BEGIN FOR i IN 1..300 LOOP
		BEGIN
			INSERT INTO tenancy VALUES ('s' || i, NULL, i);
			IF i % 3 = 0 THEN RAISE EXCEPTION 'no'; END IF;
		EXCEPTION WHEN raise_exception THEN
			UPDATE tenancy SET rent = i WHERE ref = 'c';
		END;
	END LOOP; END $$`)
	// A savepoint that nothing changed under, and a transaction that keeps nothing.
	s.simple(`BEGIN; SAVEPOINT s; ROLLBACK TO s; SAVEPOINT s; INSERT INTO tenancy VALUES ('gone', NULL, 1); ROLLBACK TO s; COMMIT`)
	s.simple(`INSERT INTO tenancy VALUES ('last', NULL, 1)`)
	r.await("the last row", func() bool { return s.ask(`SELECT COUNT(*) FROM dbo.tenagree WHERE tag_ref = 'last'`) == 1 })
	r.end()
	s.sameTenancies(3 + 1 + 200 + 1)
}

// TestTwoPhaseCommit: what was prepared is carried once it is committed, whatever
// was committed meanwhile, and never when it is rolled back.
func TestTwoPhaseCommit(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	one, two := s.slot()+" one", s.slot()+" two" // global names
	s.simple(`BEGIN; INSERT INTO tenancy VALUES ('prepared', NULL, 1); SAVEPOINT s; INSERT INTO tenancy VALUES ('gone', NULL, 1); ROLLBACK TO s; PREPARE TRANSACTION '` + one + `'`)
	s.simple(`BEGIN; INSERT INTO tenancy VALUES ('never', NULL, 1); PREPARE TRANSACTION '` + two + `'`)
	s.onSource(`INSERT INTO tenancy VALUES ('meanwhile', NULL, 1)`)
	s.mustRun("run", "--until-idle")
	if n := s.count(); n != 1 {
		t.Errorf("%d rows before any was committed, want the one of another transaction", n)
	}
	r := s.follow()
	s.simple(`ROLLBACK PREPARED '` + two + `'`)
	s.onSource(`INSERT INTO tenancy VALUES ('between', NULL, 1)`)
	r.await("what was committed meanwhile", func() bool { return s.count() == 2 })
	s.simple(`COMMIT PREPARED '` + one + `'`)
	r.await("what was prepared", func() bool { return s.count() == 3 })
	s.onSource(`UPDATE tenancy SET rent = 2 WHERE ref = 'prepared'`)
	r.end()
	s.mustRun("run", "--until-idle")
	s.sameTenancies(3)
}

// TestMessagesOfOthers: logical messages that someone else writes are no change of
// the target, alone or among rows, transactional or not, whatever is in them.
func TestMessagesOfOthers(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	r := s.follow()
	for _, transactional := range []string{"true", "false"} {
		for _, message := range []string{
			`'other', 'text'`, `'', ''`, `'syncback', 'marker of someone else'`, `'syncback', ''`,
			`'other', repeat('x', 3000000)`, `'other', '\x00ff00'::bytea`, `'Prefix "with" 😀', '[1]'`,
		} {
			s.onSource(`SELECT pg_logical_emit_message(` + transactional + `, ` + message + `)`)
			s.simple(`BEGIN; INSERT INTO tenancy SELECT 'r' || count(*) FROM tenancy; SELECT pg_logical_emit_message(` + transactional + `, ` + message + `);
				UPDATE tenancy SET rent = count FROM (SELECT count(*) FROM tenancy) c; COMMIT`)
		}
	}
	s.onSource(`INSERT INTO tenancy VALUES ('last')`)
	r.await("the last row", func() bool { return s.ask(`SELECT COUNT(*) FROM dbo.tenagree WHERE tag_ref = 'last'`) == 1 })
	r.end()
	s.mustRun("run", "--until-idle")
	s.sameTenancies(15)
}
