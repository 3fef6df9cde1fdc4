package main_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin"
)

// mains are the programs that this test binary is under another name: plugins
// that there are for the tests alone.
var mains = map[string]func(){
	"telling":   func() { plugin.Serve(telling{}) },
	"emulating": func() { plugin.Serve(emulating{}) },
	"unhurried": func() { plugin.Serve(&unhurried{}) },
}

// emulating are rules that decide no conflict.
type emulating struct{}

func (emulating) Emulate(context.Context, []capture.Change, resolve.Target) ([]capture.Change, error) {
	return nil, nil
}

// unhurried are rules that say that they were asked, by a file of that name in a
// folder, and answer when another file there says so.
type unhurried struct{ folder string }

func (p *unhurried) Configure(config map[string]string) error {
	p.folder = config["folder"]
	return nil
}

func (p *unhurried) Resolve(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
	if err := os.WriteFile(filepath.Join(p.folder, "asked"), nil, 0o600); err != nil {
		return nil, err
	}
	for !exists(filepath.Join(p.folder, "answer")) && ctx.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	return resolve.SourceWins().Resolve(ctx, conflicts)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// housingRules builds the example's plugin, once, beside the program.
var housingRules = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(filepath.Dir(program), "housing-rules")
	out, err := exec.Command("go", "build", "-o", path, "../housing-rules").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s%w", out, err)
	}
	return path, err
})

// link puts a plugin's program into the site's folder, and returns its checksum.
// It is one of mains, or housing-rules.
func (s *site) link(name string) (sum string) {
	s.t.Helper()
	path, err := os.Executable()
	if name == "housing-rules" {
		path, err = housingRules()
	}
	if err == nil {
		err = os.Symlink(path, filepath.Join(s.dir, name))
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return fileSum(s.t, path)
}

func fileSum(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// ledger returns what the ledger has, in its order.
func (s *site) ledger() []string {
	s.t.Helper()
	return s.targetRows(`SELECT kind, RTRIM(rule_name), action, COALESCE(reason, '') FROM [syncback].[conflict] ORDER BY id`)
}

// TestPluginDecides: a council's rules decide in a process of their own, and what
// they leave to a person is parked; what waited behind that is decided by them
// when it is released, by another process than the run.
func TestPluginDecides(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.configurePlugin("housing-rules", s.link("housing-rules"), `dwelling_level: "2"`)
	s.executeDDL()
	if stdout := s.mustRun("check"); !strings.HasSuffix(stdout, "fit to run\n") {
		t.Errorf("check prints:\n%s", stdout)
	}
	s.mustRun("run", "--until-idle")
	s.onSource(`INSERT INTO tenancy VALUES ('a', NULL, 10), ('b', NULL, 20), ('c', NULL, 30)`)
	s.mustRun("run", "--until-idle")
	s.onTarget(`UPDATE dbo.tenagree SET rent = rent + 1 WHERE tag_ref IN ('b', 'c')`)
	s.onSource(`UPDATE tenancy SET rent = 22, ended = '2026-03-01' WHERE ref = 'b'`)
	s.onSource(`DELETE FROM tenancy WHERE ref = 'c'`)
	s.onSource(`INSERT INTO tenancy VALUES ('c', '2026-04-01', 33)`)
	s.onSource(`UPDATE tenancy SET rent = 11 WHERE ref = 'a'`)
	s.mustRun("run", "--until-idle")
	s.rents("a|11.00|1900-01-01", "b|21.00|2026-03-01", "c|31.00|1900-01-01")

	const decided = "|plugin housing|take_row|balance-and-rent: they are those on premises, and the rest is the cloud's"
	const parked = "delete_differs|plugin housing|park|tenancy: a person must look at it"
	s.has(s.ledger(), "update_differs"+decided, parked)
	if plan := s.mustRun("plan", "--policy", filepath.Join(s.dir, "sync.yaml")); !strings.HasSuffix(plan, "\n0 of 2 conflicts would have come to something else; 0 would not have waited for a person, 0 would have, 0 would have had no answer\n") {
		t.Errorf("plan prints:\n%s", plan)
	}
	list := s.mustRun("conflicts", "list")
	m := regexp.MustCompile(`(?m)^(\d+) .* delete_differs +delete of dbo\.tenagree .* plugin housing +waits$`).FindStringSubmatch(list)
	if m == nil || !strings.HasSuffix(list, "1 to decide, 1 transactions behind them\n") {
		t.Fatalf("conflicts list prints:\n%s", list)
	}
	s.mustRun("conflicts", "resolve", m[1], "--take", "target", "--reason", "the tenant is back")
	s.rents("a|11.00|1900-01-01", "b|21.00|2026-03-01", "c|31.00|2026-04-01")
	s.has(s.ledger(), "update_differs"+decided, parked, "delete_differs|plugin housing|take_target|the tenant is back", "insert_exists"+decided)
	if st := s.status(); st["parked"] != 0.0 || st["conflicts"] != 0.0 {
		t.Errorf("status says %v parked, %v conflicts", st["parked"], st["conflicts"])
	}
}

// TestPluginEndsWithTheRun: the plugin of a run is there while the run is, and not
// behind it.
func TestPluginEndsWithTheRun(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.configurePlugin("housing-rules", s.link("housing-rules"), "")
	s.executeDDL()
	stop := s.start("run")
	s.wait("the plugin runs", func() bool { return len(s.processes("housing-rules")) == 1 })
	s.wait("the run", func() bool { return s.status()["state"] == "idle" })
	if code, stderr := stop(os.Interrupt); code != 0 {
		t.Errorf("exit code %d, stderr:\n%s", code, stderr)
	}
	if left := s.processes("housing-rules"); len(left) > 0 {
		t.Errorf("behind the run there are %v", left)
	}
}

// TestPluginAnswersARunThatEnds: the open transaction is finished, with the rules
// that it asks.
func TestPluginAnswersARunThatEnds(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.configurePlugin("unhurried", s.link("unhurried"), "folder: "+s.dir)
	s.executeDDL()
	s.mustRun("run", "--until-idle")
	s.onSource(`INSERT INTO tenancy VALUES ('a', NULL, 10)`)
	s.onTarget(`INSERT INTO dbo.tenagree VALUES ('a', '1900-01-01', 11)`)
	stop := s.start("run")
	s.wait("the rule is asked", func() bool { return exists(filepath.Join(s.dir, "asked")) })
	time.AfterFunc(300*time.Millisecond, func() { // when the run knows that it is to end
		_ = os.WriteFile(filepath.Join(s.dir, "answer"), nil, 0o600) // without it the run does not end
	})
	if code, stderr := stop(syscall.SIGTERM); code != 0 || strings.Contains(stderr, "level=WARN") {
		t.Errorf("exit code %d, stderr:\n%s", code, stderr)
	}
	s.rents("a|10.00|1900-01-01")
}

// processes returns the processes of that program in the site's folder.
func (s *site) processes(name string) []string {
	out, err := exec.Command("ps", "-eo", "pid=,args=").Output()
	if err != nil {
		s.t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(string(out), "\n"), func(line string) bool {
		return !strings.HasSuffix(line, " "+filepath.Join(s.dir, name))
	})
}

// has fails where what there is, is not what is wanted.
func (s *site) has(got []string, want ...string) {
	s.t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		s.t.Errorf("there is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
