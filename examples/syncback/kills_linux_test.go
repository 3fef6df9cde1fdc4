package main_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture/capturetest"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

// What TestKills does when SYNCBACK_KILLS does not say how often it is to kill.
const (
	fewKills = 20
	fewRows  = 10_000
)

// killsOfLarge is how many kills a large transaction meets before it is let
// through: a server may take longer for it than any aim is waited for.
const killsOfLarge = 9

// TestKills kills `syncback run` with SIGKILL at random moments under a mixed
// load (small transactions, some of 50,000 rows, keys that change, deletes), and
// starts it again each time. Nobody who reads the target meanwhile sees a version
// go back or a large transaction in part, and in the end both sides are equal and
// each version was written once, in order.
//
// What it was doing when it died is told from outside: by what it said last to
// either server, and by its queue's folder. SYNCBACK_KILLS says how often, and
// SYNCBACK_SEED, which is in the log, has the same load and aims again. From
// 1,000 kills on, each phase has to be hit by one kill in twenty. Without
// SYNCBACK_KILLS there are 20, and 10,000 rows instead of 50,000.
func TestKills(t *testing.T) {
	kills, rows := fewKills, fewRows
	if os.Getenv("SYNCBACK_KILLS") != "" {
		kills, rows = fromEnv(t, "SYNCBACK_KILLS", 0), 50_000
	}
	rnd := capturetest.Rand(t)
	s := newKillSite(t, rows)
	reader := s.startReader()
	load := s.startLoad(rand.New(rand.NewPCG(rnd.Uint64(), 0)), reader)
	k := &killer{site: s, rnd: rnd, load: load, hits: map[phase]int{}}
	for n := range kills {
		k.kill(n, k.next(n))
		if n%50 == 10+killsOfLarge && n+1 < kills {
			load.rest(s.settle)
		}
	}
	load.stop()
	s.settle()
	reader.stop()
	k.report(kills)
}

// newKillSite makes a site for the load. Its queue keeps nothing of what was
// applied, in files that are as small as they can be.
func newKillSite(t *testing.T, rows int) *killSite {
	t.Helper()
	s := &killSite{site: newSite(t), rows: rows}
	s.onSource(`CREATE TABLE account (id int PRIMARY KEY, version int, note text)`)
	s.onSource(`CREATE TABLE item (id bigint PRIMARY KEY, batch int, v int, note text)`)
	s.onSource(`ALTER TABLE account REPLICA IDENTITY FULL`)
	s.onSource(`ALTER TABLE item REPLICA IDENTITY FULL`)
	s.onTarget(`CREATE TABLE dbo.account (id int NOT NULL PRIMARY KEY, version int NOT NULL, note varchar(50) NULL)`)
	s.onTarget(`CREATE TABLE dbo.item (id bigint NOT NULL PRIMARY KEY, batch int NOT NULL, v int NOT NULL, note varchar(50) NULL)`)
	s.onTarget(`CREATE TABLE dbo.seen (n int IDENTITY(1,1) NOT NULL PRIMARY KEY, id int NOT NULL, version int NOT NULL)`)
	s.onTarget(`CREATE TRIGGER dbo.tr_account ON dbo.account AFTER INSERT, UPDATE AS BEGIN
SET NOCOUNT ON
INSERT INTO dbo.seen (id, version) SELECT id, version FROM inserted
END`)
	s.configure("queue: {limit: 16MiB, keep_for: none}\ntables: [{source: account, target: account}, {source: item, target: item}]\n")
	s.executeDDL()
	s.mustRun("run", "--until-idle")
	s.onSource(`INSERT INTO account SELECT i, 0, 'new' FROM generate_series(1, 50) i`)
	return s
}

// killSite is a site with the tables of TestKills.
type killSite struct {
	*site
	rows int // of a large transaction
}

// killer kills one process after the other.
type killer struct {
	site *killSite
	rnd  *rand.Rand
	load *mixedLoad
	deck []phase // what is yet to be aimed at, before all are aimed at again
	hits map[phase]int
}

// next chooses what the n-th kill aims at.
func (k *killer) next(n int) aim {
	if len(k.deck) == 0 {
		k.deck = []phase{anywhere, capturing, syncing, applying, committing, trimming}
		k.rnd.Shuffle(len(k.deck), func(i, j int) { k.deck[i], k.deck[j] = k.deck[j], k.deck[i] })
	}
	a := newAim(k.rnd, k.deck[0])
	k.deck = k.deck[1:]
	var w []wanted
	if n%200 == 10 {
		w = append(w, large)
	}
	if a.phase == trimming {
		w = append(w, filler)
	}
	k.load.ask(a.phase == trimming, w...) // what came behind would end the phase
	return a
}

// kill runs the program until the aim is met, and notes what it hit.
func (k *killer) kill(n int, a aim) {
	s := k.site
	s.t.Helper()
	direct := *s.site
	source, throughSource := postgrestest.NewProxy(s.t, s.source)
	target, throughTarget := sqlservertest.NewProxy(s.t, s.target)
	direct.source, direct.target = throughSource, throughTarget
	v := newVictim(a)
	source.On(v.atSource)
	target.On(v.atTarget)
	folder := watchFolder(s.t, filepath.Join(s.dir, "queue"), v.inFolder)

	c, _, stderr := direct.command("run")
	began := time.Now()
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	v.runs(c.Process)
	s.await(v, c, stderr)
	folder.close()
	source.Close()
	if a.late == 0 {
		target.Close() // else the word is still on its way
	}
	hit, also := v.hit(s.marks())
	k.hits[hit]++
	s.t.Logf("kill %d after %s, aimed at %s: hit %s, while %v", n+1, time.Since(began).Round(time.Millisecond), a, hit, also)
}

// patient is how long an aim is waited for.
const patient = 2 * time.Minute

// await waits until the process is dead, which it is not to be before it was
// killed. Where the aim is not met it is killed after a while nonetheless.
func (s *killSite) await(v *victim, c *exec.Cmd, stderr *bytes.Buffer) {
	s.t.Helper()
	late := time.AfterFunc(patient, v.kill)
	defer late.Stop()
	err := c.Wait()
	if !v.isDead() {
		s.t.Fatalf("the program ended by itself: %v, stderr:\n%s", err, stderr)
	}
}

// marks returns how many of the queue's files were applied and are still there,
// or were there a moment ago.
func (s *killSite) marks() int {
	s.t.Helper()
	found, err := filepath.Glob(filepath.Join(s.dir, "queue", "*.applied"))
	if err != nil {
		s.t.Fatal(err)
	}
	return len(found)
}

// report prints how often each phase was hit. A long run must not miss one.
func (k *killer) report(kills int) {
	t := k.site.t
	for _, p := range []phase{capturing, syncing, applying, committing, trimming, anywhere} {
		t.Logf("%-8s %d", p, k.hits[p])
		if kills >= 1000 && p != anywhere && k.hits[p] < kills/20 {
			t.Errorf("%d of %d kills hit %s, want at least %d", k.hits[p], kills, p, kills/20)
		}
	}
}
