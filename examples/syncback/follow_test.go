package main_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// running is the program while it runs: what it says, and what memory it takes.
type running struct {
	*site
	process *exec.Cmd
	stderr  *bytes.Buffer // to be read once ended is closed
	ended   chan struct{}
}

// follow starts run, which goes on until it is stopped or cannot go on.
func (s *site) follow() *running {
	s.t.Helper()
	c, _, stderr := s.command("run")
	return s.watched(c, stderr)
}

// watched starts a command and waits for its end in the background.
func (s *site) watched(c *exec.Cmd, stderr *bytes.Buffer) *running {
	s.t.Helper()
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	r := &running{site: s, process: c, stderr: stderr, ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		_ = c.Wait() // how it ended is looked at where it matters
	}()
	return r
}

// await waits until ok is true, for as long as that takes: only the program's own
// end, with which it may become true, is a failure.
func (r *running) await(what string, ok func() bool) {
	r.t.Helper()
	for !ok() {
		select {
		case <-r.ended:
			if ok() {
				return
			}
			r.t.Fatalf("waited for %s, and the run ended:\n%s", what, r.stderr)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// awaitOne waits until a query of the target returns 1.
func (r *running) awaitOne(query string) {
	r.t.Helper()
	r.await(query, func() bool { return r.ask(query) == 1 })
}

// ask returns the number that a query of the target gives.
func (s *site) ask(query string) (n int) {
	s.t.Helper()
	if err := s.ms.QueryRowContext(s.t.Context(), query).Scan(&n); err != nil {
		s.t.Fatal(err)
	}
	return n
}

// end stops the program in order.
func (r *running) end() {
	r.t.Helper()
	if err := r.process.Process.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	<-r.ended
	if code := r.process.ProcessState.ExitCode(); code != 0 {
		r.t.Errorf("exit code %d, stderr:\n%s", code, r.stderr)
	}
}

// failed waits for the program to end by itself, with 1, and returns its last
// word. One that hangs is asked where.
func (r *running) failed() string {
	r.t.Helper()
	select {
	case <-r.ended:
	case <-time.After(5 * time.Minute):
		_ = r.process.Process.Signal(syscall.SIGQUIT)
		<-r.ended
	}
	if code := r.process.ProcessState.ExitCode(); code != 1 {
		r.t.Fatalf("exit code %d, want 1; stderr:\n%s", code, r.stderr)
	}
	lines := strings.Split(strings.TrimSpace(r.stderr.String()), "\n")
	return lines[len(lines)-1]
}

// peak is the most memory that the program has had resident so far, in bytes; ok
// is false once it has ended. What the system counts of a process that has ended
// begins with what its parent had, so a process that runs is asked.
func (r *running) peak() (bytes int64, ok bool) {
	r.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", r.process.Process.Pid))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kilobytes, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil {
				r.t.Fatal(err)
			}
			return kilobytes << 10, true
		}
	}
	return 0, false
}

// fits fails where the program took more than most, and logs what it took.
func (r *running) fits(most int64, what string) {
	r.t.Helper()
	peak, ok := r.peak()
	if !ok {
		r.t.Fatal("the system does not tell the program's peak memory")
	}
	r.t.Logf("%s: %d MiB at most", what, peak>>20)
	if peak >= most {
		r.t.Errorf("%s: the program took %d MiB, %d are allowed", what, peak>>20, most>>20)
	}
}
