package main_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// verified expects the two sides to be equal.
func (s *site) verified() {
	s.t.Helper()
	s.mustRun("verify")
}

// differs expects these lines among those that verify prints, and that it exits
// with 1 and names no key on stderr.
func (s *site) differs(want ...string) {
	s.t.Helper()
	stdout, stderr, code := s.run("verify")
	if code != 1 {
		s.t.Fatalf("verify: exit code %d, want 1; stdout:\n%sstderr:\n%s", code, stdout, stderr)
	}
	s.listed(stdout, stderr, want)
}

func (s *site) listed(stdout, stderr string, want []string) {
	s.t.Helper()
	var got []string
	for _, l := range strings.Split(stdout, "\n") {
		if strings.Contains(l, "=") {
			got = append(got, l)
		}
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		s.t.Errorf("it lists\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if strings.Contains(stderr, "tag_ref=") {
		s.t.Errorf("a key is on stderr: %s", stderr)
	}
}

// plant makes a difference of each kind, on both sides.
func (s *site) plant() {
	s.t.Helper()
	s.onSource(`INSERT INTO tenancy SELECT 't' || i, NULL, i FROM generate_series(1, 9) i`)
	s.mustRun("run", "--until-idle")
	s.verified()
	s.onTarget(`DELETE FROM dbo.tenagree WHERE tag_ref = 't1'`)
	s.onTarget(`UPDATE dbo.tenagree SET rent = 99, eot = '2024-01-01' WHERE tag_ref = 't2'`)
	s.onTarget(`UPDATE dbo.tenagree SET tag_ref = 'T3' WHERE tag_ref = 't3'`)
	s.onTarget(`INSERT INTO dbo.tenagree (tag_ref, eot) VALUES ('their own', '')`)
}

// TestVerifyByAnotherUser: who may read the two databases may compare them.
func TestVerifyByAnotherUser(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.closeQueue()
	if said := s.mustRun("verify"); !strings.Contains(said, "no run is active") {
		t.Errorf("it says:\n%s", said)
	}
}

// planted are the lines of what plant made, with an end to each.
func planted(end string) []string {
	return []string{
		"dbo.tenagree tag_ref=t1 missing" + end,
		"dbo.tenagree tag_ref=t2 different in eot, rent" + end,
		"dbo.tenagree tag_ref=t3 different in tag_ref" + end,
		`dbo.tenagree tag_ref="their own" extra` + end,
	}
}

func TestVerifyAndRepair(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.plant()
	want := planted("")
	s.differs(want...)
	stdout, stderr, _ := s.run("verify", "--limit", "1")
	s.listed(stdout, stderr, want[:1])
	if !strings.Contains(stdout, "and 3 more rows\n") || !strings.Contains(stdout, "no run is active: the target is at ") {
		t.Errorf("it prints\n%s", stdout)
	}
	stdout, stderr, code := s.run("verify", "--repair")
	if code != 0 {
		t.Fatalf("repair: exit code %d, stdout:\n%sstderr:\n%s", code, stdout, stderr)
	}
	s.listed(stdout, stderr, planted(": mended"))
	s.verified()
	s.onSource(`UPDATE tenancy SET rent = rent + 1; DELETE FROM tenancy WHERE ref = 't9'`)
	s.mustRun("run", "--until-idle")
	s.verified()
}

// What waits in the queue is not undone, and finds what it expects.
func TestRepairBesideABacklog(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.plant()
	s.mustRun("pause")
	s.onSource(`UPDATE tenancy SET rent = 7 WHERE ref IN ('t1', 't2', 't4'); DELETE FROM tenancy WHERE ref = 't5'; INSERT INTO tenancy VALUES ('new')`)
	s.mustFail("run", "--until-idle") // captures, and applies nothing
	if last := s.mustFail("verify", "--repair"); !strings.Contains(last, "pipeline is paused") {
		t.Errorf("it says: %s", last)
	}
	s.mustRun("resume")
	s.mustRun("verify", "--repair")
	s.mustRun("run", "--until-idle")
	s.verified()
}

func TestRepairIsRefused(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.plant()
	stop := s.start("run")
	s.wait("the run", func() bool { return s.status()["state"] == "idle" })
	if last := s.mustFail("verify", "--repair"); !strings.Contains(last, "another process has it open; stop that one") {
		t.Errorf("beside a run it says: %s", last)
	}
	s.differs(planted("")...)
	if code, stderr := stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, stderr:\n%s", code, stderr)
	}
	always := time.Now().UTC().AddDate(0, 0, -2).Format(time.DateOnly) + " 00:00-" + time.Now().UTC().AddDate(0, 0, 2).Format(time.DateOnly) + " 00:00"
	s.configure("schedule: {blackout: [\"" + always + "\"], zone: UTC}\n" + tables)
	if last := s.mustFail("verify", "--repair"); !strings.Contains(last, "blackout") {
		t.Errorf("in a blackout it says: %s", last)
	}
	s.differs(planted("")...)
}

// load changes rows until it is told to stop: keys come and go and come back, and
// values go to and fro. pace, where it is not nil, is called now and then, and may
// hold it up until done is closed.
func (s *site) load(pace func(round int, done <-chan struct{}) error) (stop func()) {
	done, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- func() error {
			for i := 0; ; i++ {
				select {
				case <-done:
					return nil
				default:
				}
				ref := fmt.Sprintf("k%d", i*7%40)
				for _, sql := range []string{
					`INSERT INTO tenancy VALUES ($1, NULL, 1) ON CONFLICT (ref) DO UPDATE SET rent = 1 - tenancy.rent`,
					`DELETE FROM tenancy WHERE ref = $1 AND rent = 0`,
					`UPDATE tenancy SET ref = upper(ref) WHERE ref = $1`,
					`UPDATE tenancy SET ref = lower(ref) WHERE lower(ref) = lower($1)`,
				} {
					if _, err := s.pg.Exec(s.t.Context(), sql, ref); err != nil {
						return err
					}
				}
				if pace != nil && i%50 == 49 {
					if err := pace(i, done); err != nil {
						return err
					}
				}
			}
		}()
	}()
	return func() {
		s.t.Helper()
		close(done)
		if err := <-ended; err != nil {
			s.t.Fatal(err)
		}
	}
}

// carried puts a mark into the source and waits until the target has it: a load
// that a target does not keep up with would never let it catch up.
func (s *site) carried(mark int, done <-chan struct{}) error {
	if _, err := s.pg.Exec(s.t.Context(), `INSERT INTO tenancy VALUES ('mark', NULL, $1) ON CONFLICT (ref) DO UPDATE SET rent = excluded.rent`, mark); err != nil {
		return err
	}
	for {
		var n int
		if err := s.ms.QueryRowContext(s.t.Context(), `SELECT COUNT(*) FROM dbo.tenagree WHERE tag_ref = 'mark' AND rent = @p1`, mark).Scan(&n); err != nil || n == 1 {
			return err
		}
		select {
		case <-done:
			return nil
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func TestVerifyBesideARunTellsNothingFalse(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.onSource(`INSERT INTO tenancy SELECT 't' || i, NULL, i FROM generate_series(1, 2500) i`)
	s.mustRun("run", "--until-idle")
	s.onTarget(`UPDATE dbo.tenagree SET rent = 99.5 WHERE tag_ref = 't77'`)
	stopRun, stopLoad := s.start("run"), s.load(s.carried)
	s.wait("the run", func() bool { return s.status()["state"] != "not running" })
	for range 3 {
		stdout, stderr, code := s.run("verify")
		s.listed(stdout, stderr, []string{"dbo.tenagree tag_ref=t77 different in rent"})
		if code != 1 || !strings.Contains(stdout, "a run applies meanwhile") {
			t.Errorf("exit code %d, stdout:\n%sstderr:\n%s", code, stdout, stderr)
		}
	}
	stopLoad()
	stopRun(syscall.SIGTERM)
	s.mustRun("verify", "--repair")
	s.mustRun("run", "--until-idle")
	s.verified()
}

// A repair that is killed is repeated: nothing is lost by it, or doubled.
func TestKilledRepairIsRepeated(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	s.onSource(`INSERT INTO tenancy SELECT 't' || i, NULL, i FROM generate_series(1, 2000) i`)
	s.mustRun("run", "--until-idle")
	s.onTarget(`DELETE FROM dbo.tenagree WHERE rent > 500`)
	s.onTarget(`UPDATE dbo.tenagree SET rent = rent + 1 WHERE rent < 300`)
	for _, more := range []int{1, 400} {
		before := s.count()
		stop := s.start("verify", "--repair")
		s.wait("rows", func() bool { return s.count() >= before+more })
		stop(os.Kill)
	}
	if s.count() == 2000 {
		t.Error("nothing was left to mend when it was killed")
	}
	s.mustRun("verify", "--repair")
	s.verified()
	var sum int
	if err := s.ms.QueryRow(`SELECT SUM(CAST(rent AS int)) FROM dbo.tenagree`).Scan(&sum); err != nil || sum != 2000*2001/2 || s.count() != 2000 {
		t.Errorf("%d rows with a sum of %d, %v", s.count(), sum, err)
	}
}
