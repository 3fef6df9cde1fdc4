package main_test

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// These follow the procedures of the package page to the letter, while the
// source is written to.

// newPipeline gives the pipeline another name, slot and queue.
func (s *site) newPipeline(rest string) {
	s.t.Helper()
	text := "name: housing-2\nsource: {dsn: \"${SOURCE_DSN}\", slot: " + s.slot() + "_2}\ntarget: {dsn: \"${TARGET_DSN}\"}\nqueue: {dir: ./queue-2}\n" + rest
	if err := os.WriteFile(s.dir+"/sync.yaml", []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func TestProcedureStartingAnewAfterALostSlot(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.onSource(`INSERT INTO tenancy SELECT 't' || i, NULL, i FROM generate_series(1, 300) i`)
	s.mustRun("run", "--until-idle")
	s.wait("the server let go of the slot", func() bool {
		_, err := s.pg.Exec(t.Context(), `SELECT pg_drop_replication_slot($1)`, s.slot())
		return err == nil
	})
	// What nobody captures.
	s.onSource(`INSERT INTO tenancy SELECT 'lost' || i, NULL, i FROM generate_series(1, 300) i`)
	s.onSource(`DELETE FROM tenancy WHERE ref LIKE 't1%'`)
	s.onSource(`UPDATE tenancy SET rent = rent + 1 WHERE ref LIKE 't2%'`)
	if last := s.mustFail("run", "--until-idle"); !strings.Contains(last, "slot "+s.slot()+" is gone") {
		t.Errorf("it says: %s", last)
	}
	s.newPipeline(tables)
	stopLoad := s.load(nil)
	s.mustRun("verify", "--repair")
	stop := s.start("run")
	s.wait("the run", func() bool { return s.status()["state"] == "applying" || s.status()["state"] == "idle" })
	stopLoad()
	// These need what the repair wrote.
	s.onSource(`UPDATE tenancy SET rent = rent + 1; DELETE FROM tenancy WHERE ref LIKE 'lost2%'`)
	if code, stderr := stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, stderr:\n%s", code, stderr)
	}
	s.mustRun("run", "--until-idle")
	s.verified()
}

func TestProcedureAddingAndDroppingATable(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.onSource(`CREATE TABLE person (id int PRIMARY KEY, name text)`)
	s.onSource(`INSERT INTO person SELECT i, 'n' || i FROM generate_series(1, 500) i`)
	s.onSource(`INSERT INTO tenancy VALUES ('a')`)
	const both = tables + "  - {source: person, target: person}\n"

	// Adding.
	s.onSource(`ALTER TABLE person REPLICA IDENTITY FULL`)
	s.onTarget(`CREATE TABLE dbo.person (id int NOT NULL PRIMARY KEY, name varchar(20) NULL)`)
	s.onSource(`DELETE FROM person WHERE id > 490`) // before it is published
	s.onSource(`ALTER PUBLICATION syncback ADD TABLE person`)
	s.onSource(`UPDATE person SET name = 'published' WHERE id < 10; DELETE FROM person WHERE id BETWEEN 10 AND 20; INSERT INTO person VALUES (1000, 'new')`)
	s.configure(both)
	s.mustRun("check")
	s.mustRun("verify", "--repair")
	s.onSource(`UPDATE person SET name = name || '!'`)
	s.mustRun("run", "--until-idle")
	s.verified()
	var n int
	if err := s.ms.QueryRow(`SELECT COUNT(*) FROM dbo.person WHERE name LIKE '%!'`).Scan(&n); err != nil || n != 480 {
		t.Errorf("the new table has %d rows, want 480; %v", n, err)
	}

	// Dropping.
	s.onSource(`DELETE FROM person WHERE id = 1000; INSERT INTO tenancy VALUES ('b')`)
	s.mustRun("run", "--until-idle")
	s.configure(tables)
	s.onSource(`DELETE FROM person WHERE id = 30`) // nobody's any more
	s.onSource(`ALTER PUBLICATION syncback DROP TABLE person`)
	s.onSource(`INSERT INTO tenancy VALUES ('c')`)
	s.mustRun("run", "--until-idle")
	s.verified()
	if err := s.ms.QueryRow(`SELECT COUNT(*) FROM dbo.person`).Scan(&n); err != nil || n != 479 || s.count() != 3 {
		t.Errorf("the dropped table has %d rows, want 479, and the other %d, want 3; %v", n, s.count(), err)
	}
}

// TestProcedureFirstLoad starts with a target that holds nothing.
func TestProcedureFirstLoad(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.executeDDL()
	s.onSource(`INSERT INTO tenancy SELECT 't' || i, NULL, i FROM generate_series(1, 500) i`)
	s.onTarget(`INSERT INTO dbo.tenagree (tag_ref, eot, rent) VALUES ('t7', '', 1), ('t8', '', 8)`)
	stdout, _, code := s.run("verify")
	if code != 1 || !strings.Contains(stdout, "the pipeline has not begun") {
		t.Errorf("exit code %d, stdout:\n%s", code, stdout)
	}
	if n := s.slots(); n != 0 {
		t.Errorf("verify made %d slots and publications", n)
	}
	s.mustRun("verify", "--repair")
	s.onSource(`UPDATE tenancy SET rent = rent + 1`)
	s.mustRun("run", "--until-idle")
	s.verified()
	if n := s.count(); n != 500 {
		t.Errorf("%d rows, want 500", n)
	}
}
