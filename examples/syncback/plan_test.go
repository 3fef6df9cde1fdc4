package main_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestPlanTriesOtherPolicies on what waits, and changes nothing by that: the
// conflict still waits, and is decided as ever.
func TestPlanTriesOtherPolicies(t *testing.T) {
	t.Parallel()
	s, id := newConflict(t)
	other := filepath.Join(s.dir, "other.yaml")
	try := func(from, to string) string {
		t.Helper()
		text, err := os.ReadFile(filepath.Join(s.dir, "sync.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(other, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		stdout, stderr, _ := s.run("plan", "--policy", other)
		return stdout + stderr
	}
	const policy = "conflict: {policy: park, reason: see to it}"
	before := s.targetRows(`SELECT * FROM syncback.conflict`)

	said := try(policy, "conflict: source-wins")
	if !regexp.MustCompile(`(?m)^` + id + ` +update_differs +update of dbo\.tenagree +0/[0-9A-F]+ +park +waits +source-wins +take_source +rent$`).MatchString(said) {
		t.Errorf("with another policy it says:\n%s", said)
	}
	if !strings.HasSuffix(said, "\n1 of 1 conflicts would have come to something else; 1 would not have waited for a person, 0 would have, 0 would have had no answer\n") {
		t.Errorf("with another policy it counts:\n%s", said)
	}
	for _, value := range []string{"21.00", "22.00"} {
		if strings.Contains(said, value) {
			t.Errorf("it prints a row's value:\n%s", said)
		}
	}
	if said := try(policy, policy); strings.Count(said, "\n") != 2 || !strings.Contains(said, "\n0 of 1 conflicts") {
		t.Errorf("with the same policy it says:\n%s", said)
	}
	if said := try("name: housing", "name: other"); said != "syncback: "+other+" is of pipeline \"other\", and "+filepath.Join(s.dir, "sync.yaml")+" of \"housing\"; give both the same\n" {
		t.Errorf("with another pipeline it says:\n%s", said)
	}
	if _, stderr, code := s.run("plan", "--policy", "nowhere.yaml"); code != 2 || stderr != "syncback: nowhere.yaml: there is no such file; name the configuration with the policies to try with --policy FILE\n" {
		t.Errorf("without a file: exit code %d, stderr:\n%s", code, stderr)
	}
	if after := s.targetRows(`SELECT * FROM syncback.conflict`); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("the ledger is\n%q\nand was\n%q", after, before)
	}
	s.rents("a|11.00|1900-01-01", "b|21.00|1900-01-01")
	s.mustRun("conflicts", "resolve", id, "--take", "source")
	s.rents("a|11.00|1900-01-01", "b|22.00|2026-03-01")
}
