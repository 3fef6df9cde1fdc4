package main_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
	"github.com/syncback/syncback/capture/postgres/postgrestest"
)

// phase is what the program is doing.
type phase int

const (
	anywhere   phase = iota // none of those below
	capturing               // changes have come from the source, and the queue has not written since
	syncing                 // the queue has written, and the source was not told since
	applying                // statements were sent in an open transaction of the target
	committing              // COMMIT was said, and its answer has not come
	trimming                // it has come, and the queue removes what was applied
)

func (p phase) String() string {
	return [...]string{"none", "capture", "sync", "apply", "commit", "trim"}[p]
}

// aim is when to kill: a delay after the times-th event of a phase.
type aim struct {
	phase phase
	times int
	delay time.Duration
	// Of a COMMIT: how it ends. Where late is not 0 it arrives so much later.
	end  ending
	late time.Duration
}

type ending int

const (
	passed   ending = iota // killed some time after COMMIT was said
	lost                   // before it arrives, which it never does
	answered               // once it was executed, before the answer, which is lost
	late                   // before it arrives, which it does while the next process runs
)

func (a aim) String() string {
	switch a.phase {
	case anywhere:
		return "any moment, after " + a.delay.String()
	case committing:
		return fmt.Sprintf("commit %d + %s", a.times, [...]string{a.delay.String(), "word lost", "answer lost", "word late by " + a.late.String()}[a.end])
	default:
		return fmt.Sprintf("%s %d + %s", a.phase, a.times, a.delay)
	}
}

func newAim(rnd *rand.Rand, p phase) aim {
	upTo := func(d time.Duration) time.Duration { return time.Duration(rnd.Int64N(int64(d))) }
	a := aim{phase: p, times: 1}
	switch p {
	case anywhere:
		a.delay = upTo(time.Second)
	case capturing:
		a.times, a.delay = 1+rnd.IntN(100), upTo(300*time.Microsecond)
	case syncing:
		a.times, a.delay = 1+rnd.IntN(5), upTo(time.Millisecond)
	case applying:
		a.times, a.delay = 1+rnd.IntN(4), upTo(2*time.Millisecond)
	case trimming:
		a.delay = upTo(500 * time.Microsecond)
	case committing:
		a.times, a.end = 1+rnd.IntN(3), ending(rnd.IntN(4))
		switch a.end {
		case passed:
			a.delay = upTo(2 * time.Millisecond)
		case late:
			a.late = time.Millisecond + upTo(1500*time.Millisecond)
		}
	}
	return a
}

// victim is a process that is to be killed, seen from outside.
type victim struct {
	aim     aim
	started chan struct{} // closed once process is set

	mu      sync.Mutex
	process *os.Process
	seen    int // events of the aim's phase
	dead    bool

	streamed  bool   // changes came since the queue was written
	written   bool   // the queue was written since the source was told
	told      uint64 // the source, what is durable
	open      bool   // a transaction of the target is, and has a statement
	begun     bool   // a transaction of the target is open
	asked     bool   // COMMIT was said and not answered
	committed bool   // it was answered, and nothing was said since
	removing  bool   // then files of the queue were marked or removed
}

func newVictim(a aim) *victim { return &victim{aim: a, started: make(chan struct{})} }

func (v *victim) runs(p *os.Process) {
	v.process = p
	close(v.started)
	if v.aim.phase == anywhere {
		time.AfterFunc(v.aim.delay, v.kill)
	}
}

// kill kills the process, unless that was done.
func (v *victim) kill() {
	<-v.started
	v.mu.Lock()
	defer v.mu.Unlock()
	v.killLocked()
}

func (v *victim) killLocked() {
	if !v.dead {
		v.dead = v.process.Kill() == nil
	}
}

func (v *victim) isDead() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.dead
}

// sawLocked counts an event of p, and kills at the one that is meant: at once
// where there is no delay. It reports whether that was so.
func (v *victim) sawLocked(p phase) bool {
	if v.dead || v.aim.phase != p {
		return false
	}
	if v.seen++; v.seen != v.aim.times {
		return false
	}
	if v.aim.delay == 0 {
		v.killLocked()
	} else {
		time.AfterFunc(v.aim.delay, v.kill)
	}
	return v.dead
}

// atSource sees what the source and the program say to each other.
func (v *victim) atSource(m postgrestest.Message) bool {
	<-v.started
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.dead:
		return false
	case m.Passed && strings.ContainsRune("BIUDCM", rune(m.Change)) && m.Change != 0:
		v.streamed = true
		v.sawLocked(capturing)
	case m.Passed && m.Replication == 'r' && m.Flushed > v.told:
		if v.told != 0 { // the first says where it starts
			v.written = false
		}
		v.told = m.Flushed
	}
	return true
}

// inFolder sees what is done in the queue's folder.
func (v *victim) inFolder(e folderEvent) {
	<-v.started
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.dead:
	case e == fileWritten:
		v.written, v.streamed = true, false
		v.sawLocked(syncing)
	case v.committed:
		v.removing = true
		v.sawLocked(trimming)
	}
}

// atTarget sees what the program and the target say to each other.
func (v *victim) atTarget(m sqlservertest.Message) bool {
	<-v.started
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.dead {
		return false
	}
	if m.Answered {
		return v.answeredLocked(m)
	}
	v.committed, v.removing = false, false
	switch {
	case m.Kind == sqlservertest.Begin:
		v.begun = true
	case m.Kind == sqlservertest.Rollback:
		v.open, v.begun = false, false
	case m.Kind == sqlservertest.Call && v.begun:
		v.open = true
		v.sawLocked(applying)
	case m.Kind == sqlservertest.Commit:
		v.open, v.begun, v.asked = false, false, true
		return v.commitLocked()
	}
	return true
}

// commitLocked is called when COMMIT is on its way. It reports whether it is to
// arrive.
func (v *victim) commitLocked() bool {
	if v.aim.end == answered || !v.sawLocked(committing) {
		return true
	}
	if v.aim.end == late {
		v.mu.Unlock()
		defer v.mu.Lock()
		time.Sleep(v.aim.late)
		return true
	}
	return false
}

func (v *victim) answeredLocked(m sqlservertest.Message) bool {
	if m.Kind != sqlservertest.Commit {
		return true
	}
	if v.aim.end == answered && v.sawLocked(committing) {
		return false
	}
	v.asked, v.committed = false, true
	return true
}

// hit returns what the kill hit: what it aimed at, if that was going on, and
// otherwise what was. marks is how many files the queue had yet to remove.
func (v *victim) hit(marks int) (hit phase, all []phase) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, is := range []struct {
		phase phase
		on    bool
	}{
		{committing, v.asked},
		{applying, v.open},
		{trimming, v.committed && v.removing && marks > 0},
		{syncing, v.written},
		{capturing, v.streamed},
	} {
		if is.on {
			all = append(all, is.phase)
			if hit == anywhere || is.phase == v.aim.phase {
				hit = is.phase
			}
		}
	}
	return hit, all
}
