package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// often has the source looked at every moment, and not every minute.
func (s *site) often() {
	s.t.Helper()
	name := filepath.Join(s.dir, "sync.yaml")
	text, err := os.ReadFile(name)
	if err != nil {
		s.t.Fatal(err)
	}
	slot := "slot: " + s.slot()
	if err := os.WriteFile(name, []byte(strings.Replace(string(text), slot, slot+", heartbeat: 100ms", 1)), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// queued has these statements captured one after the other, and nothing applied.
func (s *site) queued(statements ...string) {
	s.t.Helper()
	s.mustRun("pause")
	for _, sql := range statements {
		s.onSource(sql)
	}
	s.mustFail("run", "--until-idle")
	s.mustRun("resume")
}

// stops runs the program, which is to end with 1 and to say each of the words.
func (s *site) stops(words ...string) {
	s.t.Helper()
	last := s.mustFail("run", "--until-idle")
	for _, w := range words {
		if !strings.Contains(last, w) {
			s.t.Errorf("it does not say %q: %s", w, last)
		}
	}
}

// TestAlteredInSourceWhileQueued: what was queued is applied with the shape that it
// had, and what came after a change of the table's shape stops with what to do,
// where the target cannot follow.
func TestAlteredInSourceWhileQueued(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		alter string
		then  string   // the row 'b'
		says  []string // at it; none where it is applied
		fix   string   // the columns of a configuration with which it is
		rents string   // of the target, in the end
	}{
		{
			"column added", `ALTER TABLE tenancy ADD extra text`, `INSERT INTO tenancy VALUES ('b', NULL, 2, 'x')`,
			[]string{`public.tenancy has column "extra", which dbo.tenagree lacks; map it with `, "`skip` it"}, `extra: {skip: true}`, "1.00 2.00",
		},
		{"column dropped", `ALTER TABLE tenancy DROP rent`, `INSERT INTO tenancy VALUES ('b', NULL)`, nil, ``, "1.00 <nil>"},
		{
			"column renamed", `ALTER TABLE tenancy RENAME rent TO weekly`, `INSERT INTO tenancy VALUES ('b', NULL, 2)`,
			[]string{`public.tenancy has column "weekly", which dbo.tenagree lacks; map it with `}, `weekly: {to: rent}`, "1.00 2.00",
		},
		{"type changed", `ALTER TABLE tenancy ALTER rent TYPE text`, `INSERT INTO tenancy VALUES ('b', NULL, '2.50')`, nil, ``, "1.00 2.50"},
		{
			"type changed to one that does not fit", `ALTER TABLE tenancy ALTER rent TYPE date USING NULL`, `INSERT INTO tenancy VALUES ('b', NULL, '2026-01-31')`,
			[]string{`public.tenancy, column "rent" into dbo.tenagree, column "rent": date is not written to numeric(9,2)`}, `rent: {owner: target}`, "1.00 <nil>",
		},
		{
			"column that the configuration names", `ALTER TABLE tenancy RENAME ref TO reference`, `INSERT INTO tenancy VALUES ('b', NULL, 2)`,
			[]string{`public.tenancy has column "reference", which dbo.tenagree lacks`}, `reference: {to: tag_ref}`, "1.00 2.00",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newReadySite(t)
			s.queued(`INSERT INTO tenancy VALUES ('a', NULL, 1)`, test.alter, test.then)
			if test.says != nil {
				s.stops(test.says...)
				if n := s.count(); n != 1 {
					t.Errorf("%d rows, want the one that was queued before", n)
				}
				words := strings.Split(test.says[0], ": ")
				problem, _, _ := strings.Cut(words[len(words)-1], "; ")
				if out, _, code := s.run("check"); code != 1 || !strings.Contains(out, problem) {
					t.Errorf("check: exit code %d\n%s", code, out)
				}
				config := tables + "      " + test.fix + "\n"
				if strings.HasPrefix(test.fix, "reference") {
					config = strings.Replace(config, "      ref: {to: tag_ref}\n", "", 1)
				}
				s.configure(config)
			}
			s.mustRun("run", "--until-idle")
			if got := strings.Join(s.targetRows(`SELECT CAST(rent AS varchar(20)) FROM dbo.tenagree ORDER BY tag_ref`), " "); got != test.rents {
				t.Errorf("the rents are %s, want %s", got, test.rents)
			}
		})
	}
}

// notCovered is what the program says of a table that is no longer there.
const notCovered = "source: publication syncback does not have all tables to capture, or they do not exist: ALTER PUBLICATION \"syncback\" ADD TABLE \"public\".\"tenancy\""

// newTwoTableSite makes a site with a second table, bystander.
func newTwoTableSite(t *testing.T) *site {
	t.Helper()
	s := newSite(t)
	s.pair("bystander", "id int PRIMARY KEY", "id int NOT NULL PRIMARY KEY")
	s.configure(tables + bystander)
	s.ready()
	return s
}

const bystander = "  - {source: bystander, target: bystander}\n"

// TestDroppedInSourceWhileQueued: what is queued of a table that is dropped, made
// anew or renamed is applied before the run ends with the reason, since no
// configuration that fits the source as it is then would let it be applied.
func TestDroppedInSourceWhileQueued(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, sql, says string
		then            func(*site) // has the run go on
		rows            int
	}{
		{"dropped", `DROP TABLE tenancy`, notCovered, func(s *site) { s.configure("tables:\n" + bystander) }, 1},
		{
			"made anew", `DROP TABLE tenancy; CREATE TABLE tenancy (ref text PRIMARY KEY, ended date, rent numeric(9,2))`,
			notCovered, func(s *site) {
				s.simple(`ALTER TABLE tenancy REPLICA IDENTITY FULL; ALTER PUBLICATION syncback ADD TABLE tenancy; INSERT INTO tenancy VALUES ('b')`)
			}, 2,
		},
		{
			"renamed", `ALTER TABLE tenancy RENAME TO lease; INSERT INTO lease VALUES ('b')`,
			"tenancy", func(s *site) { // as the stream says it, or the publication
				s.configure(strings.Replace(tables, "source: tenancy", "source: lease", 1) + bystander)
			}, 2,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			t.Run("while it runs", func(t *testing.T) {
				s := newTwoTableSite(t)
				s.often()
				s.mustRun("pause")
				r := s.follow()
				s.simple(`INSERT INTO tenancy VALUES ('a')`)
				s.simple(`INSERT INTO bystander VALUES (1)`)
				r.await("the rows in the queue", func() bool { return s.status()["queued_transactions"] == 2.0 })
				s.simple(test.sql)
				r.await("the reason", func() bool { return strings.Contains(s.lastError(), test.says) })
				if n := s.count(); n != 0 || s.status()["state"] != "paused" {
					t.Errorf("while it is paused the target has %d rows; status is %v", n, s.status())
				}
				s.mustRun("resume")
				if last := r.failed(); !strings.Contains(last, test.says) {
					t.Errorf("it says: %s", last)
				}
				if n := s.count() + s.ask(`SELECT COUNT(*) FROM dbo.bystander`); n != 2 {
					t.Errorf("%d of the 2 rows that were queued are there", n)
				}
				s.goesOn(test.then, test.rows)
			})
			t.Run("before it starts", func(t *testing.T) {
				s := newTwoTableSite(t)
				s.queued(`INSERT INTO tenancy VALUES ('a')`, `INSERT INTO bystander VALUES (1)`)
				s.simple(test.sql)
				s.mustRun("pause")
				s.stops("paused", notCovered)
				s.mustRun("resume")
				s.stops(notCovered)
				if n := s.count() + s.ask(`SELECT COUNT(*) FROM dbo.bystander`); n != 2 {
					t.Errorf("%d of the 2 rows that were queued are there", n)
				}
				s.stops(notCovered) // with nothing left to apply
				s.goesOn(test.then, test.rows)
			})
		})
	}
}

// goesOn has the cause mended, and expects the rows of the table and of its
// bystander.
func (s *site) goesOn(mend func(*site), rows int) {
	s.t.Helper()
	mend(s)
	s.onSource(`INSERT INTO bystander VALUES (2)`)
	s.mustRun("run", "--until-idle")
	if n, m := s.count(), s.ask(`SELECT COUNT(*) FROM dbo.bystander`); n != rows || m != 2 {
		s.t.Errorf("the tables have %d and %d rows, want %d and 2", n, m, rows)
	}
}

// TestRenamedInSourceBeforeItWasCaptured: what changed under the old name is not
// lost when the configuration has the new one by then.
func TestRenamedInSourceBeforeItWasCaptured(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.onSource(`INSERT INTO tenancy VALUES ('a', NULL, 1)`)
	s.onSource(`ALTER TABLE tenancy ADD extra text`) // described twice under the old name
	s.onSource(`INSERT INTO tenancy VALUES ('b', NULL, 1)`)
	s.onSource(`ALTER TABLE tenancy RENAME TO lease`)
	s.onSource(`INSERT INTO lease VALUES ('c', NULL, 1)`)
	s.configure(strings.Replace(tables, "source: tenancy", "source: lease", 1))
	s.stops(`public.lease has column "extra", which dbo.tenagree lacks`)
	s.configure(strings.Replace(tables, "source: tenancy", "source: lease", 1) + "      extra: {skip: true}\n")
	s.mustRun("run", "--until-idle")
	if n := s.count(); n != 3 {
		t.Errorf("%d rows, want 3", n)
	}
}

// TestAlteredInTargetWhileQueued: a table or a column that is gone stops with its
// name, and the run goes on once it is there again.
func TestAlteredInTargetWhileQueued(t *testing.T) {
	t.Parallel()
	const create = `CREATE TABLE dbo.tenagree (tag_ref char(11) NOT NULL PRIMARY KEY, eot smalldatetime NOT NULL, rent numeric(9,2) NULL)`
	for _, test := range []struct {
		name, alter   string
		says, restart string
		number        string // SQL Server's
		mend          string
	}{
		{"table dropped", `DROP TABLE dbo.tenagree`, "insert in dbo.tenagree at ", "target table dbo.tenagree does not exist", "208: a table no longer exists", create},
		{"column dropped", `ALTER TABLE dbo.tenagree DROP COLUMN rent`, "insert in dbo.tenagree at ", `public.tenancy has column "rent", which dbo.tenagree lacks`,
			"207: a column no longer exists", `ALTER TABLE dbo.tenagree ADD rent numeric(9,2) NULL`},
		{"column added that must be given", `ALTER TABLE dbo.tenagree ADD extra int NOT NULL`, "insert in dbo.tenagree at ", "insert in dbo.tenagree at ",
			"515: a column that must not be null was given none", `ALTER TABLE dbo.tenagree DROP COLUMN extra`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newReadySite(t)
			s.mustRun("pause")
			r := s.follow()
			s.onSource(`INSERT INTO tenancy VALUES ('a', NULL, 1)`)
			r.await("the row in the queue", func() bool { return s.status()["queued_transactions"] == 1.0 })
			s.onTarget(test.alter)
			s.mustRun("resume")
			last := r.failed()
			numbered := s.lacksNumbers() == ""
			if numbered && !(strings.Contains(last, test.says) && strings.Contains(last, "SQL Server error "+test.number)) {
				t.Errorf("it says: %s", last)
			}
			s.stops(test.restart)
			if out, _, code := s.run("check"); code != 1 {
				t.Errorf("check finds nothing:\n%s", out)
			}
			s.onTarget(test.mend)
			s.mustRun("run", "--until-idle")
			s.sameTenancies(1)
		})
	}
}

// TestColumnsOfTheTargetAlone are left to their defaults, also those that come
// while the program runs, and to what was written there.
func TestColumnsOfTheTargetAlone(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.carry("a")
	r := s.follow()
	s.onSource(`INSERT INTO tenancy VALUES ('b')`)
	r.await("the row before", func() bool { return s.count() == 2 })
	s.onTarget(`ALTER TABLE dbo.tenagree ADD extra int NULL`)
	s.onTarget(`ALTER TABLE dbo.tenagree ADD origin varchar(10) NOT NULL DEFAULT 'here'`)
	s.onTarget(`UPDATE dbo.tenagree SET extra = 7, origin = 'theirs' WHERE tag_ref = 'a'`)
	s.onSource(`UPDATE tenancy SET rent = 5`)
	s.onSource(`INSERT INTO tenancy VALUES ('c', NULL, 5)`)
	r.await("the row behind", func() bool { return s.count() == 3 })
	r.end()
	s.mustRun("check")
	if got := strings.Join(s.targetRows(`SELECT RTRIM(tag_ref), CAST(rent AS varchar(20)), extra, origin FROM dbo.tenagree ORDER BY tag_ref`), " "); got != "a|5.00|7|theirs b|5.00|<nil>|here c|5.00|<nil>|here" {
		t.Errorf("the target has %s", got)
	}
}
