package main_test

import (
	"os"
	"sync"
	"syscall"
	"testing"

	"github.com/syncback/syncback/apply/sqlserver/sqlservertest"
)

// TestCommitOfAKilledProcessComesLate kills the program when it has said COMMIT,
// and lets the word arrive at the target only while the next one is at work: the
// session of the first is alive meanwhile, and holds the checkpoint. The next one
// waits for it, and goes on behind what it committed.
func TestCommitOfAKilledProcessComesLate(t *testing.T) {
	t.Parallel()
	s := newReadySite(t)
	proxy, through := sqlservertest.NewProxy(t, s.target)
	said, late := make(chan struct{}), make(chan struct{})
	proxy.On(holdCommit(said, late))
	s.onSource(`INSERT INTO tenancy VALUES ('a')`)

	first := *s
	first.target = through
	kill := first.start("run")
	<-said
	if _, stderr := kill(os.Kill); stderr == "" {
		t.Error("the first process said nothing")
	}
	if n := s.count(); n != 0 {
		t.Fatalf("%d rows before COMMIT", n)
	}

	next, throughNext := sqlservertest.NewProxy(t, s.target)
	waits := make(chan struct{})
	next.On(onCheckpoint(waits))
	s.onSource(`INSERT INTO tenancy VALUES ('b')`)
	second := *s
	second.target = throughNext
	stop := second.start("run")
	<-waits
	close(late)
	s.wait("both rows", func() bool { return s.count() == 2 })
	s.onSource(`INSERT INTO tenancy VALUES ('c')`)
	s.wait("the third row", func() bool { return s.count() == 3 })
	if code, stderr := stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit code %d, stderr:\n%s", code, stderr)
	}
}

// holdCommit says when the first COMMIT comes, and holds it until it may go on.
func holdCommit(said chan<- struct{}, late <-chan struct{}) func(sqlservertest.Message) bool {
	var once sync.Once
	return func(m sqlservertest.Message) bool {
		if m.Kind == sqlservertest.Commit && !m.Answered {
			once.Do(func() {
				close(said)
				<-late
			})
		}
		return true
	}
}

// onCheckpoint says when the statement that moves the checkpoint is sent.
func onCheckpoint(sent chan<- struct{}) func(sqlservertest.Message) bool {
	inTransaction := afterBegin(false)
	var once sync.Once
	return func(m sqlservertest.Message) bool {
		if inTransaction(m) {
			once.Do(func() { close(sent) })
		}
		return true
	}
}
