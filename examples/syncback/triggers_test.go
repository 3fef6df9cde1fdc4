package main_test

import (
	"fmt"
	"strings"
	"testing"
)

// historyTrigger is a trigger of dbo.tenagree, as the plugin emulates it. A %s is
// where it looks whether it is to stay silent.
const historyTrigger = `CREATE TRIGGER dbo.tr_tenagree ON dbo.tenagree AFTER INSERT, UPDATE AS BEGIN
SET NOCOUNT ON
%s
DECLARE @n int
DECLARE @flag char(1)
SET @flag = 'U'
IF NOT EXISTS (SELECT 1 FROM deleted) SET @flag = 'I'
INSERT INTO dbo.serials_dch DEFAULT VALUES
SET @n = SCOPE_IDENTITY()
INSERT INTO dbo.tenagreedch (dchid, actionflag, tag_ref, eot, rent) SELECT @n, @flag, tag_ref, eot, rent FROM inserted
END`

// withHistory gives the target a history of dbo.tenagree, and the trigger that
// writes it.
func withHistory(t *testing.T, guard string) *site {
	s := newSite(t)
	s.onTarget(`CREATE TABLE dbo.serials_dch (sno int IDENTITY(1,1) NOT NULL PRIMARY KEY)`)
	s.onTarget(`CREATE TABLE dbo.tenagreedch (dchid int NOT NULL PRIMARY KEY, actionflag char(1) NOT NULL, tag_ref char(11) NOT NULL, eot smalldatetime NULL, rent numeric(9,2) NULL)`)
	s.onTarget(fmt.Sprintf(historyTrigger, guard))
	s.executeDDL()
	return s
}

const silentGuard = "IF SUBSTRING(CONTEXT_INFO(), 1, 8) = 0x73796E636261636B RETURN"

// history expects the history's rows, each once.
func (s *site) history(want ...string) {
	s.t.Helper()
	s.has(s.targetRows(`SELECT RTRIM(tag_ref), actionflag, CONVERT(varchar(20), rent) FROM dbo.tenagreedch ORDER BY dchid`), want...)
}

// TestTriggersFireSuppressEmulate: the file says which, and the history has each
// change once, or none where its trigger is told to stay silent and nobody does it
// instead.
func TestTriggersFireSuppressEmulate(t *testing.T) {
	for _, test := range []struct {
		triggers, check string
		want            []string
	}{
		{"fire", "it fires on what is applied", []string{"a|I|10.00", "b|I|20.00", "a|U|11.00"}},
		{"suppress", "it is told to stay silent\n", nil},
		{"emulate\n    emulator: housing", "it is told to stay silent, and emulated\n", []string{"a|I|10.00", "b|I|20.00", "a|U|11.00"}},
	} {
		name, _, emulated := strings.Cut(test.triggers, "\n")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := withHistory(t, silentGuard)
			text := tables + "    triggers: " + test.triggers + "\n"
			if emulated {
				text += "plugins:\n  - {name: housing, path: housing-rules, sha256: \"" + s.link("housing-rules") + "\", config: {history: tenagree}}\n"
			}
			s.configure(text)
			if stdout := s.mustRun("check"); !strings.Contains(stdout, "dbo.tenagree, trigger tr_tenagree: "+test.check) {
				t.Errorf("check prints:\n%s", stdout)
			}
			s.mustRun("run", "--until-idle")
			s.onSource(`INSERT INTO tenancy VALUES ('a', NULL, 10), ('b', NULL, 20)`)
			s.onSource(`UPDATE tenancy SET rent = 11 WHERE ref = 'a'`)
			s.mustRun("run", "--until-idle")
			s.rents("a|11.00|1900-01-01", "b|20.00|1900-01-01")
			s.history(test.want...)
		})
	}
}

// TestEmulatedTriggerThatFires: check refuses it, and so does the first run. One of a
// pipeline that has begun stops before it writes anything twice, and both go on once
// the trigger was mended.
func TestEmulatedTriggerThatFires(t *testing.T) {
	t.Parallel()
	s := withHistory(t, "")
	s.configure(tables + emulateHousing + "plugins:\n  - {name: housing, path: housing-rules, sha256: \"" + s.link("housing-rules") + "\", config: {history: tenagree}}\n")
	stdout, _, code := s.run("check")
	if want := "error    dbo.tenagree, trigger tr_tenagree: it is told to stay silent, and emulated, and its text does not look at CONTEXT_INFO, so that it fires all the same\n"; code != 1 || !strings.Contains(stdout, want) {
		t.Errorf("check exits %d and prints:\n%s", code, stdout)
	}
	if stderr := s.mustFail("run", "--until-idle"); !strings.Contains(stderr, "so that it fires all the same") {
		t.Errorf("the first run ends with:\n%s", stderr)
	}
	s.onTarget(`DROP TRIGGER dbo.tr_tenagree`)
	s.mustRun("run", "--until-idle")
	s.onTarget(fmt.Sprintf(historyTrigger, ""))
	s.onSource(`INSERT INTO tenancy VALUES ('a', NULL, 10)`)
	stderr := s.mustFail("run", "--until-idle")
	if !strings.Contains(stderr, "a trigger of dbo.tenagree (tr_tenagree) writes to dbo.tenagreedch although it is told to stay silent") {
		t.Errorf("the run ends with:\n%s", stderr)
	}
	s.history()
	s.onTarget(`DROP TRIGGER dbo.tr_tenagree`)
	s.onTarget(fmt.Sprintf(historyTrigger, silentGuard))
	s.mustRun("run", "--until-idle")
	s.history("a|I|10.00")
}
