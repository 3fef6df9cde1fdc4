//go:build unix

package plugin_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/syncback/syncback/capture"
	"github.com/syncback/syncback/resolve"
	"github.com/syncback/syncback/resolve/plugin"
)

func init() {
	mains["failing"] = func() { plugin.Serve(failing{}) }
	mains["sleeping"] = func() { time.Sleep(time.Hour) }
}

// failing are rules that fail in the way that the conflict's Rule names.
type failing struct{}

func (failing) Resolve(ctx context.Context, conflicts []*resolve.Conflict) ([]resolve.Resolution, error) {
	switch conflicts[0].Rule {
	case "hang":
		select {}
	case "stop":
		stop()
		select {} // the signal may come a moment later
	case "panic":
		panic("SECRET")
	case "crash":
		go func() { panic("SECRET") }()
		<-ctx.Done()
	case "exit":
		os.Exit(7)
	case "huge":
		return []resolve.Resolution{{Reason: strings.Repeat("SECRET", 1<<18)}}, nil
	case "huge parts":
		out := make([]resolve.Resolution, 20)
		for i := range out {
			out[i].Reason = strings.Repeat("SECRET", 20_000)
		}
		return out, nil
	case "child":
		child := exec.Command(strings.TrimSuffix(os.Args[0], "failing") + "sleeping")
		child.Stdout, child.Stderr = os.NewFile(1, "stdout"), os.NewFile(2, "stderr")
		if err := child.Start(); err != nil {
			return nil, err
		}
		return []resolve.Resolution{{Reason: strconv.Itoa(child.Process.Pid)}}, nil
	case "wide":
		return []resolve.Resolution{{Action: resolve.TakeRow, Row: make(capture.Row, 100)}}, nil
	}
	return make([]resolve.Resolution, len(conflicts)), nil
}

// stop stops this process, as a debugger or a full disk would.
func stop() { _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) }

// alive reports whether there is such a process, and not only its exit status.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(string(state), "Z")
}

// asked asks of one conflict by that rule.
func asked(p *plugin.Plugin, rule string) ([]resolve.Resolution, error) {
	c := &resolve.Conflict{Kind: resolve.UpdateDiffers, Op: capture.Update, Table: account, Rule: rule}
	c.Base, c.Incoming, c.Current = make(capture.Row, 2), make(capture.Row, 2), make(capture.Row, 2)
	return resolve.Ask(context.Background(), p.Resolver, []*resolve.Conflict{c})
}

// askedAgain asks until the answer is not one that may pass.
func askedAgain(t *testing.T, p *plugin.Plugin, rule string) ([]resolve.Resolution, error) {
	for {
		answers, err := asked(p, rule)
		if !capture.Retryable(err) || t.Context().Err() != nil {
			return answers, err
		}
		time.Sleep(time.Millisecond)
	}
}

// TestFailures: each way to fail is an error that says which plugin did what,
// says whether to ask again, and quotes nothing. Behind it the plugin answers.
func TestFailures(t *testing.T) {
	for _, test := range []struct {
		rule      string
		retryable bool
		says      string
	}{
		{"hang", true, "plugin failing did not answer within 500ms and was killed"},
		{"stop", true, "plugin failing did not answer within 500ms and was killed"},
		{"panic", false, "rule panic on update_differs of dbo.account: plugin failing: it panicked with a string"},
		{"crash", true, "plugin failing ended with exit status 2 during a call"},
		{"exit", true, "plugin failing ended with exit status 7 during a call"},
		{"huge", false, "plugin failing has an answer of more than 1048576 bytes, which is not taken"},
		{"huge parts", false, "plugin failing has an answer of more than 1048576 bytes, which is not taken"},
		{"wide", false, "rule wide on update_differs of dbo.account: its row has 100 values, and dbo.account has 2 columns"},
	} {
		t.Run(test.rule, func(t *testing.T) {
			c := config(t, "failing")
			c.MaxAnswer = 1 << 20
			if test.rule == "hang" || test.rule == "stop" {
				c.CallTimeout = 500 * time.Millisecond
			}
			p := start(t, c)
			_, err := asked(p, test.rule)
			if err == nil || err.Error() != test.says || capture.Retryable(err) != test.retryable {
				t.Fatalf("%v (retryable: %t)\nwant %s (retryable: %t)", err, capture.Retryable(err), test.says, test.retryable)
			}
			if _, err := askedAgain(t, p, "answer"); err != nil {
				t.Errorf("the call behind it: %v", err)
			}
		})
	}
}

// TestSameCallOverAndOver: a call at which the plugin always fails is an error
// that is not retried in the end, also where calls between are answered, and is
// not made again.
func TestSameCallOverAndOver(t *testing.T) {
	c := config(t, "failing")
	c.Attempts = 3
	c.Backoff = capture.Backoff{Min: time.Millisecond, Max: time.Millisecond}
	p := start(t, c)
	const want = "plugin failing failed 3 times at the same call, and is not asked again; the last time it ended with exit status 7 during a call"
	for i := range 3 {
		p.Process(t.Context())
		if _, err := asked(p, "answer"); err != nil {
			t.Fatal(err)
		}
		_, err := asked(p, "exit")
		if last := i == 2; err == nil || capture.Retryable(err) == last || (err.Error() == want) != last {
			t.Fatalf("attempt %d: %v", i+1, err)
		}
	}
	process := p.Process(t.Context())
	if _, err := asked(p, "exit"); err == nil || err.Error() != want || capture.Retryable(err) {
		t.Errorf("behind the last attempt: %v\nwant %s", err, want)
	}
	if _, err := asked(p, "answer"); err != nil || p.Process(t.Context()).Pid != process.Pid {
		t.Errorf("the plugin was asked once more, and ended; %v", err)
	}
}

// TestSeveralCallsOverAndOver: calls at which the plugin always fails and that
// are asked in turn, as those of transactions that are tried together, are each
// given up in the end.
func TestSeveralCallsOverAndOver(t *testing.T) {
	c := config(t, "failing")
	c.Attempts = 3
	c.Backoff = capture.Backoff{Min: time.Millisecond, Max: time.Millisecond}
	p := start(t, c)
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("neither was given up in 30s")
		}
		_, err := asked(p, "exit")
		if !capture.Retryable(err) {
			_, err = asked(p, "crash")
		}
		if !capture.Retryable(err) {
			break
		}
	}
}

// TestEndsWithoutACall: a plugin that ends over and over although nobody asks it
// is given up.
func TestEndsWithoutACall(t *testing.T) {
	c := config(t, "failing")
	c.Attempts = 3
	c.Backoff = capture.Backoff{Min: time.Millisecond, Max: time.Millisecond}
	p := start(t, c)
	for range 3 {
		process := p.Process(t.Context())
		if err := process.Kill(); err != nil {
			t.Fatal(err)
		}
		for !p.Gone(process.Pid) {
			time.Sleep(time.Millisecond)
		}
	}
	_, err := askedAgain(t, p, "answer")
	if want := "plugin failing failed 3 times in a row; see to it and start this program again; the last time it ended without a call"; err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}

// TestClosed: a plugin that is closed leaves nothing behind, not even a child of
// its own that holds its output open, and says so when it is asked.
func TestClosed(t *testing.T) {
	c := config(t, "failing")
	beside := strings.TrimSuffix(c.Path, "failing") + "sleeping"
	if err := os.Symlink(c.Path, beside); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	t.Setenv("TMPDIR", t.TempDir()) // where the sockets are
	p, err := plugin.Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	answers, err := asked(p, "child")
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(answers[0].Reason)
	if err != nil || !alive(child) {
		t.Fatalf("the plugin has no child: %v", err)
	}
	pid := p.Process(t.Context()).Pid
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if alive(pid) || alive(child) {
		t.Errorf("after Close the plugin is there (%t), or its child (%t)", alive(pid), alive(child))
	}
	if _, err := asked(p, "answer"); err == nil || err.Error() != "plugin failing was closed" || capture.Retryable(err) {
		t.Errorf("asked after Close: %v", err)
	}
	for runtime.NumGoroutine() > before && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("sockets are left behind: %v, %v", left, err)
	}
}

// TestContextOfStart: the end of the context that it was started with ends the
// plugin.
func TestContextOfStart(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := plugin.Start(ctx, config(t, "failing"))
	if err != nil {
		t.Fatal(err)
	}
	pid := p.Process(t.Context()).Pid
	cancel()
	for alive(pid) && t.Context().Err() == nil {
		time.Sleep(time.Millisecond)
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if _, err := plugin.Start(ctx, config(t, "failing")); !errors.Is(err, context.Canceled) {
		t.Errorf("started under a context that has ended: %v", err)
	}
}
