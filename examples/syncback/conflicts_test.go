package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

const parkingTables = `
tables:
  - source: tenancy
    target: tenagree
    columns:
      ref: {to: tag_ref}
      ended: {to: eot, null_as: "1900-01-01"}
    conflict: {policy: park, reason: see to it}
`

// newConflict makes a site in which one transaction is parked and one waits
// behind it, and returns the conflict's number.
func newConflict(t *testing.T) (*site, string) {
	t.Helper()
	s := newSite(t)
	s.configure(parkingTables)
	s.executeDDL()
	s.mustRun("run", "--until-idle")
	s.onSource(`INSERT INTO tenancy VALUES ('a', NULL, 10), ('b', NULL, 20)`)
	s.mustRun("run", "--until-idle")
	s.onTarget(`UPDATE dbo.tenagree SET rent = 21 WHERE tag_ref = 'b'`)
	s.onSource(`UPDATE tenancy SET rent = 22 WHERE ref = 'b'`)
	s.onSource(`UPDATE tenancy SET ended = '2026-03-01' WHERE ref = 'b'`)
	s.onSource(`UPDATE tenancy SET rent = 11 WHERE ref = 'a'`)
	s.mustRun("run", "--until-idle")
	list := s.mustRun("conflicts", "list")
	m := regexp.MustCompile(`(?m)^(\d+) .* update_differs +update of dbo\.tenagree .* park +waits$`).FindStringSubmatch(list)
	if m == nil || !strings.HasSuffix(list, "1 to decide, 1 transactions behind them\n") {
		t.Fatalf("conflicts list prints:\n%s", list)
	}
	if strings.Contains(list, "21.00") || strings.Contains(list, "22.00") {
		t.Errorf("conflicts list prints a row's values:\n%s", list)
	}
	return s, m[1]
}

func (s *site) rents(want ...string) {
	s.t.Helper()
	got := s.targetRows(`SELECT RTRIM(tag_ref), CAST(rent AS varchar(20)), CONVERT(varchar(10), eot, 120) FROM dbo.tenagree ORDER BY tag_ref`)
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		s.t.Errorf("the target has %q, want %q", got, want)
	}
}

// TestConflictIsDecidedWhileRunApplies: a person decides from a second process,
// and the running one goes on with the row.
func TestConflictIsDecidedWhileRunApplies(t *testing.T) {
	t.Parallel()
	s, id := newConflict(t)
	s.rents("a|11.00|1900-01-01", "b|21.00|1900-01-01")
	if st := s.status(); st["parked"] != 2.0 || st["conflicts"] != 1.0 {
		t.Errorf("status says %v parked, %v conflicts", st["parked"], st["conflicts"])
	}
	stop := s.start("run")
	s.onSource(`UPDATE tenancy SET rent = 12 WHERE ref = 'a'`)
	s.onSource(`UPDATE tenancy SET rent = 23 WHERE ref = 'b'`)
	s.wait("the run parks what touches the row", func() bool { return s.status()["parked"] == 3.0 })
	if said := s.mustRun("conflicts", "resolve", id, "--take", "source", "--reason", "the cloud is right"); said != "conflict "+id+" is decided: its transaction is written, and 2 that waited behind it were written\n" {
		t.Errorf("it says: %s", said)
	}
	s.onSource(`UPDATE tenancy SET rent = 24 WHERE ref = 'b'`)
	s.wait("the run goes on with the row", func() bool {
		return s.targetRows(`SELECT COUNT(*) FROM dbo.tenagree WHERE rent = 24`)[0] == "1"
	})
	if code, stderr := stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, stderr:\n%s", code, stderr)
	}
	s.rents("a|12.00|1900-01-01", "b|24.00|2026-03-01")
	if st := s.status(); st["parked"] != 0.0 || st["conflicts"] != 0.0 {
		t.Errorf("status says %v parked, %v conflicts", st["parked"], st["conflicts"])
	}
	if all := s.mustRun("conflicts", "list", "--all"); !strings.Contains(all, "take_source by ") || !strings.HasSuffix(all, "0 to decide, 0 transactions behind them\n") {
		t.Errorf("conflicts list --all prints:\n%s", all)
	}
}

func TestConflictIsShownWithTheRowsOfBothSides(t *testing.T) {
	t.Parallel()
	s, id := newConflict(t)
	shown := s.mustRun("conflicts", "show", id)
	for _, want := range []string{`(?m)^kind +update_differs$`, `(?m)^decision +waits$`, `(?m)^reason +see to it$`,
		`(?m)^COLUMN +SOURCE BEFORE +SOURCE +TARGET +TARGET SINCE$`, `(?m)^rent +"20.00" +"22.00" +"21.00" +"21.00"$`} {
		if !regexp.MustCompile(want).MatchString(shown) {
			t.Errorf("it lacks %s:\n%s", want, shown)
		}
	}
	if last := s.mustFail("conflicts", "show", "999"); last != `syncback: the ledger of pipeline "housing" has no conflict 999; `+"`syncback conflicts list --all` lists them" {
		t.Errorf("it says: %s", last)
	}
}

// TestConflictIsDecidedByARow, while the pipeline is paused.
func TestConflictIsDecidedByARow(t *testing.T) {
	t.Parallel()
	s, id := newConflict(t)
	file := filepath.Join(s.dir, "row.json")
	if err := os.WriteFile(file, []byte(`{"rent": "21.50"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	s.mustRun("pause")
	s.mustRun("conflicts", "resolve", id, "--take", "row", "--row", file)
	s.rents("a|11.00|1900-01-01", "b|21.50|2026-03-01")
	s.onTarget(`UPDATE dbo.tenagree SET rent = 20.50 WHERE tag_ref = 'b'`)
	s.onSource(`UPDATE tenancy SET rent = 25 WHERE ref = 'b'`)
	s.mustRun("resume")
	s.mustRun("run", "--until-idle")
	second := strings.Fields(strings.Split(s.mustRun("conflicts", "list"), "\n")[1])[0]
	if said := s.mustRun("conflicts", "resolve", second, "--take", "target"); said != "conflict "+second+" is decided: the target's row stays, the rest of its transaction is written, and 0 that waited behind it were written\n" {
		t.Errorf("it says: %s", said)
	}
	if last := s.mustFail("conflicts", "resolve", id, "--take", "target"); !strings.Contains(last, "conflict "+id+": it does not wait for a decision") {
		t.Errorf("it says: %s", last)
	}
}

// TestPolicyOfAnUnknownColumn is found before anything runs.
func TestPolicyOfAnUnknownColumn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.executeDDL()
	s.configure(strings.Replace(parkingTables, "{policy: park, reason: see to it}", "[{policy: merge, columns: {rnet: target}}, park]", 1))
	stdout, _, code := s.run("check")
	if code != 1 || !strings.Contains(stdout, `dbo.tenagree: conflict names column "rnet", which the target table lacks`) {
		t.Errorf("exit code %d, stdout:\n%s", code, stdout)
	}
}
