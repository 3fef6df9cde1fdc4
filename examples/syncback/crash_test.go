package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

// moment is where the program is killed: at the message for which one of its
// functions is true, the times-th one of its kind.
type moment struct {
	name   string
	times  int
	big    bool // the load has a transaction of bigLoad rows
	source func(postgrestest.Message) bool
	target func(sqlservertest.Message) bool
}

// bigLoad is more than is applied together, or kept in one piece.
const bigLoad = 6_000

// moments are those between which something is made durable, on either side of
// each, and some in the middle of what must not be seen in part.
func moments() []moment {
	data := func(change byte, passed bool) func(postgrestest.Message) bool {
		return func(m postgrestest.Message) bool { return m.Change == change && m.Passed == passed }
	}
	stream := func(kind byte, passed bool) func(postgrestest.Message) bool {
		return func(m postgrestest.Message) bool { return m.Replication == kind && m.Passed == passed }
	}
	asked := func(kind sqlservertest.MessageKind, answered bool) func(sqlservertest.Message) bool {
		return func(m sqlservertest.Message) bool { return m.Kind == kind && m.Answered == answered }
	}
	return []moment{
		{name: "before the first transaction begins", times: 1, source: data('B', false)},
		{name: "inside a transaction that is captured", times: 100, source: data('I', true)},
		{name: "inside a large transaction that is captured", times: bigLoad * 3 / 4, source: data('I', true), big: true},
		{name: "before a commit is captured", times: 1, source: data('C', false)},
		{name: "after a commit was captured", times: 1, source: data('C', true)},
		{name: "after several commits were captured", times: 6, source: data('C', true)},
		{name: "before the source is told", times: 2, source: stream('r', false)}, // the first says where it starts
		{name: "after the source was told", times: 2, source: stream('r', true)},
		{name: "before the login at the target", times: 1, target: asked(sqlservertest.Login, false)},
		{name: "before the target's transaction begins", times: 1, target: asked(sqlservertest.Begin, false)},
		{name: "after the target's transaction began", times: 1, target: asked(sqlservertest.Begin, true)},
		{name: "before the first changes are written", times: 1, target: afterBegin(false)},
		{name: "after the first changes were written", times: 1, target: afterBegin(true)},
		{name: "inside a large transaction that is applied", times: 30, target: afterBegin(true), big: true},
		{name: "after the last write, before COMMIT", times: 1, target: asked(sqlservertest.Commit, false)},
		{name: "after COMMIT, before its answer", times: 1, target: asked(sqlservertest.Commit, true)},
		{name: "before a large transaction's COMMIT", times: 2, target: asked(sqlservertest.Commit, false), big: true},
		{name: "after a large transaction's COMMIT, before its answer", times: 2, target: asked(sqlservertest.Commit, true), big: true},
		{name: "before the COMMIT that follows a large transaction's", times: 3, target: asked(sqlservertest.Commit, false), big: true},
		{name: "after the COMMIT that follows a large transaction's, before its answer", times: 3, target: asked(sqlservertest.Commit, true), big: true},
	}
}

// afterBegin is true for the calls inside a transaction of the target.
func afterBegin(answered bool) func(sqlservertest.Message) bool {
	var open atomic.Bool
	return func(m sqlservertest.Message) bool {
		if m.Kind == sqlservertest.Begin {
			open.Store(true)
		}
		return open.Load() && m.Kind == sqlservertest.Call && m.Answered == answered
	}
}

// load is what the source goes through in one round: transactions of every kind
// of change. Each round has ids of its own.
func load(round int, big bool) []string {
	first := round * 100_000
	rows := 300
	if big {
		rows = bigLoad
	}
	in := func(sql string, args ...any) string { return fmt.Sprintf(sql, args...) }
	txs := []string{
		in(`INSERT INTO load SELECT %d + i, %d, 0, 'small ' || i FROM generate_series(1, 120) i`, first, round),
		in(`INSERT INTO load SELECT %d + i, %d, 0, rpad('large ' || i, 50, '.') FROM generate_series(1, %d) i`, first+1000, -round, rows),
		in(`UPDATE load SET v = v + 1 WHERE round = %d AND id %% 2 = 0`, round),
		in(`UPDATE load SET id = id + 50000 WHERE round = %d AND id %% 10 = 0`, round),
		in(`DELETE FROM load WHERE round = %d AND id %% 7 = 0`, round),
	}
	for i := range 5 {
		txs = append(txs, in(`UPDATE load SET v = v + %d, note = NULLIF(note, 'small 1') WHERE round = %d AND id %% 11 = 0`, i, round))
	}
	return txs
}

// TestKilledAtEveryMoment kills the program with SIGKILL at each moment, starts
// it again, and compares the sides. Meanwhile nobody who reads the target may
// see a part of a large transaction.
func TestKilledAtEveryMoment(t *testing.T) {
	s := newSite(t)
	s.onSource(`CREATE TABLE load (id int PRIMARY KEY, round int, v int, note text)`)
	s.onSource(`ALTER TABLE load REPLICA IDENTITY FULL`)
	s.onTarget(`CREATE TABLE dbo.load (id int NOT NULL PRIMARY KEY, round int NULL, v int NULL, note varchar(50) NULL)`)
	s.configure("tables: [{source: load, target: load}]\n")
	s.executeDDL()
	s.mustRun("run", "--until-idle")
	source, throughSource := postgrestest.NewProxy(t, s.source)
	target, throughTarget := sqlservertest.NewProxy(t, s.target)
	for i, m := range moments() {
		round := i + 1
		t.Run(m.name, func(t *testing.T) {
			r := &killed{T: t, site: s, moment: m, started: make(chan struct{})}
			r.t = t
			for _, tx := range load(round, m.big) {
				s.onSource(tx)
			}
			whole := r.watch(round, m.big)
			source.On(r.atSource)
			target.On(r.atTarget)
			r.runUntilKilled(throughSource, throughTarget)
			source.Cut()
			target.Cut()
			s.mustRun("run", "--until-idle")
			whole()
			rows := fmt.Sprintf(`load WHERE round IN (%d, %d) ORDER BY id`, round, -round)
			s.same(`SELECT id, round, v, note FROM `+rows, `SELECT id, round, v, note FROM dbo.`+rows)
		})
	}
	s.t = t
	s.same(`SELECT id, round, v, note FROM load ORDER BY id`, `SELECT id, round, v, note FROM dbo.load ORDER BY id`)
	s.verified()
}

// killed is one run of the program that ends by SIGKILL.
type killed struct {
	*testing.T
	*site
	moment moment
	seen   atomic.Int64
	once   sync.Once

	started chan struct{} // closed once process is set
	process *os.Process
}

func (r *killed) atSource(m postgrestest.Message) bool {
	return r.moment.source == nil || !r.moment.source(m) || r.pass()
}

func (r *killed) atTarget(m sqlservertest.Message) bool {
	return r.moment.target == nil || !r.moment.target(m) || r.pass()
}

// pass counts a message of the moment's kind, and kills at the one that is
// meant: what it said arrives nowhere.
func (r *killed) pass() bool {
	if r.seen.Add(1) != int64(r.moment.times) {
		return true
	}
	r.once.Do(func() {
		<-r.started
		_ = r.process.Kill()
	})
	return false
}

func (r *killed) runUntilKilled(source, target string) {
	r.Helper()
	direct := *r.site
	direct.source, direct.target = source, target
	c, _, stderr := direct.command("run", "--until-idle")
	if err := c.Start(); err != nil {
		r.Fatal(err)
	}
	r.process = c.Process
	close(r.started)
	err := c.Wait()
	if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		r.Fatalf("the moment did not come (%d of %d): %v, stderr:\n%s", r.seen.Load(), r.moment.times, err, stderr)
	}
}

// watch reads the target until the returned function is called, and fails if
// it sees a part of the round's large transaction.
func (r *killed) watch(round int, big bool) (stop func()) {
	want := 300
	if big {
		want = bigLoad
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	looked := 0
	wg.Go(func() {
		for {
			var n int
			err := r.ms.QueryRow(`SELECT COUNT(*) FROM dbo.load WHERE round = @p1`, -round).Scan(&n)
			if err == nil {
				looked++
				if n != 0 && n != want {
					r.Errorf("a reader of the target saw %d of the transaction's %d rows", n, want)
				}
			}
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
		if looked == 0 {
			r.Error("the reader of the target never got an answer")
		}
	}
}

// same compares every row of a query on each side.
func (s *site) same(source, target string) {
	s.t.Helper()
	want, got := s.sourceRows(source), s.targetRows(target)
	if len(want) != len(got) {
		s.t.Fatalf("the source has %d rows, the target %d", len(want), len(got))
	}
	for i := range want {
		if want[i] != got[i] {
			s.t.Fatalf("row %d: the source has %s, the target %s", i+1, want[i], got[i])
		}
	}
}

func (s *site) sourceRows(query string) (out []string) {
	s.t.Helper()
	rows, err := s.pg.Query(s.t.Context(), query)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			s.t.Fatal(err)
		}
		out = append(out, rowText(values))
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return out
}

func (s *site) targetRows(query string) (out []string) {
	s.t.Helper()
	rows, err := s.ms.QueryContext(s.t.Context(), query)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		s.t.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			s.t.Fatal(err)
		}
		out = append(out, rowText(values))
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return out
}

// rowText is a row's values with | between them.
func rowText(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, "|")
}
