package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/syncback/syncback/apply/sqlserver"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

// day is what happens in the cloud.
func day() []*capture.Tx {
	const date1, date2 = "2024-03-01 00:00:00", "2024-04-01 00:00:00"
	return []*capture.Tx{
		transaction(1, cloud("rtrans", "", "1|000023/02|-7.50")),
		transaction(2, cloud("eviction", "", "000023/02|"+date1)),
		transaction(3, cloud("eviction", "", "000024/01|"+date1), cloud("rtrans", "", "2|000024/01|-3.25"), cloud("eviction", "000024/01|"+date1, "000024/01|"+date2), cloud("rtrans", "", "3|000023/02|100")),
		transaction(4, cloud("eviction", "000024/01|"+date2, "000024/01|1900-01-01 00:00:00")),
		transaction(5, cloud("rmreqst", "", "R1|f"), cloud("rmreqst", "R1|f", "R1|t"), cloud("rmreqst", "", "R2|t")),
		transaction(6, cloud("rmreqst", "R1|t", "R1|f"), cloud("rmreqst", "R1|f", "R1|t")),
		transaction(7, cloud("property", "", "P1|7|1 High St"), cloud("property", "", "P2|7|-"), cloud("property", "P1|7|1 High St", "P1|7|2 High St"), cloud("property", "P2|7|-", "")),
		transaction(8, cloud("member", "", "H1|1|Ann|f"), cloud("member", "", "H1|2|Bo|f")),
		transaction(9, cloud("member", "H1|2|Bo|f", "")), // who left is marked
		transaction(10, cloud("araagr", "", "1|M|LIVE"), cloud("araagr", "", "2|Q|DRAFT")),
		transaction(11, cloud("araagr", "2|Q|DRAFT", "2|Q|LIVE")), // waits for a person
		transaction(12, cloud("rtrans", "", "4|000023/02|0.01")),
	}
}

// all is everything that the day leaves, but for the numbers of the histories,
// which have to be in order alone, and when they were written.
var all = map[string]string{
	"tenancies":  `SELECT tag_ref, cur_bal, action_set FROM dbo.tenagree ORDER BY tag_ref`,
	"payments":   `SELECT ref, tag_ref, real_value FROM dbo.rtrans ORDER BY ref`,
	"evictions":  `SELECT tag_ref, eviction_date FROM dbo.eviction ORDER BY tag_ref`,
	"diary":      `SELECT tag_ref, action_set, action_no, action_code, action_balance, act_status, deferred_until FROM dbo.araction ORDER BY tag_ref, action_set, action_no`,
	"repairs":    `SELECT rq_ref, rechargeable FROM dbo.rmreqst ORDER BY rq_ref`,
	"tasks":      `SELECT rq_ref, task_no, job_code, sup_ref FROM dbo.rmtask ORDER BY rq_ref, task_no`,
	"properties": `SELECT prop_ref, level_code, address FROM dbo.property ORDER BY prop_ref`,
	"history":    `SELECT actionflag, prop_ref, level_code, address FROM dbo.propertydch ORDER BY dchid`,
	"members":    `SELECT house_ref, person_no, forename, u_ended FROM dbo.member ORDER BY house_ref, person_no`,
	"left":       `SELECT actionflag, house_ref, person_no, forename, u_ended FROM dbo.memberdch ORDER BY dchid`,
	"agreements": `SELECT ref, freq_code, status FROM dbo.araagr ORDER BY ref`,
	"ledger":     `SELECT position, kind, op, action FROM syncback.conflict ORDER BY id`,
	"parked":     `SELECT position FROM syncback.parked`,
}

// TestFiredAndEmulated: the same day leaves the same rows, the same decisions and
// the same transaction parked, whether the system's own triggers fire, or are told
// to stay silent and emulated by these rules, here or in a process of their own.
func TestFiredAndEmulated(t *testing.T) {
	results := map[string]map[string][]string{}
	for name, start := range map[string]func(t *testing.T) *site{
		"fired": func(t *testing.T) *site { return newSite(t, sqlserver.FireTriggers, rulesOf(t, "Ashby"), nil) },
		"emulated": func(t *testing.T) *site {
			r := rulesOf(t, "Ashby")
			return newSite(t, sqlserver.EmulateTriggers, r, r)
		},
		"emulated over the wire": func(t *testing.T) *site {
			p := startRules(t, "Ashby")
			return newSite(t, sqlserver.EmulateTriggers, p.Resolver, p.Emulator)
		},
		"emulated, in one transaction": func(t *testing.T) *site {
			r := rulesOf(t, "Ashby")
			return newSite(t, sqlserver.EmulateTriggers, r, r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			a := s.open()
			batches := slices.Collect(slices.Chunk(day(), 1))
			if strings.Contains(name, "one transaction") {
				batches = [][]*capture.Tx{day()}
			}
			for _, batch := range batches {
				if err := a.Apply(t.Context(), batch); err != nil {
					t.Fatalf("%s: %v", batch[0].Position, err)
				}
			}
			results[name] = map[string][]string{}
			for what, query := range all {
				results[name][what] = s.rows(query)
			}
		})
	}
	for what := range all {
		fired := strings.Join(results["fired"][what], "\n")
		if fired == "" {
			t.Errorf("%s: the day leaves none", what)
		}
		for name, result := range results {
			if got := strings.Join(result[what], "\n"); got != fired {
				t.Errorf("%s: %s leaves\n%s\nand fired\n%s", what, name, got, fired)
			}
		}
	}
	diary := []string{"000023/02|1|9|GEN|0.00|001|1900-01-01T00:00:00Z", "000023/02|2|3|GEN|0.00|001|1900-01-01T00:00:00Z", "000023/02|2|4|EVD|-20.00|001|1900-01-01T00:00:00Z",
		"000024/01|1|1|EVD|0.00|001|1900-01-01T00:00:00Z", "000024/01|1|2|EVD|-3.25|001|1900-01-01T00:00:00Z"}
	if got := results["fired"]["diary"]; !slices.Equal(got, diary) {
		t.Errorf("the diary is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(diary, "\n"))
	}
}

// TestTwoWritersOfAnAllocator: while the rules number histories from a process of
// their own, another session numbers its own from the same allocator. No number is
// there twice, and none is lost except by a transaction that is rolled back.
func TestTwoWritersOfAnAllocator(t *testing.T) {
	p := startRules(t, "Ashby")
	s := newSite(t, sqlserver.EmulateTriggers, p.Resolver, p.Emulator)
	a := s.open()
	first := transaction(1, cloud("property", "", "P0|7|-"), cloud("property", "P0|7|-", "P0|7|b"))
	if err := a.Apply(t.Context(), []*capture.Tx{first}); err != nil { // it is rolled back to see whether triggers stay silent
		t.Fatal(err)
	}
	const gaps = `SELECT MAX(sno) - COUNT(*) FROM dbo.serials_dch`
	before := s.rows(gaps)
	theirs := s.meanwhile(func() {
		for i := range 25 {
			n := i + 2
			if err := a.Apply(t.Context(), []*capture.Tx{transaction(n, cloud("property", "", fmt.Sprintf("P%d|7|a", n)), cloud("property", fmt.Sprintf("P%d|7|a", n), fmt.Sprintf("P%d|7|b", n)))}); err != nil {
				t.Fatal(err)
			}
		}
	})
	if theirs == 0 {
		t.Error("the other session numbered none")
	}
	want := fmt.Sprintf("%[1]d|%[1]d|%[1]d", theirs+52)
	if got := s.rows(`SELECT COUNT(*), COUNT(DISTINCT dchid), (SELECT COUNT(*) FROM dbo.serials_dch) FROM dbo.propertydch`); got[0] != want {
		t.Errorf("rows, numbers of rows and numbers are %s, want %s", got[0], want)
	}
	if after := s.rows(gaps); !slices.Equal(after, before) {
		t.Errorf("%s numbers are lost, and before %s", after, before)
	}
}

// meanwhile runs do while another session writes histories of its own, and returns
// how many.
func (s *site) meanwhile(do func()) (written int) {
	ctx, cancel := context.WithCancel(s.Context())
	var other sync.WaitGroup
	other.Go(func() {
		for ctx.Err() == nil {
			if _, err := s.db.ExecContext(context.WithoutCancel(ctx), `DECLARE @n int
BEGIN TRANSACTION
INSERT INTO dbo.serials_dch DEFAULT VALUES
SET @n = SCOPE_IDENTITY()
INSERT INTO dbo.propertydch (dchid, actionflag, prop_ref) VALUES (@n, 'U', 'theirs')
COMMIT TRANSACTION`); err != nil {
				s.Error(err)
				return
			}
			written++
		}
	})
	func() {
		defer other.Wait()
		defer cancel()
		do()
	}()
	return written
}

// crashing is an Emulator that fails behind each first answer of a call, as a crash
// between the answer and COMMIT would.
type crashing struct {
	resolve.Emulator
	failed map[string]bool
}

type crash struct{}

func (crash) Error() string   { return "crashed" }
func (crash) Retryable() bool { return true }

func (c *crashing) Emulate(ctx context.Context, changes []capture.Change, target resolve.Target) ([]capture.Change, error) {
	further, err := c.Emulator.Emulate(ctx, changes, target)
	var texts []string
	for _, change := range changes {
		texts = append(texts, changeText(change))
	}
	if call := strings.Join(texts, "\n"); !c.failed[call] {
		c.failed[call] = true
		return nil, crash{}
	}
	return further, err
}

// TestEmulatedAgain: a transaction that is rolled back and tried again asks again,
// and the day is what it is without that.
func TestEmulatedAgain(t *testing.T) {
	var results []map[string][]string
	for _, crashes := range []bool{false, true} {
		r := rulesOf(t, "Ashby")
		var e resolve.Emulator = r
		if crashes {
			e = &crashing{r, map[string]bool{}}
		}
		s := newSite(t, sqlserver.EmulateTriggers, r, e)
		a := s.open()
		tries := 0
		for _, tx := range day() {
			err := a.Apply(t.Context(), []*capture.Tx{tx})
			for ; err != nil && capture.Retryable(err); err = a.Apply(t.Context(), []*capture.Tx{tx}) {
				tries++
				_ = a.Close()
				a = s.open()
			}
			if err != nil {
				t.Fatalf("%s: %v", tx.Position, err)
			}
		}
		if crashes && tries < len(day()) {
			t.Errorf("there were %d crashes", tries)
		}
		result := map[string][]string{}
		for what, query := range all {
			result[what] = s.rows(query)
		}
		results = append(results, result)
	}
	for what := range all {
		if with, without := strings.Join(results[1][what], "\n"), strings.Join(results[0][what], "\n"); with != without {
			t.Errorf("%s: with crashes the day leaves\n%s\nand without\n%s", what, with, without)
		}
	}
}
