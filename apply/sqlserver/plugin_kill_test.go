package sqlserver

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
)

var pluginKills = flag.Int("plugin.kills", 12, "how often TestPluginKilled kills the plugin")

// moment is when, in one transaction of the target, the plugin is killed.
type moment int

const (
	beforeCall moment = iota
	duringCall
	duringCallAgain // another time, so that as many are during a call as are not
	afterAnswer     // and before the COMMIT
	atCommit        // which is on its way
	afterCommit
	moments
)

// at is the moment of a transaction. Each has one, by turns.
func (s *askedSite) moment(at capture.Position) moment { return moment(at-2) % moments }

// load is one transaction for each kill: two amounts are added to, which is a
// conflict each, and a row is new. One of nine goes to a person, and the next waits
// behind it, which asks nobody.
func (s *askedSite) load(kills int) (txs []*capture.Tx) {
	parked := 7
	for i := range kills {
		changes := []capture.Change{insert(s.account, strconv.Itoa(1000+i), "1", "new")}
		switch i % 9 {
		case 4:
			changes = append(changes, s.adding(parked, 1, "park"))
		case 5:
			changes = append(changes, s.adding(parked, 2, "behind"))
			parked++
		default:
			changes = append(changes, s.adding(i%3, i+1, "first"), s.adding(3+i%4, 2*i+1, "second"))
		}
		txs = append(txs, s.next(changes...))
	}
	return txs
}

// TestPluginKilled kills the plugin in every transaction, at each moment by turns.
// What the target then has, rows, ledger and what is parked, is what it has when
// nobody kills it.
func TestPluginKilled(t *testing.T) {
	accountsThere := 8 + *pluginKills/9
	calm := newAskedSite(t, accountsThere)
	txs := calm.load(*pluginKills)
	if err := calm.drain(calm.open(calm.mapping(&summing{})), txs...); err != nil {
		t.Fatal(err)
	}
	want := calm.all()

	s := newAskedSite(t, accountsThere)
	k := &killer{askedSite: s, folder: t.TempDir(), killed: map[capture.Position]moment{}}
	k.Resolver = startSumming(t, k.folder, nil).Resolver
	var proxy *sqlservertest.Proxy
	proxy, s.cfg.DSN = sqlservertest.NewProxy(t, s.cfg.DSN)
	a := s.open(s.mapping(k))
	proxy.On(k.seen)
	if err := s.drain(a, s.load(*pluginKills)...); err != nil {
		t.Fatal(err)
	}
	if got := s.all(); !slices.Equal(got, want) {
		t.Errorf("with the plugin killed the target has\n%s\nand without\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	k.count(t)
}

// killer is the plugin's Resolver, around whose calls the plugin is killed, once
// in each transaction that has a conflict.
type killer struct {
	*askedSite
	resolve.Resolver
	folder string

	mu      sync.Mutex
	current capture.Position // that is being decided about
	calls   int              // for it
	last    int              // the process that was killed last
	killed  map[capture.Position]moment
}

// Resolve implements resolve.Resolver.
func (k *killer) Resolve(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
	at := conflicts[0].Position
	m, due := k.begin(at)
	switch {
	case due && m == beforeCall:
		k.kill(at, m)
	case due && (m == duringCall || m == duringCallAgain):
		go k.killHeld(at, m, k.hold())
	}
	answers, err := k.Resolver.Resolve(ctx, conflicts)
	if due && m == afterAnswer && err == nil {
		k.kill(at, m)
	}
	return answers, err
}

// begin notes a call, and returns whether the plugin is to be killed around it: in
// every other transaction that is the second one, when the first was answered.
func (k *killer) begin(at capture.Position) (m moment, due bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.current != at {
		k.current, k.calls = at, 0
	}
	k.calls++
	_, done := k.killed[at]
	return k.moment(at), !done && k.calls > int(at)/int(moments)%2
}

// hold has the plugin make its next call without an end, and returns the file by
// which it says that it does.
func (k *killer) hold() (held string) {
	if err := os.WriteFile(filepath.Join(k.folder, "hold"), nil, 0o600); err != nil {
		k.Error(err)
	}
	return filepath.Join(k.folder, "held")
}

func (k *killer) killHeld(at capture.Position, m moment, held string) {
	for os.Remove(held) != nil {
		if k.Context().Err() != nil {
			return
		}
		time.Sleep(time.Millisecond)
	}
	k.kill(at, m)
}

// seen looks at the messages to the target.
func (k *killer) seen(m sqlservertest.Message) bool {
	k.mu.Lock()
	at := k.current
	_, done := k.killed[at]
	k.mu.Unlock()
	due := map[bool]moment{false: atCommit, true: afterCommit}[m.Answered]
	if m.Kind == sqlservertest.Commit && at > 0 && !done && k.askedSite.moment(at) == due {
		k.kill(at, due)
	}
	return true
}

// kill kills the plugin's process, another one each time.
func (k *killer) kill(at capture.Position, m moment) {
	k.mu.Lock()
	defer k.mu.Unlock()
	pid := k.last
	for pid == k.last {
		starts := k.starts()
		pid = starts[len(starts)-1]
		time.Sleep(time.Millisecond)
	}
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		k.Errorf("kill: %v", err)
	}
	k.last, k.killed[at] = pid, m
}

// starts returns the plugin's processes so far.
func (k *killer) starts() (pids []int) {
	text, err := os.ReadFile(filepath.Join(k.folder, "starts"))
	if err != nil {
		k.Error(err)
	}
	for _, line := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(line)
		if err != nil {
			k.Error(err)
		}
		pids = append(pids, pid)
	}
	return pids
}

// count says how often the plugin was killed, and when.
func (k *killer) count(t *testing.T) {
	var times [moments]int
	for _, m := range k.killed {
		times[m]++
	}
	during, open := times[duringCall]+times[duringCallAgain], times[afterAnswer]+times[atCommit]
	t.Logf("%d kills: %d before a call, %d during one, %d between its answer and COMMIT, %d after it", len(k.killed), times[beforeCall], during, open, times[afterCommit])
	if n := len(k.killed); n < *pluginKills*4/5 || during < n/4 || open < n/5 {
		t.Errorf("too few kills for %d transactions", *pluginKills)
	}
	if starts := len(k.starts()); starts < len(k.killed) {
		t.Errorf("it was started %d times", starts)
	}
}
